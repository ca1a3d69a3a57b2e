"""What `make demo` shows: which faces, which expressions, and the sheets made of the pictures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from ..errors import DnpmError
from ..files import contact_sheet
from ..files.writing import writing

ACTOR: dict[str, Any] = {"seed": 189, "age": 55}
"""The identity that goes through the expressions: a man whose lines show."""
ACTOR_LOOK = {"tone": "fair", "stubble": 0.35, "freckles": 0.2, "iris": "hazel", "hair": 0.6, "hair_colour": "brown",
              "brow_width": 1.2, "brow_arch": 0.6}  # fmt: skip
PEOPLE: dict[int, tuple[str, int, dict[str, Any]]] = {
    115: ("woman", 24, {"tone": "porcelain", "freckles": 1.4, "iris": "green",
                        "hair": 0.8, "hair_colour": "red", "brow_width": 0.7, "brow_arch": 1.2}),
    69: ("man", 36, {"tone": "medium", "stubble": 0.8, "iris": "dark",
                     "hair": 1.0, "brow_width": 1.4, "brow_arch": 0.3}),
    57: ("woman", 30, {"tone": "olive", "freckles": 0.0, "iris": "hazel",
                       "hair": 0.9, "brow_width": 0.9, "brow_arch": 0.9}),
    120: ("man", 46, {"tone": "deep", "stubble": 0.3, "flush": 0.6, "iris": "dark",
                      "hair": 0.9, "brow_width": 1.2, "brow_arch": 0.6}),
    56: ("woman", 46, {"tone": "medium", "freckles": 0.1, "iris": "dark",
                       "hair": 1.0, "hair_colour": "black", "brow_width": 0.6, "brow_arch": 0.5}),
    123: ("man", 66, {"tone": "brown", "stubble": 0.5, "iris": "dark",
                      "hair": 0.7, "hair_colour": "grey", "brow_width": 1.4, "brow_arch": 0.4}),
    128: ("woman", 79, {"tone": "fair", "brows": 0.8, "iris": "blue",
                        "hair": 0.9, "hair_colour": "white", "brow_width": 0.6, "brow_arch": 0.8}),
    74: ("man", 72, {"tone": "porcelain", "flush": 1.4, "brows": 0.9, "iris": "grey",
                     "hair": 0.35, "hair_colour": "grey", "brow_width": 1.5, "brow_arch": 0.7}),
}  # fmt: skip
"""Seeds of the eight identities at rest, what the face model's sliders say of them, their years and looks."""
VIEW = {"name": "portrait", "azimuth": 21, "elevation": 3, "target": "portrait", "zoom": 1.1}
CLOSE = {"name": "closeup", "azimuth": 30, "elevation": 2, "target": "face", "zoom": 1.35}
SKIN = {"name": "skin", "azimuth": 52, "elevation": 2, "target": "eyes", "zoom": 1.7}


def _both(**values: float) -> dict[str, float]:
    """Each value on both sides: `mouthSmile=1` becomes mouthSmileLeft and mouthSmileRight."""
    return {f"{name}{side}": value for name, value in values.items() for side in ("Left", "Right")}


EXPRESSIONS: dict[str, dict[str, float]] = {
    "smile": _both(mouthSmile=0.85, cheekSquint=0.7, eyeSquint=0.4, mouthUpperUp=0.45, mouthLowerDown=0.2)
    | {"jawOpen": 0.06},
    "surprise": _both(browOuterUp=0.9, eyeWide=0.8) | {"browInnerUp": 1.0, "jawOpen": 0.4},
    "anger": _both(browDown=1.0, noseSneer=0.4, mouthPress=0.8, eyeSquint=0.35, mouthFrown=0.4)
    | {"mouthShrugLower": 0.5},
    "disgust": _both(noseSneer=1.0, mouthUpperUp=0.6, browDown=0.6, cheekSquint=0.5, eyeSquint=0.4),
    "sadness": _both(mouthFrown=0.8, eyeLookDown=0.3) | {"browInnerUp": 1.0, "mouthShrugLower": 0.6},
    "kiss": _both(eyeSquint=0.3) | {"mouthPucker": 1.0, "browInnerUp": 0.3},
    "shout": _both(mouthStretch=0.4, browDown=0.7, noseSneer=0.6, eyeSquint=0.4, mouthUpperUp=0.4) | {"jawOpen": 0.75},
    "wink": {
        "eyeBlinkLeft": 1.0,
        "cheekSquintLeft": 0.9,
        "mouthSmileLeft": 0.7,
        "mouthSmileRight": 0.2,
        "browOuterUpRight": 0.5,
    },
}


def demo_job(size: tuple[int, int], samples: int) -> dict[str, Any]:
    """The job, in the job file's own form: 8 expressions, 8 people, and close-ups with and without the detail."""
    actor = {"identity": ACTOR, "look": ACTOR_LOOK}
    items: list[dict[str, Any]] = [
        {"name": f"expression_{name}", "expression": values} | actor for name, values in EXPRESSIONS.items()
    ]
    items += [
        {"name": f"person_{seed}", "identity": {"seed": seed, "age": years}, "look": look}
        for seed, (_, years, look) in PEOPLE.items()
    ]
    close = {"size": [round(1.5 * side) for side in size], "subdivision": 3, "expression": EXPRESSIONS["anger"]} | actor
    files = {"outputs": ["png", "exr", "map_png", "blend"], "views": [CLOSE, SKIN]}
    items += [
        {"name": "closeup_with_detail"} | close | files,
        {"name": "closeup_without_detail", "detail": 0, "views": [CLOSE]} | close,
        {"name": "mesh", "outputs": ["gltf"], "expression": EXPRESSIONS["anger"]} | actor,
    ]
    return {"settings": {"size": list(size), "samples": samples, "views": [VIEW]}, "items": items}


def make_sheets(items: Path, out: Path) -> list[tuple[Path, str]]:
    """From the batch's folder `items` to the files that people look at; returns (file, what it shows)."""
    view = f"{VIEW['name']}.png"
    close = items / "closeup_with_detail"
    contact_sheet.contact_sheet(
        out / "expressions.png",
        [(items / f"expression_{name}" / view, name) for name in EXPRESSIONS],
        4,
        f"One identity (seed {ACTOR['seed']}, {ACTOR['age']} years) in eight expressions",
    )
    contact_sheet.contact_sheet(
        out / "identities.png",
        [
            (items / f"person_{seed}" / view, f"{who}, {years} (seed {seed})")
            for seed, (who, years, _) in PEOPLE.items()
        ],
        4,
        "Eight identities at rest",
    )
    contact_sheet.contact_sheet(
        out / "closeup.png",
        [
            (items / "closeup_without_detail" / "closeup.png", "the coarse face"),
            (close / "closeup.png", "with the displacement map"),
            (close / "skin.png", "the skin, close by"),
        ],
        3,
        "The same face without and with its detail",
    )
    contact_sheet.map_picture(
        out / "displacement.png", read_exr(close / "displacement.exr"), "Displacement along the normal, anger"
    )
    for source, target in (("displacement.exr", "displacement.exr"), ("displacement.png", "displacement_16bit.png"),
                           ("face.blend", "face.blend")):  # fmt: skip
        _copy(close / source, out / target)
    _copy(items / "mesh" / "face.glb", out / "face.glb")
    return [
        (out / "expressions.png", "one identity in eight expressions"),
        (out / "identities.png", "eight identities at rest"),
        (out / "closeup.png", "a close-up without and with the detail"),
        (out / "displacement.png", "the close-up's displacement map as a picture, with a scale in millimetres"),
        (out / "displacement.exr", "the same map: 32-bit float millimetres"),
        (out / "displacement_16bit.png", "the same map: 16-bit grey, (value - 32768) x 2 / 32768 mm"),
        (out / "face.blend", "the close-up's scene, to open in Blender"),
        (out / "face.glb", "the same face's displaced mesh"),
    ]


def _copy(source: Path, target: Path) -> None:
    with writing(target) as beside:
        shutil.copyfile(source, beside)


def read_exr(path: Path) -> np.ndarray:
    """(H, W) float32 of a map file, row 0 at the top. Raises DnpmError when there is no such map in it."""
    try:
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
    except (OSError, RuntimeError, ValueError) as error:
        raise DnpmError(f"{path}: cannot be read as EXR ({error})") from error
    name = next((name for name in ("Y", "R", "V") if name in channels), None)
    if name is None:
        raise DnpmError(f"{path}: has none of the channels Y, R, V; it holds {', '.join(channels)}")
    return np.asarray(channels[name].pixels, np.float32)
