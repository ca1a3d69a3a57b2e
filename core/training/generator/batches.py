"""Which maps each step sees: a fixed order from the seed, read ahead by a thread."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...errors import DnpmError
from ..detail.principal import average_to


class Maps(Protocol):
    """`core/dataset`'s MapDataset, or anything alike."""

    @property
    def resolution(self) -> int:
        """Side R of the maps."""
        ...

    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 mm."""
        ...

    def masks(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) in [0, 1]."""
        ...


class Batches:
    """Maps and masks for step after step. Every epoch has an order of its own from (seed, epoch); a batch may reach
    into the next epoch, so that sets smaller than a batch serve as well."""

    def __init__(self, samples: Maps, indices: np.ndarray, batch: int, resolution: int, seed: int) -> None:
        """indices: the samples that are trained on. Raises DnpmError when there is none, or maps are too small."""
        if not len(indices):
            raise DnpmError("the set has no samples for training; add some (`dnpm data inspect` shows the splits)")
        if samples.resolution < resolution or samples.resolution % resolution:
            raise DnpmError(
                f"the set's maps have {samples.resolution} texels a side and cannot be averaged to {resolution}; make "
                f"a finer set, or choose --resolution {min(samples.resolution, resolution)}"
            )
        self.samples, self.indices, self.batch, self.resolution = samples, np.asarray(indices), batch, resolution
        self._seed, self._orders = seed, dict[int, np.ndarray]()
        self._pool = ThreadPoolExecutor(1, "maps")
        self._now: tuple[tuple[int, int, int], tuple[Tensor, Tensor]] | None = None
        self._ahead: tuple[tuple[int, int, int], Future[tuple[Tensor, Tensor]]] | None = None

    def sample_indices(self, step: int) -> np.ndarray:
        """(batch,) indices of a step's samples."""
        position = step * self.batch + np.arange(self.batch)
        epochs, places = np.divmod(position, len(self.indices))
        self._orders = {e: self._order(e) for e in range(int(epochs[0]), int(epochs[-1]) + 1)}
        return np.array([self.indices[self._orders[int(e)][k]] for e, k in zip(epochs, places, strict=True)])

    def read(self, step: int, part: slice) -> tuple[Tensor, Tensor]:
        """The part of a step's batch as maps (n, 1, R, R) mm and masks (n, 1, R, R); the next step's is then begun."""
        here, following = (step, part.start, part.stop), (step + 1, part.start, part.stop)
        if self._now is not None and self._now[0] == here:
            return self._now[1]
        if self._ahead is not None and self._ahead[0] == here:
            result = self._ahead[1].result()
        else:
            result = self._read(self.sample_indices(step)[part])
        self._now = here, result
        self._ahead = following, self._pool.submit(self._read, self.sample_indices(step + 1)[part])
        return result

    def close(self) -> None:
        """Ends the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        return tuple(  # type: ignore[return-value]
            average_to(torch.from_numpy(np.array(array, np.float32)), self.resolution)[:, None]
            for array in (self.samples.maps(indices), self.samples.masks(indices))
        )

    def _order(self, epoch: int) -> np.ndarray:
        known = self._orders.get(epoch)
        return np.random.default_rng([self._seed, epoch]).permutation(len(self.indices)) if known is None else known
