"""The loop of the photo's trainings: progress, checkpoints, a graceful stop, the memory's end in words."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ...errors import DnpmError
from ...files.writing import folder as made_folder
from ..checkpoint import Arrays, out_of_memory, resume, save_state, stop_on_signal

STATE = "state.safetensors"
_SAVE_EVERY, _TELL_EVERY = 200, 25


class Trainer(Protocol):
    """What can be run: `step` counts what is done."""

    step: int

    def run(self) -> Iterator[dict[str, float]]:
        """One step an item."""

    def state(self) -> Arrays:
        """Everything that an exact continuation needs."""

    def restore(self, arrays: Arrays) -> None:
        """What `state` gave."""


def fit(trainer: Trainer, folder: Path, kind: str, belongs: Mapping[str, Any], steps: int) -> bool:
    """Train to the end, from the folder's state if there is one; False when it was stopped before.

    Raises DnpmError when the state is of other settings, the loss bursts or memory ends.
    """
    made_folder(folder)
    path = folder / STATE
    if path.is_file():
        resume(trainer, path, kind, belongs)
        print(f"{kind}: goes on at step {trainer.step} of {steps}", file=sys.stderr, flush=True)
    recent: deque[dict[str, float]] = deque(maxlen=_TELL_EVERY)
    begun, first = time.monotonic(), trainer.step
    with stop_on_signal() as stop:
        try:
            for losses in trainer.run():
                recent.append(losses)
                if trainer.step % _TELL_EVERY == 0 or trainer.step == steps:
                    left = (time.monotonic() - begun) / (trainer.step - first) * (steps - trainer.step)
                    means = {k: sum(x.get(k, 0.0) for x in recent) / len(recent) for k in sorted(recent[-1])}
                    told = ", ".join(f"{k} {v:.4f}" for k, v in means.items())
                    print(f"{kind}: step {trainer.step}/{steps}, {told}, {left / 60:.0f} min left",
                          file=sys.stderr, flush=True)  # fmt: skip
                if trainer.step % _SAVE_EVERY == 0 or trainer.step == steps or stop.asked:
                    save_state(path, trainer.state(), kind, belongs)
                if stop.asked:
                    break
        except RuntimeError as error:
            if out_of_memory(error):
                raise DnpmError(f"{kind}: the memory does not suffice; try half the --batch") from error
            raise
    return trainer.step >= steps
