"""Trains a `FeatureLayer` (`core/speech/feature_layer.py`): a perceptron with one hidden layer, by Adam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ...speech.feature_layer import AROUND

_UNITS, _EPOCHS, _BATCH, _RATE, _DECAY = 48, 8, 512, 2e-3, 0.05
_NOISE, _DROPPED_IN, _DROPPED = 0.1, 0.2, 0.3


def around(features: np.ndarray) -> np.ndarray:
    """(n, width) -> (n, (2 AROUND + 1) width), the ends repeated."""
    padded = np.pad(features, ((AROUND, AROUND), (0, 0)), mode="edge")
    return np.concatenate([padded[k : k + len(features)] for k in range(2 * AROUND + 1)], 1)


def fitted(
    features: np.ndarray, truth: np.ndarray, weights: Sequence[float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(n, (2 AROUND + 1) width), (n,) int64 places of classes, the classes' weights in the loss -> a layer's arrays."""
    torch.manual_seed(seed)
    mean = torch.from_numpy(features.mean(0, dtype=np.float64).astype(np.float32))
    spread = torch.from_numpy(features.astype(np.float32).std(0) + 1e-3)
    given, wanted = torch.from_numpy(features), torch.from_numpy(truth)
    first, last = nn.Linear(features.shape[1], _UNITS), nn.Linear(_UNITS, len(weights))
    net = nn.Sequential(nn.Dropout(_DROPPED_IN), first, nn.ReLU(), nn.Dropout(_DROPPED), last)
    weighed = torch.tensor(weights)
    adam = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=_DECAY)
    for epoch in range(_EPOCHS):
        for group in adam.param_groups:
            group["lr"] = _RATE * (1 - epoch / _EPOCHS)
        for places in torch.randperm(len(given)).split(_BATCH):
            one = (given[places].float() - mean) / spread
            loss = nn.functional.cross_entropy(net(one + _NOISE * torch.randn_like(one)), wanted[places], weighed)
            adam.zero_grad()
            loss.backward()
            adam.step()
    weight, bias, out, out_bias = (p.detach() for p in (first.weight, first.bias, last.weight, last.bias))
    # What was taken off the features and divided by goes into the weights.
    scaled = weight / spread
    return scaled.numpy(), (bias - scaled @ mean).numpy(), out.numpy(), out_bias.numpy()
