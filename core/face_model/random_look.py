"""Random colours that suit a person's shape, so that random people are not all of one skin, brow and eye colour.

Common combinations, no statistics: a shape of African ancestry has darker skin and eyes, brows of men are wider and
straighter, hair turns grey from 40 on. Drawn after `sampling.py`'s shapes, with a stream of random numbers of its own.
"""

from __future__ import annotations

import numpy as np

from .checks import age_regression
from .looks import IRISES, TONES, TONES_HAIR, Look
from .model import FaceModel

_TONE = 2.1
"""The place in TONES of a person whose ancestry the sliders leave open."""
_BY_ANCESTRY = {"Caucasian": -0.75, "Asian": 0.15, "African": 1.0}
"""Places in TONES by one standard deviation of these sliders."""
_DARK = 3
"""The place in TONES from which eyes and hair are dark."""
_IRISES = (
    {"blue": 0.35, "grey": 0.15, "green": 0.2, "hazel": 0.2, "brown": 0.1},
    {"blue": 0.2, "grey": 0.1, "green": 0.15, "hazel": 0.2, "brown": 0.35},
    {"hazel": 0.2, "brown": 0.5, "dark": 0.3},
    {"hazel": 0.1, "brown": 0.4, "dark": 0.5},
    {"brown": 0.2, "dark": 0.8},
    {"brown": 0.05, "dark": 0.95},
)
_HAIRS: tuple[dict[str, float], ...] = (
    {"blond": 0.35, "red": 0.15, TONES_HAIR: 0.3, "dark_brown": 0.2},
    {"blond": 0.15, "red": 0.05, TONES_HAIR: 0.3, "brown": 0.2, "dark_brown": 0.3},
    {TONES_HAIR: 0.4, "dark_brown": 0.3, "black": 0.3},
    {TONES_HAIR: 0.5, "black": 0.5},
    {TONES_HAIR: 1.0},
    {TONES_HAIR: 1.0},
)
"""From the lightest to the darkest of TONES: how often people have these."""


def random_look(model: FaceModel, seed: int, identity: np.ndarray) -> Look:
    """Colours for the person with the sliders `identity` (n_id,); the same seed and sliders give the same look."""
    rng = np.random.default_rng((seed, 3))
    sliders = dict(zip(model.identity_labels, (float(value) for value in identity), strict=True))
    ancestry = sum(step * sliders.get(label, 0.0) for label, step in _BY_ANCESTRY.items())
    place = int(np.clip(round(_TONE + ancestry + rng.normal(0, 0.4)), 0, len(TONES) - 1))
    # Light eyes and hair are rare where the shape, not only the skin, is of East Asia or Africa.
    others = max(sliders.get("Asian", 0.0), sliders.get("African", 0.0))
    coloured = place if others < max(0.6, sliders.get("Caucasian", 0.0)) else max(place, _DARK)
    man = float(np.tanh(sliders.get("Masculine", rng.normal())))
    regression = age_regression(model)
    years = rng.uniform(20, 75) if regression is None else float(regression[0] @ identity) + regression[1]

    hair_colour = _drawn(rng, _HAIRS[coloured])
    grey = rng.random()
    if grey < np.interp(years, [38, 55, 75], [0.0, 0.45, 0.95]):
        hair_colour = "white" if years > 60 and grey < 0.4 else "grey"
    is_man = man > 0
    bald = rng.random() < (np.interp(years, [25, 60], [0.08, 0.4]) if is_man else 0.0)
    amount = lambda low, high: round(float(rng.uniform(low, high)), 2)  # noqa: E731
    about = lambda middle, spread: round(float(np.clip(rng.normal(middle, spread), 0.2, 1.9)), 2)  # noqa: E731
    return Look(
        tone=tuple(TONES)[place],
        flush=amount(0.6, 1.4),
        brows=amount(0.75, 1.15),
        brow_width=about(1.0 + 0.4 * man, 0.25),
        brow_arch=about(0.75 - 0.4 * man, 0.3),
        freckles=amount(0.0, 1.3) if place < 2 and rng.random() < 0.5 else amount(0.0, 0.2),
        stubble=amount(0.15, 0.9) if is_man and rng.random() < 0.75 else 0.0,
        hair=0.15 if bald else amount(0.6, 1.15),
        hair_colour=hair_colour,
        iris=IRISES[_drawn(rng, _IRISES[coloured])],
    )


def _drawn(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """One of the names, as often as its share says."""
    return str(rng.choice(list(shares), p=list(shares.values())))
