"""The lining of the eyes' sockets, which nobody sees: a blink must not push it out through the lids.

The lids slide over the eyeball, and behind them lies skin that lines the socket. On people with large or flat eyes a
shut upper lid dips behind it, and its back shows as a hole over the lashes. So the default model's lining lies as far
back as the shut lids of many random people need (`whole`): half of them had holes, of up to .35 mm in depth. Where a
photo's field has moved the lids (core/photo/fit/field.py) it is moved further for that person, as a part of the
corrective shape (seven of ten odd portraits had holes of up to 23 mm2).
"""

from __future__ import annotations

import numpy as np

from ..geometry.rasteriser import rasterise
from .model import FaceModel
from .sampling import random_identity

_REACH_MM = 35.0
"""How far from the middle of an eye its socket's skin lies at most."""
_BEHIND_MM, _MOST_MM = 0.5, 6.0
"""How far behind the shut lids the lining has to lie; no vertex moves farther than the second."""
_PIXELS = 3.0
"""Per mm, of the front view that this is looked at in."""
_ROUNDS = 2
_AWAY_MM = 1000.0
_FIRST_PERSON = 500_000
"""The seed of the first of those random people."""
_EYES = (("eye_left", "eyeBlinkLeft"), ("eye_right", "eyeBlinkRight"))


class UnseenSockets:
    """One face model's, ready for any number of fits."""

    def __init__(self, model: FaceModel) -> None:
        """In a model without named skin, eyes or blinks nothing moves."""
        self.model = model
        self.blink = np.zeros(model.n_exp, np.float32)
        self.eyes: list[tuple[np.ndarray, np.ndarray]] = []
        if "skin" not in model.material_names:
            return
        skin = model.face_material == list(model.material_names).index("skin")
        unpainted = skin & (model.faces_detail_uv < 0).all(1)
        painted = np.unique(model.faces[skin & ~unpainted])
        middles = model.neutral[np.maximum(model.faces[:, :3], 0)].mean(1)
        for eye, blink in _EYES:
            if eye not in model.vertex_groups or blink not in model.expression_names:
                continue
            self.blink[model.expression_names.index(blink)] = 1.0
            middle = model.neutral[model.vertex_groups[eye]].mean(0)
            near = skin & (np.linalg.norm(middles - middle, axis=1) < _REACH_MM)
            inner, outer = (_triangles(model.faces[near & these]) for these in (unpainted, ~unpainted))
            # Vertices that the lining shares with the lids' rims stay.
            self.eyes.append((inner[~np.isin(inner, painted).all(1)], outer))
        self.still = painted

    def of(self, identity: np.ndarray, corrective: np.ndarray) -> np.ndarray:
        """(n_id,) as fitted, (V, 3) mm of the corrective shape -> (V, 3) float32 mm that are added to it."""
        moved = np.zeros_like(self.model.neutral, dtype=np.float32)
        if not self.eyes:
            return moved
        shut = self.model.vertices(identity.astype(np.float32), self.blink) + corrective
        for _ in range(_ROUNDS):
            for inner, outer in self.eyes:
                moved[:, 2] -= self._through(shut + moved, inner, outer)
        moved[:, 2] = np.maximum(moved[:, 2], -_MOST_MM)
        return moved

    def _through(self, shut: np.ndarray, inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
        """(V,) mm: by how much a socket's triangles (T, 3) are not _BEHIND_MM behind the lids', seen from the front."""
        places = shut[np.unique(outer)]
        low, high = places[:, :2].min(0), places[:, :2].max(0)
        size = (int(np.ceil((high[0] - low[0]) * _PIXELS)) + 1, int(np.ceil((high[1] - low[1]) * _PIXELS)) + 1)
        pixels, away = (shut[:, :2] - low) * _PIXELS, _AWAY_MM - shut[:, 2].astype(float)
        lids, weights = rasterise(pixels, away, outer, size)
        lining, inside = rasterise(pixels, away, inner, size)
        both = (lids >= 0) & (lining >= 0)
        before = (weights[both] * away[outer[lids[both]]]).sum(1) - (inside[both] * away[inner[lining[both]]]).sum(1)
        needed: np.ndarray = np.zeros(len(shut))
        for corner in range(3):
            np.maximum.at(needed, inner[lining[both], corner], before + _BEHIND_MM)
        needed[self.still] = 0.0
        return needed


def whole(model: FaceModel, people: int = 60) -> np.ndarray:
    """(V, 3) float32 mm that are added to everybody's: what so many random people's shut lids need."""
    sockets, nothing = UnseenSockets(model), np.zeros_like(model.neutral)
    seeds = range(_FIRST_PERSON, _FIRST_PERSON + people)
    moved = [sockets.of(random_identity(model, seed), nothing) for seed in seeds]
    return np.asarray(np.min(moved, axis=0), np.float32)


def _triangles(faces: np.ndarray) -> np.ndarray:
    """(F, 4), -1 in a triangle's last place -> (T, 3)."""
    return np.concatenate([faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])
