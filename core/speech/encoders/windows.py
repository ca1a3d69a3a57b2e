"""The one way in which sound reaches an encoder: windows of equal length that overlap, in training as in use.

An encoder's features depend on how much sound it hears around them. So there is one mode: every window has WINDOW_S
seconds, of which CONTEXT_S at either end are heard but thrown away; before the begin and after the end there is
silence. The same sound gives the same features however it comes in, memory does not grow with its length, and a
second costs the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..audio import RATE

WINDOW_S, CONTEXT_S = 10.0, 1.0


class SpeechEncoder(nn.Module):
    """Base of the encoders: they give `kind`, `rate`, `width` and `encode`."""

    kind: ClassVar[str]
    rate: float = 50.0
    """Features a second; feature i belongs to the time i / rate."""
    width: int
    """Numbers in a feature."""

    def encode(self, samples: Tensor) -> Tensor:
        """(B, WINDOW_S * 16000) float32 -> (B, WINDOW_S * rate, width)."""
        raise NotImplementedError

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Sound at 16 kHz in blocks of any lengths -> features (n, width) float32 in order, `count_for` of them."""
        window, context = round(WINDOW_S * RATE), round(CONTEXT_S * RATE)
        hop = window - 2 * context
        held = np.zeros(context, np.float32)
        total = given = 0
        for block in blocks:
            total += len(block)
            held = np.concatenate([held, np.asarray(block, np.float32)])
            while len(held) >= window:
                features = self._inner(held[:window])
                held = held[hop:]
                given += len(features)
                yield features
        wanted = self.count_for(total)
        while given < wanted:
            padded = np.zeros(window, np.float32)
            padded[: min(window, len(held))] = held[:window]
            features = self._inner(padded)[: wanted - given]
            held = held[hop:]
            given += len(features)
            yield features

    def features(self, samples: np.ndarray) -> np.ndarray:
        """(n,) at 16 kHz -> (count_for(n), width) float32."""
        parts = list(self.stream([samples]))
        return np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)

    def count_for(self, samples: int) -> int:
        """Features of a sound of so many samples: one a step begun."""
        return -(-samples * round(self.rate) // RATE)

    def _inner(self, samples: np.ndarray) -> np.ndarray:
        device = next(self.parameters()).device
        with torch.inference_mode():
            features = self.encode(torch.from_numpy(samples)[None].to(device))[0].float().cpu().numpy()
        skip = round(CONTEXT_S * self.rate)
        return np.ascontiguousarray(features[skip : round(WINDOW_S * self.rate) - skip])


def at_rate(
    features: Iterable[np.ndarray], source: float, target: float, seconds: float | None = None
) -> Iterator[np.ndarray]:
    """Features at `source` a second in chunks -> (n, width) chunks at `target` a second, linear in between.

    Frame k belongs to the time k / target; there is one for every step begun, up to the last feature's own step
    (FaceFormer, section 3.1, resamples alike). seconds: the sound's length where it is known; frames end with it.
    """
    step = source / target
    held = np.zeros((0, 0), np.float32)
    begin = 0  # held[0]'s place among all features
    k, total = 0, 0
    for chunk in features:
        total += len(chunk)
        held = chunk if not len(held) else np.concatenate([held, chunk])
        last = int(np.floor((total - 1) / step + 1e-9))
        if last >= k:
            yield _between(held, np.arange(k, last + 1) * step - begin)
            k = last + 1
        drop = min(max(0, int(k * step) - begin), len(held) - 1)
        held, begin = held[drop:], begin + drop
    length = total / source if seconds is None else seconds
    wanted = int(np.ceil(length * target - 1e-6))
    if total and k < wanted:  # Beyond the last feature it is held.
        yield _between(held, np.minimum(np.arange(k, wanted) * step, total - 1) - begin)


def _between(features: np.ndarray, places: np.ndarray) -> np.ndarray:
    low = np.clip(np.floor(places).astype(int), 0, len(features) - 1)
    high = np.minimum(low + 1, len(features) - 1)
    part = (places - low).astype(np.float32)[:, None]
    return features[low] * (1 - part) + features[high] * part
