"""What the user set for the whole extension: which Python, device, weights and face model, and where presets lie."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import bpy

from . import compat

PACKAGE = __package__.rsplit(".", 2)[0]
"""`bl_ext.<repository>.dnpm_face` in Blender, `dnpm` from a checkout."""

DEVICES = (
    ("auto", "Automatic", "The fastest device there is"),
    ("cuda", "CUDA", "An NVIDIA or AMD card, with a PyTorch that was built for it"),
    ("mps", "Metal", "An Apple chip's graphics"),
    ("xpu", "XPU", "An Intel card, with a PyTorch that was built for it"),
    ("cpu", "Processor", "Always there; a full map takes longer"),
)


@dataclass(frozen=True)
class Settings:
    """Empty strings mean: find it."""

    python: str = ""
    device: str = "auto"
    weights: str = ""
    face_model: str = ""
    presets: str = ""
    threads: int = 0
    """Of the backend on a processor; 0 means: as many as are good."""
    stop_render: bool = True
    """Whether a render without a window is stopped when a face's map cannot be computed for want of a backend."""
    lighter_drag: bool = True
    """Whether a face's mesh may be coarser while its sliders are dragged."""


_override: Settings | None = None


def override(settings: Settings | None) -> None:
    """Settings for this process that win over the preferences: a headless batch's. None takes them back."""
    global _override
    _override = settings


def current() -> Settings:
    """The override, else the preferences, else the defaults (a package that is not enabled as an add-on)."""
    if _override is not None:
        return _override
    addon = bpy.context.preferences.addons.get(PACKAGE)
    if addon is None or addon.preferences is None:
        return Settings()
    return Settings(**{field.name: _resolved(field.name, addon.preferences) for field in fields(Settings)})


def _resolved(name: str, preferences: bpy.types.AddonPreferences) -> str | int:
    value = getattr(preferences, name)
    is_path = isinstance(value, str) and value and name != "device"
    return bpy.path.abspath(value) if is_path else value


def styles_folder() -> Path:
    """Where learnt styles of speaking are kept."""
    return compat.user_folder(PACKAGE, "styles")


def presets_folder() -> Path:
    """Where presets are kept."""
    chosen = current().presets
    return Path(chosen) if chosen else compat.user_folder(PACKAGE, "presets")
