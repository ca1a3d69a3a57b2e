"""Reads a data set of displacement maps, memory-mapped: only the samples that are asked for are read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..files import tensor_file
from . import form
from .writer import MapWriter

__all__ = ["MapDataset", "MapWriter"]


class MapDataset:
    """Samples of (displacement map, identity, expression, mask), numbered from 0 over all shards."""

    def __init__(self, folder: Path, about: form.About) -> None:
        self.folder, self.about = folder, about
        opened = [form.open_shard(folder, about, shard) for shard in about.shards]
        self._shards = [tensors for tensors, _ in opened]
        self._ends = np.cumsum([shard.count for shard in about.shards]) if about.shards else np.zeros(0, int)
        self.keys = [
            key
            for (_, metadata), shard in zip(opened, about.shards, strict=True)
            for key in form.keys_of(folder / shard.file, metadata, shard.count)
        ]
        """What each sample is called where it comes from ("12/3_mouth_stretch")."""
        self._small = {
            name: np.concatenate([np.asarray(s[name]) for s in self._shards]) if self._shards else np.zeros(0, int)
            for name in ("known", "split", "person")
        }
        self.n_id = about.n_id
        """Identity values of a sample."""
        self.mask: np.ndarray = read_mask(folder, about)
        """(R, R) float32 in [0, 1], shared by all samples."""

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> MapDataset:
        """Open a folder. Raises DnpmError when it is not a data set, or a shard is missing, truncated or of other
        sizes.

        Checksums and numbers are looked at by `check`, not here: a set of a hundred gigabytes opens at once.
        """
        return cls(Path(folder), form.read_about(Path(folder)))

    def __len__(self) -> int:
        return self.about.count

    def for_model(self, model: FaceModel) -> MapDataset:
        """This set; one that was made before the model had skin components gives these as 0 from now on."""
        if self.about.n_id == model.n_shape:
            self.n_id = model.n_id
        return self

    @property
    def resolution(self) -> int:
        """Texels a side."""
        return self.about.resolution

    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 mm, in the order asked for. Raises DnpmError when there is no such sample."""
        return form.to_mm(self._rows("maps", indices), self.about)

    def masks(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 in [0, 1]: each sample's own mask times the shared one."""
        indices = self._checked(indices)
        if not self.about.has_masks:
            return np.broadcast_to(self.mask, (len(indices), *self.mask.shape))
        return self._rows("masks", indices).astype(np.float32) / 255 * self.mask

    def identity(self, indices: np.ndarray) -> np.ndarray | None:
        """(n,) -> (n, `n_id`) float32 standard deviations; None when one of them is unknown."""
        known = self._coefficients("identity", indices, form.KNOWN_IDENTITY)
        return None if known is None else np.pad(known, ((0, 0), (0, self.n_id - known.shape[1])))

    def expression(self, indices: np.ndarray) -> np.ndarray | None:
        """(n,) -> (n, n_exp) float32, 0 to 1; None when one of them is unknown."""
        return self._coefficients("expression", indices, form.KNOWN_EXPRESSION)

    def person(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n,) int64: equal for samples of the same person."""
        return self._small["person"][self._checked(indices)]

    def split(self, name: str) -> np.ndarray:
        """Indices of the train, validation or test samples. No person is in two of them. Raises DnpmError on others."""
        if name not in form.SPLITS:
            raise DnpmError(f"{name!r} is not a split; there are {', '.join(form.SPLITS)}")
        return np.flatnonzero(self._small["split"] == form.SPLITS.index(name))

    def with_coefficients(self, indices: np.ndarray) -> np.ndarray:
        """Those of the indices whose identity and expression are both known: what an encoder can learn from."""
        both = form.KNOWN_IDENTITY | form.KNOWN_EXPRESSION
        indices = self._checked(indices)
        return indices[(self._small["known"][indices] & both) == both]

    def shuffled(self, name: str, batch: int, seed: int, epoch: int = 0) -> Iterator[np.ndarray]:
        """Batches of a split's indices in a random order, the same for the same seed and epoch; the last may be small.

        Nothing is read: pass them to `maps`.
        """
        if batch < 1:
            raise DnpmError(f"a batch must have at least 1 sample, not {batch}")
        order = np.random.default_rng([seed, epoch]).permutation(self.split(name))
        for start in range(0, len(order), batch):
            yield order[start : start + batch]

    def check(self) -> None:
        """Read everything once: checksums, finiteness, ranges, no person in two splits.

        Raises DnpmError with the file that is damaged.
        """
        for shard, tensors in zip(self.about.shards, self._shards, strict=True):
            path = self.folder / shard.file
            if tensor_file.sha256(path) != shard.sha256:
                raise DnpmError(f"{path}: damaged: its SHA-256 is not the one in {form.NAME}; make the set again")
            for k in range(shard.count):
                if not np.isfinite(form.to_mm(tensors["maps"][k], self.about)).all():
                    raise DnpmError(f"{path}: map {k} holds numbers that are not finite; make the set again")
            for name in ("identity", "expression"):
                if not np.isfinite(tensors[name]).all():
                    raise DnpmError(f"{path}: {name} holds numbers that are not finite; make the set again")
            if shard.count and tensors["split"].max() >= len(form.SPLITS):
                raise DnpmError(f"{path}: names a split that there is not; make the set again")
        pairs = np.unique(np.stack([self._small["person"], self._small["split"]], 1), axis=0)
        people, times = np.unique(pairs[:, 0], return_counts=True)
        if (times > 1).any():
            raise DnpmError(f"{self.folder}: {int((times > 1).sum())} people are in two splits; make the set again")
        if len(people) != self.about.people or len(self.keys) != len(self):
            raise DnpmError(f"{self.folder / form.NAME}: its counts are not those of the shards; make the set again")

    def _coefficients(self, name: str, indices: np.ndarray, bit: int) -> np.ndarray | None:
        indices = self._checked(indices)
        known = (self._small["known"][indices] & bit) != 0
        return self._rows(name, indices).astype(np.float32) if known.all() else None

    def _checked(self, indices: np.ndarray) -> np.ndarray:
        indices = np.asarray(indices, np.int64)
        if indices.ndim != 1 or (indices.size and (indices.min() < 0 or indices.max() >= len(self))):
            raise DnpmError(f"{self.folder}: has samples 0 to {len(self) - 1}; others were asked for")
        return indices

    def _rows(self, name: str, indices: np.ndarray) -> np.ndarray:
        indices = self._checked(indices)
        where = np.searchsorted(self._ends, indices, "right")
        width = {"identity": (self.about.n_id,), "expression": (self.about.n_exp,)}
        shape = width.get(name, (self.resolution, self.resolution))
        dtype = self.about.dtype if name == "maps" else "uint8" if name == "masks" else "float32"
        out = np.empty((len(indices), *shape), dtype)
        for s in np.unique(where):
            chosen = np.flatnonzero(where == s)
            first = self._ends[s] - self.about.shards[s].count
            out[chosen] = self._shards[s][name][indices[chosen] - first]
        return out


def read_mask(folder: Path, about: form.About) -> np.ndarray:
    """The shared mask, (R, R) float32 in [0, 1]. Raises DnpmError when it is missing or of another size."""
    return form.stored_mask(folder, about).astype(np.float32) / 255
