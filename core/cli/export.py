"""A face for game engines: GLB and FBX with its keys and joints, colours, normal and wrinkle maps (docs/engines.md).

Writes into --out:
  face.glb, face.fbx   the coarse face with its 52 keys, joints for head and eyes, plain materials
  textures/            colours, the normal map at rest, the wrinkle maps and their mask
  wrinkles.json        how keys drive the wrinkle maps, how near that comes, sha256 of the files
  face.json            the sliders, as a preset
  compare.png          with --compare: the files, imported again, beside the face
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..face_model.presets import preset_of, read_preset, to_text
from ..files.writing import folder as made_folder
from ..files.writing import write_text
from ..options import add_device
from .batch import start_blender
from .face_options import add_face, read_face

FORMATS = ("glb", "fbx")
SIZES = (512, 1024, 2048, 4096)
COMPARED = ("rest", "Anger", "Surprise", "Smile")
"""At rest, and shipped expressions."""
PICTURES = ("--size=512", "--samples=32")
"""How the compared pictures are drawn."""
ENOUGH = 0.9
"""SSIM of a picture of the imported file and one of the face."""
EPILOG = """\
  dnpm export --preset ann.json --out ann
  dnpm export --seed 3 --formats glb --visemes --out unity
  dnpm export --preset ann.json --compare --out ann
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The face, the files, and where to."""
    parser.epilog = EPILOG
    add_face(parser, expression=False)
    how = parser.add_argument_group("how")
    how.add_argument("--formats", default=",".join(FORMATS), metavar="glb,fbx", help="files (default %(default)s)")
    how.add_argument("--visemes", action="store_true", help="add the 15 Oculus visemes, fixed mixtures of the keys")
    how.add_argument("--size", type=int, choices=SIZES, default=2048, help="texels of the skin's colours")
    how.add_argument(
        "--compare",
        action="store_true",
        help="import the files again, draw them beside the face at rest and in three expressions, and print SSIM; "
        f"exit code 1 below {ENOUGH}",
    )
    how.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")
    with_ = parser.add_argument_group("with")
    with_.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    with_.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    with_.add_argument("--python", metavar="FILE", help="the Python that has torch (default: this one)")
    add_device(with_, None, "the networks")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")


def run(args: argparse.Namespace) -> int:
    """Check the face here, where a mistake costs no start of Blender; then let Blender export it."""
    wanted = [word.strip() for word in args.formats.split(",") if word.strip()]
    if not wanted or set(wanted) - set(FORMATS):
        raise DnpmError(f"--formats {args.formats}: must be one or more of {', '.join(FORMATS)}")
    model = FaceModel.load(face_model_path(args.face_model))
    identity, _, strength, look = read_face(args, model)
    read = read_preset(args.preset) if args.preset is not None else None
    text = to_text(
        preset_of(
            model,
            identity,
            None,
            strength,
            look,
            read.w_offset if read else None,
            read.relief if read else None,
            read.corrective if read else None,
            read.skin if read else None,
            photo=read.photo if read else None,
        )
    )
    made_folder(args.out)
    preset = args.out / "face.json"
    if args.preset is not None and preset.exists() and preset.samefile(args.preset):
        raise DnpmError(f"--preset {args.preset}: this face's preset would replace it; choose another --out")
    write_text(preset, text)
    words = ["engine", f"--out={args.out.absolute()}", f"--size={args.size}", *_common(args, preset, wanted)]
    status = start_blender(words + (["--visemes"] if args.visemes else []), args.blender, args.python)
    return _compare(args, preset, wanted) if args.compare and status == 0 else status


def _common(args: argparse.Namespace, preset: Path, formats: list[str]) -> list[str]:
    words = [f"--preset={preset.absolute()}", f"--formats={','.join(formats)}"]
    words += [f"--{key.replace('_', '-')}={getattr(args, key).absolute()}"
              for key in ("face_model", "weights") if getattr(args, key) is not None]  # fmt: skip
    return words + ([f"--device={args.device}"] if args.device is not None else [])


def _compare(args: argparse.Namespace, preset: Path, formats: list[str]) -> int:
    """Draw the files beside the face and print how alike they are. Returns 1 where that is not enough."""
    from ..files.contact_sheet import contact_sheet

    with tempfile.TemporaryDirectory(prefix="dnpm-export-") as folder:
        words = ["engine_compare", f"--exported={args.out.absolute()}", f"--out={folder}",
                 f"--expressions={','.join(COMPARED)}", *PICTURES, *_common(args, preset, formats)]  # fmt: skip
        status = start_blender(words, args.blender, args.python, output=sys.stderr)
        if status:
            return status
        shown, least = [], 1.0
        for name in COMPARED:
            face = Path(folder) / f"{name}_face.png"
            shown.append((face, f"{name}: the face"))
            for kind in formats:
                picture = Path(folder) / f"{name}_{kind}.png"
                alike = likeness(face, picture)
                least = min(least, alike)
                shown.append((picture, f"{kind.upper()}, SSIM {alike:.3f}"))
                print(f"{name}: {kind.upper()} imported again, SSIM {alike:.3f}")
        sheet = args.out / "compare.png"
        contact_sheet(sheet, shown, 2 * (1 + len(formats)), "The face, and what was exported, imported again")
        print(sheet)
    return 0 if least >= ENOUGH else 1


def likeness(one: Path, other: Path) -> float:
    """SSIM of two pictures' brightness (Wang et al. 2004), over the whole picture."""
    from PIL import Image

    from ..measures.metrics import ssim_map

    grey = [np.asarray(Image.open(path).convert("L"), np.float64) / 255.0 for path in (one, other)]
    # The maps' range of that function is -1 to 1.
    return float(ssim_map(2.0 * grey[0] - 1.0, 2.0 * grey[1] - 1.0).mean())
