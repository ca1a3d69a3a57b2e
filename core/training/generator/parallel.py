"""Several processes as torchrun starts them (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT): one GPU or CPU share each.

Gradients are averaged by hand instead of by DistributedDataParallel: R1 and path length run a network's gradient once
more, which that wrapper does not follow. Every random number of a step is drawn for the whole batch from (seed, step),
and each process takes its part: so that several processes do what one does with the same batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from ...errors import DnpmError


@dataclass(frozen=True)
class Workers:
    """This process and how many there are."""

    rank: int = 0
    count: int = 1
    local: int = 0
    """Its number on its own machine: which GPU it takes."""

    @property
    def first(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def share(self, total: int) -> slice:
        """Its part of `total` samples, which the count must divide."""
        part = total // self.count
        return slice(self.rank * part, (self.rank + 1) * part)

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

    def gradients(self, parameters: Iterable[Tensor]) -> None:
        """Average the gradients; what has none counts as 0."""
        if self.count > 1:
            wanted = [p for p in parameters if p.requires_grad]
            for p in wanted:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
            self.average(p.grad for p in wanted if p.grad is not None)

    def same(self, tensors: Iterable[Tensor]) -> None:
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

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def workers(cuda: bool) -> Iterator[Workers]:
    """This process among those that torchrun started; alone where it did not. nccl between GPUs, gloo between CPUs.

    Raises DnpmError when the variables are damaged or the others do not answer.
    """
    try:
        count = int(os.environ.get("WORLD_SIZE", "1"))
        me = Workers(int(os.environ.get("RANK", "0")), count, int(os.environ.get("LOCAL_RANK", "0")))
    except ValueError as error:
        raise DnpmError(f"RANK, WORLD_SIZE and LOCAL_RANK must be numbers ({error}); start it with torchrun") from error
    if count == 1:
        yield me
        return
    try:
        dist.init_process_group("nccl" if cuda else "gloo")
    except (ValueError, RuntimeError) as error:
        raise DnpmError(f"the {count} processes do not find each other ({error}); start them with torchrun") from error
    try:
        yield me
    finally:
        dist.destroy_process_group()
