"""States of a training on disk, so that a stopped one goes on bit for bit, and the graceful stop itself.

A state is a flat dictionary of numpy arrays (`network.` and `adam.` entries and whatever else a trainer keeps) in one
safetensors file; its metadata says to which settings it belongs. Loading runs no code.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..errors import DnpmError
from ..files import tensor_file
from ..files.inputs import DAMAGE, brief, one_line, reading, reason_of

Arrays = dict[str, np.ndarray]


def network_arrays(prefix: str, network: nn.Module) -> Arrays:
    """Parameters and buffers as `prefix.name`; copies, because training goes on."""
    return {f"{prefix}.{k}": v.detach().cpu().numpy().copy() for k, v in network.state_dict().items()}


def optimizer_arrays(prefix: str, optimizer: torch.optim.Optimizer) -> Arrays:
    """The moments of Adam and its like as `prefix.number of the parameter.name`; settings are the plan's."""
    return {
        f"{prefix}.{k}.{name}": torch.as_tensor(value).detach().cpu().numpy().copy()
        for k, moments in optimizer.state_dict()["state"].items()
        for name, value in moments.items()
    }


def restore_network(prefix: str, network: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """What `network_arrays` gave. Raises DnpmError when it is of another network."""
    start = f"{prefix}."
    state = {k.removeprefix(start): torch.from_numpy(v.copy()) for k, v in arrays.items() if k.startswith(start)}
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise DnpmError(f"the saved state is of another {prefix} ({one_line(str(error).splitlines()[-1])})") from error


def restore_optimizer(prefix: str, optimizer: torch.optim.Optimizer, arrays: Mapping[str, np.ndarray]) -> None:
    """What `optimizer_arrays` gave. Raises DnpmError when it is of other parameters.

    Moments get their parameter's strides: another order in memory could round otherwise.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, torch.Tensor]] = {}
    try:
        for key, array in arrays.items():
            if not key.startswith(f"{prefix}."):
                continue
            number, name = key.removeprefix(f"{prefix}.").split(".")
            parameter, value = parameters[int(number)], torch.from_numpy(array.copy())
            if value.ndim:
                if value.shape != parameter.shape:
                    raise ValueError(f"{key} has the shape {tuple(value.shape)}")
                value = torch.empty_like(parameter, requires_grad=False).copy_(value)
            moments.setdefault(int(number), {})[name] = value
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    except DAMAGE as error:
        raise DnpmError(f"the saved state is of another {prefix} ({reason_of(error)})") from error


def save_state(path: Path, arrays: Mapping[str, np.ndarray], kind: str, belongs: Mapping[str, Any]) -> None:
    """kind: the state's format. belongs: JSON values that a continuation must agree with (plan, data, ...).

    Raises DnpmError when it cannot be written; the old file stays whole then.
    """
    tensor_file.save(path, arrays, {"format": kind, "belongs": _text(belongs)})


class Resumable(Protocol):
    """A trainer that goes on from a state."""

    step: int

    def restore(self, arrays: Arrays) -> None:
        """What was saved of it. Raises DnpmError when it is another's."""


def resume(trainer: Resumable, path: Path, kind: str, belongs: Mapping[str, Any]) -> Arrays:
    """Let a trainer go on from a file's state; return all that the file holds. Raises DnpmError, naming the file, as
    `load_state`, and when the state is of another trainer or damaged."""
    with reading(path, "delete it, or use another folder"):
        arrays = load_state(path, kind, belongs)
        trainer.restore(arrays)
        if not 0 <= trainer.step < 2**40:
            raise DnpmError(f"its step is {trainer.step}")
    return arrays


def load_state(path: Path, kind: str, belongs: Mapping[str, Any]) -> Arrays:
    """What `save_state` wrote. Raises DnpmError, naming what differs, when it was begun with other settings."""
    metadata = tensor_file.read_metadata(path)
    if metadata.get("format") != kind:
        raise DnpmError(f"{path}: is no state of this training ({kind}); delete it, or use another folder")
    again = "delete it, or use another folder"
    there, here = tensor_file.metadata_json(path, metadata, "belongs", again), json.loads(_text(belongs))
    if not isinstance(there, dict):
        raise DnpmError(f"{path}: its metadata's 'belongs' is {brief(there)}; {again}")
    different = [k for k in sorted({*there, *here}) if there.get(k) != here.get(k)]
    if different:
        raise DnpmError(
            f"{path}: was begun with other settings ({', '.join(different)}); use the same, or another folder"
        )
    return tensor_file.load(path)[0]


@dataclass
class Stop:
    """Whether the person (or the machine) asked for an end."""

    asked: bool = False


@contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """SIGINT and SIGTERM set `asked`, so that the step in hand ends and is saved; a second one ends at once."""
    stop = Stop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        print("\nstopping after this step; once more to stop at once", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def out_of_memory(error: BaseException) -> bool:
    """Whether torch could not get memory, on a GPU or on the CPU (which raises an ordinary RuntimeError)."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), sort_keys=True, allow_nan=False)
