"""Whisper's log-mel spectrogram (Radford et al. 2022, section 2.2): 80 bands, windows of 25 ms, 100 a second.

Power of a 400-point Hann window every 160 samples at 16 kHz, Slaney's mel bands from 0 to 8 kHz of equal area,
log10, at most 8 below the window's largest value, (x + 4) / 4.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .audio import RATE

BANDS, POINTS, HOP = 80, 400, 160
_LEAST = 1e-10


@lru_cache(maxsize=1)
def filters() -> np.ndarray:
    """(80, 201) float32: Slaney's triangles (Auditory Toolbox, 1998), linear to 1 kHz, then 27 steps to 6.4 kHz."""
    edges = _hertz(np.linspace(0, _mel(RATE / 2), BANDS + 2))
    bins = np.linspace(0, RATE / 2, POINTS // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def log_mel(samples: Tensor) -> Tensor:
    """(B, n) at 16 kHz -> (B, 80, n // 160): each row scaled by its own largest value."""
    window = torch.hann_window(POINTS, device=samples.device)
    spectrum = torch.stft(samples, POINTS, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum[..., :-1].abs() ** 2
    bands = torch.from_numpy(filters()).to(samples.device) @ power
    logs = torch.clamp(bands, min=_LEAST).log10()
    logs = torch.maximum(logs, logs.amax((1, 2), keepdim=True) - 8.0)
    return (logs + 4.0) / 4.0


def _mel(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * float(np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
