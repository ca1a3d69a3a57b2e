"""Eq. 3, V_p = C_r x w_id x w_exp, in numpy: the one place that says how it is computed.

`contract` is the product of the core, or of a part of it, with one of the two vectors; whoever needs V_p, its parts or
its derivatives calls it with the table that suits. `core/detail/bilinear.py` is the same in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

_FEW = 12
"""Sliders that are not at 0, up to which the core itself is as quick as its table is made."""


def homogeneous(values: np.ndarray) -> np.ndarray:
    """(n,) -> (n + 1,) float32: w of Eq. 3, a 1 for what is there at rest, then the sliders."""
    return np.concatenate([np.ones(1, np.float32), np.asarray(values, np.float32)])


def contract(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n + 1, ...) of any float type, (n,) -> (...) float32: the table's first axis times w."""
    flat = table.reshape(len(table), -1).astype(np.float32, copy=False)
    return (homogeneous(values) @ flat).reshape(table.shape[1:])


def contract_in_turn(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`contract` of a float32 table, row by row: for a small one, beside a program that keeps the cores busy. The
    threads of a product by BLAS wait for each other there, ten times as long as they compute."""
    result = table[0].copy()
    for k in np.flatnonzero(values):
        result += table[k + 1] * values[k]
    return result


class IdentityTables:
    """C_r x w_id, quickly: the core laid out so that one product gives a person at rest, and one all expressions.

    An expression moves a part of the face only, and float16 is slow to compute with: the table of the expressions is
    float32 and leaves out what no identity moves, which makes it a fraction of the core, and as much quicker.
    """

    def __init__(
        self,
        neutral: np.ndarray,
        core: np.ndarray,
        moved: np.ndarray,
        axes: Callable[[np.ndarray], np.ndarray] = lambda vectors: vectors,
    ) -> None:
        """neutral (V, 3), core (n + 1, n_exp + 1, V, 3) and moved (n_exp, V) as in `FaceModel`; axes turns (..., 3)
        into the axes and units that are wanted. Each table is made when it is first asked for."""
        self._neutral, self._core, self._moved, self._axes = neutral, core, moved, axes

    def rest(self, identity: np.ndarray) -> np.ndarray:
        """(n,) -> (V, 3) float32."""
        return contract_in_turn(self._rest, np.asarray(identity, np.float32))

    def deltas(self, identity: np.ndarray) -> np.ndarray:
        """(n,) -> (n_exp, V, 3) float32: what each expression at 1 adds."""
        moving = np.flatnonzero(identity)
        if "_deltas" not in self.__dict__ and len(moving) <= _FEW:
            # The first face of a session should not wait for a table that only dragging needs.
            core = self._core[np.concatenate([[0], moving + 1]), 1:]
            return self._axes(contract(core, np.asarray(identity)[moving])).astype(np.float32, copy=False)
        places, table = self._deltas
        result = np.zeros((*self._moved.shape, 3), np.float32)
        result.reshape(-1)[places] = contract(table, identity)
        return result

    def some_deltas(self, identity: np.ndarray, expressions: Sequence[int]) -> np.ndarray:
        """(n,) -> (len(expressions), V, 3) float32: `deltas` of these alone, at their share of its cost."""
        if not len(expressions):
            return np.zeros((0, self._moved.shape[1], 3), np.float32)
        if "_deltas" not in self.__dict__:
            moving = np.flatnonzero(identity)
            core = self._core[np.ix_(np.concatenate([[0], moving + 1]), np.asarray(expressions, np.int64) + 1)]
            return self._axes(contract(core, np.asarray(identity)[moving])).astype(np.float32, copy=False)
        places, table = self._deltas
        size = 3 * self._moved.shape[1]
        result = np.zeros((len(expressions), size), np.float32)
        for row, k in zip(result, expressions, strict=True):
            first, last = np.searchsorted(places, (k * size, (k + 1) * size))
            row[places[first:last] - k * size] = contract_in_turn(table[:, first:last], identity)
        return result.reshape(len(expressions), -1, 3)

    def prepare(self) -> None:
        """Make the tables now, from any thread: the next `deltas` is quick."""
        _ = self._rest, self._deltas

    @cached_property
    def _rest(self) -> np.ndarray:
        rest = np.concatenate([self._neutral[None], self._core[1:, 0].astype(np.float32)])
        return self._axes(rest).astype(np.float32, copy=False)

    @cached_property
    def _deltas(self) -> tuple[np.ndarray, np.ndarray]:
        """Flat places in (n_exp, V, 3) that some identity moves, and (n + 1, places) float32: the core there."""
        places = np.flatnonzero(np.repeat(self._moved, 3))
        table = np.empty((len(self._core), len(places)), np.float32)
        for row, component in zip(table, self._core[:, 1:], strict=True):
            row[:] = self._axes(component.reshape(-1)[places].reshape(-1, 3).astype(np.float32)).reshape(-1)
        return places, table
