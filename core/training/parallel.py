"""Several processes as torchrun starts them (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT): one GPU or CPU share each.

Gradients are averaged by hand instead of by DistributedDataParallel: R1 and path length run a network's gradient once
more, which that wrapper does not follow. Every random number of a step is drawn for the whole batch from (seed, step),
and each process takes its part: so several processes do what one does with the same batch, up to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import DnpmError


@dataclass(frozen=True)
class Rank:
    """This process among those that train together."""

    number: int = 0
    count: int = 1
    local: int = 0
    """Its number on its own machine: which GPU it takes."""

    @property
    def first(self) -> bool:
        """Whether it is the one that writes files and messages."""
        return self.number == 0

    def share(self, total: int) -> slice:
        """Its part of `total` samples, which the count must divide."""
        part = total // self.count
        return slice(self.number * part, (self.number + 1) * part)

    def check_batch(self, batch: int) -> None:
        """Raises DnpmError when a batch cannot be shared out evenly."""
        if batch % self.count:
            raise DnpmError(f"--batch {batch} cannot be shared out to {self.count} processes; make it a multiple")

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Mean over all processes, in place, in one message."""
        if self.count == 1:
            return
        parts = list(tensors)
        flat = torch.cat([t.detach().flatten().float() for t in parts])
        dist.all_reduce(flat)
        flat /= self.count
        start = 0
        for t in parts:
            t.copy_(flat[start : start + t.numel()].view(t.shape))
            start += t.numel()

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Average the gradients; what has none counts as 0."""
        if self.count > 1:
            wanted = [p for p in parameters if p.requires_grad]
            for p in wanted:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
            self.average(p.grad for p in wanted if p.grad is not None)

    def average_values(self, values: dict[str, float], device: torch.device) -> dict[str, float]:
        """The mean of each value over all processes, which must have the same names."""
        if self.count == 1 or not values:
            return values
        numbers = torch.tensor([values[name] for name in sorted(values)], dtype=torch.float32, device=device)
        self.average([numbers])
        return values | dict(zip(sorted(values), numbers.tolist(), strict=True))

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """The first process's numbers for all, in place: a start that was computed may differ by rounding."""
        if self.count > 1:
            for t in tensors:
                whole = t.detach().contiguous()
                dist.broadcast(whole, 0)
                t.detach().copy_(whole)

    def any(self, asked: bool, device: torch.device) -> bool:
        """Whether one of the processes says yes: all stop together."""
        if self.count == 1:
            return asked
        flag = torch.tensor([float(asked)], device=device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())

    def barrier(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first process does what stands inside, then the others do: so files are made once, and read by all."""
        if not self.first:
            self.barrier()
        yield
        if self.first:
            self.barrier()


@contextmanager
def join_ranks(device: torch.device) -> Iterator[Rank]:
    """This process among those that torchrun started; alone where it did not. nccl between GPUs, gloo between CPUs.

    Raises DnpmError when the variables are damaged or the others do not answer.
    """
    try:
        count = int(os.environ.get("WORLD_SIZE", "1"))
        rank = Rank(int(os.environ.get("RANK", "0")), count, int(os.environ.get("LOCAL_RANK", "0")))
    except ValueError as error:
        raise DnpmError(f"RANK, WORLD_SIZE and LOCAL_RANK must be numbers ({error}); start it with torchrun") from error
    if count == 1:
        yield rank
        return
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        raise DnpmError(f"the {count} processes do not find each other ({error}); start them with torchrun") from error
    try:
        yield rank
    finally:
        dist.destroy_process_group()
