"""What a person makes of the creases: which are there, how deep, how broken, and where within 1.5 mm.

Every factor is smooth in the skin components. Lines come and go and change places by crossfading between fixed ones;
only forehead, glabella and crow's feet move besides, by 1.5 mm at most: how far a line may move is what a network finds
hardest to learn, and a lid's crease that moves leaves a bulge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .crease import Crease
from .layouts import Layouts
from .traits import FAMILIES, Traits

NODES = 9
"""Places along a crease at which depth and shift are given."""
MAX_SHIFT_MM = 1.5
MOVING = ("forehead", "glabella", "crows_feet")
_DEPTH = {
    "forehead": "Forehead lines", "glabella": "Frown lines", "crows_feet": "Crow's feet",
    "under_eye": "Under-eye lines", "nose_bridge": "Frown lines", "nasolabial": "Nasolabial folds",
    "marionette": "Marionette lines", "dimple": "Cheek lines", "cheek": "Cheek lines", "chin": "Chin creases",
    "perioral": "Lip lines",
}  # fmt: skip
"""Family -> the component that scales its depth; the upper lid's crease has none."""
_OF_PATTERNS = np.array([1.0, 1.0, 1.0, 0.75, 0.75, 0.75, 0.75])
"""How much the line patterns and the skin patterns say about single lines."""
_ABOVE = np.array([0.0, 0.5, 0.0, 0.0, -0.5, 0.7, 0.0])
_CLEFT = np.array([0.5, 0.0, -0.5, 0.5, 0.0, 0.0, 0.5])
"""Which way in the patterns the lines above the lips are deeper, and which way the chin is cleft."""
_MEAN_DEPTH = 1.0
"""Makes up for the factors below, most of which are under 1 for most lines."""


@dataclass(frozen=True)
class CreaseFactors:
    """Of one person: depth (creases, NODES) factors, shift (creases, NODES) mm across, onset (creases,) in age."""

    depth: np.ndarray
    shift: np.ndarray
    onset: np.ndarray


class PersonLines:
    """Traits -> CreaseFactors, for one list of creases."""

    def __init__(self, items: Sequence[Crease], seed: int) -> None:
        rng = np.random.default_rng([seed, 43])
        n = len(items)
        self._family = np.array([FAMILIES.index(c.family) for c in items])
        self._role = np.array([c.role for c in items])
        self._place = np.array([c.place for c in items], np.float32)
        self._side = np.array([-1.0 if c.mirrored else 1.0 for c in items], np.float32)
        middle = np.array([abs(float(c.points[:, 0].mean()) - 0.5) < 0.03 for c in items])
        # +1 left, -1 right, 0 across the middle; families lean to a side of their own.
        lean = rng.choice([-1.0, 1.0], len(FAMILIES))[self._family]
        self._lean = np.where(middle, 0.0, self._side * lean).astype(np.float32)
        self._moving = np.isin(self._family, [FAMILIES.index(f) for f in MOVING])[:, None]

        def shared(width: int, share: float) -> np.ndarray:
            """(n, width, 7) unit vectors that a line and its mirror image share by so much."""
            pairs = rng.standard_normal((max(c.number for c in items) + 1, width, 7)) * _OF_PATTERNS
            own = rng.standard_normal((n, width, 7)) * _OF_PATTERNS
            drawn = share * pairs[[c.number for c in items]] + np.sqrt(1.0 - share**2) * own
            return (drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).astype(np.float32)

        self._line = shared(1, 0.9)[:, 0]
        self._nodes = shared(NODES, 0.8)
        self._shift = shared(2, 0.85)
        self._layouts = Layouts(items, seed)
        # Where a broken line is interrupted: one or two smooth gaps along it.
        along = np.linspace(0, 1, NODES)
        gaps = np.zeros((n, NODES))
        for row in gaps:
            for centre in rng.uniform(0.1, 0.9, 2):
                row += np.exp(-0.5 * ((along - centre) / 0.09) ** 2)
        self._gaps = np.minimum(gaps, 1.0).astype(np.float32)

    def __call__(self, traits: Traits) -> CreaseFactors:
        """Depth factors and shifts of one person."""
        pattern = traits.patterns
        family_depth = np.array(
            [traits.factor(_DEPTH[f], 1.0) if f in _DEPTH else traits.factor("Line pattern 1", 0.3) for f in FAMILIES]
        )
        onset = np.array([-0.16 * traits.bent(_DEPTH[f]) if f in _DEPTH else 0.0 for f in FAMILIES])
        # The lid's crease is there on both sides; elsewhere lines come and go.
        spread = np.where(self._family == FAMILIES.index("upper_lid"), 0.3, 1.05)
        line = np.exp(spread * np.tanh(0.8 * (self._line @ pattern)))
        line *= np.exp(0.45 * traits.bent("Asymmetry") * self._lean)
        depth = _MEAN_DEPTH * family_depth[self._family] * line * self._presence(traits) * self._layouts(traits)
        nodes = 1.0 + 0.45 * np.tanh(0.8 * (self._nodes @ pattern))
        nodes = nodes * self._along(traits)
        return CreaseFactors(
            (depth[:, None] * nodes).astype(np.float32),
            self._shifts(traits, pattern).astype(np.float32),
            onset[self._family].astype(np.float32),
        )

    def _presence(self, traits: Traits) -> np.ndarray:
        """(creases,) 0 to 1: which lines of a family this person has."""
        role, there = self._role, np.ones(len(self._role))
        # Forehead: a window over the places, wide for many lines.
        count, height = traits.bent("Forehead line count"), traits.bent("Forehead line height")
        forehead = np.exp(-0.5 * ((self._place - 0.42 - 0.3 * height) / (0.30 * np.exp(0.6 * count))) ** 2)
        broken = _sigmoid(1.6 * traits.values["Forehead line breaks"] - 0.6)
        there = np.where(role == "long", forehead, there)
        there = np.where(role == "short", forehead * (0.35 + 1.4 * broken), there)
        # Glabella: one line, the "11", oblique ones, the transverse one of the nose's root.
        pair = traits.values["Frown pattern"]
        slant = traits.values["Frown slant"]
        there = np.where(role == "pair", _sigmoid(2.0 * (pair + 0.5)), there)
        there = np.where(role == "single", _sigmoid(-2.2 * (pair + 0.3)), there)
        there = np.where(role == "slanted", _sigmoid(1.8 * (slant - 0.1)), there)
        there = np.where(role == "root", _sigmoid(-1.6 * (slant - 0.1)), there)
        # Crow's feet: a window over the fan's angles.
        centre = 4.0 + 26.0 * traits.bent("Crow's feet angle")
        width = 24.0 * np.exp(0.5 * traits.bent("Crow's feet count"))
        fan = np.exp(-0.5 * ((self._place - centre) / width) ** 2)
        there = np.where((role == "foot") | (role == "fine_foot"), fan, there)
        fine = 0.4 + 1.2 * _sigmoid(1.6 * traits.values["Crow's feet count"])
        there = np.where(role == "fine_foot", fan * fine, there)
        # Lip lines: more above the mouth on some, more below it on others.
        above = np.exp(0.7 * np.tanh(float(_ABOVE @ traits.patterns)) * self._place)
        there = np.where(role == "radial", above, there)
        # A cleft chin is the exception.
        return np.where(role == "cleft", _sigmoid(2.6 * float(_CLEFT @ traits.patterns) - 2.6), there)

    def _along(self, traits: Traits) -> np.ndarray:
        """(creases, NODES): lengths and breaks."""
        s = np.linspace(0, 1, NODES)
        broken = _sigmoid(1.6 * traits.values["Forehead line breaks"] - 0.6)
        role = self._role[:, None]
        result = np.where((role == "long") | (role == "short"), 1.0 - 0.85 * broken * self._gaps, 1.0)
        # Long lines reach the temples on some, the middle alone on others.
        reach = 0.85 - 0.35 * traits.bent("Forehead line breaks")
        ends = _sigmoid((reach - np.abs(2.0 * s - 1.0)) / 0.12)
        result = np.where(role == "long", result * ends, result)
        feet = _sigmoid((0.62 + 0.4 * traits.bent("Crow's feet length") - s) / 0.12)
        result = np.where((role == "foot") | (role == "fine_foot"), result * feet, result)
        fold = _sigmoid((0.72 + 0.35 * traits.bent("Nasolabial length") - s) / 0.1)
        return np.where(role == "path", result * fold, result)

    def _shifts(self, traits: Traits, pattern: np.ndarray) -> np.ndarray:
        """(creases, NODES) mm, at most MAX_SHIFT_MM; up on both sides of the face."""
        s = np.linspace(-1, 1, NODES)
        own = np.tanh(0.7 * (self._shift @ pattern))
        forehead = self._family == FAMILIES.index("forehead")
        common = np.where(forehead, 0.55 * traits.bent("Forehead line height", 1.2), 0.0)
        shift = common[:, None] + 0.5 * own[:, :1] + 0.4 * own[:, 1:] * s
        return np.where(self._moving, shift * self._side[:, None], 0.0)


def _sigmoid(x: np.ndarray | float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.asarray(x, float)))
