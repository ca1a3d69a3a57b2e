"""What an identity's coefficients say about its skin: age by the shape, everything else by the skin components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...face_model import skin_components
from ...face_model.checks import age_regression
from ...face_model.model import FaceModel

FAMILIES = (
    "forehead", "glabella", "crows_feet", "under_eye", "upper_lid", "nose_bridge", "nasolabial", "marionette",
    "dimple", "chin", "perioral", "cheek",
)  # fmt: skip
PATTERNS = (
    "Line pattern 1", "Line pattern 2", "Line pattern 3", "Skin pattern 1", "Skin pattern 2", "Skin pattern 3",
    "Skin pattern 4",
)  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """One identity's skin."""

    years: float
    """Apparent age, 14 to 94."""
    values: dict[str, float]
    """Label of a skin component (`face_model.skin_components`) -> standard deviations."""

    @property
    def age(self) -> float:
        """0 at 18, 1 at 85; smooth."""
        return float(np.clip((self.years - 18.0) / 67.0, -0.03, 1.1))

    def bent(self, label: str, steepness: float = 0.8) -> float:
        """A component, bounded smoothly to -1 to 1."""
        return float(np.tanh(steepness * self.values[label]))

    def factor(self, label: str, spread: float = 0.8) -> float:
        """A component as a factor with geometric mean 1, exp(-spread) to exp(spread)."""
        return float(np.exp(spread * self.bent(label)))

    @property
    def patterns(self) -> np.ndarray:
        """(7,): which lines are deep, and which layouts of lines, relief, pores and moles a person has."""
        return np.array([self.values[label] for label in PATTERNS], np.float32)


class TraitMap:
    """Identity coefficients -> Traits.

    The age direction comes with the face model (`metadata["semantics"]`: a linear regression of the sampled ages on the
    coefficients). A model without one (a foreign one) gets a seeded random direction: then "age" is a trait of the
    teacher alone and does not follow the geometry. A model without skin components gets a seeded direction among its
    shape components for each of them.
    """

    def __init__(self, model: FaceModel, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, 71])
        n = model.n_id
        # Leading components change the face most: skin that follows them is easier to learn and to steer.
        decay = 1.0 / np.sqrt(1.0 + np.arange(n) / 6.0)

        def direction() -> np.ndarray:
            weights = rng.standard_normal(n) * decay
            return (weights / np.linalg.norm(weights)).astype(np.float32)

        places = skin_components.places(model.identity_labels)
        if places is None:
            self._skin = np.stack([direction() for _ in skin_components.LABELS])
        else:
            self._skin = np.eye(n, dtype=np.float32)[places]
        known = age_regression(model)
        self._age: np.ndarray
        self._age, self._age_mean = (direction() * 18.0, 45.0) if known is None else known

    def __call__(self, identity: np.ndarray) -> Traits:
        """(n_id,) -> Traits."""
        identity = np.asarray(identity, np.float32)
        # A soft limit instead of a clip: the map stays smooth beyond 2 sigma.
        years = 54.0 + 40.0 * np.tanh((self._age_mean + float(self._age @ identity) - 54.0) / 40.0)
        values = (self._skin @ identity).tolist()
        return Traits(float(years), dict(zip(skin_components.LABELS, values, strict=True)))
