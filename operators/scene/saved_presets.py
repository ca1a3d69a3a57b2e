"""The presets that there are: those that ship, and those in the artist's folder."""

from __future__ import annotations

from pathlib import Path

from ...core.face_model import presets
from . import settings


def saved() -> list[Path]:
    """Every preset in the folder of presets and the folders in it, those of the folder itself first."""
    folder = settings.presets_folder()
    found = [path for path in folder.rglob(f"*{presets.SUFFIX}") if path.is_file()] if folder.is_dir() else []
    return sorted(found, key=lambda path: (len(path.parts), str(path).casefold()))


def of_kind(kind: str) -> list[Path]:
    """Of "people" and "expressions" those that ship, of "saved" those of the artist."""
    return saved() if kind == "saved" else presets.shipped(kind)


def title(path: Path) -> str:
    """What a preset is called where it is shown."""
    return presets.shown_name(path) if presets.LIBRARY in path.parents else path.stem
