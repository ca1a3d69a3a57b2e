"""`dnpm train encoder` in the training loop, checked on held-out samples after each epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..loop import Hook, Loop, Scalars, every
from .store import STATE_FORMAT, belongs
from .trainer import EncoderTrainer, Samples

CHECKED = 32
"""Samples of the check, at most."""


def fit(
    trainer: EncoderTrainer, state: Path, about: dict[str, Any], check: tuple[Samples, np.ndarray], what: str
) -> bool:
    """Train to the end; True when done, False when stopped before (the state is saved either way).

    state: file that it is resumed from; the log's folder bears its name. check: held-out samples whose error is said
    after each epoch. what: its name in messages, which also say the loss.
    """
    term = trainer.distance.name if trainer.distance is not None else "no perceptual term"
    loop = Loop(
        what, state, STATE_FORMAT, belongs(trainer, about), folder=state.parent / state.name.split(".")[0],
        hooks=[Hook(lambda: _checked(trainer, *check), every(trainer.epoch_steps))],
        intro=f"L1 + {trainer.plan.perceptual_weight:g} x {term}",
    )  # fmt: skip
    return loop.run(trainer)


def _checked(trainer: EncoderTrainer, samples: Samples, indices: np.ndarray) -> Scalars:
    indices = indices[:CHECKED]
    error = trainer.predict(samples, indices) - trainer.truth(samples, indices)
    inside = trainer.mask.cpu().numpy() > 0.5
    return {"held_out_l1_mm": float(np.abs(error[:, inside]).mean())}
