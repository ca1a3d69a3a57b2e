"""`dnpm train speech` in the training loop, checked on clips that are held out; the log's curves as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...speech.decoder import SpeechDecoder
from ..loop import Hook, Loop, Scalars, every
from ..precision import precision_entry
from ..scalars import CSV, read_log
from .plot import save_curves
from .trainer import SpeechTrainer

STATE_FORMAT = "dnpm-speech-state-1"
Check = Callable[[SpeechDecoder], dict[str, float]]
_NOT_DRAWN = ("windows", "windows_per_second")


def fit(trainer: SpeechTrainer, folder: Path, about: dict[str, Any], check: Check, interval: int) -> bool:
    """Train to the end; True when done, False when stopped before (the state is saved either way).

    folder: gets state.safetensors, log.csv and curves.png. about: names what the state belongs to. check: figures on
    clips that are not trained on, asked for each `interval` steps. Raises DnpmError when a state is another's.
    """

    def checked() -> Scalars:
        trainer.decoder.eval()
        figures = check(trainer.decoder)
        trainer.decoder.train()
        return figures

    def draw() -> None:
        log = read_log(folder / CSV) if (folder / CSV).is_file() else {}
        save_curves(folder / "curves.png", {name: points for name, points in log.items() if name not in _NOT_DRAWN})

    belongs = trainer.plan.as_json() | about | precision_entry(trainer.precision)
    loop = Loop(
        "speech", folder / "state.safetensors", STATE_FORMAT, belongs, hooks=[Hook(checked, every(interval))],
        also_save=draw,
    )  # fmt: skip
    return loop.run(trainer)
