"""Where the package lies on disk."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository, or the installed extension: the folder that holds `core/`, `weights/` and, built, `build/`."""
