"""One face from sliders: the displacement map, the coarse and the displaced mesh, and a picture.

Writes into --out:
  displacement.exr          the map, 32-bit float millimetres
  displacement.png          the map, 16-bit grey (its text chunk says what grey means)
  displacement_relief.png   the map as a lit relief, to look at
  coarse.obj, coarse.ply    the coarse mesh; its texture coordinates fit the map
  face.obj, face.ply        the subdivided, displaced mesh; texture coordinates of the skin
  displacement_*, maps.json with --maps: the map in other programs' conventions, and what their values mean
  face.json                 the sliders, as a preset that Blender's sidebar and `dnpm batch` read
  face.png                  a picture, rendered by Blender (not with --no-picture)
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import logs
from ..backend.requests import MapRequest
from ..detail.card import check_face_model, check_offset, read_card, weights_dir
from ..detail.mesh import MAX_LEVELS, surface_mesh
from ..errors import DnpmError
from ..export import maps
from ..face_model import corrective as correctives
from ..face_model import relief
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..face_model.presets import Preset, preset_of, read_preset, to_text
from ..face_model.skin_settings import SkinSettings
from ..face_model.w_offset import from_text
from ..files.contact_sheet import map_picture
from ..files.displacement_maps import write_exr, write_png
from ..files.inputs import one_line, shown_path
from ..files.meshes import write_obj, write_ply
from ..files.writing import folder as made_folder
from ..files.writing import write_bytes, write_text
from ..options import add_device
from . import batch
from .face_options import add_face, read_face

log = logs.logger(__name__)

EPILOG = """\
  dnpm face --seed 3 --expression jawOpen=.5,browInnerUp=1 --out face
  dnpm face --identity 1=1.5,3=-1 --expression mouthSmileLeft=.8,mouthSmileRight=.8 --scale 1.3 --out grin
  dnpm face --seed 7 --look tone=brown,stubble=.6,iris=dark --out bob
  dnpm face --preset ann.json --resolution 512 --no-picture --out ann

Identity components count from 1, in standard deviations; their labels ("Age") serve as well. Expressions are Apple's
ARKit names, 0 to 1. Named sliders are set on top of the preset's or the seed's.
"""
RESOLUTIONS = (64, 128, 256, 512, 1024)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sliders, sizes, and where to."""
    parser.epilog = EPILOG
    add_face(parser)
    how = parser.add_argument_group("how")
    how.add_argument("--resolution", type=int, choices=RESOLUTIONS, default=1024, help="of the map, in pixels")
    how.add_argument(
        "--levels",
        type=int,
        default=2,
        metavar="N",
        help=f"subdivisions of the displaced mesh, 0 to {MAX_LEVELS} (3 shows pores)",
    )
    how.add_argument(
        "--maps",
        default="",
        metavar="A,B",
        help=f"the map in other programs' conventions too: {', '.join(maps.FORMS)}; maps.json says what each means",
    )
    how.add_argument("--size", default="800x960", metavar="WxH", help="pixels of the picture")
    how.add_argument("--no-picture", action="store_true", help="do not start Blender")
    how.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")
    with_ = parser.add_argument_group("with")
    with_.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    with_.add_argument("--weights", metavar="DIR", help="another folder of weights")
    add_device(with_)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout: files and times")


def run(args: argparse.Namespace) -> int:
    """Make the face; print the files."""
    start = time.monotonic()
    if not 0 <= args.levels <= MAX_LEVELS:
        raise DnpmError(f"--levels {args.levels}: must be 0 to {MAX_LEVELS}; each makes four times as many faces")
    forms = [word.strip() for word in args.maps.split(",") if word.strip()]
    if unknown := sorted(set(forms) - set(maps.FORMS)):
        raise DnpmError(f"--maps {args.maps}: {unknown[0]} is none of {', '.join(maps.FORMS)}")
    model_path, weights = face_model_path(args.face_model), weights_dir(args.weights)
    model = FaceModel.load(model_path)
    card = read_card(weights)
    check_face_model(card, model)
    identity, expression, strength, look = read_face(args, model)
    out: Path = args.out
    made_folder(out)
    preset = read_preset(args.preset) if args.preset is not None else Preset(model.name)
    text = to_text(
        preset_of(
            model,
            identity,
            expression,
            strength,
            look,
            preset.w_offset,
            preset.relief,
            preset.corrective,
            preset.skin,
            photo=preset.photo,
        )
    )
    _check_preset(args.preset, out / "face.json", text)
    log.info("displacement map ...")
    step, wrinkles = from_text(preset.w_offset or ""), relief.from_text(preset.relief or "")
    if step is not None:
        check_offset(card, step, shown_path(args.preset))
    skin = preset.skin or SkinSettings()
    request = MapRequest(
        identity=identity, expression=expression, w_offset=step, relief=wrinkles, resolution=args.resolution,
        age=skin.age, gain=skin.gain(model),
    )  # fmt: skip
    displacement, params, milliseconds = _displacement(args, model_path, weights, request)
    files = [
        write_exr(out / "displacement.exr", displacement),
        write_png(out / "displacement.png", displacement),
        out / "displacement_relief.png",
    ]
    map_picture(files[-1], displacement, "Displacement")
    files += [path for path in maps.write(out, displacement, forms, strength) if path not in files] if forms else []
    log.info("meshes ...")
    vertices = model.vertices(identity, expression)
    corrective = correctives.from_text(preset.corrective or "")
    if corrective is not None:
        if corrective.shape != vertices.shape:
            raise DnpmError(f"{shown_path(args.preset)}: its corrective shape is another face model's")
        vertices = vertices + corrective
    coarse = surface_mesh(model, vertices, 0)
    fine = surface_mesh(model, vertices, args.levels, displacement, strength)
    files += [
        write_obj(out / "coarse.obj", coarse, model.material_names, "detail"),
        write_ply(out / "coarse.ply", coarse, "detail"),
        write_obj(out / "face.obj", fine, model.material_names),
        write_ply(out / "face.ply", fine),
        write_text(out / "face.json", text),
    ]
    if not args.no_picture:
        log.info("picture ...")
        files.append(_picture(args, model_path, weights, out / "face.json", out / "face.png"))
    result: dict[str, Any] = {
        "files": {file.name: str(file) for file in files},
        "map_ms": round(milliseconds, 1),
        "seconds": round(time.monotonic() - start, 2),
        "resolution": len(displacement),
        "displacement_mm": {"min": float(displacement.min()), "max": float(displacement.max())},
        "vertices": {"coarse": len(coarse.vertices), "displaced": len(fine.vertices)},
        "device": params,
    }
    print(json.dumps(result, indent=2) if args.json else "\n".join(str(file) for file in files))
    return 0


def _check_preset(read: Path | None, written: Path, text: str) -> None:
    """Raises DnpmError when the preset that was read lies where another face's would be written."""
    if read is None or not written.exists() or not written.samefile(read):
        return
    if written.read_text(encoding="utf-8") != text:
        raise DnpmError(f"--preset {read}: this face's preset would replace it; choose another --out")


def _displacement(
    args: argparse.Namespace, model_path: Path, weights: Path, request: MapRequest
) -> tuple[np.ndarray, str, float]:
    """(R, R) mm from the backend process, the device it ran on, and its milliseconds."""
    from ..backend.client.client import BackendClient

    client = BackendClient(python=sys.executable, device=args.device, weights=str(weights), face_model=str(model_path))
    try:
        reply = client.call(request)
        return reply.answer.displacement, client.status.device, reply.ms
    finally:
        client.stop()


def _picture(args: argparse.Namespace, model_path: Path, weights: Path, preset: Path, path: Path) -> Path:
    """The face as `dnpm batch` renders it. Raises DnpmError when Blender does not make it."""
    with tempfile.TemporaryDirectory(prefix="dnpm-face-") as folder:
        words = [
            f"--preset={preset.absolute()}", f"--out={folder}", f"--face-model={model_path.absolute()}",
            f"--weights={weights.absolute()}", f"--size={args.size}", "--views=front", "--outputs=png",
            f"--map-size={args.resolution}",
        ]  # fmt: skip
        if args.device != "auto":
            words.append(f"--device={args.device}")
        # Its lines are progress: they go where ours go.
        status = batch.start_blender(words, args.blender, None, output=sys.stderr)
        made = sorted(Path(folder).glob("*/*.png"))
        if status != 0 or len(made) != 1:
            log = Path(folder) / "blender.log"
            tail = log.read_text(encoding="utf-8", errors="replace")[-600:].strip() if log.is_file() else "no log"
            raise DnpmError(
                f"{path}: Blender made no picture (exit code {status}); the end of its log: {one_line(tail, 600)}"
            )
        return write_bytes(path, made[0].read_bytes())
