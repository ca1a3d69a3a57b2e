"""Maps from sliders and from z, and what is loaded (`core/backend/requests.py` says what comes and goes)."""

from __future__ import annotations

import numpy as np
import torch

from ....detail.controls import Controls
from ....errors import DnpmError
from ...requests import (
    InfoAnswer,
    InfoRequest,
    MapAnswer,
    MapRequest,
    MapsRequest,
    RandomMapAnswer,
    RandomMapRequest,
)
from ..engine import Engine
from ..job import Job
from ..registry import handler


@handler(MapRequest)
def displacement(engine: Engine, request: MapRequest, job: Job) -> MapAnswer:
    """One map from one face's sliders (Eq. 4)."""
    _check_arrays(request, 1)
    many = MapsRequest.of([request], resolution=request.resolution)
    return MapAnswer(displacement=engine.displacement(*_sliders(engine, many))[0])


@handler(MapsRequest)
def displacements(engine: Engine, request: MapsRequest, job: Job) -> MapAnswer:
    """Many maps in one go."""
    _check_arrays(request, 2)
    return MapAnswer(displacement=engine.displacement(*_sliders(engine, request)))


@handler(RandomMapRequest)
def random(engine: Engine, request: RandomMapRequest, job: Job) -> RandomMapAnswer:
    """A map from z alone (Eq. 1)."""
    if request.seed < 0:
        raise DnpmError(f"seed {request.seed}: must be a whole number, 0 or larger")
    picture, w = engine.random(request.seed, request.resolution, request.truncation)
    return RandomMapAnswer(displacement=picture, w=w)


@handler(InfoRequest)
def info(engine: Engine, request: InfoRequest, job: Job) -> InfoAnswer:
    """What is loaded, and the memory that it takes."""
    return engine.info()


def _sliders(
    engine: Engine, request: MapsRequest
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int | None, Controls]:
    """What the engine takes. Raises DnpmError on shapes that the weights do not."""
    config = engine.detail.encoder.config
    count = len(request.identity)
    wanted = {"identity": (count, config.n_id), "expression": (count, config.n_exp),
              "w_offset": (count, config.w_layers, config.w_dim), "mix_identity": (count, config.n_id)}  # fmt: skip
    for name, shape in wanted.items():
        array = getattr(request, name)
        if array is not None and array.shape != shape:
            raise DnpmError(f"{name}: has the shape {array.shape}; these weights take {shape}")
    controls = Controls(
        age=request.age, truncation=request.truncation, mix_identity=_tensor(request.mix_identity),
        mix_from=request.mix_from, gain=_tensor(request.gain), relief=_tensor(request.relief),
    )  # fmt: skip
    return request.identity, request.expression, request.w_offset, request.resolution, controls


def _tensor(array: np.ndarray | None) -> torch.Tensor | None:
    return None if array is None else torch.from_numpy(np.array(array, np.float32))


def _check_arrays(request: MapRequest | MapsRequest, dimensions: int) -> None:
    """What does not need the networks: dimensions, and that all numbers are finite."""
    for name, more in (("identity", 0), ("expression", 0), ("w_offset", 1), ("mix_identity", 0), ("gain", None),
                       ("relief", None)):  # fmt: skip
        array: np.ndarray | None = getattr(request, name)
        if array is None:
            continue
        needed = 2 if more is None else dimensions + more
        if array.ndim != needed:
            raise DnpmError(f"{name}: must have {needed} dimensions for {request.KIND!r}, has the shape {array.shape}")
        if not np.isfinite(array).all():
            raise DnpmError(f"{name}: holds numbers that are not finite (NaN or infinite)")
