"""Photos to faces: sliders, camera, the skin's colours, the displacement map, meshes, and a sheet to look at.

Writes into --out, for each photo a folder of its name (one photo: --out itself):
  face.json                 the sliders, the photo's step in w+, its own wrinkles, the shape beyond the sliders, its
                            colours, the next skin tone and the irises' colour, as a preset that Blender's sidebar,
                            `dnpm batch`, `dnpm animate` and `dnpm export` read
  texture.png               the photo's colours on the detail UV, its light roughly taken out, what was not seen
                            filled in
  seen.png                  how well each place was seen: white is well, black not at all
  displacement.exr, .png    the detail in millimetres, 32-bit float and 16-bit grey
  coarse.obj                the fitted face; its texture coordinates fit texture and map
  face.obj                  subdivided and displaced, with the same coordinates
  photo.json                camera, the found face, errors, times, notes
  sheet.png                 photo, coarse face, detailed face, three views
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import logs
from ..errors import DnpmError
from ..face_model import corrective as correctives
from ..face_model import relief as reliefs
from ..face_model.looks import Look, nearest_tone
from ..face_model.model import FaceModel
from ..face_model.presets import preset_of, write_preset
from ..face_model.w_offset import to_text
from ..files import names
from ..files.writing import folder as made_folder
from ..files.writing import write_text
from ..photo.choices import TRUST, WRINKLES

log = logs.logger(__name__)

EPILOG = """\
  dnpm reconstruct ann.jpg --out ann
  dnpm reconstruct holiday.jpg --box 310,120,90,110 --out bob     the box holds the face, in the photo's pixels
  dnpm reconstruct photos --out faces                             each picture of a folder
  dnpm reconstruct ann1.jpg ann2.jpg --together --out ann         one person: one identity for both
"""
RESOLUTIONS = (64, 128, 256, 512, 1024)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Photos, how, and where to."""
    parser.epilog = EPILOG
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="picture files, or a folder of them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    which = parser.add_argument_group("which face")
    which.add_argument("--box", metavar="X,Y,W,H", help="around the face, in the photo's pixels (one photo)")
    which.add_argument(
        "--face", type=int, default=1, metavar="N", help="the Nth largest face (default: 1, the largest)"
    )
    which.add_argument("--together", action="store_true", help="the photos show one person: one identity for all")
    how = parser.add_argument_group("how")
    how.add_argument("--resolution", type=int, choices=RESOLUTIONS, default=1024, help="of map and texture, in pixels")
    how.add_argument("--levels", type=int, default=2, metavar="N", help="subdivisions of face.obj, 0 to 4 (default 2)")
    how.add_argument(
        "--trust", type=float, default=TRUST, metavar="T",
        help="how far the photo's detail replaces the sliders' own, 0 to 1 (default %(default)s)",
    )  # fmt: skip
    how.add_argument(
        "--refine", type=int, default=0, metavar="N", help="steps of fitting w+ to the photo's rough map (default 0)"
    )
    how.add_argument(
        "--wrinkles", type=float, default=WRINKLES, metavar="W",
        help="strength of the photo's own wrinkles, which the networks do not know, 0 to 2; 0 leaves them away "
        "(default %(default)s)",
    )  # fmt: skip
    how.add_argument("--no-sheet", action="store_true", help="do not draw the sheet")
    with_ = parser.add_argument_group("with")
    with_.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    with_.add_argument("--weights", metavar="DIR", help="another folder of weights")
    with_.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Reconstruct; a photo of several that fails is told and the others go on (exit code 1)."""
    from ..detail.mesh import MAX_LEVELS
    from ..photo.image_file import pictures_in, read_picture

    if not 0 <= args.levels <= MAX_LEVELS:
        raise DnpmError(f"--levels {args.levels}: must be 0 to {MAX_LEVELS}; each makes four times as many faces")
    if args.face < 1:
        raise DnpmError(f"--face {args.face}: faces are counted from 1")
    places = [(place, *pictures_in(place)) for place in args.photos]
    files = [file for _, found, _ in places for file in found]
    skipped = [str(place / name) for place, _, others in places for name in others]
    for name in skipped:
        log.warning("%s: skipped, is not a picture by its name", name)
    box = _box(args.box, files) if args.box else None
    folders = _folders(files, args.out)
    groups = [files] if args.together else [[file] for file in files]
    if len(groups) == 1:
        for file in files:
            read_picture(file)  # What is wrong with it is told before any network is loaded.
    from ..photo.open import open_reconstructor
    from ..photo.wanted_face import PictureOptions

    options = PictureOptions(box, args.face - 1)
    tools = open_reconstructor(args.face_model, args.weights, args.landmarks, args.trust, args.refine, args.wrinkles)
    rows: list[dict[str, Any]] = []

    for group in groups:
        log.info("%s", ", ".join(str(file) for file in group))
        started = time.monotonic()
        try:
            pictures = [read_picture(file) for file in group]
            results = tools.run(
                pictures,
                [options] * len(group),
                resolution=args.resolution,
                report=lambda stage: log.info("  %s ...", stage),
            )
            for file, result in zip(group, results, strict=True):
                written = write(folders[file], result, tools.model, args.levels, not args.no_sheet, args.wrinkles)
                rows.append(_row(file, result, written, time.monotonic() - started))
        except DnpmError as error:
            if len(groups) == 1:
                raise
            log.error("%s", error)
            rows.append({"file": str(group[0]), "found": False, "error": str(error)})
    failed = [row for row in rows if "error" in row]
    if args.json:
        print(json.dumps({"images": rows, "skipped": skipped}, indent=2))
    else:
        for row in rows:
            print("\n".join(row.get("files", {}).values()))
        if failed:
            log.error("%d of %d photos gave no face (see above)", len(failed), len(rows))
    return 1 if failed else 0


def write(
    folder: Path, result: Any, model: FaceModel, levels: int, with_sheet: bool, wrinkles: float = WRINKLES
) -> dict[str, Path]:  # fmt: skip
    """A `Reconstruction`'s files, by name; wrinkles: the strength that it was made with.

    Raises DnpmError when the folder cannot be written."""
    from ..detail.mesh import surface_mesh
    from ..face_model.photo_colours import encoded
    from ..files.displacement_maps import write_exr
    from ..files.displacement_maps import write_png as write_map
    from ..files.meshes import write_obj
    from ..photo.image_file import write_png
    from ..photo.sheet import write_sheet

    made_folder(folder)
    step = to_text(result.w_offset)
    relief = reliefs.to_text(None if result.relief is None else result.relief * np.float32(wrinkles))
    shape = correctives.to_text(result.corrective)
    photo = encoded(result.texture.colour, result.alpha, result.skin)
    preset = preset_of(
        model, result.identity, result.expression, None, look_of(result), step, relief, shape, result.skin_settings,
        photo=photo,
    )  # fmt: skip
    write_preset(folder / "face.json", preset)
    write_png(folder / "texture.png", result.texture.colour)
    write_png(folder / "seen.png", result.texture.visible)
    write_exr(folder / "displacement.exr", result.displacement)
    write_map(folder / "displacement.png", result.displacement)
    coarse = surface_mesh(model, result.vertices, 0)
    fine = surface_mesh(model, result.vertices, levels, result.displacement)
    write_obj(folder / "coarse.obj", coarse, model.material_names, "detail")
    write_obj(folder / "face.obj", fine, model.material_names, "detail")
    write_text(folder / "photo.json", json.dumps(about(result), indent=1) + "\n")
    names = ["face.json", "texture.png", "seen.png", "displacement.exr", "displacement.png", "coarse.obj", "face.obj",
             "photo.json"]  # fmt: skip
    if with_sheet:
        write_sheet(folder / "sheet.png", result, model)
        names.append("sheet.png")
    return {name: folder / name for name in names}


def look_of(result: Any) -> Look:
    """The tone next to the photo's skin, and the photo's irises where they could be read; the rest as in a new face."""
    look = Look(tone=nearest_tone(result.skin))
    if result.iris is None:
        return look
    red, green, blue = (float(c) for c in result.iris)
    return replace(look, iris=(red, green, blue))


def about(result: Any) -> dict[str, Any]:
    """What photo.json says. The camera takes core's millimetres (y up, the face looks along +z) to pixels of the photo:
    x right, y down, the first pixel's middle at .5; see core/photo/camera.py."""
    camera, factor = result.photo_camera, result.picture.factor
    numbers = lambda array: np.round(np.asarray(array, float), 5).tolist()  # noqa: E731
    return {
        "photo": result.picture.name,
        "size": list(result.picture.size),
        "faces": result.found,
        "box": numbers(np.array(result.face.box) / factor),
        "presence": round(result.face.presence, 4),
        "error_eye_distances": round(result.error, 5),
        "residual_eye_distances": round(result.residual, 5),
        "camera": {
            "rotation": numbers(camera.rotation),
            "translation_mm": numbers(camera.translation),
            "focal_px": round(camera.focal, 3),
            "centre_px": numbers(camera.centre),
        },
        "detail_from": result.detail_from,
        "seconds": result.seconds,
        "notes": result.notes,
    }


def _row(file: Path, result: Any, written: dict[str, Path], seconds: float) -> dict[str, Any]:
    for note in result.notes:
        log.warning("%s: %s", file.name, note)
    log.info("%s: detail from %s", file.name, result.detail_from)
    return {
        "file": str(file),
        "found": True,
        "nme": round(result.error, 5),
        "detail_from": result.detail_from,
        "seconds": result.seconds | {"all": round(seconds, 2)},
        "notes": result.notes,
        "files": {name: str(path) for name, path in written.items()},
    }


def _folders(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each photo's results go. Raises DnpmError when two photos would share a folder."""
    if len(files) == 1:
        return {files[0]: out}
    folders: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for file in files:
        # a.jpg and a.png: the second one's folder has its whole name.
        name = file.stem if names.key(file.stem) not in taken else file.name
        if (key := names.key(name)) in taken:
            raise DnpmError(f"{file} and {taken[key]} have one name: their results would share a folder")
        taken[key] = file
        folders[file] = out / name
    return folders


def _box(text: str, files: Sequence[Path]) -> tuple[float, float, float, float]:
    if len(files) != 1:
        raise DnpmError(f"--box: holds for one photo, there are {len(files)}")
    try:
        left, top, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DnpmError(f"--box {text}: must be four numbers, LEFT,TOP,WIDTH,HEIGHT in pixels") from error
    return left, top, width, height
