"""Networks and the arrays that a file holds for them, compared before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import DnpmError
from .inputs import one_line, shown_path

_Module = TypeVar("_Module", bound=nn.Module)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Networks that are made within have names, shapes and types, but no values: for comparing with a file, or to be
    given the file's arrays.

    This is torch's meta device, and nothing is drawn: there even a random number loads torch's compiler, which takes a
    second and a half.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves out what only changes values."""

    _DRAWN = frozenset({"rand", "randn"})
    _IN_PLACE = frozenset({"normal_", "uniform_", "trunc_normal_", "fill_", "zero_"})
    _SCALED = frozenset({"div", "true_divide", "__truediv__", "mul", "__mul__"})

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name in self._DRAWN:
            return torch.empty(*args, **{key: value for key, value in kwargs.items() if key != "generator"})
        if name in self._IN_PLACE:
            return args[0] if args else kwargs["tensor"]
        if name in self._SCALED and isinstance(args[0], Tensor) and isinstance(args[1], int | float):
            return args[0]
        return func(*args, **kwargs)


def built(
    make: Callable[[], _Module], arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str], again: str
) -> _Module:
    """A network with a file's arrays as its parameters and buffers, in evaluation mode and without gradients.

    make: builds the network of the file's configuration; it is called for its shapes first, so that sizes that the file
    made up cost no memory. Raises DnpmError, naming the file, when a name, shape or type is another.
    """
    with shapes_only():
        expected = make().state_dict()
    check_state(expected, arrays, path, again)
    network = make()
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    return network.eval().requires_grad_(False)


def check_state(
    expected: Mapping[str, Tensor], given: Mapping[str, np.ndarray | Tensor], path: str | os.PathLike[str], again: str
) -> None:
    """Raises DnpmError, naming the file, unless `given` has the names and shapes of a state, floats where that has
    floats and whole numbers where it has these."""
    problems = [f"{name} is missing" for name in expected if name not in given]
    problems += [f"{one_line(name, 60)} is not the network's" for name in given if name not in expected]
    for name, tensor in expected.items():
        if name not in given:
            continue
        if tuple(given[name].shape) != tuple(tensor.shape):
            problems.append(f"{name} has the shape {tuple(given[name].shape)}, the network's is {tuple(tensor.shape)}")
        elif _is_float(given[name]) != tensor.is_floating_point():
            problems.append(f"{name} is stored as {given[name].dtype}, the network's is {tensor.dtype}")
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise DnpmError(f"{shown_path(path)}: does not fit its description: {'; '.join(problems[:3])}{more}; {again}")


def _is_float(values: np.ndarray | Tensor) -> bool:
    return values.is_floating_point() if isinstance(values, Tensor) else values.dtype.kind == "f"
