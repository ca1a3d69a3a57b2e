"""Checkpoints of torch.save, read by `torch.load(weights_only=True)` after they were looked through without it.

torch's own reader runs nothing that a file names, but it believes sizes: a storage that is longer than its record, a
view of a billion numbers over one, a pickle without end. Here the pickle is read once with every name standing for
something inert, and what it says of its storages and tensors is compared with the bytes that the file holds.

Formats (torch/serialization.py): a zip archive with `data.pkl` and a stored member `data/KEY` a storage; or, before
torch 1.6, pickles of a magic number, the protocol, the system, the content and the storages' keys, then each storage as
its number of elements (8 bytes, little-endian) and its bytes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import IO, Any

import torch

from ..errors import DnpmError
from .inputs import one_line, opened, read_start, reading, regular_file, shown_path
from .pickles import BoundedUnpickler, Budget
from .zip_file import ZipInput

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MOST_BYTES, _MOST_PICKLE = 4_000_000_000, 64_000_000
_RANK = 16
_REFUSED = "is not opened: it holds more than tensors, or is damaged ({})"
_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "UntypedStorage": 1,
    "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
}  # fmt: skip
"""Bytes of an element of a storage, by the name of its type."""


def load_tensors(path: str | os.PathLike[str], again: str, allowed: Sequence[type | tuple[Any, str]] = ()) -> Any:
    """A checkpoint's dictionaries, lists and tensors, on the CPU. `allowed`: plain classes beside torch's own, and what
    stands for a name, with that name.

    Raises DnpmError, naming the file, when it is missing, damaged, too large, or holds more than tensors and plain
    containers. `again`: what to do about it.
    """
    archive = look_through(path, again)
    with reading(path, again):
        try:
            with torch.serialization.safe_globals(list(allowed)):
                # Mapped: what is not used is not read.
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True if archive else None)
        except Exception as error:  # torch raises nearly anything on a damaged file; nothing of it was run
            raise DnpmError(_REFUSED.format(one_line(error))) from error


def look_through(path: str | os.PathLike[str], again: str) -> bool:
    """Whether a checkpoint is a zip archive. Raises DnpmError where its pickle's sizes are not those of the file."""
    size = regular_file(path, _MOST_BYTES)
    archive = read_start(path, 4) == b"PK\3\4"
    with reading(path, again):
        try:
            if archive:
                _look_through_archive(path)
            else:
                with opened(path) as file:
                    _look_through_old(file, size)
        except DnpmError:
            raise
        except Exception as error:  # a damaged pickle raises nearly anything
            raise DnpmError(_REFUSED.format(one_line(error))) from error
    return archive


class _Inert:
    """Stands for every class and function that a checkpoint may name; takes everything, keeps nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __call__(self, *_: Any) -> _Inert:
        return self

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """As a list."""

    def extend(self, _: Any) -> None:
        """As a list."""

    def add(self, _: Any) -> None:
        """As a set."""


class _StorageType(_Inert):
    """Stands for torch.FloatStorage and its like."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.bytes = _BYTES[name]


class _Storage(_Inert):
    """A storage that the pickle refers to."""

    def __init__(self, key: str, count: int, element: int) -> None:
        super().__init__()
        self.key, self.count, self.element = key, count, element


class _Look(BoundedUnpickler):
    """Goes through a checkpoint's pickle: `storages` by key, and the bytes of all tensors."""

    def __init__(self, file: Any, size: int, budget: Budget | None = None) -> None:
        super().__init__(file, size, budget)
        self.storages: dict[str, _Storage] = {}
        self.tensors = 0

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _BYTES:
            return _StorageType(name)
        if module == "torch._utils" and name.startswith("_rebuild_tensor"):
            return self._tensor
        return _Inert

    def persistent_load(self, pid: Any) -> Any:
        known = isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], _StorageType)
        if not known or not isinstance(pid[2], str) or type(pid[4]) is not int or pid[4] < 0:
            raise ValueError("a storage is described wrongly")
        storage = _Storage(pid[2], pid[4], pid[1].bytes)
        if self.storages.setdefault(storage.key, storage).count != storage.count:
            raise ValueError(f"the storage {one_line(storage.key, 40)!r} is described twice")
        return self.storages[storage.key]

    def _tensor(self, storage: Any = None, offset: Any = None, size: Any = None, stride: Any = None, *_: Any) -> _Inert:
        """Stands for torch._utils._rebuild_tensor and _rebuild_tensor_v2."""
        shaped = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= _RANK
        if not shaped or not isinstance(storage, _Storage):
            raise ValueError("a tensor is described wrongly")
        if any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
            raise ValueError("a tensor has an impossible shape")
        count = math.prod(size)
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if count else offset - 1
        # More elements than the storage has would be an expanded view: they could fill memory once they are used.
        if last >= storage.count or count > storage.count:
            raise ValueError("a tensor reaches beyond its storage")
        self.tensors += count * storage.element
        return _Inert()

    def check(self, bytes_of: dict[str, int]) -> None:
        """Raises ValueError unless every storage is there in its size, and tensors share them as networks do."""
        for key, storage in self.storages.items():
            if bytes_of.get(key) != storage.count * storage.element:
                raise ValueError(f"the storage {one_line(key, 40)!r} has not as many bytes as it says")
        if self.tensors > 4 * sum(bytes_of.values()):
            raise ValueError("its tensors share their bytes many times over")


def _look_through_archive(path: str | os.PathLike[str]) -> None:
    with ZipInput(path, "a checkpoint of torch.save", _MOST_BYTES) as archive:
        pickles = [name for name in archive.sizes if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise DnpmError(f"{shown_path(path)}: is a zip archive, but not a checkpoint of torch.save")
        compressed = [name for name in archive.sizes if not archive.is_stored(name)]
        if compressed:
            name = one_line(compressed[0], 60)
            raise DnpmError(f"{shown_path(path)}: {name!r} is compressed, which torch.save never does")
        folder = pickles[0].removesuffix("data.pkl") + "data/"
        records = {n.removeprefix(folder): size for n, size in archive.sizes.items() if n.startswith(folder)}
        with archive.open(pickles[0]) as stream:
            size = archive.sizes[pickles[0]]
            if size > _MOST_PICKLE:
                raise DnpmError(f"{shown_path(path)}: its pickle has {size / 1e6:.0f} MB")
            look = _Look(stream, size)
            look.load()
        look.check(records)


def _look_through_old(file: IO[bytes], size: int) -> None:
    budget = Budget(size)
    plain = lambda: BoundedUnpickler(file, size, budget).load()  # noqa: E731
    if plain() != _MAGIC or plain() != _PROTOCOL or not isinstance(plain(), dict):
        raise ValueError("it is not a checkpoint of torch.save")
    look = _Look(file, size, budget)
    look.load()
    keys = plain()
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in look.storages for key in keys):
        raise ValueError("its storages are listed wrongly")
    found: dict[str, int] = {}
    for key in keys:
        count, element = int.from_bytes(file.read(8), "little"), look.storages[key].element
        if count * element > size - file.tell():
            raise ValueError(f"it ends before the storage {one_line(key, 40)!r} does")
        file.seek(count * element, os.SEEK_CUR)
        found[key] = count * element
    look.check(found)
