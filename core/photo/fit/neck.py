"""The neck of a woman or a man, of which no landmark speaks.

A fit finds the identity by the face. Its neck comes along with whatever components the landmarks ask for: over 60
portraits for calibration its width over the face's lay .38 standard deviations under the model's mean for women and
.56 over it for men, where the model's own people have .89 and .79. What a photo does not show gets the mean of those
that it may be: the component "Masculine" alone moves the neck, by how sure the sex is. The model's means would take
-.5 of it for women and .24 for men; -.8 and .2 were chosen by eye on portraits whose neck is free, where women's are
narrower than the model's. It is a part of the corrective shape. Hair, collars and a stout neck are not looked at.
"""

from __future__ import annotations

import numpy as np

from ...face_model.model import FaceModel

_LABEL = "Masculine"
_SURE = 2.8
"""How fast the sex gets sure with the slider: half the difference of women's and men's means over their variance."""
_MIDDLE, _HALF = -0.3, 0.5
"""Standard deviations of the component: the neck's shift where the sex is open, and by how much a man's is more."""
_ABOVE_MM, _BELOW_MM, _JAW_MM = 10.0, 30.0, 15.0
"""Heights over and under the chin between which the neck begins; how far around the jaw nothing moves."""


class UnseenNeck:
    """One face model's, ready for any number of fits."""

    def __init__(self, model: FaceModel) -> None:
        """A model without the component, or without a jaw among its landmarks, has no such neck: nothing moves."""
        self.number = model.identity_labels.index(_LABEL) if _LABEL in model.identity_labels else None
        self.change = np.zeros_like(model.neutral, dtype=np.float32)
        jaw = model.landmarks68[:17]
        if self.number is None or jaw.min() < 0:
            return
        rest = np.asarray(model.neutral, float)
        under = np.clip((rest[jaw[8], 1] + _ABOVE_MM - rest[:, 1]) / (_ABOVE_MM + _BELOW_MM), 0, 1)
        apart = np.full(len(rest), np.inf)
        for point in rest[jaw]:
            np.minimum(apart, ((rest - point) ** 2).sum(1), out=apart)
        share = under**2 * (3 - 2 * under) * (1 - np.exp(-apart / _JAW_MM**2))
        self.change = (share[:, None] * np.asarray(model.core[1 + self.number, 0], float)).astype(np.float32)

    def of(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) as fitted -> (V, 3) float32 mm that are added to the vertices."""
        if self.number is None:
            return self.change
        return np.asarray(self.change * (_MIDDLE + _HALF * np.tanh(_SURE * identity[self.number])), np.float32)
