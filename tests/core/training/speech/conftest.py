"""A small speech set without voices: two "speakers", features that tell the motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.encoders.windows import SpeechEncoder
from dnpm.core.training.speech.corpus import Entry, Maker


class Ears(SpeechEncoder):
    """Four numbers a feature: loudness of a step of 320 samples, now and a little before."""

    kind, width = "whisper-tiny.en", 4

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def encode(self, samples: torch.Tensor) -> torch.Tensor:
        loud = samples.reshape(len(samples), -1, 320).square().mean(2).sqrt()
        return torch.stack([loud.roll(k, 1) for k in range(4)], -1) * 4


def clip_arrays(seed: int, seconds: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Noise whose loudness is the jaw."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * 30)) / 30
    jaw = np.clip(0.4 + 0.4 * np.sin(2 * np.pi * times * rng.uniform(0.5, 2) + rng.uniform(0, 6)), 0, 1)
    motion = np.zeros((len(times), 52), np.float32)
    motion[:, ARKIT_NAMES.index("jawOpen")] = jaw
    at = np.arange(round(seconds * 16000)) / 16000
    samples = (np.interp(at, times, jaw) * 0.3 * rng.standard_normal(len(at))).astype(np.float32)
    return samples, motion


@pytest.fixture(scope="session")
def ears() -> Ears:
    return Ears()


@pytest.fixture(scope="session")
def speech_set(ears: Ears, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    maker = Maker(folder, ears, 30.0, {"seed": 0})
    carried = np.zeros(52, bool)
    carried[ARKIT_NAMES.index("jawOpen")] = True
    for k in range(10):
        samples, motion = clip_arrays(k)
        split = "validation" if k >= 8 else "train"
        speaker, mask = ("capture", carried) if k % 2 else ("synthetic", np.ones(52, bool))
        phones = [] if k % 2 else [[0.0, 1.0, "AA"], [1.0, 2.0, "M"], [2.0, 3.0, "AA"]]
        maker.add(Entry(f"clip_{k}", speaker, split, 4.0, speaker, phones), samples, motion, mask)
    maker.save()
    return folder
