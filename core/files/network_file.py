"""Networks and the arrays that a file holds for them, compared before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DnpmError
from .inputs import one_line, shown_path

_Module = TypeVar("_Module", bound=nn.Module)


def built(
    make: Callable[[], _Module], arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str], again: str
) -> _Module:
    """A network with a file's arrays as its parameters and buffers, in evaluation mode and without gradients.

    make: builds the network of the file's configuration; it is called on torch's meta device first, so that sizes that
    the file made up cost no memory. Raises DnpmError, naming the file, when a name, shape or type is another.
    """
    with torch.device("meta"):
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
