"""Samples of a set in batches, averaged to a size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..errors import DnpmError
from ..measures.distribution import averaged
from .dataset import MapDataset

_BATCH = 16


def real_maps(data: MapDataset, split: str, count: int, seed: int, resolution: int) -> Iterator[Tensor]:
    """Batches (B, 1, R, R) mm of up to `count` samples of a split, picked by the seed."""
    picks = np.random.default_rng(seed).permutation(data.split(split))[:count]
    return read_batches(data, np.sort(picks), resolution)


def read_batches(data: MapDataset, picks: np.ndarray, resolution: int) -> Iterator[Tensor]:
    if data.resolution % resolution:
        raise DnpmError(f"maps of {data.resolution} texels cannot be averaged to the generator's {resolution}")
    for start in range(0, len(picks), _BATCH):
        yield averaged(torch.from_numpy(data.maps(picks[start : start + _BATCH]))[:, None], resolution)
