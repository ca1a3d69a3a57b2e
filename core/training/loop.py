"""The one loop that every training runs in.

A trainer (`Trainer`) has networks, optimisers and `train_step`, one step of them; all that is random in a step follows
from (seed, step). The loop (`Loop`) goes on from the saved state and takes steps until the trainer is done. It writes
figures to log.csv and TensorBoard's log, shows how far it is, and measures on held-out samples. It saves by the clock,
at the end, and on SIGINT or SIGTERM after the step in hand.

    class Mine(Trainer):
        def __init__(self) -> None:
            super().__init__(steps=1000, batch=8, rate=1e-3)
            self.network = ...
            self.optimizer = torch.optim.Adam(self.network.parameters(), self.rate)
            self.networks, self.optimizers = {"network": self.network}, {"adam": self.optimizer}

        def train_step(self) -> Scalars:
            loss = ...                       # of the samples that (seed, self.step) draws
            self.descend(loss, self.optimizer, self.network)
            return {"loss": float(loss)}

    Loop("mine", folder / "state.safetensors", "dnpm-mine-state-1", {"seed": 0}).run(Mine(...))
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DnpmError
from ..progress import Progress
from . import checkpoint
from .checkpoint import Arrays, Stop, out_of_memory, stop_on_signal
from .parallel import Rank
from .precision import DTYPES, Precision
from .scalars import ScalarLog

Scalars = dict[str, float]
"""Name -> figure of a step; nan where a step has none."""


class Trainer:
    """What can be trained. A subclass gives `train_step`, and fills `networks` and `optimizers`."""

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16")
    """What it can compute in; its command refuses anything else."""
    unit: ClassVar[str] = "images"
    """What a batch consists of, for the log."""

    def __init__(
        self, steps: int, batch: int, rate: float, device: torch.device | str = "cpu", precision: Precision = "fp32",
        rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """steps: of the whole training. batch: samples a step, over all processes. rate: of the optimiser, at its
        highest. Raises DnpmError when the batch cannot be shared out."""
        self.step = 0
        self.steps, self.batch_size, self.rate = steps, batch, rate
        self.device, self.precision, self.rank = torch.device(device), precision, rank or Rank()
        self.rank.check_batch(batch)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")
        self.networks: dict[str, nn.Module] = {}
        """Name in the state -> network whose weights belong to it."""
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        """Name in the state -> optimiser whose moments belong to it."""

    # What a subclass gives, or changes.

    def train_step(self) -> Scalars:
        """One step on what (seed, `step`) draws; its figures. The caller counts `step`."""
        raise NotImplementedError

    def more_state(self) -> Arrays:
        """What else an exact continuation needs, besides networks, moments and the step."""
        return {}

    def restore_more(self, arrays: Arrays) -> None:
        """Take what `more_state` gave."""

    def diverged(self, scalars: Scalars) -> bool:
        """Whether a step's figures say that the training has failed."""
        return not all(math.isfinite(value) for value in scalars.values())

    def calmer(self) -> str:
        """What to try when it has."""
        return f"a smaller --rate than {self.rate:g}"

    def smaller(self) -> str:
        """What the device has too little memory for, and what to try."""
        return f"a batch of {self.batch_size}: try --batch {max(1, self.batch_size // 2)}"

    # What it gets.

    @property
    def total_steps(self) -> int:
        """Of the whole training."""
        return self.steps

    @property
    def done(self) -> bool:
        """Whether all steps are taken."""
        return self.step >= self.total_steps

    @property
    def amount(self) -> tuple[float, float, str]:
        """(done, in all, their unit), to be shown."""
        return self.step, self.total_steps, "steps"

    def run(self) -> Iterator[Scalars]:
        """One step an item, from where it stands to the end. Raises DnpmError when memory runs out or the loss
        diverges."""
        while not self.done:
            try:
                scalars = self.train_step()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                raise DnpmError(f"{self.device} has too little memory for {self.smaller()}") from error
            if self.diverged(scalars):
                raise DnpmError(f"the loss diverged at step {self.step}; try {self.calmer()}")
            self.step += 1
            yield scalars

    def autocast(self) -> AbstractContextManager[None]:
        """For the passes that may compute in the trainer's precision."""
        if self.precision == "fp32" or self.device.type == "meta":
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.precision])

    def descend(
        self, loss: Tensor, optimizer: torch.optim.Optimizer, network: nn.Module, clip: float | None = None,
        clipped: Sequence[Tensor] | None = None,
    ) -> None:  # fmt: skip
        """One step of an optimiser down the loss of this process's share, gradients averaged over the processes.

        clip: the gradient's greatest norm over the network, or over the parameters in `clipped`. BatchNorm normalises
        by each process's own share (as in DistributedDataParallel); its running statistics are averaged, so that all
        processes keep the same.
        """
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(optimizer)
        self.rank.average_gradients(p for group in optimizer.param_groups for p in group["params"])
        if clip is not None:
            nn.utils.clip_grad_norm_(network.parameters() if clipped is None else clipped, clip)
        self.scaler.step(optimizer)
        self.scaler.update()
        if self.rank.count > 1 and (buffers := [b for b in network.buffers() if b.is_floating_point()]):
            self.rank.average(buffers)

    def state(self) -> Arrays:
        """Everything that an exact continuation needs."""
        arrays: Arrays = {"step": np.array([self.step], np.int64)}
        for name, network in self.networks.items():
            arrays |= checkpoint.network_arrays(name, network)
        for name, optimizer in self.optimizers.items():
            arrays |= checkpoint.optimizer_arrays(name, optimizer)
        if self.scaler.is_enabled():
            kept = self.scaler.state_dict()
            arrays["loss_scale"] = np.array([kept["scale"], kept["_growth_tracker"]])
        return arrays | self.more_state()

    def restore(self, arrays: Arrays) -> None:
        """Take what `state` gave. Raises DnpmError when it is of other networks."""
        for name, network in self.networks.items():
            checkpoint.restore_network(name, network, arrays)
        for name, optimizer in self.optimizers.items():
            checkpoint.restore_optimizer(name, optimizer, arrays)
        if "step" not in arrays:
            raise DnpmError(f"the saved state is of another {', '.join(self.networks)} (it has no step)")
        self.step = int(arrays["step"][0])
        if self.scaler.is_enabled() and "loss_scale" in arrays:
            scale, tracker = arrays["loss_scale"]
            kept = self.scaler.state_dict() | {"scale": float(scale), "_growth_tracker": int(tracker)}
            self.scaler.load_state_dict(kept)
        try:
            self.restore_more(arrays)
        except (KeyError, IndexError, ValueError) as error:
            raise DnpmError(f"the saved state lacks {error}; it is of another version") from error


class TimedTrainer(Trainer):
    """A trainer that goes on for so many seconds of its steps, not for so many steps: its rates follow `fraction`."""

    def __init__(
        self, seconds: float, batch: int, rate: float, device: torch.device | str = "cpu",
        precision: Precision = "fp32", clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        """clock: seconds of a steady clock; another one than time.monotonic makes runs repeatable."""
        super().__init__(0, batch, rate, device, precision)
        self.seconds, self.elapsed, self._clock = seconds, 0.0, clock or time.monotonic

    @property
    def total_steps(self) -> int:
        """As many as fit, by the steps so far."""
        return max(self.step, round(self.step / self.fraction)) if self.fraction > 0 else 1

    @property
    def fraction(self) -> float:
        """Share of the seconds that are spent."""
        return self.elapsed / self.seconds

    @property
    def done(self) -> bool:
        """Whether the time is over."""
        return self.elapsed >= self.seconds

    @property
    def amount(self) -> tuple[float, float, str]:
        """(done, in all, their unit), to be shown."""
        return min(self.elapsed, self.seconds), self.seconds, "s"

    def calmer(self) -> str:
        """See `Trainer.calmer`."""
        return "another --seed"

    def timed_step(self) -> Scalars:
        """See `Trainer.train_step`."""
        raise NotImplementedError

    def train_step(self) -> Scalars:
        """A step, and the time that it took."""
        begin = self._clock()
        scalars = self.timed_step()
        self.elapsed += self._clock() - begin
        return scalars

    def state(self) -> Arrays:
        """See `Trainer.state`."""
        return super().state() | {"elapsed": np.array([self.elapsed])}

    def restore(self, arrays: Arrays) -> None:
        """See `Trainer.restore`."""
        super().restore(arrays)
        if "elapsed" not in arrays:
            raise DnpmError("the saved state lacks elapsed; it is of another version")
        self.elapsed = float(arrays["elapsed"][0])
        if not self.elapsed >= 0:
            raise DnpmError(f"its elapsed time is {self.elapsed:g} s")


@dataclass(frozen=True)
class Hook:
    """Something that is done now and then, and after the last step: validation, pictures."""

    function: Callable[[], Scalars | None]
    """Its figures, for the log; None where it has none. Called by the first process alone."""
    due: Callable[[int], bool]
    """Of a count of steps that are done."""
    at_start: bool = False
    """Also before the first step."""
    label: str | None = "held out"
    """Under which its figures are said; None says nothing."""


def every(steps: int) -> Callable[[int], bool]:
    """Each so many steps."""
    return lambda step: step % steps == 0


def every_images(images: int, batch: int) -> Callable[[int], bool]:
    """Whenever a multiple of so many images is passed."""
    return lambda step: step * batch // images > (step - 1) * batch // images


@dataclass
class Loop:
    """How a training is watched and kept."""

    name: str
    """Stands before each message."""
    path: Path
    """The state's file."""
    kind: str
    """The state's format."""
    belongs: Mapping[str, Any]
    """What a continuation must agree with (plan, data, ...), as JSON values."""
    folder: Path | None = None
    """Of the log; None: the state's."""
    save_seconds: float = 300.0
    log_due: Callable[[int], bool] = field(default_factory=lambda: every(10))
    hooks: Sequence[Hook] = ()
    also_save: Callable[[], None] | None = None
    """Writes what else belongs to a state, after it. Called by the first process alone."""
    more_state: Callable[[], Arrays] | None = None
    """What else goes into the state."""
    intro: str | None = None
    """Said before the first step of a run: what is learnt by."""

    def resume(self, trainer: Trainer) -> Arrays | None:
        """Go on from the saved state, where there is one; what it holds. Raises DnpmError when it is another's."""
        if not self.path.is_file():
            return None
        arrays = checkpoint.resume(trainer, self.path, self.kind, self.belongs)
        if trainer.rank.first:
            self._say(f"goes on from step {trainer.step} of {trainer.total_steps}")
        return arrays

    def run(self, trainer: Trainer, stop: Stop | None = None, resumed: bool = False) -> bool:
        """Train to the end; True when done, False when stopped before (the state is saved either way).

        stop: who asks for an end; by default SIGINT and SIGTERM do. resumed: `resume` was called already. Raises
        DnpmError when the state is another's, memory runs out, the loss diverges, or files cannot be written.
        """
        if not resumed:
            self.resume(trainer)
        if trainer.done:
            return True
        rank = trainer.rank
        for network in trainer.networks.values():
            rank.broadcast(network.state_dict().values())
        done, total, unit = trainer.amount
        with ExitStack() as stack:
            stop = stop or stack.enter_context(stop_on_signal())
            log = stack.enter_context(ScalarLog(self.folder or self.path.parent, trainer.step)) if rank.first else None
            bar = stack.enter_context(Progress(self.name, total, done, unit, shown=rank.first))
            if self.intro is not None:
                bar.say(self.intro)
            begun, first = time.monotonic(), trainer.step
            if first == 0 and rank.first and (found := self._called(bar, [h for h in self.hooks if h.at_start])):
                assert log is not None
                log.write(0, found | {trainer.unit: 0})
            saved, since_row = time.monotonic(), _Means()
            for scalars in trainer.run():
                step, ends = trainer.step, trainer.done
                since_row.add(rank.average_values(scalars, trainer.device))
                if log is not None:
                    found = self._called(bar, [h for h in self.hooks if ends or h.due(step)])
                    if found or ends or self.log_due(step):
                        pace = (step - first) * trainer.batch_size / max(time.monotonic() - begun, 1e-9)
                        shown = {trainer.unit: step * trainer.batch_size, f"{trainer.unit}_per_second": pace}
                        log.write(step, since_row.values() | shown | found)
                        since_row = _Means()
                    now, _, _ = trainer.amount
                    if bar.due(now):
                        bar.update(now, _text(scalars))
                asked = rank.any(stop.asked, trainer.device)
                if rank.first and (ends or asked or time.monotonic() - saved > self.save_seconds):
                    self.save(trainer)
                    saved = time.monotonic()
                if asked and not ends:
                    bar.say(f"stopped at step {step} of {trainer.total_steps}; the same command goes on")
                    rank.barrier()
                    return False
            rank.barrier()
        return True

    def save(self, trainer: Trainer) -> None:
        """Write the state and what belongs to it. Raises DnpmError when they cannot be written."""
        more = self.more_state() if self.more_state is not None else {}
        checkpoint.save_state(self.path, trainer.state() | more, self.kind, self.belongs)
        if self.also_save is not None:
            self.also_save()

    def _called(self, bar: Progress, hooks: Sequence[Hook]) -> Scalars:
        """Figures of all hooks."""
        found: Scalars = {}
        for hook in hooks:
            values = hook.function() or {}
            if values and hook.label is not None:
                bar.say(f"{hook.label}: {_text(values)}")
            found |= values
        return found

    def _say(self, text: str) -> None:
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)


class _Means:
    """Means of figures; those that are nan do not count."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, scalars: Scalars) -> None:
        for name, value in scalars.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total, count) if math.isnan(value) else (total + value, count + 1)

    def values(self) -> Scalars:
        return {name: total / count if count else math.nan for name, (total, count) in self._sums.items()}


def _text(scalars: Scalars) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in scalars.items() if not math.isnan(value))
