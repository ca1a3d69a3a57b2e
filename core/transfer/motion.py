"""What a movement of somebody's head is in ARKit's expressions: a rig's controls move the skin, and our keys are laid
against what they move. With numpy alone, since Blender's process has nothing else.

Our expressions are fields of displacements over the person who was fitted to the head, and so over the head itself, at
every vertex whose place in the detail layer is known. Each control is moved by a step both ways, and its fields taken
(`Motion.seen`). A pose is taken for the sum of its controls' fields; the expressions that come nearest to it, none
negative, follow by least squares (`Reading.of`). What a turn of the whole head explains is left out before. A control
alone often moves a spot where an expression moves a region: that is why the sum is explained, and not every control.
Rims of lids and wings of the nose count for more than their few vertices would, and of two explanations the one that
faces make often is taken: corners of a mouth that go up and apart are a smile before they are dimples. Approximate:
fields are linear in the controls each way, and what our keys cannot make is left over. Gaze and tongue move too little
skin and are not found.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry.uv_map import UVMap
from ..photo.fit.points import similarity

_RESOLUTION = 512
_LEAST_WEIGHT, _LEAST_VERTICES = 0.5, 40
_BLIND = ("eyeLook", "tongue")
_RIDGE, _SPARSE = 0.01, 0.03
"""Against large values that cancel, and against small ones everywhere: of the geometric mean of an expression's own
energy and the mean one. The jaw's energy is a hundred times the brows', and by the mean alone, as before, a whole
browOuterUp read .6. Chosen on two Rigify humans."""
_EDGES, _EDGE_WEIGHT = ("eyeBlink", "eyeWide", "noseSneer"), 8.0
"""What tells a blink or a sneer is where the lid's rim or the nose's wing goes, and a rig may move little besides:
there squares count nine times."""
_RARE = (
    "mouthDimple", "mouthPress", "mouthLeft", "mouthRight", "mouthRollUpper", "mouthShrugUpper", "mouthClose",
    "jawForward", "jawLeft", "jawRight", "cheekPuff",
)  # fmt: skip
_RARE_COST = 4.0
"""How many times the mean energy's part their values cost. A rule: on people they go along with others, and seldom
alone."""
_OPPOSED, _OPPOSED_COST = (("mouthLeft", "mouthRight"), ("jawLeft", "jawRight")), 0.1
"""Nobody makes both at once; of the mean energy, for the square of their sum."""
_CARRIES = 0.98
"""A movement of which a turn of the whole head explains more moves the head, not the face."""


@dataclass(frozen=True)
class Reading:
    """What a rig's channels do. names (k,): expressions; gram (k, k) and pull (2, channels, k) float64, mm^2: products
    of the expressions' fields with each other, and with each channel's field for one unit of the channel, forwards
    and backwards, summed over the vertices by how much they count."""

    names: tuple[str, ...]
    gram: np.ndarray
    pull: np.ndarray

    def __post_init__(self) -> None:
        """Raises DnpmError when the arrays do not belong together."""
        k = len(self.names)
        if self.gram.shape != (k, k) or self.pull.ndim != 3 or self.pull.shape[::2] != (2, k):
            raise DnpmError("the rig's measurement is damaged: press Measure Rig again")

    def of(self, values: np.ndarray) -> np.ndarray:
        """values (channels,): how far each is from rest, in its own unit -> (k,) in [0, 1]."""
        matrix, cost = self._penalised
        values = np.asarray(values, np.float64)
        seen = np.maximum(values, 0.0) @ self.pull[0] + np.minimum(values, 0.0) @ self.pull[1]
        return np.minimum(_not_negative(matrix, seen - cost), 1.0)

    @functools.cached_property
    def _penalised(self) -> tuple[np.ndarray, np.ndarray]:
        """(k, k): the gram matrix and what squares cost; (k,): what the values cost."""
        mean = float(np.diag(self.gram).mean())
        own = np.minimum(np.sqrt(mean * np.maximum(np.diag(self.gram), 0.0)), mean)
        dear = np.where([name.startswith(_RARE) for name in self.names], _RARE_COST * mean, own)
        matrix = self.gram + np.diag(_RIDGE * dear)
        for pair in _OPPOSED:
            both = np.array([name in pair for name in self.names], float)
            if both.sum() == len(pair):
                matrix = matrix + _OPPOSED_COST * mean * np.outer(both, both)
        return matrix, _SPARSE * dear


class Motion:
    """Our expressions as fields on one head.

    used (n,) int: the vertices of the head that are looked at; names (k,): of the fields; fields (k, n, 3) in
    millimetres of the model's size, the head's own axes, of each expression at 1; unit: the head's units in such a
    millimetre.
    """

    def __init__(
        self, model: FaceModel, identity: np.ndarray, detail_uv: np.ndarray, weight: np.ndarray, points: np.ndarray
    ) -> None:
        """identity (n_id,): the person fitted to the head; detail_uv (V, 2), v up, and weight (V,): where its vertices
        lie in the detail layer, and how surely; points (V, 3): its vertices at rest, in any unit and axes.

        Raises DnpmError when too few vertices have a place.
        """
        uv = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, _RESOLUTION)
        row = np.clip(((1.0 - detail_uv[:, 1]) * _RESOLUTION).astype(int), 0, _RESOLUTION - 1)
        column = np.clip((detail_uv[:, 0] * _RESOLUTION).astype(int), 0, _RESOLUTION - 1)
        self.used = np.flatnonzero((weight > _LEAST_WEIGHT) & uv.covered[row, column])
        if len(self.used) < _LEAST_VERTICES:
            raise DnpmError(f"only {len(self.used)} vertices of the mesh have a place on the face: too few to tell")
        at = row[self.used], column[self.used]
        corners, share = uv.vertex_triangles[uv.triangle[at]], uv.weights[at].astype(np.float64)
        sheet = np.einsum("nk,nkc->nc", share, model.neutral_of(identity)[corners].astype(np.float64))
        scale, rotation, _ = similarity(sheet, points[self.used].astype(np.float64))
        self.unit = scale
        number = [e for e, name in enumerate(model.expression_names) if not name.startswith(_BLIND)]
        self.names = tuple(model.expression_names[e] for e in number)
        deltas = model.expression_deltas(identity)[number]
        self.fields = np.einsum("nk,enkc->enc", share, deltas[:, corners].astype(np.float64)) @ rotation.T
        self._turns = _rigid(points[self.used].astype(np.float64))
        self._counts = np.repeat(self._edges(), 3)
        self._still = self._without_turns(self.fields.reshape(len(number), -1))

    def _edges(self) -> np.ndarray:
        """(n,): how much a vertex counts: 1, and more by how far a blink, wide eyes or a sneer take it."""
        edges = [name.startswith(_EDGES) for name in self.names]
        if not any(edges):
            return np.ones(len(self.used))
        far = np.linalg.norm(self.fields[edges], axis=2)
        share = (far / np.maximum(far.max(1, keepdims=True), 1e-9)).max(0)
        return 1.0 + _EDGE_WEIGHT * share**2

    def _without_turns(self, flat: np.ndarray) -> np.ndarray:
        """(m, 3 n): what no turn or shift of the whole head explains."""
        return flat - (flat @ self._turns) @ self._turns.T

    def moved_mm(self, field: np.ndarray, share: float = 1.0) -> float:
        """The farthest that a movement (n, 3), in the head's units, takes the skin beside a turn of the whole head;
        share: of the vertices, below what that share of them stays."""
        left = self._without_turns(field.reshape(1, -1)).reshape(-1, 3)
        return float(np.quantile(np.linalg.norm(left, axis=1), share)) / self.unit

    def seen(self, field: np.ndarray, step: float) -> np.ndarray | None:
        """A channel's pull (k,) from the movement (n, 3) that a step of it makes, in the head's units, backwards where
        the step is negative; None for one that moves the head as a whole."""
        flat = field.reshape(1, -1) / (self.unit * step)
        bent = self._without_turns(flat)
        whole = float((flat**2).sum())
        if whole <= 0 or 1.0 - float((bent**2).sum()) / whole > _CARRIES:
            return None
        return (self._still * self._counts) @ bent[0]

    def reading(self, pulls: list[tuple[np.ndarray, np.ndarray]]) -> Reading:
        """Of channels in the order of their pulls (k,), forwards and backwards."""
        table = np.array(pulls, np.float64).reshape(-1, 2, len(self.names)).swapaxes(0, 1)
        return Reading(self.names, (self._still * self._counts) @ self._still.T, table)


def _rigid(points: np.ndarray) -> np.ndarray:
    """(3 n, 6) orthonormal: small turns and shifts of points (n, 3)."""
    arm = points - points.mean(0)
    columns = [np.tile(axis, (len(points), 1)) for axis in np.eye(3)] + [np.cross(axis, arm) for axis in np.eye(3)]
    return np.linalg.qr(np.stack([column.ravel() for column in columns], 1))[0]


def _not_negative(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least squares with values >= 0 (Lawson and Hanson 1974), by the normal equations: (k, k), (k,) -> (k,)."""
    values, free = np.zeros(len(right)), np.zeros(len(right), bool)
    tolerance = 1e-9 * float(np.abs(right).max(initial=0.0))
    for _ in range(3 * len(right)):
        slope = np.where(free, -np.inf, right - matrix @ values)
        best = int(slope.argmax()) if len(slope) else 0
        if not len(slope) or slope[best] <= tolerance:
            break
        free[best] = True
        while free.any():
            kept = np.flatnonzero(free)
            found = np.linalg.solve(matrix[np.ix_(kept, kept)], right[kept])
            if (found > 0).all():
                values[:] = 0.0
                values[kept] = found
                break
            # As far towards it as all stay positive; what reaches zero is held there.
            now, falling = values[kept], found <= 0
            share = float((now[falling] / np.maximum(now[falling] - found[falling], 1e-300)).min())
            values[kept] = now + share * (found - now)
            free[kept[falling & (values[kept] <= 1e-12)]] = False
            values[~free] = 0.0
    return values
