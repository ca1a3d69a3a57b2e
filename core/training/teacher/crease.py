"""One line of the skin: where it runs, how deep it gets, and what deepens it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Drive:
    """An expression that deepens a crease: gain at 1, and a window across the face (centre, width in e; None: all)."""

    expression: str
    gain: float
    centre: float | None = None
    width: float = 0.25


@dataclass(frozen=True)
class Crease:
    """One line of the skin."""

    family: str
    points: np.ndarray
    """(n, 2) control points in the detail UV; a smooth curve runs through them."""
    depth: float
    """Millimetres when fully driven on an old face of mean proneness."""
    width: float
    """Millimetres, standard deviation of the groove's cross-section."""
    rest: float = 0.0
    """Part of `depth` that is there at rest at 85 years."""
    onset: float = 0.35
    """Age (0 at 18 years, 1 at 85) at which the resting line begins."""
    constant: float = 0.0
    """Part of `depth` that is there at rest at any age (lid crease, lip corner)."""
    drives: tuple[Drive, ...] = field(default=())
    fold: float = 0.0
    """-1 to 1: how much higher the side on the curve's left (+) or right (-) bulges: 0 a plain groove."""
    role: str = ""
    """Which of a family's lines: what `person` lets come and go together, or nothing."""
    place: float = 0.0
    """In its role: height on the forehead from 0 to 1, degrees of a crow's foot, above (1) or below (-1) the mouth."""
    course: int | None = None
    """Which of its family's layouts it belongs to: between these a person lies (`layouts`). None: everybody has it."""
    number: int = 0
    """The same for a line and its mirror image."""
    mirrored: bool = False


@dataclass(frozen=True)
class Chart:
    """What a region's lines are drawn with: the landmarks of the subject's left, a scale, and random irregularity."""

    lm: np.ndarray
    """(68, 2) in the detail UV."""
    rng: np.random.Generator

    @property
    def e(self) -> float:
        """The distance of the outer eye corners in the UV."""
        return float(np.linalg.norm(self.lm[45] - self.lm[36]))

    def at(self, point: np.ndarray | tuple[float, float], du: float, dv: float) -> np.ndarray:
        """(2,): a point moved by (du, dv) in units of e."""
        return np.asarray(point) + self.e * np.array([du, dv])

    def wobble(self, n: int, size: float) -> np.ndarray:
        """(n, 2): how control points stray, more across than along."""
        return self.e * size * self.rng.standard_normal((n, 2)) * [0.4, 1.0]
