"""Displacement maps as files: EXR, and 16-bit PNG for programs without EXR. What a value means stands in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image, PngImagePlugin

from .png import MM_PER_STEP, NEUTRAL
from .writing import writing

MEANING_EXR = (
    "Signed displacement along the vertex normal in millimetres, outward positive, 0 at rest. Row 0 is the top of the "
    "detail UV layer. Not a colour: read it as Non-Color / Raw."
)
MEANING_PNG = (
    f"Displacement along the vertex normal: (grey - {NEUTRAL}) * {MM_PER_STEP!r} millimetres, so grey {NEUTRAL} is 0, "
    "brighter is outward; beyond 2 mm it is cut off. Row 0 is the top of the detail UV layer. Not a colour."
)


def write_exr(path: Path, displacement: np.ndarray) -> Path:
    """(R, R) millimetres -> one channel Y, 32-bit float, without loss. Raises DnpmError when it cannot be written."""
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "comments": MEANING_EXR,
        "software": "DNPM Face",
    }
    channels = {"Y": np.ascontiguousarray(displacement, np.float32)}

    with writing(path, RuntimeError) as beside:
        OpenEXR.File(header, channels).write(str(beside))
    return path


def write_png(path: Path, displacement: np.ndarray) -> Path:
    """(R, R) millimetres -> 16-bit grey, and a text chunk that says what grey means. Raises as `write_exr` does."""
    steps = np.clip(np.round(displacement / MM_PER_STEP) + NEUTRAL, 0, 65535).astype(np.uint16)
    about = PngImagePlugin.PngInfo()
    about.add_text("Description", MEANING_PNG)
    about.add_text("Software", "DNPM Face")

    with writing(path) as beside:
        Image.fromarray(steps).save(beside, format="PNG", pnginfo=about)
    return path
