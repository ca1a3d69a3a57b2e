"""Random faces that look like people.

One place for the sidebar, the batch and the command line: the same seed gives the same face in all of them.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import age_regression
from .model import FaceModel

ADULT_YEARS = 30.0
"""Age of the person that a new face shows."""
YOUNGEST, OLDEST = 16.0, 90.0
"""Years of random people: the younger ones of them are the more, evenly down to none at OLDEST (median 38)."""
IDENTITY_LIMIT = 2.5
"""Standard deviations; beyond it a linear model leaves the faces that it was built from."""

SCARS, FEWER_SCARS = "Scars", 2.0
"""The slider of scars is drawn so many standard deviations lower: by the teacher's rule two people in five would have
one, so it is one in twenty. (The weights of the fourth edition hardly show scars.)"""

# Stems of expressions that undo each other, or that no muscle does together.
_OPPOSITES = (
    {"eyeBlink", "eyeWide"},
    {"eyeSquint", "eyeWide"},
    {"jawLeft", "jawRight"},
    {"mouthLeft", "mouthRight"},
    {"mouthSmile", "mouthFrown"},
    {"mouthFunnel", "mouthPucker"},
    {"mouthFunnel", "mouthStretch"},
    {"mouthPucker", "mouthStretch"},
    {"mouthPucker", "mouthSmile"},
    {"browDown", "browOuterUp"},
    {"jawOpen", "mouthClose"},
    {"jawOpen", "mouthPress"},
)
# These are directions, not one side of a pair.
_DIRECTIONS = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}
# Rare in a face at work, and odd in a random one.
_RARE = {"tongueOut", "cheekPuff", "mouthClose", "jawForward"}


def random_identity(model: FaceModel, seed: int, strength: float = 1.0) -> np.ndarray:
    """(n_id,) float32: normal coefficients times `strength`, none beyond IDENTITY_LIMIT standard deviations."""
    drawn = np.random.default_rng((seed, 1)).standard_normal(model.n_id)
    return np.clip(drawn * strength, -IDENTITY_LIMIT, IDENTITY_LIMIT).astype(np.float32)


def random_person(model: FaceModel, seed: int, strength: float = 1.0, years: float | None = None) -> np.ndarray:
    """(n_id,) float32: `random_identity` as one meets people, of whom few have a scar and few are very old. What
    networks are trained and measured on keeps the whole range: half of it is older than 54, a tenth than 80.

    The order of ages is kept, years are drawn as YOUNGEST and OLDEST say; less `strength` brings them nearer to the
    mean face's. years: the person is of this age, at any strength. A model that knows no ages is left as drawn.
    """
    identity = random_identity(model, seed, strength)
    if SCARS in model.identity_labels:
        place = model.identity_labels.index(SCARS)
        identity[place] = max(float(identity[place]) - FEWER_SCARS * min(strength, 1.0), -IDENTITY_LIMIT)
    regression = age_regression(model)
    if regression is None or not regression[0].any():
        return identity
    if years is None:
        weights, mean_years = regression
        drawn = float(weights @ random_identity(model, seed)) / float(np.linalg.norm(weights))
        older = 0.5 * math.erfc(drawn / math.sqrt(2.0))
        years = mean_years + min(strength, 1.0) * (_years(older) - mean_years)
    return _aged(identity, regression, years)


def _years(older: float) -> float:
    """Age of a person than whom a share `older` of all is older."""
    return OLDEST - (OLDEST - YOUNGEST) * math.sqrt(older)


def _aged(identity: np.ndarray, regression: tuple[np.ndarray, float], years: float) -> np.ndarray:
    """(n_id,) float32: the shortest way in the sliders from a person to this age, within IDENTITY_LIMIT."""
    weights, mean_years = regression
    step = (years - mean_years - float(weights @ identity)) / float(weights @ weights)
    limit = np.maximum(np.abs(identity), IDENTITY_LIMIT)
    return np.clip(identity + step * weights, -limit, limit).astype(np.float32)


def average_adult(model: FaceModel, years: float = ADULT_YEARS) -> np.ndarray:
    """(n_id,) float32: the average person at an age: the shortest way in the sliders from the model's mean, which is
    the average over all ages, to the people of that age. The mean itself where the model knows no ages."""
    regression = age_regression(model)
    if regression is None or not regression[0].any():
        return np.zeros(model.n_id, np.float32)
    return _aged(np.zeros(model.n_id, np.float32), regression, years)


def random_expression(model: FaceModel, seed: int, strength: float = 1.0) -> np.ndarray:
    """(n_exp,) float32 in [0, 1]: two to five expressions that go together, nearly symmetric, and a common gaze."""
    rng = np.random.default_rng((seed, 2))
    sides: dict[str, list[str]] = {}
    for name in model.expression_names:
        if not name.startswith("eyeLook"):
            sides.setdefault(_stem(name), []).append(name)
    values = _gaze(set(model.expression_names), *rng.uniform(-0.6, 0.6, 2))

    wanted = int(rng.integers(2, 6))
    chosen: list[str] = []
    for stem in rng.permutation(sorted(sides)):
        if len(chosen) == wanted:
            break
        clash = any({stem, other} in _OPPOSITES for other in chosen)
        if not clash and (stem not in _RARE or rng.random() < 0.25):
            chosen.append(str(stem))
    for stem in chosen:
        amount = rng.uniform(0.25, 1.0)
        for name in sides[stem]:
            values[name] = amount * rng.uniform(0.85, 1.0)
    vector = model.expression(**values) * strength
    return np.clip(vector, 0.0, 1.0).astype(np.float32)


def _stem(name: str) -> str:
    if name in _DIRECTIONS:
        return name
    return name.removesuffix("Left").removesuffix("Right")


def _gaze(names: set[str], right: float, up: float) -> dict[str, float]:
    """Both eyes towards one direction, -1 to 1 (positive: the subject's right, up), where the model has the names."""
    horizontal = ("eyeLookOutRight", "eyeLookInLeft") if right > 0 else ("eyeLookInRight", "eyeLookOutLeft")
    vertical = ("eyeLookUpRight", "eyeLookUpLeft") if up > 0 else ("eyeLookDownRight", "eyeLookDownLeft")
    wanted = dict.fromkeys(horizontal, abs(right)) | dict.fromkeys(vertical, abs(up))
    return {name: value for name, value in wanted.items() if name in names}
