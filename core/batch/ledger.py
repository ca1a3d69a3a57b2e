"""Which items are done: a marker a finished item, so that a batch that was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..files import json_file
from ..files.writing import write_text
from .job import Item

MARKER = "done.json"
_MOST_MARKER = 1_000_000


def fingerprint(item: Item, identity: np.ndarray, expression: np.ndarray, made_with: dict[str, str]) -> str:
    """sha256 over all that the item's files depend on.

    `made_with` holds what is common to a batch (versions, sha256 of the face model and of the weights): an item is done
    again when any of it, its sliders or its settings have changed.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps([asdict(item.settings), made_with], sort_keys=True).encode())
    for vector in (identity, expression):
        digest.update(np.ascontiguousarray(vector, np.float32).tobytes())
    return digest.hexdigest()


def is_done(folder: Path, wanted: str) -> bool:
    """True when the folder's marker has this fingerprint and every file that it lists is there in its full size."""
    try:
        marker = json_file.read(folder / MARKER, most=_MOST_MARKER)
        files: dict[str, int] = marker["files"]
        return marker["fingerprint"] == wanted and all(
            (folder / name).stat().st_size == size for name, size in files.items()
        )
    except (DnpmError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # no marker, or a damaged one: the item is simply made again


def forget(folder: Path) -> None:
    """Take the marker away before an item is recomputed, so that a cut leaves no old promise beside new files."""
    (folder / MARKER).unlink(missing_ok=True)


def mark_done(folder: Path, wanted: str, files: list[Path], facts: dict[str, Any]) -> None:
    """Write the marker: fingerprint, files with their sizes, and facts for people (sliders, seconds).

    Raises DnpmError when it cannot be written."""
    marker = {
        "fingerprint": wanted,
        "files": {file.relative_to(folder).as_posix(): file.stat().st_size for file in files},
        **facts,
    }
    write_text(folder / MARKER, json.dumps(marker, indent=1) + "\n")
