"""What a training would need, without its memory: its steps run on PyTorch's meta device, where tensors have shapes and
no numbers, while operators are counted.

Memory is the most bytes that tensors hold at once, gradients and optimizers' moments included. PyTorch itself and
convolutions' scratch space come on top: on a CPU 0.4 GB, and up to as much again as the tensors. Seconds are an
estimate: arithmetic over the rate of a convolution, plus bytes moved over the rate of an addition, both measured for a
moment on the device that would train; against real steps it was found within a factor of three.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from .. import devices

META = torch.device("meta")
ESTIMATED = "estimated: operators counted, a convolution and an addition timed on this device"
_SECONDS = 0.1
_CALLS = 7
"""Operators in a product, a sum and their way back."""
_LARGE = 32 * 2**20
"""Bytes from which on an allocation is not reused (glibc's largest threshold of mmap)."""


@dataclass(frozen=True)
class Work:
    """Of one part of a step: operators called; arithmetic operations; bytes read and written by operators on small
    tensors and on large ones (`_LARGE`); the most bytes that tensors held."""

    calls: int
    operations: int
    small: int
    large: int
    peak: int


@dataclass(frozen=True)
class Speed:
    """Of a device: operations a second in a convolution, bytes a second in an addition of small and large tensors."""

    operations: float
    small: float
    large: float
    call: float
    """Seconds that an operator takes before it computes anything."""

    @classmethod
    def of(cls, device: torch.device) -> Speed:
        """Measured in about a third of a second, with less than 200 MB."""
        wide = 64 if device.type == "cpu" else 256
        x = torch.ones(2, wide, 96, 96, device=device, requires_grad=True)
        kernel = torch.ones(wide, wide, 3, 3, device=device, requires_grad=True)
        # On a CPU memory of large tensors comes fresh from the system each time, and costs several times as much.
        few, many = (torch.ones(int(share * _LARGE) // 4, device=device) for share in (0.4, 1.5))
        # Backwards, that is twice the work again: by the input and by the kernel.
        convolution = _rate(lambda: torch.nn.functional.conv2d(x, kernel, padding=1).sum().backward(), device)
        small, large = (2 * 4 * flat.numel() * _rate(lambda flat=flat: flat + 1.0, device) for flat in (few, many))  # type: ignore[misc]
        one = torch.ones(1, device=device, requires_grad=True)
        call = 1 / _rate(lambda: (one * one).sum().backward(), device) / _CALLS
        return cls(3 * 2 * 9 * wide**2 * x[:, 0].numel() * convolution, small, large, call)

    def seconds(self, work: Work) -> float:
        """An estimate for the work."""
        moving = work.small / self.small + work.large / self.large
        return work.operations / self.operations + moving + work.calls * self.call


def measure(parts: Mapping[str, Callable[[], object]]) -> dict[str, Work]:
    """Run each part, whose tensors are on the meta device, and count. What lives before the first counts in `peak` as
    soon as an operator reads or writes it; parameters and moments therefore do."""
    meter, found = _Meter(), {}
    for name, part in parts.items():
        meter.begin()
        with meter:
            part()
        found[name] = Work(meter.calls, meter.operations, meter.small, meter.large, meter.peak)
    return found


def of_steps(once: Callable[[], object], batch: int, steps: int, device: torch.device) -> dict[str, Any]:
    """Figures of a training whose steps `once` takes on the meta device: `memory_mib`, `seconds_a_step`,
    `images_a_second`, `hours`, and `figures`, which says that they are estimates."""
    measure({"begun": once})  # Moments appear in the first step.
    work = measure({"step": once})["step"]
    seconds = Speed.of(device).seconds(work)
    return {
        "device": devices.name(device), "memory_mib": round(work.peak / 2**20), "seconds_a_step": round(seconds, 4),
        "images_a_second": round(batch / seconds, 2), "hours": round(steps * seconds / 3600, 2), "figures": ESTIMATED,
    }  # fmt: skip


def number(tensor: Tensor) -> float:
    """A tensor of one number -> the number; nan on the meta device."""
    return float("nan") if tensor.is_meta else float(tensor.detach())


class _Meter(TorchDispatchMode):
    """Counts arithmetic (of convolutions and matrix products), bytes moved by operators, and bytes alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = self.small = self.large = self.operations = self.calls = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def begin(self) -> None:
        """Counters of a new part; what is alive stays so."""
        self.small, self.large, self.operations, self.calls, self.peak = 0, 0, 0, 0, self.alive

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and x.is_meta]
        made = [x for x in tree_leaves(result) if isinstance(x, Tensor) and x.is_meta]
        for tensor in (*given, *made):
            self._seen(tensor)
        self.calls += 1
        if (formula := flop_registry.get(func.overloadpacket)) is not None:
            self.operations += int(formula(*args, **(kwargs or {}), out_val=result))
        if not func.is_view:
            sizes = [x.numel() * x.element_size() for x in (*given, *made)]
            if max((x.numel() * x.element_size() for x in made), default=0) > _LARGE:
                self.large += sum(sizes)
            else:
                self.small += sum(sizes)
        return result

    def _seen(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._freed, size)

    def _freed(self, size: int) -> None:
        self.alive -= size


def _rate(once: Callable[[], object], device: torch.device) -> float:
    """Calls a second."""
    once()
    _wait(device)
    calls, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < _SECONDS or calls < 2:
        once()
        _wait(device)
        calls += 1
    return calls / spent


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
