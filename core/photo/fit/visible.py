"""What anybody can check in a photo: where its nose, mouth and eyes are.

A fit takes everything that photos' landmarks have in common for the networks' error (`photo_bias.py`): the average
portrait becomes the model's average person. Looked at, most of it is no error. The points lie on the photo's lips, on
the base of its nose and in the corners of its eyes; real people's noses are shorter and narrower than the model's
average, their lips and the corners of their mouths higher. Identities are measured from the average of the portraits,
which tells people apart best; the shape that is shown has to lie on the photo. So the field (`field.py`) that closes
what a fit leaves counts from what is seen:

- lips and base of the nose: the points are right as they are, whatever renders taught;
- wings of the nose: the points lie beside them on the cheek. How far was measured by looking: in portraits the edges
  of the wings lie inside the points, on the model outside;
- eyes: as a whole where they are seen. Between lids and their points lies more than one error (`cues.py`).

A smooth share leads from these to the cheeks, which nothing in a photo marks.
"""

from __future__ import annotations

import numpy as np

_NOSE = (
    1, 2, 4, 19, 20, 48, 60, 64, 75, 94, 97, 98, 102, 129, 240, 250, 278, 290, 294, 305, 326, 327, 331, 358, 460,
)  # fmt: skip
_WINGS = ((129, 102, 48, 64, 98), (358, 331, 278, 294, 327))
"""The subject's right one first, which lies at smaller x in the picture."""
_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
_EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
WING_ERROR = 0.034
"""Eye distances: how far a wing's points lie outside of where the model has them."""
_REACH_MM, _EYE_REACH_MM = 7.0, 9.0


class VisibleFeatures:
    """One face model's, for any number of fits."""

    def __init__(self, places: np.ndarray) -> None:
        """places (468, 3) mm: the landmarks on the face at rest."""
        self.share = _near(places, (*_NOSE, *_LIPS), _REACH_MM)[:, None]
        right, left = (_near(places, wing, _REACH_MM) for wing in _WINGS)
        across = np.where(places[:, 0] < 0, right, -left) * WING_ERROR
        self.wings = np.stack([across, np.zeros(len(places))], 1)
        self.eyes = [(list(eye), _near(places, eye, _EYE_REACH_MM)[:, None]) for eye in _EYES]

    def errors(self, usual: np.ndarray) -> np.ndarray:
        """The landmarks' usual errors of a fit (468, 2), in eye distances in the levelled picture -> those of what is
        seen."""
        seen = usual + self.share * (self.wings - usual)
        for eye, share in self.eyes:
            seen = seen - share * seen[eye].mean(0)
        return seen


def _near(places: np.ndarray, points: tuple[int, ...], reach: float) -> np.ndarray:
    """(468,): 1 at the points, falling off with the distance from the nearest."""
    apart = ((places[:, None] - places[list(points)]) ** 2).sum(2).min(1)
    return np.asarray(np.exp(-apart / reach**2))
