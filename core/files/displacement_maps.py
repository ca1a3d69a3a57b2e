"""Displacement maps as files: EXR, and 16-bit PNG for programs without EXR. What a value means stands in both.

numpy alone: baked sequences, batches and Blender's buttons write their maps here too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import exr, png

NEUTRAL = 32768
MM_PER_STEP = 2.0 / 32768
"""16-bit grey maps: (value - 32768) * 2 / 32768 millimetres, that is -2 to 2 mm in steps of 0.06 micrometres."""
MEANING_EXR = (
    "Signed displacement along the vertex normal in millimetres, outward positive, 0 at rest. Row 0 is the top of the "
    "detail UV layer. Not a colour: read it as Non-Color / Raw."
)
MEANING_PNG = (
    f"Displacement along the vertex normal: (grey - {NEUTRAL}) * {MM_PER_STEP!r} millimetres, so grey {NEUTRAL} is 0, "
    "brighter is outward; beyond 2 mm it is cut off. Row 0 is the top of the detail UV layer. Not a colour."
)
_SOFTWARE = "DNPM Face"


def write_exr(path: Path, displacement: np.ndarray, half: bool = False, channels: str = "Y") -> Path:
    """(R, R) millimetres -> one channel Y, 32-bit float, without loss; half: 16-bit float, to half a micrometre;
    channels: "RGB" for three that are the same.

    Raises DnpmError when it cannot be written."""
    pixels = np.asarray(displacement, np.float16 if half else np.float32)
    exr.write(path, pixels, {"comments": MEANING_EXR, "software": _SOFTWARE}, channels)
    return path


def write_png(path: Path, displacement: np.ndarray) -> Path:
    """(R, R) millimetres -> 16-bit grey, and a text chunk that says what grey means: NEUTRAL is 0, MM_PER_STEP a step;
    what is beyond 2 mm is cut off. Raises as `write_exr` does."""
    steps = np.round(np.asarray(displacement, np.float64) / MM_PER_STEP) + NEUTRAL
    texts = {"Description": MEANING_PNG, "Software": _SOFTWARE}
    png.write(path, np.clip(steps, 0, 65535).astype(np.uint16), texts)
    return path
