"""Which (identity, expression) pairs are learnt from, and which are kept for the examination."""

from __future__ import annotations

import numpy as np

from ...face_model.arkit import mirror_name
from ...face_model.model import FaceModel
from ...face_model.sampling import random_expression

SPLITS = {"train": 11, "validation": 12, "test": 13}


def draw(model: FaceModel, split: str, index: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sample `index` of a split -> identity (n_id,), expression (n_exp,). No identity occurs twice or in two splits.

    Expressions: an eighth at rest, three eighths one deed (both sides or one), half mixtures of two to six.
    """
    rng = np.random.default_rng([seed, SPLITS[split], index])
    identity = np.clip(rng.standard_normal(model.n_id), -3, 3).astype(np.float32)
    kind = rng.random()
    if kind < 0.125:
        return identity, np.zeros(model.n_exp, np.float32)
    if kind < 0.5:
        name = str(rng.choice(np.array(model.expression_names)))
        amount = 1.0 if rng.random() < 0.3 else rng.random()
        return identity, deed(model, name, amount, 1.0 if rng.random() < 0.75 else rng.random())
    expression = random_expression(model, int(rng.integers(2**31)), rng.uniform(0.6, 1.0))
    if rng.random() < 0.3:
        extra = deed(model, str(rng.choice(np.array(model.expression_names))), rng.random(), rng.random())
        expression = np.clip(expression + extra, 0, 1)
    return identity, expression.astype(np.float32)


def deed(model: FaceModel, name: str, amount: float, other_side: float = 1.0) -> np.ndarray:
    """(n_exp,): `name` at `amount`, and its mirror image (not of jaw and mouth shifts, gaze) at other_side * amount."""
    values = {name: amount}
    pair = mirror_name(name)
    directed = name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight") or name.startswith("eyeLook")
    if not directed and pair in model.expression_index and pair != name:
        values[pair] = amount * other_side
    return model.expression(**values)
