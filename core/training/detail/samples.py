"""Which (identity, expression) pairs are learnt from, and which are kept for the examination."""

from __future__ import annotations

import numpy as np

from ...face_model.arkit import mirror_name
from ...face_model.model import FaceModel
from ...face_model.sampling import random_expression

SPLITS = {"train": 11, "validation": 12, "test": 13}


# What a speaking mouth does, and how far at most: small, many at once.
SPEAKING = {
    "jawOpen": 0.5, "mouthClose": 0.3, "mouthFunnel": 0.6, "mouthPucker": 0.6, "mouthShrugLower": 0.5,
    "mouthShrugUpper": 0.4, "mouthPressLeft": 0.4, "mouthPressRight": 0.4, "mouthLowerDownLeft": 0.6,
    "mouthLowerDownRight": 0.6, "mouthUpperUpLeft": 0.4, "mouthUpperUpRight": 0.4, "mouthRollLower": 0.4,
    "mouthStretchLeft": 0.4, "mouthStretchRight": 0.4, "mouthSmileLeft": 0.4, "mouthSmileRight": 0.4,
    "browInnerUp": 0.4, "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0,
}  # fmt: skip
# Small places that would be learnt last from few samples.
OFTEN = {"noseSneer": 4.0, "mouthPucker": 3.0, "mouthFunnel": 3.0, "cheekSquint": 2.0, "eyeSquint": 2.0, "brow": 2.0}


def _deed_chances(model: FaceModel) -> np.ndarray:
    weight = np.array(
        [max([w for k, w in OFTEN.items() if n.startswith(k)], default=1.0) for n in model.expression_names]
    )
    return weight / weight.sum()


def draw(model: FaceModel, split: str, index: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sample `index` of a split -> identity (n_id,), expression (n_exp,). No identity occurs twice or in two splits.

    Expressions: an eighth at rest, three eighths one expression (both sides or one; those that crease the skin
    oftener), an eighth a speaking mouth, the rest mixtures of two to six.
    """
    rng = np.random.default_rng([seed, SPLITS[split], index])
    identity = np.clip(rng.standard_normal(model.n_id), -3, 3).astype(np.float32)
    kind = rng.random()
    if kind < 0.125:
        return identity, np.zeros(model.n_exp, np.float32)
    if kind < 0.5:
        name = str(rng.choice(np.array(model.expression_names), p=_deed_chances(model)))
        amount = 1.0 if rng.random() < 0.3 else rng.random()
        return identity, single_expression(model, name, amount, 1.0 if rng.random() < 0.75 else rng.random())
    if kind < 0.625:
        speaking = {n: rng.random() ** 2 * most for n, most in SPEAKING.items() if n in model.expression_index}
        return identity, model.expression(**speaking)
    expression = random_expression(model, int(rng.integers(2**31)), rng.uniform(0.6, 1.0))
    if rng.random() < 0.3:
        extra = single_expression(model, str(rng.choice(np.array(model.expression_names))), rng.random(), rng.random())
        expression = np.clip(expression + extra, 0, 1)
    return identity, expression.astype(np.float32)


def other_skins(
    model: FaceModel, split: str, index: int, count: int, identity: np.ndarray, seed: int = 0
) -> list[np.ndarray]:
    """`count` people with the mesh of sample `index`, whose identity this is: the first with its own skin."""
    rng = np.random.default_rng([seed, SPLITS[split], index, 7])
    people = [identity]
    for _ in range(count - 1):
        other = identity.copy()
        other[model.n_shape :] = np.clip(rng.standard_normal(model.n_id - model.n_shape), -3, 3)
        people.append(other)
    return people


def single_expression(model: FaceModel, name: str, amount: float, other_side: float = 1.0) -> np.ndarray:
    """(n_exp,): `name` at `amount`, and its mirror image (not of jaw and mouth shifts, gaze) at other_side * amount."""
    values = {name: amount}
    pair = mirror_name(name)
    directed = name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight") or name.startswith("eyeLook")
    if not directed and pair in model.expression_index and pair != name:
        values[pair] = amount * other_side
    return model.expression(**values)
