"""Writes a data set of displacement maps: shard by shard, each beside its place and then renamed; resumable."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from ..errors import DnpmError
from ..files import tensor_file, writing
from . import form

SHARD_BYTES = 256_000_000
"""About how large a shard becomes: large enough to be read fast, small enough to lose little to a stop."""


@dataclass(frozen=True)
class _Sample:
    key: str
    map: np.ndarray
    identity: np.ndarray | None
    expression: np.ndarray | None
    person: int
    split: int
    mask: np.ndarray | None


class MapWriter:
    """Adds samples to a new or an existing set; use it as a context manager.

    A sample counts once its shard is written (`flush`, `close`); after a crash the shards that were written are there,
    and `has(key)` says which samples need not be made again. One process writes at a time.
    """

    def __init__(
        self, folder: str | os.PathLike[str], about: form.About, mask: np.ndarray, shard_size: int | None = None
    ) -> None:
        """about: what the set is (its shards and counts are ignored); mask: (R, R) in [0, 1], shared.

        A folder that is a data set already is continued; raises DnpmError when that one has another form, mask, face
        model or recipe, when the folder cannot be written, or when `about` contradicts itself.
        """
        self.folder = Path(folder)
        mask = np.asarray(mask, np.float32)
        if mask.shape != (about.resolution,) * 2 or not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
            raise DnpmError(f"{folder}: the mask must be {about.resolution} x {about.resolution}, 0 to 1")
        if about.dtype not in form.DTYPES or len(about.expression_names) != about.n_exp or not about.scale_mm > 0:
            raise DnpmError(f"{folder}: maps are stored as {' or '.join(form.DTYPES)}, with a name for each expression")
        self._keys: set[str] = set()
        self._splits: dict[int, int] = {}
        self._waiting: list[_Sample] = []
        stored = np.rint(mask * 255).astype(np.uint8)
        writing.folder(self.folder)
        if (self.folder / form.NAME).exists():
            self.about = self._continued(about, stored)
        else:
            self.about = form.About(**{k: v for k, v in vars(about).items() if k not in ("people", "counts", "shards")})
            tensor_file.save(self.folder / "mask.safetensors", {"mask": stored}, {"format": form.FORMAT})
            form.write_about(self.folder, self.about)
        per_sample = about.resolution**2 * (3 if about.has_masks else 2)
        self._shard_size = shard_size or max(1, SHARD_BYTES // per_sample)

    def __enter__(self) -> MapWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        # Also when it was stopped: what is finished is kept.
        self.flush()

    def has(self, key: str) -> bool:
        """Whether a sample of this name is in the set."""
        return key in self._keys

    def add(
        self,
        key: str,
        displacement: np.ndarray,
        identity: np.ndarray | None = None,
        expression: np.ndarray | None = None,
        person: str | None = None,
        split: str | None = None,
        mask: np.ndarray | None = None,
    ) -> None:
        """Add one sample.

        key: its name, unlike all others'. displacement: (R, R) mm. identity (n_id,), expression (n_exp,): None where
        unknown. person: whose face it is (default: a person of its own, named by the key). split: of a new person;
        None shares people out, nine tenths to train. mask: (R, R) in [0, 1], for sets that have them. Raises DnpmError
        when something is not finite, of another shape, out of range, or the person is in another split.
        """
        what, side = f"sample {key!r}", self.about.resolution
        if key in self._keys:
            raise DnpmError(f"{what}: is in {self.folder} already; give it another name")
        if np.shape(displacement) != (side, side):
            raise DnpmError(f"{what}: its map is {np.shape(displacement)}, this set's are {side} x {side}")
        stored = form.from_mm(np.asarray(displacement), self.about, what)
        identity = _coefficients(identity, self.about.n_id, f"{what}: identity")
        expression = _coefficients(expression, self.about.n_exp, f"{what}: expression")
        if expression is not None and (expression.min(initial=0) < -1e-6 or expression.max(initial=0) > 1 + 1e-6):
            raise DnpmError(f"{what}: expression values must be 0 to 1")
        if self.about.has_masks:
            mask = np.ones((side, side), np.float32) if mask is None else np.asarray(mask, np.float32)
            if mask.shape != (side, side) or not (mask.min() >= 0 and mask.max() <= 1):
                raise DnpmError(f"{what}: its mask must be {side} x {side}, 0 to 1")
        elif mask is not None:
            raise DnpmError(f"{what}: this set has one mask for all samples; make one with masks of their own")
        number = person_number(person or key)
        place = self._split_of(number, split, what)
        self._keys.add(key)
        self._splits[number] = place
        self._waiting.append(_Sample(key, stored, identity, expression, number, place, mask))
        if len(self._waiting) >= self._shard_size:
            self.flush()

    def flush(self) -> None:
        """Write what waits as a shard, then name it in dataset.json."""
        if not self._waiting:
            return
        samples, about = self._waiting, self.about
        n = len(samples)
        identity, expression = np.zeros((n, about.n_id), np.float32), np.zeros((n, about.n_exp), np.float32)
        known = np.zeros(n, np.uint8)
        for k, sample in enumerate(samples):
            if sample.identity is not None:
                identity[k] = sample.identity
                known[k] |= form.KNOWN_IDENTITY
            if sample.expression is not None:
                expression[k] = sample.expression
                known[k] |= form.KNOWN_EXPRESSION
        tensors = {
            "maps": np.stack([s.map for s in samples]), "identity": identity, "expression": expression, "known": known,
            "person": np.array([s.person for s in samples], np.int64),
            "split": np.array([s.split for s in samples], np.uint8),
        }  # fmt: skip
        if about.has_masks:
            tensors["masks"] = np.stack([np.rint(np.asarray(s.mask) * 255).astype(np.uint8) for s in samples])
        path = self.folder / f"shard_{len(about.shards):05d}.safetensors"
        tensor_file.save(path, tensors, {"format": form.FORMAT, "keys": json.dumps([s.key for s in samples])})
        about.shards.append(self._described(path, tensors["maps"]))
        about.people = len(self._splits)
        for sample in samples:
            about.counts[form.SPLITS[sample.split]] += 1
        form.write_about(self.folder, about)
        self._waiting = []

    def _described(self, path: Path, stored: np.ndarray) -> form.Shard:
        inside = self._mask > 0.5
        texels = total = squares = 0.0
        least, most = np.inf, -np.inf
        for one in stored:
            heights = form.to_mm(one, self.about)[inside].astype(np.float64)
            texels, total, squares = texels + heights.size, total + heights.sum(), squares + (heights**2).sum()
            least, most = min(least, heights.min(initial=np.inf)), max(most, heights.max(initial=-np.inf))
        if not texels:
            least = most = 0.0
        return form.Shard(
            path.name, len(stored), path.stat().st_size, tensor_file.sha256(path), float(texels), float(total),
            float(squares), float(least), float(most),
        )  # fmt: skip

    @property
    def _mask(self) -> np.ndarray:
        return form.stored_mask(self.folder, self.about).astype(np.float32) / 255

    def _continued(self, wanted: form.About, mask: np.ndarray) -> form.About:
        """The set that is there, and what is in it."""
        there = form.read_about(self.folder)
        for name in ("resolution", "n_id", "n_exp", "expression_names", "dtype", "scale_mm", "has_masks", "face_model",
                     "recipe"):  # fmt: skip
            # Through JSON, where tuples are lists.
            ours = json.loads(json.dumps(getattr(wanted, name)))
            if getattr(there, name) != ours:
                raise DnpmError(
                    f"{self.folder}: is a data set with another {name.replace('_', ' ')}; choose another folder"
                )
        if not np.array_equal(form.stored_mask(self.folder, there), mask):
            raise DnpmError(f"{self.folder}: is a data set with another mask; choose another folder")
        for shard in there.shards:
            tensors, metadata = form.open_shard(self.folder, there, shard)
            self._keys.update(form.keys_of(self.folder / shard.file, metadata, shard.count))
            self._splits.update(zip(tensors["person"].tolist(), tensors["split"].tolist(), strict=True))
        return there

    def _split_of(self, person: int, wanted: str | None, what: str) -> int:
        if wanted is not None and wanted not in form.SPLITS:
            raise DnpmError(f"{what}: {wanted!r} is not a split; there are {', '.join(form.SPLITS)}")
        place = None if wanted is None else form.SPLITS.index(wanted)
        if person in self._splits:
            if place not in (None, self._splits[person]):
                there = form.SPLITS[self._splits[person]]
                raise DnpmError(f"{what}: this person is in the split {there!r}; a person is in one split alone")
            return self._splits[person]
        if place is not None:
            return place
        # The split that is furthest below its share gets a new person; at first that is train.
        have = np.bincount(list(self._splits.values()), minlength=len(form.SPLITS))
        return int(np.argmax(np.array(form.SHARES) * (len(self._splits) + 1) - have))


def person_number(name: str) -> int:
    """A person's name -> a number that is stored in its place (the first 63 bits of its SHA-256)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") >> 1


def _coefficients(values: np.ndarray | None, count: int, what: str) -> np.ndarray | None:
    if values is None:
        return None
    array = np.asarray(values, np.float32)
    if array.shape != (count,):
        raise DnpmError(f"{what} has {array.shape} values, this set's samples have ({count},)")
    if not np.isfinite(array).all():
        raise DnpmError(f"{what} holds numbers that are not finite; leave it out where it is unknown")
    return array
