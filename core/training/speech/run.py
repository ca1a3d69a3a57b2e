"""`dnpm train speech` from begin to end: resumed where it was stopped, validated, curves as a picture, Ctrl-C saves."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...files import json_file
from ...files.inputs import reading
from ...files.writing import write_text
from ...speech.config import to_json
from ...speech.decoder import SpeechDecoder
from ..checkpoint import resume, save_state, stop_on_signal
from .plot import save_curves
from .trainer import Losses, SpeechTrainer

STATE_FORMAT = "dnpm-speech-state-1"
SAVE_SECONDS, SAY_SECONDS = 120.0, 10.0
Check = Callable[[SpeechDecoder], dict[str, float]]


def fit(trainer: SpeechTrainer, folder: Path, about: dict[str, Any], check: Check, every: int) -> bool:
    """Train to the end; True when done, False when stopped before (the state is saved either way).

    folder: gets state.safetensors, history.json and curves.png. about: names what the state belongs to. check: figures
    on clips that are not trained on, asked for every `every` steps. Raises DnpmError when a state is another's.
    """
    state, record = folder / "state.safetensors", folder / "history.json"
    history: dict[str, list[tuple[int, float]]] = {}
    if state.is_file():
        resume(trainer, state, STATE_FORMAT, _belongs(trainer, about))
        if record.is_file():
            with reading(record, "delete it, or use another folder"):
                kept = json_file.read(record, constants=True)
                history = {k: [(int(s), float(v)) for s, v in points] for k, points in kept.items()}
                history = {k: [(s, v) for s, v in points if s <= trainer.step] for k, points in history.items()}
        _say(f"goes on from step {trainer.step} of {trainer.plan.steps}")
    if trainer.step >= trainer.plan.steps:
        return True
    started = saved = said = time.monotonic()
    first = trainer.step
    recent: list[Losses] = []

    def save() -> None:
        save_state(state, trainer.state(), STATE_FORMAT, _belongs(trainer, about))
        write_text(record, json.dumps(history))
        save_curves(folder / "curves.png", history)

    with stop_on_signal() as stop:
        for losses in trainer.run():
            recent.append(losses)
            now, ends = time.monotonic(), trainer.step == trainer.plan.steps
            if now - said > SAY_SECONDS or ends:
                means = _means(recent)
                for name, value in means.items():
                    history.setdefault(f"loss {name}", []).append((trainer.step, value))
                pace = (now - started) / (trainer.step - first)
                terms = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
                left = (trainer.plan.steps - trainer.step) * pace / 60
                share = trainer.plan.own_share(trainer.step)
                _say(f"step {trainer.step}/{trainer.plan.steps}, {terms}, own past {share:.2f}, {left:.0f} min left")
                said, recent = now, []
            if trainer.step % every == 0 or ends:
                trainer.decoder.eval()
                figures = check(trainer.decoder)
                trainer.decoder.train()
                for name, value in figures.items():
                    history.setdefault(name, []).append((trainer.step, value))
                _say("held out: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
            if now - saved > SAVE_SECONDS or ends or stop.asked:
                save()
                saved = time.monotonic()
            if stop.asked and not ends:
                _say(f"stopped at step {trainer.step}; the same command goes on")
                return False
    return True


def _means(recent: list[Losses]) -> dict[str, float]:
    names = recent[0].terms
    return {"total": float(np.mean([x.total for x in recent]))} | {
        name: float(np.mean([x.terms[name] for x in recent])) for name in names
    }


def _belongs(trainer: SpeechTrainer, about: dict[str, Any]) -> dict[str, Any]:
    return asdict(trainer.plan) | {"config": to_json(trainer.plan.config)} | about


def _say(text: str) -> None:
    print(f"speech: {text}", file=sys.stderr, flush=True)
