"""Finds the face model's file."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DnpmError
from ..paths import ROOT

BUILT = ROOT / "build" / "face_model.safetensors"
INSTALLED = ROOT / "assets" / "face_model.safetensors"
VARIABLE = "DNPM_FACE_MODEL"
"""Of the environment: a path that wins over both."""


def face_model_path(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The explicit path, else `DNPM_FACE_MODEL`, else the built one, else the one that the extension carries.

    Raises DnpmError when there is none, or when the one that was asked for is missing.
    """
    wanted = explicit or os.environ.get(VARIABLE)
    if wanted:
        if not Path(wanted).is_file():
            raise DnpmError(f"{wanted}: no such face model; give the path of a .safetensors face model")
        return Path(wanted)
    for path in (BUILT, INSTALLED):
        if path.is_file():
            return path
    raise DnpmError(f"no face model yet ({BUILT}): build it once with `dnpm build face-model`")
