"""Reads pickles of PyTorch networks without running anything that they carry.

The public StyleGAN2 and StyleGAN3 checkpoints (`.pkl`) are pickles that bring Python source, which their own loader
runs. Here an unpickler knows a short list of names, and each stands for a class of this file: tensors are rebuilt
from plain bytes with their bounds checked, networks become a tree of names and values, and source code stays text that
is never looked at. Any other name ends the reading before it is called.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ...files.inputs import brief, one_line
from ...files.pickles import BoundedUnpickler, Budget, check_key
from ...files.sealed import DamagedError, Frozen, RefusedError, Sealed, Stand
from . import numpy_values

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DIMENSIONS_MAX, _NAME_MAX = 8, 1000
_BFLOAT = "BFloat16Storage"
_STORAGES: dict[str, str] = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?", _BFLOAT: "<i2",
}  # fmt: skip
# Names in a network's settings, of which nothing is needed.
_NAMES = {
    "float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool", "channels_last",
    "contiguous_format", "preserve_format", "strided",
}  # fmt: skip


class Network(metaclass=Frozen):
    """Stands for a torch module of whatever class: its state alone."""

    __slots__ = ("state",)

    def __init__(self, *_: Any) -> None:
        self.state: dict[str, Any] = {}

    def __new__(cls, *_: Any) -> Network:
        network = object.__new__(cls)
        network.state = {}
        return network

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise DamagedError("a network without a dictionary of its state")
        self.state = state

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers of this network and all within, by their dotted names. Raises DamagedError."""
        return tensors_of(self._found())

    def names(self) -> list[str]:
        """The names of `tensors`. Raises DamagedError."""
        return list(self._found())

    def value(self, name: str) -> Any:
        """An attribute by its dotted name (`mapping.fc0.bias_gain`); None when there is none."""
        network = self
        *path, leaf = name.split(".")
        for part in path:
            inner = _dictionary(network.state.get("_modules"), "_modules").get(part)
            if not isinstance(inner, Network):
                return None
            network = inner
        return network.state.get(leaf)

    def _found(self) -> dict[str, _Tensor]:
        found: dict[str, _Tensor] = {}
        todo, seen = [("", self)], {id(self)}
        while todo:
            prefix, network = todo.pop()
            for kind in ("_parameters", "_buffers"):
                values = _dictionary(network.state.get(kind), kind)
                found |= {f"{prefix}{name}": value for name, value in values.items() if isinstance(value, _Tensor)}
            for name, part in _dictionary(network.state.get("_modules"), "_modules").items():
                if len(prefix) + len(name) > _NAME_MAX:
                    raise DamagedError("names that are longer than any network's")
                if not isinstance(part, Network):
                    continue
                if id(part) in seen:
                    raise DamagedError("a network that is part of two, or of itself")
                seen.add(id(part))
                todo.append((f"{prefix}{name}.", part))
        return found


class _Persistent(metaclass=Frozen):
    """Stands for `_reconstruct_persistent_obj`: takes the state, leaves the source code that lies beside it."""

    def __new__(cls, meta: Any = None) -> Network:  # type: ignore[misc]
        if not isinstance(meta, dict) or not isinstance(meta.get("class_name"), str):
            raise DamagedError("a persistent object without its description")
        network = Network()
        if isinstance(meta.get("state"), dict):
            network.state = meta["state"]
        return network


class _Dict(dict, metaclass=Frozen):
    """Stands for EasyDict and OrderedDict."""

    __slots__ = ()

    def __init__(self, values: Any = (), *_: Any) -> None:
        super().__init__()
        if not isinstance(values, dict | list | tuple):
            raise DamagedError("a dictionary that is made of something else")
        pairs = values.items() if isinstance(values, dict) else values
        for pair in pairs:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise DamagedError("a dictionary that is not made of pairs")
            check_key(pair[0])
            self[pair[0]] = pair[1]

    def __setstate__(self, _: Any) -> None:
        """Attributes of a dictionary say nothing about a network."""


class _Storage(Sealed):
    """The bytes of tensors, and the type of their numbers."""

    __slots__ = ("data", "is_bfloat")

    def __init__(self, data: np.ndarray, is_bfloat: bool = False) -> None:
        self.data, self.is_bfloat = data, is_bfloat


class _Tensor(Sealed):
    """A view of a storage, not yet made; its bounds were checked (`_rebuild_tensor`)."""

    __slots__ = ("offset", "size", "storage", "stride")

    def __init__(self, storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def tensor(self) -> Tensor:
        """A copy in memory of its own."""
        data = self.storage.data
        # Where there is one number alone, its stride says nothing, and may be anything.
        steps = tuple(s * data.itemsize if n > 1 else 0 for n, s in zip(self.size, self.stride, strict=True))
        view = np.lib.stride_tricks.as_strided(data[self.offset :], self.size, steps, writeable=False)
        made = torch.from_numpy(view.copy())
        return made.view(torch.bfloat16) if self.storage.is_bfloat else made


def is_tensor(value: Any) -> bool:
    """Whether a value that was read is a tensor, of `torch.load` or of a pickle."""
    return isinstance(value, Tensor | _Tensor)


def tensors_of(values: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors among a dictionary's values, by their names. Raises DamagedError when they share their bytes."""
    found = {name: value for name, value in values.items() if is_tensor(value)}
    views = [t for t in found.values() if isinstance(t, _Tensor)]
    storages = {id(t.storage): t.storage.data.nbytes for t in views}
    if sum(math.prod(t.size) * t.storage.data.itemsize for t in views) > 2 * sum(storages.values()):
        raise DamagedError("tensors that share their bytes")
    return {name: value.tensor() if isinstance(value, _Tensor) else value for name, value in found.items()}


def load_pickle(data: bytes) -> Any:
    """A pickle's bytes -> dictionaries, lists, `Network`s.

    Raises RefusedError when it names anything that is not on the list, DamagedError when it contradicts itself.
    """
    return read_pickle(io.BytesIO(data), len(data))


def read_pickle(file: BinaryIO, size: int) -> Any:
    """The same of a stream of `size` bytes."""
    return _load(_Unpickler(file, size))


class _Unpickler(BoundedUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return Stand(partial(_read_storage, self.budget))
        stands = _stands_for(module, name)
        if stands is None:
            raise RefusedError(f"it wants to use {one_line(module, 80)}.{one_line(name, 80)}")
        return stands

    def persistent_load(self, pid: Any) -> Any:
        raise RefusedError("it refers to data outside of the file")


class _StorageUnpickler(BoundedUnpickler):
    """The inner format of a storage (torch.save's older one): a persistent id, the bytes after the pickles."""

    def __init__(self, file: BinaryIO, size: int, budget: Budget) -> None:
        super().__init__(file, size, budget)
        self.ids: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module != "torch" or name not in _STORAGES:
            raise RefusedError(f"a tensor's bytes want to use {one_line(module, 80)}.{one_line(name, 80)}")
        return name

    def persistent_load(self, pid: Any) -> Any:
        texts = isinstance(pid, tuple) and len(pid) >= 5 and all(isinstance(part, str) for part in pid[:3])
        if not texts or pid[0] != "storage" or pid[1] not in _STORAGES or type(pid[4]) is not int or any(pid[5:]):
            raise DamagedError("a tensor's bytes are described wrongly")
        self.ids[pid[2]] = (pid[1], pid[4])
        return pid[2]


def _load(unpickler: BoundedUnpickler) -> Any:
    try:
        return unpickler.load()
    except (RefusedError, DamagedError):
        raise
    except RecursionError as error:
        raise DamagedError("it is nested too deeply") from error
    except MemoryError as error:
        raise DamagedError("it claims more memory than there is") from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DamagedError(f"{type(error).__name__}: {one_line(error)}") from error


def _stands_for(module: str, name: str) -> Any:
    if module.split(".")[-1] == "persistence" and name == "_reconstruct_persistent_obj":
        return _Persistent
    if (module, name) in _FIXED:
        return _FIXED[module, name]
    if module == "torch" and name in _NAMES:
        return f"torch.{name}"
    if module.split(".")[0] == "numpy":
        return _numpy(numpy_values.stand_for(module, name))
    if module.startswith("dnnlib.tflib"):
        raise RefusedError("it is a TensorFlow network; convert it with stylegan2-ada-pytorch's legacy.py first")
    if module.startswith("torch.nn.modules."):
        return Network
    return None


def _read_storage(budget: Budget, data: Any = None) -> _Storage:
    """Stands for `torch.storage._load_from_bytes`."""
    if not isinstance(data, bytes):
        raise DamagedError("a tensor without bytes")
    file = io.BytesIO(data)
    plain = lambda: _load(_Plain(file, len(data), budget))  # noqa: E731
    if [plain() for _ in range(2)] != [_MAGIC, _PROTOCOL]:
        raise DamagedError("a tensor's bytes are of an unknown format")
    system = plain()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise DamagedError("a tensor's bytes come from a big-endian machine")
    described = _StorageUnpickler(file, len(data), budget)
    key = _load(described)
    if not isinstance(key, str) or plain() != [key] or key not in described.ids:
        raise DamagedError("a tensor's bytes are described wrongly")
    kind, count = described.ids[key]
    dtype = np.dtype(_STORAGES[kind])
    rest = memoryview(data)[file.tell() :]
    if count < 0 or int.from_bytes(rest[:8], "little", signed=True) != count or len(rest) - 8 != count * dtype.itemsize:
        raise DamagedError("a tensor has not as many bytes as it says")
    return _Storage(np.frombuffer(rest, dtype, count, 8), kind == _BFLOAT)


class _Plain(BoundedUnpickler):
    """Numbers, text and containers, no name at all."""

    def find_class(self, module: str, name: str) -> Any:
        raise RefusedError(f"it wants to use {one_line(module, 80)}.{one_line(name, 80)}")

    def persistent_load(self, pid: Any) -> Any:
        raise RefusedError("it refers to data outside of the file")


def _rebuild_tensor(storage: Any = None, offset: Any = None, size: Any = None, stride: Any = None, *_: Any) -> _Tensor:
    """Stands for torch's own functions of this name, which would believe what they are told."""
    numbers = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= _DIMENSIONS_MAX
    if not numbers or any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        raise DamagedError("a tensor of an impossible shape")
    if not isinstance(storage, _Storage):
        raise DamagedError("a tensor without a storage")
    count = math.prod(size)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if count else offset - 1
    # More elements than the storage has would be an expanded view: parameters never are, and they could fill memory.
    if last >= len(storage.data) or count > len(storage.data):
        raise DamagedError("a tensor that reaches beyond its bytes")
    return _Tensor(storage, offset, size, stride)


def _rebuild_parameter(data: Any = None, *_: Any) -> _Tensor:
    if not isinstance(data, _Tensor):
        raise DamagedError("a parameter without a tensor")
    return data


def _text_bytes(text: Any = None, encoding: Any = None) -> bytes:
    """Stands for `_codecs.encode`, by which old pickles write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RefusedError(f"it wants to encode by {brief(encoding)}")
    return text.encode("latin1")


def _no_bytes(*values: Any) -> bytes:
    """Stands for `bytes`, by which old pickles write none."""
    if values:
        raise RefusedError("it wants to use bytes")
    return b""


def _new_object(kind: Any = None, base: Any = None, state: Any = None) -> Any:
    """Stands for `copyreg._reconstructor`."""
    if kind is _Dict:
        return _Dict(state if isinstance(state, dict) else {})
    if kind is Network:
        return Network()
    raise RefusedError("it rebuilds something that is not a network")


def _members(values: Any = ()) -> frozenset[Any]:
    """Stands for `set`."""
    if not isinstance(values, list | tuple):
        raise DamagedError("a set that is not made of a list")
    for value in values:
        check_key(value)
    return frozenset(values)


def _ignored(*_: Any) -> None:
    """Stands for devices in a network's settings."""


def _numpy(stand: Any) -> Any:
    return Stand(stand) if callable(stand) else stand


def _size(values: Any = ()) -> tuple[Any, ...]:
    """Stands for `torch.Size`."""
    return tuple(values) if isinstance(values, list | tuple) else ()


def _dictionary(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise DamagedError(f"a network whose {what} is not a dictionary of names")
    return value


_FIXED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dict,
    ("copyreg", "_reconstructor"): Stand(_new_object), ("copy_reg", "_reconstructor"): Stand(_new_object),
    ("argparse", "Namespace"): _Dict, ("dnnlib.util", "EasyDict"): _Dict, ("dnnlib", "EasyDict"): _Dict,
    ("torch._utils", "_rebuild_tensor"): Stand(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Stand(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Stand(_rebuild_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Stand(_rebuild_parameter),
    ("torch", "Size"): Stand(_size), ("torch", "device"): Stand(_ignored),
    ("_codecs", "encode"): Stand(_text_bytes),
}  # fmt: skip
for _module in ("builtins", "__builtin__"):
    _FIXED[_module, "bytes"] = Stand(_no_bytes)
    _FIXED |= {(_module, "set"): Stand(_members), (_module, "frozenset"): Stand(_members), (_module, "dict"): _Dict}
    _FIXED[_module, "object"] = "object"
