"""A map from elsewhere as something to compare with: its file, its scale, and where on it which skin lies."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image
from scipy import ndimage

from ..errors import DnpmError
from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..files.inputs import one_line, reading, regular_file

FACESCAPE_CROP = (600, 2500, 1100, 3000)
"""Rows and columns of FaceScape's 4096 x 4096 maps that hold the face (docs of `core/face_model/readers`)."""
_LARGEST, _MOST_BYTES = 8192, 1_000_000_000
_FORMATS = ("PNG", "TIFF", "PPM", "BMP", "TGA", "JPEG", "JPEG2000", "WEBP")
# Ellipses (centre x, centre y, half width, half height) in parts of FaceScape's crop, x to the right, y down.
_FACESCAPE: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "forehead": ((0.5, 0.175, 0.2, 0.06),),
    "cheek": ((0.264, 0.51, 0.105, 0.105), (0.736, 0.51, 0.105, 0.105)),
    "nose": ((0.5, 0.45, 0.045, 0.11),),
    "chin": ((0.5, 0.83, 0.1, 0.07),),
}
_FACESCAPE_FACE = (0.5, 0.52, 0.33, 0.4)
_FACESCAPE_HOLES = (
    (0.345, 0.285, 0.13, 0.1), (0.655, 0.285, 0.13, 0.1),  # eyes and brows
    (0.495, 0.685, 0.16, 0.06),  # mouth
    (0.495, 0.53, 0.1, 0.055),  # nostrils
)  # fmt: skip


@dataclass(frozen=True)
class GivenMap:
    """Heights (H, W), in millimetres when `scaled`, else in units of the file; masks of the face and its regions."""

    heights: np.ndarray
    texels_mm: dict[str, float]
    """Width of a texel on the skin, in each of the masks' regions."""
    scaled: bool
    step: float
    """What one grey step stands for; 0 for floats. It bounds what can be seen of fine relief."""
    masks: dict[str, np.ndarray]
    """`skin` (the face without eyes, brows, mouth and nostrils), and its regions; (H, W) in [0, 1]."""


def read_heights(path: Path, mid: float | None, range_mm: float | None) -> tuple[np.ndarray, float, bool]:
    """EXR in mm, or 16/8-bit grey -> heights (H, W), the height of one grey step, whether it is in mm.

    mid: the grey value that stands for 0; range_mm: from there to the top. Without a range the heights are parts of
    it. Raises DnpmError when the file cannot be read or is not a single-channel map.
    """
    regular_file(path, _MOST_BYTES, "give an EXR in millimetres, or a 16- or 8-bit grey picture")
    if path.suffix.lower() == ".exr":
        return _read_exr(path), 0.0, True
    with reading(path, "give a 16- or 8-bit grey picture, or an EXR in millimetres"), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Only formats that maps are kept in: some of Pillow's other readers start programs.
        try:
            opened = Image.open(path, formats=_FORMATS)
        except Image.DecompressionBombError as error:
            raise DnpmError(f"has too many pixels; a map of at most {_LARGEST} x {_LARGEST} is read") from error
        with opened as image:
            _check_size(path, *image.size)
            if image.mode not in ("L", "I;16", "I;16B", "I") and len(set(image.getbands()) - {"A"}) != 1:
                raise DnpmError(f"{path}: is a picture in colour ({image.mode}), not a displacement map; save it grey")
            bits = 8 if image.mode.startswith("L") else 16
            grey = np.asarray(image if bits == 16 else image.convert("L"), np.float64)
    middle = float(mid if mid is not None else (128, 32768)[bits == 16])
    top = 2.0**bits - 1 - middle
    if not 0 <= middle < 2**bits - 1 or (range_mm is not None and not range_mm > 0):
        raise DnpmError(f"{path}: --mid {middle:g} must be a grey value of {bits} bits, and --range-mm positive")
    step = (range_mm or 1.0) / top
    return (grey - middle) * step, step, range_mm is not None


def given_map(
    path: Path, layout: str, model: FaceModel, texel_mm: float | None, mid: float | None, range_mm: float | None
) -> GivenMap:
    """A map in our layout, or in FaceScape's (whole 4096 maps are cut to the face). Raises DnpmError as above."""
    heights, step, scaled = read_heights(path, mid, range_mm)
    if heights.shape[0] != heights.shape[1] or len(heights) < 64:
        raise DnpmError(
            f"{path}: is {heights.shape[1]} x {heights.shape[0]}; a map of at least 64 x 64, square, is needed"
        )
    side = len(heights)
    if layout == "facescape":
        top, bottom, left, right = (round(edge * side / 4096) for edge in FACESCAPE_CROP)
        heights = heights[top:bottom, left:right]
        masks = _facescape_masks(heights.shape[0], heights.shape[1])
        natural = dict.fromkeys(masks, 0.22 * 1024 / len(heights))
    else:
        masks = skin_masks(model, side)
        natural = {name: texel_size(model, side, mask) for name, mask in masks.items()}
    texels = natural if texel_mm is None else dict.fromkeys(masks, texel_mm)
    return GivenMap(heights, texels, scaled, step, masks)


def texel_size(model: FaceModel, resolution: int, mask: np.ndarray | None = None) -> float:
    """Millimetres on the neutral face that one texel of our layout is wide: the median, inside a mask (R', R')."""
    from ..geometry.uv_map import UVMap

    size = 256
    uv_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, size)
    metric = uv_map.metric(model.neutral)
    area = np.sqrt(np.maximum(metric[..., 0] * metric[..., 2] - metric[..., 1] ** 2, 0))
    inside = area > 0
    if mask is not None:
        scale = size / len(mask)
        inside &= ndimage.zoom(mask.astype(np.float32), scale, order=1, grid_mode=True, mode="nearest") > 0.5
    return float(np.median(np.sqrt(area[inside]))) / resolution


def skin_masks(model: FaceModel, resolution: int) -> dict[str, np.ndarray]:
    """Our layout's `skin`, `forehead`, `cheek`, `nose` and `chin`, each (R, R) float32 in {0, 1}, row 0 at the top."""
    uv = landmark_uv(model)
    e = float(np.linalg.norm(uv[45] - uv[36]))
    x, y = uv[:, 0], 1.0 - uv[:, 1]
    n = len(model.detail_mask)
    face = ndimage.zoom(model.detail_mask > 0.99, resolution / n, order=0, grid_mode=True, mode="nearest")
    place = lambda cx, cy, hx, hy: _ellipse((resolution, resolution), (cx, cy, hx * e, hy * e))  # noqa: E731
    brow = min(y[17:27])
    holes = [
        place(x[[17, 21, 36, 39]].mean(), y[[19, 41]].mean(), 0.28, 0.22),
        place(x[[22, 26, 42, 45]].mean(), y[[24, 46]].mean(), 0.28, 0.22),
        place(0.5, y[48:60].mean(), 0.12 + 0.5 * np.ptp(x[48:60]) / e, 0.08 + 0.5 * np.ptp(y[48:60]) / e),
        place(0.5, y[33], 0.05 + 0.5 * (x[35] - x[31]) / e, 0.08),
    ]
    cheek_x, cheek_y = x[45] + 0.03 * e, 0.5 * (y[46] + y[54])
    regions = {
        "forehead": place(0.5, brow - 0.24 * e, 0.42, 0.16),
        "cheek": place(cheek_x, cheek_y, 0.18, 0.2) | place(1 - cheek_x, cheek_y, 0.18, 0.2),
        "nose": place(0.5, 0.5 * (y[28] + y[30]), 0.09, 0.24),
        "chin": place(0.5, 0.45 * y[57] + 0.55 * y[8], 0.2, 0.13),
    }
    # The same part of the face as of FaceScape's crop below: neither temples nor throat.
    skin = place(0.5, y[[36, 45]].mean() + 0.36 * e, 0.73, 0.89) & ~np.any(holes, axis=0)
    return {name: (mask & face).astype(np.float32) for name, mask in {"skin": skin, **regions}.items()}


def _facescape_masks(height: int, width: int) -> dict[str, np.ndarray]:
    shape = (height, width)
    either = lambda parts: np.any([_ellipse(shape, p) for p in parts], axis=0)  # noqa: E731
    skin = _ellipse(shape, _FACESCAPE_FACE) & ~either(_FACESCAPE_HOLES)
    return {
        name: m.astype(np.float32)
        for name, m in {"skin": skin, **{k: either(p) for k, p in _FACESCAPE.items()}}.items()
    }


def _ellipse(shape: tuple[int, int], place: tuple[float, float, float, float]) -> np.ndarray:
    x = ((np.arange(shape[1]) + 0.5) / shape[1] - place[0]) / place[2]
    y = ((np.arange(shape[0]) + 0.5) / shape[0] - place[1]) / place[3]
    return np.hypot(x[None], y[:, None]) < 1


def _read_exr(path: Path) -> np.ndarray:
    with reading(path, "give an EXR of one plane of heights in millimetres"):
        header = OpenEXR.File(str(path), header_only=True).header()
        low, high = header["dataWindow"]
        width, height = (int(b) - int(a) + 1 for a, b in zip(low, high, strict=True))
        _check_size(path, width, height)
        if width * height * len(header["channels"]) > 2 * _LARGEST**2:
            raise DnpmError(f"has {len(header['channels'])} channels of {width} x {height}; give the heights alone")
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        for name in ("Y", "Z", "R"):
            if name in channels:
                heights = np.asarray(channels[name].pixels, np.float64)
                if heights.ndim != 2 or not np.isfinite(heights).all():
                    raise DnpmError(f"channel {name} holds numbers that are not finite, or is not a plane")
                return heights
        raise DnpmError(f"has no channel Y, Z or R, but {one_line(', '.join(sorted(channels)))}")


def _check_size(path: Path, width: int, height: int) -> None:
    if min(width, height) < 1 or width * height > _LARGEST**2:
        raise DnpmError(f"{path}: is {width} x {height}; a map of at most {_LARGEST} x {_LARGEST} is read")
