"""The skull over a face, of which no landmark speaks: hair hides it, and a fit does not look at outlines.

A fit finds the identity by the face, and the skull comes along with whatever components the landmarks ask for: now and
then as a cone. What a photo does not show gets the mean skull instead, as broad as the face and as large as it, most of
the way. It is a part of the corrective shape. A skull that a photo does show, of a bald head, is not looked at either.
"""

from __future__ import annotations

import numpy as np

from ...face_model.model import FaceModel

_SHARE = 0.7
"""How far the fitted skull goes to the mean one."""
_BROW_MM = (8.0, 60.0)
"""Heights over the brows between which the skull begins."""
_EARS_MM = (5.0, 50.0)
"""How far behind the ears' front the same."""
_NAPE_MM = (-45.0, 0.0)
"""Heights over the eyes between which the back of the head rises from the neck."""


class UnseenSkull:
    """One face model's, ready for any number of fits."""

    def __init__(self, model: FaceModel) -> None:
        """In a model whose mesh has no named skin, or no landmarks at jaw, brows and eyes, nothing moves."""
        self.model, self.share = model, np.zeros(0)
        marks = model.landmarks68
        names = list(model.material_names)
        if marks.min() < 0 or "skin" not in names:
            return
        rest = np.asarray(model.neutral, float)
        skin = np.unique(model.faces[model.face_material == names.index("skin")])
        eyes, brows = rest[marks[36:48], 1].mean(), rest[marks[17:27], 1].max()
        sides = rest[marks[[0, 16]], 2].mean()
        over = _smooth(rest[:, 1] - brows, *_BROW_MM)
        behind = _smooth(sides - rest[:, 2], *_EARS_MM) * _smooth(rest[:, 1] - eyes, *_NAPE_MM)
        share = np.zeros(len(rest))
        share[skin] = (1 - (1 - over) * (1 - behind))[skin]
        self.share = _SHARE * share
        # Where the skull begins both are to agree.
        self.rim = skin[(share[skin] > 0.02) & (share[skin] < 0.5)]

    def of(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) as fitted -> (V, 3) float32 mm that are added to the vertices."""
        if not self.share.any():
            return np.zeros_like(self.model.neutral, dtype=np.float32)
        mean = np.asarray(self.model.neutral, float)
        fitted = np.asarray(self.model.neutral_of(identity.astype(np.float32)), float)
        size, breadth = self._size(fitted) / self._size(mean), self._breadth(fitted) / self._breadth(mean)
        usual = mean * np.array([breadth, size, size])
        usual += (fitted[self.rim] - usual[self.rim]).mean(0) * np.array([0.0, 1.0, 1.0])
        return np.asarray(self.share[:, None] * (usual - fitted), np.float32)

    def _breadth(self, vertices: np.ndarray) -> float:
        marks = self.model.landmarks68
        return float(np.ptp(vertices[marks[[0, 16]], 0]))

    def _size(self, vertices: np.ndarray) -> float:
        """Geometric mean of the face's breadth, its height and how far its eyes are apart."""
        marks = self.model.landmarks68
        eyes = [vertices[marks[36 + 6 * k : 42 + 6 * k]].mean(0) for k in (0, 1)]
        height = (eyes[0][1] + eyes[1][1]) / 2 - vertices[marks[8], 1]
        return float((self._breadth(vertices) * height * np.linalg.norm(eyes[1] - eyes[0])) ** (1 / 3))


def _smooth(x: np.ndarray, start: float, stop: float) -> np.ndarray:
    """0 up to `start`, 1 from `stop` on, without a corner."""
    t = np.clip((x - start) / (stop - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
