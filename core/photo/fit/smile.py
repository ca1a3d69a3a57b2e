"""What a smile in a photo adds to the expression that the landmarks and scores gave.

The networks' scores were learnt to be read on renders (`expectation.py`), and a fit holds the expression near what they
suggest. In photos a score of 1 means more of a smile than that: with all sliders at 0, people who smile in their
portraits had corners of the mouth 1.5 mm higher over the middle of the lips than people who do not, and mouths 2.5 mm
wider. That is nobody's face at rest. The gains below leave 1.0 and 1.5 mm: with more, mouths at rest look sour. They
were measured on 60 portraits for calibration with the default model, and hold for photos alone. What the face shows
does not change: the field (`field.py`), which comes after, closes what is left to the photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

_SCORES = ("mouthSmileLeft", "mouthSmileRight")
_GAINS = {"mouthSmile": 0.24, "mouthLowerDown": 0.2}
"""Of each side's slider, where the score is 1."""


def smiled(expression: np.ndarray, names: Sequence[str], scores: Mapping[str, float], locked: Mapping[int, float]
) -> np.ndarray:  # fmt: skip
    """(n_exp,) as fitted, the sliders' names, the networks' scores -> (n_exp,) with the rest of the smile, within 0 to
    1. Locked sliders stay."""
    smile = float(np.mean([scores.get(name, 0.0) for name in _SCORES]))
    found = expression.copy()
    for k, name in enumerate(names):
        gain = _GAINS.get(name.removesuffix("Left").removesuffix("Right"))
        if gain is not None and k not in locked:
            found[k] = np.clip(found[k] + gain * smile, 0.0, 1.0)
    return found
