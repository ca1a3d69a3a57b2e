"""Which of a family's layouts a person has: each lies between fixed ones, mostly near one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .crease import Crease
from .traits import Traits

_SHARP = 2.3
"""How decided people are: at 0 everybody would have all layouts alike."""
_BENT = 0.9
"""Part of the choice that is not monotonic in the patterns: people whose sliders have the same signs differ, too."""
_ONE_SIDED = 0.35
"""How far asymmetry parts the two sides' choices."""
_LEADS = {"nasolabial": ("Nasolabial angle", (-1.3, 1.0, -0.2, 0.5))}
"""Family -> a component that has a say of its own, and how it counts for each layout."""


class Layouts:
    """Traits -> (creases,) 0 to 1: a family's layouts share a person on a sphere, so that depth stays between them.
    Creases without a course are 1. Smooth in the seven patterns."""

    def __init__(self, items: Sequence[Crease], seed: int) -> None:
        rng = np.random.default_rng([seed, 53])
        self._families: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        self._count = len(items)
        for family in sorted({c.family for c in items if c.course is not None}):
            # A family's roles choose alike; what has no course is everybody's.
            place = np.array([k for k, c in enumerate(items) if c.family == family and c.course is not None])
            course = np.array([items[k].course for k in place])
            middle = np.array([abs(float(items[k].points[:, 0].mean()) - 0.5) < 0.03 for k in place])
            side = np.where(middle, 0.0, [-1.0 if items[k].mirrored else 1.0 for k in place])
            width = int(course.max()) + 1
            straight = np.linalg.qr(rng.standard_normal((7, 7)))[0][:width]
            bent = np.linalg.qr(rng.standard_normal((7, 7)))[0][:width]
            phase, lean = rng.uniform(0, 2 * np.pi, width), rng.standard_normal(width)
            self._families.append((family, place, course, side, straight, np.column_stack([bent, phase]), lean))

    def __call__(self, traits: Traits) -> np.ndarray:
        """(creases,) of one person."""
        result = np.ones(self._count)
        patterns = traits.patterns
        for family, place, course, side, straight, bent, lean in self._families:
            score = straight @ patterns + _BENT * np.sin(1.8 * (bent[:, :-1] @ patterns) + bent[:, -1])
            if family in _LEADS:
                label, counts = _LEADS[family]
                score = score + traits.bent(label) * np.array(counts)
            for s in (-1.0, 0.0, 1.0):
                here = side == s
                share = np.exp(_SHARP * (score + s * _ONE_SIDED * traits.bent("Asymmetry") * lean))
                share = share / np.linalg.norm(share)
                result[place[here]] = share[course[here]]
        return result
