"""The 15 visemes of Oculus Lipsync as fixed mixtures of ARKit's keys.

Names and sounds are those of Meta's page "Viseme Reference" (Oculus Lipsync for Unity). The mixtures are ours, written
down from how the sounds are articulated (lips meet for PP, the lower lip reaches the teeth for FF, and so on): a rule,
neither measured nor learnt.
"""

from __future__ import annotations

import numpy as np

from ..face_model.model import FaceModel


def _both(name: str, value: float) -> dict[str, float]:
    return {f"{name}Left": value, f"{name}Right": value}


VISEMES: dict[str, dict[str, float]] = {
    "viseme_sil": {},
    "viseme_PP": {"mouthClose": 0.08, "mouthRollLower": 0.35, "mouthRollUpper": 0.35, **_both("mouthPress", 0.4)},
    "viseme_FF": {"jawOpen": 0.06, "mouthRollLower": 0.55, "mouthShrugUpper": 0.2, **_both("mouthUpperUp", 0.2)},
    "viseme_TH": {"jawOpen": 0.18, "tongueOut": 0.35, **_both("mouthLowerDown", 0.15)},
    "viseme_DD": {"jawOpen": 0.14, **_both("mouthLowerDown", 0.25), **_both("mouthUpperUp", 0.12)},
    "viseme_kk": {"jawOpen": 0.2, **_both("mouthLowerDown", 0.2), **_both("mouthStretch", 0.1)},
    "viseme_CH": {"jawOpen": 0.08, "mouthFunnel": 0.5, **_both("mouthUpperUp", 0.15), **_both("mouthLowerDown", 0.2)},
    "viseme_SS": {"jawOpen": 0.05, **_both("mouthStretch", 0.35), **_both("mouthLowerDown", 0.25),
                  **_both("mouthSmile", 0.1)},
    "viseme_nn": {"jawOpen": 0.1, **_both("mouthLowerDown", 0.2), **_both("mouthStretch", 0.1)},
    "viseme_RR": {"jawOpen": 0.12, "mouthFunnel": 0.3, "mouthPucker": 0.2},
    "viseme_aa": {"jawOpen": 0.55, **_both("mouthLowerDown", 0.2), **_both("mouthUpperUp", 0.1)},
    "viseme_E": {"jawOpen": 0.28, **_both("mouthStretch", 0.25), **_both("mouthSmile", 0.15)},
    "viseme_I": {"jawOpen": 0.16, **_both("mouthSmile", 0.3), **_both("mouthStretch", 0.25)},
    "viseme_O": {"jawOpen": 0.35, "mouthFunnel": 0.55, "mouthPucker": 0.1},
    "viseme_U": {"jawOpen": 0.15, "mouthPucker": 0.65, "mouthFunnel": 0.2},
}  # fmt: skip


def viseme_mixtures(model: FaceModel) -> np.ndarray:
    """(15, n_exp) float32: how much of each of the model's expressions; keys that it lacks are left out."""
    mixtures = np.zeros((len(VISEMES), model.n_exp), np.float32)
    for row, keys in zip(mixtures, VISEMES.values(), strict=True):
        for key, value in keys.items():
            if key in model.expression_index:
                row[model.expression_index[key]] = value
    return mixtures
