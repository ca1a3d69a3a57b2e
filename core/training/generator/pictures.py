"""Sheets of lit reliefs, real maps above painted ones, to look at while training."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...files import writing
from ...files.contact_sheet import contact_sheet, relief_picture

COLUMNS = 6
_FINEST = 1024
"""Texels a side for which `relief_picture` is lit; a coarser map's slopes are smaller."""


def relief_sheet(
    out: Path, maps: Sequence[np.ndarray], labels: Sequence[str], title: str, columns: int = COLUMNS, size: int = 256
) -> None:
    """(R, R) mm each, as a PNG. Raises DnpmError when it cannot be written."""
    writing.folder(out.parent)
    with tempfile.TemporaryDirectory() as folder:
        tiles = []
        for k, (one, label) in enumerate(zip(maps, labels, strict=True)):
            path = Path(folder) / f"{k}.png"
            relief_picture(path, one * (len(one) / _FINEST), size)
            tiles.append((path, label))
        contact_sheet(out, tiles, columns, title)
