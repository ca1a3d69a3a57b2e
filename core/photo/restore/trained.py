"""Which rows of w+ a restoration encoder has learnt, and at which side of the map.

A training at a side R reaches the first 2 log2(R) - 2 rows (`core/detail/config.w_layers`); a map of 1024 reads 18.
What no training reached holds the random numbers that it started with: it is not used, there the sliders' own rows
stay. The card says it, in its entry "trained": {"restoration": [{"resolution": 256, "rows": [0, 14], "steps": 440},
...]}; rows are half open, a row counts as soon as one stage reached it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...detail.config import w_layers
from ...errors import DnpmError
from ...files.json_file import to_dataclass

_USUAL = 256
"""Cards without the entry are older: every training of restoration ended at this side, or at the network's own."""


@dataclass(frozen=True)
class Stage:
    """A training at a side `resolution`: it reached these rows, half open."""

    resolution: int
    rows: tuple[int, int]
    steps: int = 0

    def __post_init__(self) -> None:
        reached = w_layers(self.resolution) if 4 <= self.resolution <= 2**16 else 0
        if not 0 <= self.rows[0] < self.rows[1] <= reached:
            raise DnpmError(
                f"rows {self.rows[0]} to {self.rows[1]} cannot be trained at {self.resolution} texels, which reach "
                f"{reached} rows"
            )


def stage(resolution: int, steps: int) -> dict[str, Any]:
    """An entry of the card for a training at `resolution`."""
    return {"resolution": resolution, "rows": [0, w_layers(resolution)], "steps": steps}


def trained_rows(card: Mapping[str, Any], count: int, side: int, name: str) -> np.ndarray:
    """(count,) bool: the rows that any stage of the card reached.

    side: of the maps that the network reads, for cards without the entry. Raises DnpmError, naming the card, when the
    entry is damaged or names rows that its resolution does not reach.
    """
    entry = card.get("trained", {"restoration": [stage(min(_USUAL, side), 0)]})
    found = entry.get("restoration") if isinstance(entry, dict) else None
    if not isinstance(found, list) or not found:
        raise DnpmError(f'{name}: its entry "trained" names no stage of the restoration; the card is damaged')
    rows = np.zeros(count, bool)
    for number, one in enumerate(found):
        try:
            first, last = to_dataclass(Stage, one, f"trained.restoration.{number}").rows
        except DnpmError as error:
            raise DnpmError(f'{name}: its entry "trained" is damaged ({error})') from error
        if last > count:
            raise DnpmError(f'{name}: its entry "trained" names row {last - 1} of {count}; the card is damaged')
        rows[first:last] = True
    return rows
