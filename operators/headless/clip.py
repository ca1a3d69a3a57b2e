"""A speaking clip inside Blender: the face with its keyframes as .blend, its frames as pictures, and a film of them."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import bpy
import numpy as np

from ...core import logs
from ...core.batch import clip
from ...core.batch.job import Item
from ...core.batch.sliders import corrective_of, look_of, photo_of, relief_of, skin_of, w_offset_of
from ...core.capture.read import read_capture
from ...core.capture.track import CurveTrack
from ...core.errors import DnpmError
from ...core.files import json_file
from ...core.files.writing import folder as made_folder
from ...core.files.writing import sweep, write_text
from ..scene.detail import live, map_image, map_state, skin_settings
from ..scene.face import create
from ..scene.motion import apply_curves, sounds
from ..scene.photo import code_offset, corrective_shape, photos, wrinkles
from . import camera, export, film, studio
from .batch import quiet
from .maker import Maker

log = logs.logger(__name__)

_FIRST = 1
_LEDGER = "frames.json"


def main(words: list[str]) -> int:
    """Parse the words, make the clip; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dnpm animate")
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fps", type=float, required=True)
    clip.add_arguments(parser)
    args = parser.parse_args(words)
    args.weights = args.detail_weights
    try:
        item, track = clip.read_item(args), read_capture(args.out / "curves.csv").track
        with quiet(args.out / "blender.log") as progress, Maker(args) as maker:
            return make(args, item, track, maker, progress)
    except (DnpmError, OSError) as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped; run it again to go on")
        return 130


def make(args: argparse.Namespace, item: Item, track: CurveTrack, maker: Maker, progress: TextIO) -> int:
    """Scene, .blend, pictures, film. Raises DnpmError or what Blender raises."""
    scene, face = build(args, item, track, maker)
    _map(face, item)
    map_state.pack(face)
    print(export.save_blend(args.out / "clip.blend"), file=progress, flush=True)
    if not args.frames:
        return 0
    last = min(args.last or scene.frame_end, scene.frame_end)
    frames = range(args.first or _FIRST, last + 1)
    if not frames:
        raise DnpmError(f"frames {frames.start} to {last}: the clip has frames 1 to {scene.frame_end}")
    pictures = render(args, item, scene, face, frames, maker, progress)
    begin = (frames[0] - _FIRST) / args.fps
    print(film.make(pictures, args.out / "clip.mp4", args.fps, args.audio, begin), file=progress, flush=True)
    return 0


def build(
    args: argparse.Namespace, item: Item, track: CurveTrack, maker: Maker
) -> tuple[bpy.types.Scene, bpy.types.Object]:
    """An empty file with the face, its keyframes, the sound, lights and a camera."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = clip.scene_rate(args.fps)
    identity, expression, detail = maker.sliders(item)
    face = create.new_face(scene, identity, expression, detail, "DNPM Face", look_of(item, maker.model))
    code_offset.write(face, w_offset_of(item), amount=1.0)
    wrinkles.write(face, relief_of(item), amount=1.0)
    skin_settings.write(face, skin_of(item))
    corrective_shape.write(face, corrective_of(item))
    photos.set_colours(face, photo_of(item))
    create.set_levels(face, item.settings.subdivision)
    frames = _FIRST + np.arange(len(track.times))
    scene.frame_start, scene.frame_end = int(frames[0]), int(frames[-1])
    label = args.audio.stem
    apply_curves.key_expression(face, maker.model, label, frames, track.expression, 0.0, layered=False,
                                tip_up=track.tip_up)  # fmt: skip
    if track.rotations is not None:
        with ExitStack() as undo:
            apply_curves.key_head(face, scene, "OBJECT", label, frames, track.rotations, 0.0, undo)
            undo.pop_all()
    try:
        sounds.add_strip(scene, sounds.Source(str(args.audio)), float(_FIRST))
    except DnpmError as error:
        log.warning("%s", error)
    lens = studio.build(scene)
    studio.set_up_render(scene, item.settings)
    camera.aim(
        lens, item.settings.views[0], maker.model, maker.model.vertices(identity, expression), item.settings.size
    )
    scene.frame_set(_FIRST)
    return scene, face


def render(
    args: argparse.Namespace,
    item: Item,
    scene: bpy.types.Scene,
    face: bpy.types.Object,
    frames: range,
    maker: Maker,
    progress: TextIO,
) -> list[Path]:
    """The frames as pictures; those that are there already, of the same clip, are left."""
    folder = args.out / clip.PICTURES
    made_folder(folder)
    sweep(args.out)
    sweep(folder)
    wanted = _fingerprint(args, item, maker)
    if args.force or _known(folder) != wanted:
        for old in folder.glob("frame_*.png"):
            old.unlink()
        write_text(folder / _LEDGER, json.dumps({"fingerprint": wanted}))
    pictures, start, made = [], time.monotonic(), 0
    for frame in frames:
        path = folder / f"frame_{frame:04d}.png"
        pictures.append(path)
        if path.is_file():
            continue
        scene.frame_set(frame)
        _map(face, item)
        export.render(scene, path)
        made += 1
        log.info("frame %d of %d: %.1f s each", frame, frames[-1], (time.monotonic() - start) / made)
    print(f"{made} frames rendered, {len(frames) - made} were there, in {folder}", file=progress, flush=True)
    return pictures


def _map(face: bpy.types.Object, item: Item) -> None:
    """The map of the frame that is shown, before the render asks for it, at the size that is wanted."""
    if live.follows(face):
        size = item.settings.map_size
        live.update_now(face, resolution=None if size == map_image.FULL else size)


def _fingerprint(args: argparse.Namespace, item: Item, maker: Maker) -> str:
    """What the pictures depend on."""
    digest = hashlib.sha256((args.out / "curves.csv").read_bytes())
    digest.update(json.dumps([asdict(item.settings), maker.made_with, args.fps], sort_keys=True, default=str).encode())
    if item.preset is not None:
        digest.update(item.preset.read_bytes())
    return digest.hexdigest()


def _known(folder: Path) -> str | None:
    try:
        return str(json_file.read(folder / _LEDGER)["fingerprint"])
    except (DnpmError, KeyError, TypeError):
        return None  # none yet, or damaged: everything is rendered again
