"""What the worker can do: kind of request -> function. Sound and photos: `speech_handlers.py`, `photo_handlers.py`.

displacement: one map from one face's sliders (Eq. 4).
    arrays: identity (n_id,), expression (n_exp,), optional w_offset (18, 512), mix_identity (n_id,), gain (G, G)
    params: resolution (64 to 1024; default: full), truncation (default: 1), age (years, default: 0), mix_from
        (32 to 512, default 128): see core/detail/controls.py
    answer: displacement (R, R) float32 mm, the face model's mask applied
displacements: many maps in one go.
    arrays: identity (B, n_id), expression (B, n_exp), optional w_offset (B, 18, 512), mix_identity (B, n_id),
        gain (G, G) for all; params: the same
    answer: displacement (B, R, R)
random: a map from z alone (Eq. 1).
    params: seed (default: 0), resolution, truncation
    answer: displacement (R, R) of G(z), w (512,)
info: what is loaded.
    answer's params: python, python_version, torch_version, device, device_name, devices, weights, face_model, memory_mb

Any kind takes `final` (see `BackendClient`). Parameters that a kind does not know are an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ....detail.controls import Controls
from ....errors import DnpmError
from ..engine import Engine
from ..job import Job
from ..registry import Answer, handler, read_number, read_params


@handler("displacement")
def displacement(engine: Engine, job: Job) -> Answer:
    """One map from one face's sliders (Eq. 4)."""
    arrays = {name: array if name == "gain" else array[None] for name, array in _arrays(job, 1).items()}
    return {"displacement": _displacement(engine, job, arrays)[0]}, {}


@handler("displacements")
def displacements(engine: Engine, job: Job) -> Answer:
    """Many maps in one go."""
    return {"displacement": _displacement(engine, job, _arrays(job, 2))}, {}


@handler("random")
def random(engine: Engine, job: Job) -> Answer:
    """A map from z alone: what the generator knows, without the encoder (Eq. 1)."""
    values = read_params(job, {"seed": 0, "resolution": None, "truncation": 1.0})
    seed = values["seed"]
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise DnpmError(f"seed {seed!r}: must be a whole number, 0 or larger")
    picture, w = engine.random(seed, _resolution(values), read_number(values, "truncation"))
    return {"displacement": picture, "w": w}, {}


@handler("info")
def info(engine: Engine, job: Job) -> Answer:
    """What is loaded, and the memory that it takes in megabytes."""
    read_params(job, {})
    return {}, {**engine.facts(), "memory_mb": engine.memory_mb()}


def _displacement(engine: Engine, job: Job, arrays: dict[str, np.ndarray]) -> np.ndarray:
    values = read_params(job, {"resolution": None, "truncation": 1.0, "age": 0.0, "mix_from": 128})
    config = engine.detail.encoder.config
    count = len(arrays["identity"])
    wanted = {"identity": (count, config.n_id), "expression": (count, config.n_exp),
              "w_offset": (count, config.w_layers, config.w_dim), "mix_identity": (count, config.n_id)}  # fmt: skip
    for name, array in arrays.items():
        if name in wanted and array.shape != wanted[name]:
            raise DnpmError(f"{name}: has the shape {array.shape}; these weights take {wanted[name]}")
    tensor = lambda name: torch.from_numpy(np.array(arrays[name], np.float32)) if name in arrays else None  # noqa: E731
    controls = Controls(
        age=read_number(values, "age"), truncation=read_number(values, "truncation"),
        mix_identity=tensor("mix_identity"), mix_from=values["mix_from"], gain=tensor("gain"),
    )  # fmt: skip
    return engine.displacement(
        arrays["identity"], arrays["expression"], arrays.get("w_offset"), _resolution(values), controls
    )


def _arrays(job: Job, dimensions: int) -> dict[str, np.ndarray]:
    """identity, expression and what may go with them, checked for what does not need the networks."""
    if unknown := set(job.arrays) - {"identity", "expression", "w_offset", "mix_identity", "gain"}:
        raise DnpmError(f"{job.kind}: does not take the arrays {', '.join(sorted(unknown))}")
    for name in ("identity", "expression"):
        if name not in job.arrays:
            raise DnpmError(f"{job.kind}: the array {name} is missing")
    for name, array in job.arrays.items():
        needed = 2 if name == "gain" else dimensions + (name == "w_offset")
        if array.ndim != needed:
            raise DnpmError(f"{name}: must have {needed} dimensions for {job.kind!r}, has the shape {array.shape}")
        if not np.isfinite(array).all():
            raise DnpmError(f"{name}: holds numbers that are not finite (NaN or infinite)")
    return job.arrays


def _resolution(values: dict[str, Any]) -> int | None:
    value = values["resolution"]
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise DnpmError(f"resolution {value!r}: must be a whole number of texels")
    return value
