"""Which function answers which kind of request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch

from ...errors import DnpmError
from ..messages import Message
from ..requests import Request
from .engine import Engine
from .job import Job

Asked = TypeVar("Asked", bound=Request[Any])
_Handler = Callable[[Engine, Any, Job], Message]
_HANDLERS: dict[str, tuple[type[Request[Any]], _Handler]] = {}
"""Kind -> what is asked, and what answers it."""


def handler(
    request: type[Asked],
) -> Callable[[Callable[[Engine, Asked, Job], Message]], Callable[[Engine, Asked, Job], Message]]:
    """Decorator: the function answers requests of this class with an `ANSWER` of theirs. It raises DnpmError on what
    the asker can mend."""

    def register(function: Callable[[Engine, Asked, Job], Message]) -> Callable[[Engine, Asked, Job], Message]:
        if request.KIND in _HANDLERS:
            raise ValueError(f"two handlers for {request.KIND!r}")
        _HANDLERS[request.KIND] = request, function
        return function

    return register


def handle(engine: Engine, kind: str, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any], job: Job) -> Message:
    """Run the handler of a request. Raises DnpmError, also on an unknown kind, on what the request does not have, and
    when memory runs out."""
    if kind not in _HANDLERS:
        raise DnpmError(f"request {kind!r} is none that this backend knows: {', '.join(sorted(_HANDLERS))}")
    asked, function = _HANDLERS[kind]
    request = asked.unpack(arrays, params)
    engine.work(job)
    try:
        answer = function(engine, request, job)
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        release_memory(engine)
        raise DnpmError(
            f"not enough memory on {engine.device} for this ({kind}): close other programs, choose a smaller size, "
            "or set the device to cpu"
        ) from error
    if not isinstance(answer, asked.ANSWER):
        raise TypeError(f"{kind} is to be answered by {asked.ANSWER.__name__}, not {type(answer).__name__}")
    return answer


def release_memory(engine: Engine) -> None:
    """Give the device's cached memory back."""
    if engine.device.type != "cpu":
        getattr(torch, engine.device.type).empty_cache()


def _out_of_memory(error: BaseException) -> bool:
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error) or "out of memory" in str(error)
