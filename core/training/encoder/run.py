"""`dnpm train encoder` from begin to end: resumed where it was stopped, saved as it goes, stopped by Ctrl-C."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import stop_on_signal
from .store import load_state, save_state
from .trainer import EncoderTrainer, Losses, Samples

SAVE_SECONDS, SAY_SECONDS = 120.0, 10.0
CHECKED = 32


def fit(
    trainer: EncoderTrainer, state: Path, about: dict[str, Any], check: tuple[Samples, np.ndarray], what: str
) -> bool:
    """Train to the end; True when done, False when stopped before (the state is saved either way).

    state: file that it is resumed from. check: held-out samples whose error is said after each epoch. what: its name
    in messages.
    """
    if state.is_file():
        load_state(state, trainer, about)
        print(f"{what}: goes on from step {trainer.step} of {trainer.total_steps}", file=sys.stderr, flush=True)
    if trainer.step >= trainer.total_steps:
        return True
    seen = trainer.distance.name if trainer.distance is not None else "no perceptual term"
    print(f"{what}: L1 + {trainer.plan.perceptual_weight:g} x {seen}", file=sys.stderr, flush=True)
    started = saved = said = time.monotonic()
    first, recent = trainer.step, []
    with stop_on_signal() as stop:
        for losses in trainer.run():
            recent.append(losses)
            now = time.monotonic()
            ends = trainer.step == trainer.total_steps
            if trainer.step % trainer.epoch_steps == 0 or ends:
                print(f"{what}: {_checked(trainer, *check)}", file=sys.stderr, flush=True)
            if now - said > SAY_SECONDS or ends:
                pace = (now - started) / (trainer.step - first)
                print(f"{what}: {_said(trainer, recent, pace)}", file=sys.stderr, flush=True)
                said, recent = now, []
            if now - saved > SAVE_SECONDS or ends or stop.asked:
                save_state(state, trainer, about)
                saved = now
            if stop.asked and not ends:
                print(f"{what}: stopped at step {trainer.step}; the same command goes on", file=sys.stderr, flush=True)
                return False
    return True


def _checked(trainer: EncoderTrainer, samples: Samples, picks: np.ndarray) -> str:
    picks = picks[:CHECKED]
    error = trainer.predict(samples, picks) - trainer.truth(samples, picks)
    inside = trainer.mask.cpu().numpy() > 0.5
    epoch = trainer.step / trainer.epoch_steps
    return f"epoch {epoch:.3g}, held-out error {np.abs(error[:, inside]).mean():.5f} mm over {len(picks)} maps"


def _said(trainer: EncoderTrainer, recent: list[Losses], pace: float) -> str:
    left = (trainer.total_steps - trainer.step) * pace
    return (
        f"step {trainer.step}/{trainer.total_steps}, L1 {np.mean([x.l1_mm for x in recent]):.5f} mm, "
        f"perceptual {np.mean([x.perceptual for x in recent]):.4f}, {trainer.plan.batch / pace:.1f} images/s, "
        f"{left / 60:.0f} min left"
    )
