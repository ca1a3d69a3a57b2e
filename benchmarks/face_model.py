"""A new identity: the coarse face at rest and what every expression adds to it (Eq. 3), with numpy alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ..core.face_model.model import FaceModel
from ..core.face_model.sampling import random_expression, random_identity
from .timing import clock, summary

SEED = 100


def measure(path: Path, runs: int) -> dict[str, Any]:
    """Every run takes another identity."""
    start = time.perf_counter()
    model = FaceModel.load(path)
    loaded = time.perf_counter()
    model.expression_deltas(np.zeros(model.n_id, np.float32))
    prepared = time.perf_counter()

    def update(k: int) -> None:
        identity = random_identity(model, SEED + k)
        model.neutral_of(identity)
        model.expression_deltas(identity)

    def pose(k: int) -> None:
        model.vertices(random_identity(model, SEED + k), random_expression(model, SEED + k))

    return {
        "model": model.name,
        "vertices": len(model.neutral),
        "n_id": model.n_id,
        "n_exp": model.n_exp,
        "seed": SEED,
        "load_ms": round((loaded - start) * 1e3, 1),
        "prepare_ms": round((prepared - loaded) * 1e3, 1),
        "identity_update": summary(clock(update, runs)),
        "one_face": summary(clock(pose, runs)),
    }
