"""Where teeth and tongue lie in a person's mouth: the base mesh's, fitted to what shows between the lips.

The base mesh's arches are narrow where the premolars stand: behind the corner of a smile there would be a hole, which
real mouths fill with teeth (a buccal corridor is a few millimetres wide). And its tongue is a ball that reaches up to
the palate: a jaw that opens would show nothing but tongue.
"""

from __future__ import annotations

import numpy as np

from .smooth import ramp

_TEETH_SCALE, TONGUE_SCALE = np.array([0.83, 1.0, 0.97]), np.array([0.92, 0.8, 0.95])
"""Drawn in: on thin old cheeks they would come through the skin. The tongue lies low, behind the lower teeth."""
# The base mesh's upper incisors end above the lip, so that no teeth would be seen but in a grin. Lips that part at rest
# show two to three millimetres of them (Vig and Brundo 1978); and they stand before the lower ones.
_UPPER_TEETH_MM = np.array([0.0, -2.6, 1.3])
_FORWARD_MM, _ROOT_MM = 4.0, (4.0, 16.0)
"""Both rows: the base mesh's stand 10 mm behind the line where the lips meet, ICT-FaceKit's 4.6; from the side a smile
would show a hole between the teeth and the far corner of the mouth. So far from the biting edge it fades out: the gums
stay where the chin leaves them room, and incisors lean forward a little, as people's do."""
_OUT_MM = {"upper": 3.4, "lower": 1.9}
"""How far out canines and premolars go, measured by the room that the cheeks leave; the upper ones overhang."""
_SINK = 0.5
"""Of the tongue's height over its floor, how much is gone where the jaw is open wide: it is pressed flat."""
_TIP_MM = 16.0
"""The tongue's front, which stays as high as it is."""


def seat_teeth(teeth: np.ndarray, jaw: str) -> np.ndarray:
    """(n, 3) mm of a strip of the base mesh, "upper" or "lower" -> the same in its place."""
    middle = teeth.mean(0)
    placed = middle + _TEETH_SCALE * (teeth - middle)
    behind = placed[:, 2].max() - placed[:, 2]
    # None at the incisors, most from canine to the second premolar, less where the cheek's muscle lies on the molars.
    out = _OUT_MM[jaw] * ramp(behind, 1.0, 12.0) * (1.0 - 0.6 * ramp(behind, 24.0, 40.0))
    placed[:, 0] += np.sign(placed[:, 0] - middle[0]) * out * ramp(np.abs(placed[:, 0] - middle[0]), 2.0, 10.0)
    placed[:, 2] += 0.5 * out * (1.0 - ramp(behind, 6.0, 26.0))
    root = placed[:, 1] - placed[:, 1].min() if jaw == "upper" else placed[:, 1].max() - placed[:, 1]
    placed[:, 2] += _FORWARD_MM * (1.0 - ramp(root, *_ROOT_MM))
    return placed + (_UPPER_TEETH_MM if jaw == "upper" else 0.0)


def tongue_floor(tongue: np.ndarray) -> np.ndarray:
    """(3,) mm: the point that a tongue (n, 3) is scaled about."""
    return np.array([tongue[:, 0].mean(), tongue[:, 1].min(), tongue[:, 2].min()])


def seat_tongue(tongue: np.ndarray) -> np.ndarray:
    """(n, 3) mm of the base mesh's tongue -> the same in its place."""
    floor = tongue_floor(tongue)
    return floor + (tongue - floor) * TONGUE_SCALE


def sunk_tongue(tongue: np.ndarray) -> np.ndarray:
    """(n, 3) mm at rest -> (n, 3) mm that an open jaw adds to it, in the jaw's own frame: its back goes flat, and lies
    in a shallow groove along the middle."""
    floor, tip = tongue_floor(tongue), tongue[:, 2].max()
    height = tongue[:, 1] - floor[1]
    back = ramp(tip - tongue[:, 2], 0.3 * _TIP_MM, 2.2 * _TIP_MM)
    across = np.clip(np.abs(tongue[:, 0] - floor[0]) / (0.5 * np.ptp(tongue[:, 0])), 0.0, 1.0)
    moved = np.zeros_like(tongue)
    moved[:, 1] = -height * back * (_SINK + 0.12 * (1.0 - across**2))
    return moved
