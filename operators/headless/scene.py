"""`dnpm scene` inside Blender: frames of a .blend rendered, baked or exported, a part of
them if others make the rest."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, TextIO

import bpy

from ...core import logs
from ...core.batch.chunks import read_chunk, read_frames
from ...core.batch.frames import FrameFiles, with_ledgers
from ...core.batch.sequence import FORMS, Sequence, known_sequence, open_sequence, stem_of
from ...core.errors import DnpmError
from ...core.files import path_mapping
from ...core.files.writing import folder as made_folder
from ...core.files.writing import sweep, write_text
from ..bake_sequence import facts, write_maps
from ..export_files import export_animation
from ..scene import rendering
from ..scene.detail import baked, live, map_image
from ..scene.export import animation
from ..scene.face import slider_values
from ..scene.written import by_blender
from . import files_of_scene
from .batch import quiet, tell_farm
from .export import save_blend
from .maker import Maker

log = logs.logger(__name__)

ACTIONS = ("render", "bake", "collect", "export", "references")
REFERENCES = "references.json"
_BLOCK = 1 << 20


def main(words: list[str]) -> int:
    """Parse the words, do it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dnpm scene")
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("blend", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    for name in ("face_model", "weights", "path_mapping"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path)
    for name in ("python", "device", "frames", "chunk"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--form", choices=list(FORMS), default="EXR16")
    parser.add_argument("--size", type=int, default=map_image.FULL)
    parser.add_argument("--formats", default=",".join(animation.FILES))
    parser.add_argument("--levels", type=int, default=2)
    for name in ("force", "scripts", "openjd", "displaced", "no_maps"):
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true")
    args = parser.parse_args(words)
    try:
        made_folder(args.out)
        with quiet(args.out / "blender.log") as progress, Maker(args) as maker:
            open_scene(args)
            return _DO[args.action](args, maker, progress)
    except (DnpmError, OSError) as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped; run it again to go on")
        return 130


def open_scene(args: argparse.Namespace) -> None:
    """The .blend with its libraries, whose paths are this machine's. Raises DnpmError when something is missing."""
    try:
        bpy.ops.wm.open_mainfile(filepath=str(args.blend), load_ui=False, use_scripts=args.scripts)
    except RuntimeError as error:
        raise DnpmError(f"{args.blend}: Blender cannot open it ({error}); give a .blend file") from error
    files_of_scene.map_paths(path_mapping.read(args.path_mapping))
    if args.action == "references":
        return  # what is missing is listed with the rest
    files_of_scene.check_libraries(args.blend)
    if bpy.app.autoexec_fail and not args.scripts:
        raise DnpmError(
            f"{args.blend}: it has scripts or drivers in Python ({bpy.app.autoexec_fail_message}), which do not run "
            "unasked; add --scripts if you trust the file"
        )
    for path in files_of_scene.missing():
        log.warning("%s: needs %s, which is not there", args.blend, path)


def frames_of(args: argparse.Namespace) -> range:
    """The frames that were asked for, else the scene's; of these the chunk. Raises DnpmError when none is left."""
    scene = bpy.context.scene
    frames = read_frames(args.frames) if args.frames else range(scene.frame_start, scene.frame_end + 1)
    chunk = read_chunk(args.chunk)
    if chunk is not None:
        frames = range(max(frames.start, chunk.first), min(frames.stop, chunk.first + chunk.count))
    if not frames:
        raise DnpmError(f"{args.blend}: no frame is both in --frames and in --chunk; give others")
    return frames


def render(args: argparse.Namespace, maker: Maker, progress: TextIO) -> int:
    """The frames as pictures in the scene's own format; those that are there already, of the same scene, are left."""
    scene, settings = bpy.context.scene, bpy.context.scene.render
    if settings.is_movie_format:
        raise DnpmError(f"{args.blend}: renders a film, which parts cannot share: choose a format for single pictures")
    if settings.use_multiview and settings.image_settings.views_format == "INDIVIDUAL":
        raise DnpmError(f"{args.blend}: renders a file for each eye: choose Stereo 3D or Multi-View in one file")
    if scene.camera is None:
        raise DnpmError(f"{args.blend}: {scene.name} has no camera; add one")
    frames, wanted = frames_of(args), _digest(args, maker)
    pictures = with_ledgers(FrameFiles(args.out, settings.file_extension, args.blend.stem, part=frames))
    settings.use_overwrite, settings.use_placeholder = True, False
    made, failed = 0, []
    for number, frame in enumerate(frames, 1):
        digest = hashlib.sha256(f"{wanted} {frame}".encode()).hexdigest()[:32]
        if args.force or not pictures.has(frame, digest):
            sweep(args.out, f"{pictures.path(frame).stem}.*")
            try:
                _render_frame(scene, frame, pictures.path(frame))
            except DnpmError as error:
                failed.append(frame)
                print(f"frame {frame}: FAILED: {error}", file=progress, flush=True)
                continue
            made += 1
            pictures.note(frame, digest)
            pictures.save()
            print(f"frame {frame}: {pictures.path(frame).name}", file=progress, flush=True)
        _tell(args, progress, number / len(frames), f"frame {frame}")
    there = len(frames) - made - len(failed)
    print(f"{made} frames rendered, {there} were there, {len(failed)} failed, in {args.out}", file=progress, flush=True)
    return 1 if failed else 0


def _render_frame(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """One picture, as `blender -a` renders it. Raises DnpmError when it is not written, or a face is not as it should
    be."""
    scene.frame_start = scene.frame_end = frame
    with by_blender(path) as beside:
        scene.render.filepath = str(beside.with_suffix("")) + "_"
        bpy.ops.render.render(animation=True, scene=scene.name)
        Path(scene.render.frame_path(frame=frame)).replace(beside)
        if rendering.failures():
            raise DnpmError("; ".join(rendering.failures()))


def _digest(args: argparse.Namespace, maker: Maker) -> str:
    """What a picture depends on: the content of the .blend and of all that it needs. Of sequences only names and sizes
    count: reading them all would take as long as rendering."""
    digest = hashlib.sha256(json.dumps(maker.made_with, sort_keys=True).encode())
    many = {path for image in bpy.data.images if image.source == "SEQUENCE" for path in files_of_scene.files_of(image)}
    for path in [args.blend, *files_of_scene.libraries(), *files_of_scene.others()]:
        digest.update(f"\n{path.name} {path.stat().st_size if path.is_file() else 'missing'} ".encode())
        if path.is_file() and path not in many:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    return digest.hexdigest()


def bake(args: argparse.Namespace, maker: Maker, progress: TextIO) -> int:
    """The displacement maps of all faces of the scene that are the file's own and not frozen, at these frames."""
    frames = frames_of(args)
    for number, face in enumerate(_faces(args)):
        sequence = open_sequence(args.out, args.form, _stem(args, face), part=frames)
        made = _write(args, face, frames, sequence, progress, number / len(_faces(args)))
        print(f"{face.name}: {made} maps written, {len(frames) - made} were there", file=progress, flush=True)
    _tell(args, progress, 1.0, "done")
    return 0


def collect(args: argparse.Namespace, maker: Maker, progress: TextIO) -> int:
    """A copy of the .blend that shows the maps in the folder: it renders without this extension. Maps that are missing
    are computed."""
    frames = frames_of(args)
    faces = [(face.name, face.session_uid) for face in _faces(args)]
    for number, (name, uid) in enumerate(faces):
        face = slider_values.still_there(uid, name)
        sequence = known_sequence(args.out, args.form, _stem(args, face))
        made = _write(args, face, frames, sequence, progress, number / len(faces))
        baked.show(slider_values.still_there(uid, name), sequence, frames)
        print(f"{name}: {made} maps were missing", file=progress, flush=True)
    path = args.out / f"{args.blend.stem}_baked.blend"
    if path.resolve() == args.blend.resolve():
        raise DnpmError(f"{path}: would replace the .blend that is baked; choose another --out")
    print(save_blend(path), file=progress, flush=True)
    _tell(args, progress, 1.0, "done")
    return 0


def export(args: argparse.Namespace, maker: Maker, progress: TextIO) -> int:
    """Every face of the scene that is the file's own as Alembic and USD, its maps beside."""
    frames, options = frames_of(args), animation.Options(tuple(args.formats.split(",")), args.displaced, args.levels)
    faces = [(face.name, face.session_uid) for face in _own_faces()]
    if not faces:
        raise DnpmError(f"{args.blend}: no face to export (linked ones do not count)")
    for number, (name, uid) in enumerate(faces):
        face = slider_values.still_there(uid, name)
        stem, maps = _stem(args, face), not args.no_maps
        work = export_animation(face, bpy.context.scene, args.out, frames, options, maps, stem)
        print(f"{name}: {_attended(work, args, progress, number / len(faces))}", file=progress, flush=True)
    return 0


def _own_faces() -> list[bpy.types.Object]:
    return [face for face in slider_values.faces() if face.name in bpy.context.scene.objects]


def _faces(args: argparse.Namespace) -> list[bpy.types.Object]:
    found = [face for face in _own_faces() if live.follows(face)]
    if not found:
        raise DnpmError(f"{args.blend}: no face to bake (linked, frozen and baked faces and strength 0 do not count)")
    return found


def _stem(args: argparse.Namespace, face: bpy.types.Object) -> str:
    """The same on every machine, wherever its folders lie."""
    return stem_of(face.name, f"{args.blend.name}\n{face.name}")


def _write(
    args: argparse.Namespace, face: bpy.types.Object, frames: range, sequence: Sequence, progress: TextIO, begin: float
) -> int:
    """The maps that are missing; returns how many those were."""
    if args.force and args.action == "bake":
        sequence.done.clear()
    map_image.image_of(face)
    made_with = _attended(facts(args.size), args, progress, begin)
    work = write_maps(face, bpy.context.scene, frames, sequence, [], args.size, made_with)
    made, changing = _attended(work, args, progress, begin)
    if changing:
        log.warning("%s: the person changes over time: without this extension the mesh stays as it is", face.name)
    return int(made)


def _attended(
    work: Generator[tuple[float, str], None, Any], args: argparse.Namespace, progress: TextIO, begin: float
) -> Any:
    """Run it to its end, telling a farm how far it is; returns its result."""
    said = ""
    try:
        while True:
            share, text = next(work)
            if text != said:
                _tell(args, progress, max(begin, share * (1.0 - begin)), text)
            said = text
            time.sleep(0.001)
    except StopIteration as end:
        return end.value


def _tell(args: argparse.Namespace, progress: TextIO, share: float, text: str) -> None:
    if args.openjd:
        tell_farm(progress, share, text)


def references(args: argparse.Namespace, maker: Maker, progress: TextIO) -> int:
    """What the .blend needs, as JSON in the output folder, for `dnpm farm`."""
    scene = bpy.context.scene
    found = {
        "frames": [scene.frame_start, scene.frame_end],
        "libraries": [str(path) for path in files_of_scene.libraries()],
        "files": [str(path) for path in files_of_scene.others()],
        "missing": [str(path) for path in [*files_of_scene.libraries(), *files_of_scene.others()] if not path.exists()],
        "faces": [face.name for face in _own_faces() if live.follows(face)],
        "film": bool(scene.render.is_movie_format),
    }
    write_text(args.out / REFERENCES, json.dumps(found))
    return 0


_DO = {"render": render, "bake": bake, "collect": collect, "export": export, "references": references}
