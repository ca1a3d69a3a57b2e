"""Which function answers which kind of request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ...errors import DnpmError
from .engine import Engine
from .job import Job

Answer = tuple[dict[str, np.ndarray], dict[str, Any]]
"""Arrays and JSON values."""
Handler = Callable[[Engine, Job], Answer]
HANDLERS: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Decorator: the function answers requests of this kind. It raises DnpmError on what the asker can mend."""

    def register(function: Handler) -> Handler:
        if kind in HANDLERS:
            raise ValueError(f"two handlers for {kind!r}")
        HANDLERS[kind] = function
        return function

    return register


def handle(engine: Engine, job: Job) -> Answer:
    """Run the handler of the job. Raises DnpmError, also on an unknown kind and when memory runs out."""
    function = HANDLERS.get(job.kind)
    if function is None:
        raise DnpmError(f"request {job.kind!r} is none that this backend knows: {', '.join(sorted(HANDLERS))}")
    engine.work(job)
    try:
        return function(engine, job)
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        release_memory(engine)
        raise DnpmError(
            f"not enough memory on {engine.device} for this ({job.kind}): close other programs, choose a smaller size, "
            "or set the device to cpu"
        ) from error


def release_memory(engine: Engine) -> None:
    """Give the device's cached memory back."""
    if engine.device.type != "cpu":
        getattr(torch, engine.device.type).empty_cache()


def read_params(job: Job, known: dict[str, Any]) -> dict[str, Any]:
    """The job's parameters over the defaults in `known`. Raises DnpmError on one that is not known."""
    given = {name: value for name, value in job.params.items() if name != "final"}
    if unknown := set(given) - set(known):
        raise DnpmError(f"{job.kind}: does not know the parameters {', '.join(sorted(unknown))}")
    return known | given


def read_number(values: dict[str, Any], name: str) -> float:
    """A parameter that must be a finite number. Raises DnpmError when it is none."""
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise DnpmError(f"{name} {value!r}: must be a number")
    return float(value)


def _out_of_memory(error: BaseException) -> bool:
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error) or "out of memory" in str(error)
