"""Which rows of w+ a restoration encoder has learnt, and at which side of the map.

A training at a side R reaches the first 2 log2(R) - 2 rows (`core/detail/config.w_layers`); a map of 1024 reads 18.
What no training reached holds the random numbers that it started with: it is not used, there the sliders' own rows
stay. The card says it, in its entry "trained": {"restoration": [{"resolution": 256, "rows": [0, 14], "steps": 440},
...]}; rows are half open, a row counts as soon as one stage reached it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...detail.config import w_layers
from ...errors import DnpmError

_USUAL = 256
"""Cards without the entry are older: every training of restoration ended at this side, or at the network's own."""


def stage(resolution: int, steps: int) -> dict[str, Any]:
    """An entry of the card for a training at `resolution`."""
    return {"resolution": resolution, "rows": [0, w_layers(resolution)], "steps": steps}


def trained_rows(card: Mapping[str, Any], count: int, side: int, name: str) -> np.ndarray:
    """(count,) bool: the rows that any stage of the card reached.

    side: of the maps that the network reads, for cards without the entry. Raises DnpmError, naming the card, when the
    entry is damaged or names rows that its resolution does not reach.
    """
    if "trained" not in card:
        stages: Any = [stage(min(_USUAL, side), 0)]
    else:
        stages = card["trained"].get("restoration") if isinstance(card["trained"], dict) else None
    rows = np.zeros(count, bool)
    if not isinstance(stages, list) or not stages:
        raise DnpmError(f'{name}: its entry "trained" names no stage of the restoration; the card is damaged')
    for one in stages:
        first, last, resolution = _numbers(one, name)
        if not 0 <= first < last <= min(count, w_layers(resolution)):
            raise DnpmError(
                f'{name}: its entry "trained" says rows {first} to {last} at {resolution} texels, where there are '
                f"{min(count, w_layers(resolution))}; the card is damaged"
            )
        rows[first:last] = True
    return rows


def _numbers(one: object, name: str) -> tuple[int, int, int]:
    try:
        first, last, resolution = (*one["rows"], one["resolution"])  # type: ignore[index]
        if not all(type(n) is int for n in (first, last, resolution)) or not 4 <= resolution <= 2**16:
            raise ValueError("they must be whole numbers")
    except (KeyError, TypeError, ValueError) as error:
        raise DnpmError(f'{name}: its entry "trained" cannot be read ({error}); the card is damaged') from error
    return first, last, resolution
