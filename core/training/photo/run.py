"""The photo's trainings in the training loop, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..loop import Loop, Trainer, every
from ..precision import precision_entry

STATE = "state.safetensors"


def fit(trainer: Trainer, folder: Path, kind: str, belongs: Mapping[str, Any]) -> bool:
    """Train to the end, from the folder's state if there is one; False when it was stopped before.

    Raises DnpmError when the state is of other settings, the loss diverges or memory runs out.
    """
    settings = dict(belongs) | precision_entry(trainer.precision)
    return Loop(kind, folder / STATE, kind, settings, log_due=every(25)).run(trainer)
