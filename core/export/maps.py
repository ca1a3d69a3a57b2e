"""Displacement maps in the conventions of other programs; what a value means stands in the file and in `maps.json`.

All hold millimetres along the vertex normal, outward positive, in the detail UV layer; only type, scale and the order
of rows differ. Whole numbers hold (value - 32768) * range / 32768 millimetres: FaceScape's range is .914 mm, that of
`displacement.png` 2 mm, ZBrush's the map's own peak.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files import png, tiff
from ..files.displacement_maps import MEANING_EXR, MM_PER_STEP, NEUTRAL, write_exr, write_png
from ..files.writing import write_text

FORMS: dict[str, tuple[str, str]] = {
    "exr": ("displacement.exr", "32-bit float EXR, millimetres"),
    "exr16": ("displacement_half.exr", "16-bit float EXR, millimetres, exact to half a micrometre"),
    "png": ("displacement.png", "16-bit PNG, -2 to 2 mm"),
    "tiff": ("displacement.tif", "32-bit float TIFF, millimetres"),
    "tiff16": ("displacement_16.tif", "16-bit TIFF, -2 to 2 mm"),
    "facescape": ("displacement_facescape.png", "16-bit PNG in FaceScape's scale, -.914 to .914 mm"),
    "zbrush": ("displacement_zbrush.tif", "16-bit TIFF for ZBrush: rows upside down, range is the map's peak"),
}
"""Form -> file, what it is."""
FACESCAPE_MM = 0.914
"""Millimetres from the middle grey to the top: https://facescape.nju.edu.cn, its displacement maps."""
_RANGE_MM = MM_PER_STEP * NEUTRAL
_FLATTEST_MM = 1e-3
"""A flat map's range: any would do but 0."""
_FLOATS = ("exr", "exr16", "tiff")
MANIFEST = "maps.json"


def write(folder: Path, displacement: np.ndarray, forms: Sequence[str], strength: float = 1.0) -> list[Path]:
    """Write (R, R) mm in these forms, and what each means; the maps are without `strength`, which the meaning names.

    Returns the files. Raises DnpmError when one cannot be written."""
    files, meanings = [], {}
    for form in forms:
        path = folder / FORMS[form][0]
        meanings[path.name] = _write(path, form, displacement)
        files.append(path)
    about = {"unit": "mm", "along": "vertex normal, outward positive", "uv": "detail", "strength": strength}
    text = json.dumps(about | {"files": meanings}, indent=2) + "\n"
    return [*files, write_text(folder / MANIFEST, text)]


def _write(path: Path, form: str, displacement: np.ndarray) -> dict[str, Any]:
    """One file; what its values mean."""
    heights = np.asarray(displacement, np.float32)
    if form in _FLOATS:
        if form == "tiff":
            tiff.write(path, heights, MEANING_EXR)
        else:
            write_exr(path, heights, half=form == "exr16")
        return {"type": "float16" if form == "exr16" else "float32", "first_row": "top"}
    if form == "png":
        write_png(path, heights)
        return _meaning(_RANGE_MM)
    range_mm = {"tiff16": _RANGE_MM, "facescape": FACESCAPE_MM}.get(form)
    if range_mm is None:
        range_mm = max(float(np.abs(heights).max()), _FLATTEST_MM)
        # ZBrush counts v from the top, so its maps stand upside down beside others.
        tiff.write(path, whole(heights[::-1], range_mm), _said(range_mm, "bottom"))
        return _meaning(range_mm, "bottom")
    if form == "tiff16":
        tiff.write(path, whole(heights, range_mm), _said(range_mm, "top"))
    else:
        png.write(path, whole(heights, range_mm), {"Description": _said(range_mm, "top"), "Software": "DNPM Face"})
    return _meaning(range_mm)


def whole(heights: np.ndarray, range_mm: float) -> np.ndarray:
    """(H, W) mm -> uint16: 32768 is 0, `range_mm` above is the top; what is beyond is cut off."""
    steps = np.round(np.asarray(heights, np.float64) * (NEUTRAL / range_mm)) + NEUTRAL
    return np.clip(steps, 0, 65535).astype(np.uint16)


def _said(range_mm: float, first_row: str) -> str:
    return (
        f"Displacement along the vertex normal: (grey - {NEUTRAL}) * {range_mm!r} / {NEUTRAL} millimetres, outward "
        f"positive. Row 0 is the {first_row} of the detail UV layer. Not a colour."
    )


def _meaning(range_mm: float, first_row: str = "top") -> dict[str, Any]:
    return {"type": "uint16", "zero": NEUTRAL, "range_mm": range_mm, "first_row": first_row}
