"""A small layer that reads a feature and those around it: what a single feature, 20 ms of sound, hardly tells.

Learnt by `core/training/speech/perceptron.py`, kept in the file of the speech weights. numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AROUND = 2
"""Features before and after one that are read with it, 20 ms each."""


@dataclass(frozen=True)
class FeatureLayer:
    """Which of `classes` sounds sounds, from 2 AROUND + 1 features in order of time, through a few rectified units:
    hidden_weight (h, (2 AROUND + 1) width), hidden_bias (h,), weight (classes, h), bias (classes,)."""

    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) -> probabilities (max(n - 2 AROUND, 0), classes) float32: of all but the outermost."""
        if len(features) <= 2 * AROUND:
            return np.zeros((0, len(self.bias)), np.float32)
        count, width = len(features) - 2 * AROUND, features.shape[1]
        units = np.tile(self.hidden_bias, (count, 1)).astype(np.float32)
        for k in range(2 * AROUND + 1):
            part = self.hidden_weight[:, k * width : (k + 1) * width]
            units += features[k : k + count].astype(np.float32) @ part.T
        return self._chances(units)

    def of_around(self, features: np.ndarray) -> np.ndarray:
        """Features with those around them side by side (n, (2 AROUND + 1) width) -> probabilities (n, classes)."""
        return self._chances(features.astype(np.float32) @ self.hidden_weight.T + self.hidden_bias)

    def _chances(self, units: np.ndarray) -> np.ndarray:
        score = np.maximum(units, 0) @ self.weight.T + self.bias
        score = np.exp(score - score.max(1, keepdims=True))
        return (score / score.sum(1, keepdims=True)).astype(np.float32)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As files hold them."""
        return self.hidden_weight, self.hidden_bias, self.weight, self.bias


class FeatureListener:
    """Hears features as they come, at the encoder's rate; the first and the last are taken to go on."""

    def __init__(self, layer: FeatureLayer) -> None:
        self._layer, self._held = layer, np.zeros((0, 0), np.float32)
        self._found: list[np.ndarray] = []

    def add(self, features: np.ndarray) -> None:
        """(n, width), the next ones."""
        if not len(features):
            return
        before = self._held if len(self._held) else np.repeat(features[:1], AROUND, 0)
        known = np.concatenate([before, features])
        self._found.append(self._layer(known))
        self._held = known[-2 * AROUND :]

    def chances(self) -> np.ndarray:
        """(n, classes) float32: probabilities at each feature that came so far."""
        if not len(self._held):
            return np.zeros((0, len(self._layer.bias)), np.float32)
        end = self._layer(np.concatenate([self._held, np.repeat(self._held[-1:], AROUND, 0)]))
        return np.concatenate([*self._found, end])


def at_times(chances: np.ndarray, times: np.ndarray, rate: float) -> np.ndarray:
    """Probabilities (n, C) at `rate` a second -> (T, C) float32 at times (T,) s, linear; 0 where there are none."""
    if not len(chances):
        return np.zeros((len(times), chances.shape[1]), np.float32)
    places = np.arange(len(chances)) / rate
    return np.stack([np.interp(times, places, column) for column in chances.T], 1).astype(np.float32)
