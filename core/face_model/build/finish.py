"""Last touches on the finished mesh, the same for everyone: a rounded hem where the neck is cut, ears that lie closer
to the head above and below, where the base mesh's stand off as boxes do, and the skull's breadth and length.

All are linear: the hem's vertices become fixed mixtures of the neck's loops (rows sum to 1, so that what an expression
adds is mixed alike), the ears get a constant shift, the skull is scaled. Number and order of vertices stay.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from .head import Head
from .skull import Skull
from .smooth import ramp

# From the cut upwards, what a loop's vertices become: shares of the loops 0, 1, 2 ... above each other, the last of the
# middle of the cut. The outermost loop turns in and up, so that a subdivided neck ends round.
_HEM: tuple[tuple[tuple[float, ...], float], ...] = (
    ((0.20, 0.62), 0.18),
    ((0.22, 0.70), 0.08),
    ((0.0, 0.31, 0.66), 0.03),
    ((0.0, 0.0, 0.18, 0.82), 0.0),
)
_EAR_FROM_MM, _EAR_TO_MM = 67.0, 75.0
"""How far from the middle an ear begins, and where it is moved whole."""
_LOBE_MM, _TOP_MM = 7.0, 4.5
"""How much nearer to the head the lobe's lower and the ear's upper end come."""


class Finish:
    """mean: (V, 3) mm, the mean adult's finished mesh."""

    def __init__(self, head: Head, mean: np.ndarray) -> None:
        self.loops = neck_loops(head, mean, len(_HEM))
        self.shift = _ears(head, mean)
        self.skull = Skull(head, mean)

    def rest(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) mm at rest, finished."""
        return self.skull.rest(self._hemmed(vertices)) + self.shift

    def mixed(self, vertices: np.ndarray) -> np.ndarray:
        """(..., V, 3): hem and skull alone; for what components and expressions add."""
        return self.skull.mixed(self._hemmed(vertices))

    def _hemmed(self, vertices: np.ndarray) -> np.ndarray:
        loops = vertices[..., self.loops, :].astype(np.float32)
        middle = loops[..., 0, :, :].mean(-2, keepdims=True)
        result = vertices.copy()
        for loop, (shares, to_middle) in zip(self.loops, _HEM, strict=True):
            mixed = np.einsum("k,...kvc->...vc", np.array(shares, np.float32), loops[..., : len(shares), :, :])
            result[..., loop, :] = mixed + to_middle * middle
        return result


def neck_loops(head: Head, mean: np.ndarray, count: int) -> np.ndarray:
    """(count, n) vertices: the edge loop where the neck is cut, and those above it; columns run up the neck."""
    neighbours: dict[int, set[int]] = defaultdict(set)
    uses: Counter[frozenset[int]] = Counter()
    for face in head.faces[(head.faces < head.n_skin).all(1)].tolist():
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            neighbours[a].add(b)
            neighbours[b].add(a)
            uses[frozenset((a, b))] += 1
    border = {v for edge, faces in uses.items() if faces == 1 for v in edge}
    below = mean[head.groups["head"], 1].min()
    loops = [np.array(sorted(v for v in border if mean[v, 1] < below))]
    seen = set(loops[0].tolist())
    for _ in range(count - 1):
        # Of a vertex's neighbours in a grid of quads one lies above it: the one that is new.
        loops.append(np.array([next(iter(neighbours[v] - seen)) for v in loops[-1]]))
        seen |= set(loops[-1].tolist())
    return np.stack(loops)


def _ears(head: Head, mean: np.ndarray) -> np.ndarray:
    """(V, 3) mm that ears are moved by."""
    shift = np.zeros_like(mean)
    skin = mean[: head.n_skin]
    ear = ramp(np.abs(skin[:, 0]), _EAR_FROM_MM, _EAR_TO_MM)
    y = skin[:, 1]
    inwards = _LOBE_MM * ramp(-y, 0.0, 36.0) + _TOP_MM * ramp(y, 6.0, 22.0)
    # The neck's sides are as far from the middle as ears.
    ear = ear * (y > -45.0)
    shift[: head.n_skin, 0] = -np.sign(skin[:, 0]) * ear * inwards
    return shift
