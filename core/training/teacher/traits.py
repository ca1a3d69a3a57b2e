"""What an identity's coefficients say about its skin: age, proneness to wrinkles, pores, where its lines lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...face_model.checks import age_regression
from ...face_model.model import FaceModel

FAMILIES = (
    "forehead", "glabella", "crows_feet", "under_eye", "upper_lid", "nose_bridge", "nasolabial", "marionette",
    "dimple", "chin", "perioral", "cheek",
)  # fmt: skip
SKIN = ("pores", "net", "relief", "lip_lines", "hatch", "fine_wrinkles")


@dataclass(frozen=True)
class Traits:
    """One identity's skin."""

    years: float
    """Apparent age, 16 to 92."""
    depth: dict[str, float]
    """Family -> factor about 1 on the depth of its wrinkles."""
    skin: dict[str, float]
    """Texture -> factor about 1."""
    shift: np.ndarray
    """(families, 2): how far a family's lines lie from their mean place, about -1 to 1: parallel, and tilted."""
    lines: np.ndarray
    """(16,) factors about 1 that let single lines of a family come and go."""
    layout: float
    """-1 to 1: between the two layouts of pores."""
    moles: np.ndarray
    """(2,) 0 to 1: how far each of the two sets of moles is there."""

    @property
    def age(self) -> float:
        """0 at 18, 1 at 85; smooth."""
        return float(np.clip((self.years - 18.0) / 67.0, -0.03, 1.1))


class TraitMap:
    """Identity coefficients -> Traits; every trait is a smooth, bounded function of one direction in identity space.

    The age direction comes with the face model (`metadata["semantics"]`: a linear regression of the sampled ages on the
    coefficients). A model without one (a foreign one) gets a seeded random direction: then "age" is a trait of the
    teacher alone and does not follow the geometry.
    """

    def __init__(self, model: FaceModel, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, 71])
        n = model.n_id
        # Leading components change the face most: skin that follows them is easier to learn and to steer.
        decay = 1.0 / np.sqrt(1.0 + np.arange(n) / 6.0)

        def direction() -> np.ndarray:
            weights = rng.standard_normal(n) * decay
            return (weights / np.linalg.norm(weights)).astype(np.float32)

        self._depth = np.stack([direction() for _ in FAMILIES])
        self._skin = np.stack([direction() for _ in SKIN])
        self._shift = np.stack([[direction(), direction()] for _ in FAMILIES])
        self._lines = np.stack([direction() for _ in range(16)])
        self._layout = direction()
        self._moles = np.stack([direction() for _ in range(2)])
        known = age_regression(model)
        self._age: np.ndarray
        self._age, self._age_mean = (direction() * 18.0, 45.0) if known is None else known

    def __call__(self, identity: np.ndarray) -> Traits:
        """(n_id,) -> Traits."""
        identity = np.asarray(identity, np.float32)
        # A soft limit instead of a clip: the map stays smooth beyond 2 sigma.
        years = 54.0 + 40.0 * np.tanh((self._age_mean + float(self._age @ identity) - 54.0) / 40.0)
        factor = lambda directions, spread: 1.0 + spread * np.tanh(0.8 * (directions @ identity))  # noqa: E731
        return Traits(
            years=float(years),
            depth=dict(zip(FAMILIES, factor(self._depth, 0.3).tolist(), strict=True)),
            skin=dict(zip(SKIN, factor(self._skin, 0.35).tolist(), strict=True)),
            shift=np.tanh(0.7 * (self._shift @ identity)),
            lines=factor(self._lines, 0.55),
            layout=float(np.tanh(0.9 * (self._layout @ identity))),
            moles=0.5 + 0.5 * np.tanh(1.1 * (self._moles @ identity) - 0.4),
        )
