"""How client and worker talk: frames of JSON over the worker's standard input and output, arrays by shared memory.

A frame is 4 bytes of length, little-endian, and that many bytes of UTF-8 JSON with an object in it. Nothing that
arrives is ever run. The order of things:

    client: hello {protocol, package, device, weights, face_model}
    worker: ready {protocol, package, pid, torch, device, ...}            or refused {message}
    client: request {ticket, kind, params, arrays, input, output}         one at a time
    worker: grow {ticket, bytes}                                          when its answer needs a larger output segment
    client: space {ticket, output}
    worker: reply {ticket, attached, ms, params, arrays}                  or with error, or with cancelled
    client: cancel {ticket}                                               at any time: the answer is of no use any more

`kind`, `params` and `arrays` of a request and a reply are those of one dataclass of `requests.py`.
`input` and `output` are segments {name, size}; `arrays` say where in them each array lies {dtype, shape, offset}. All
segments are the client's; `attached` says that the worker holds both, so that their names can go. The worker ends when
its standard input does.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from ..errors import DnpmError

VERSION = 4
MAX_FRAME = 16 * 1024 * 1024
ALIGNMENT = 64
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_LENGTH = struct.Struct("<I")


class ProtocolError(Exception):
    """What arrived is not a frame, or no message of this protocol."""


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as one frame. Raises TypeError or ValueError when it holds more than JSON knows."""
    text = json.dumps(message, allow_nan=False).encode()
    if len(text) > MAX_FRAME:
        raise ValueError(f"a message of {len(text)} bytes is too long: send large values as arrays")
    return _LENGTH.pack(len(text)) + text


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, or None at the end of the stream. Raises ProtocolError on anything else."""
    head = _exactly(stream, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise ProtocolError(f"no frame: it begins with {head!r}")
    text = _exactly(stream, length)
    if text is None:
        return None
    try:
        message = json.loads(text)
    except ValueError as error:
        raise ProtocolError(f"a frame without JSON: {text[:80]!r}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(f"a frame without a message: {text[:80]!r}")
    return message


def _exactly(stream: BinaryIO, count: int) -> bytes | None:
    """`count` bytes, or None when the stream ends before."""
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            return None
        data += more
    return data


def layout(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, dict[str, Any]], int]:
    """Where each array goes in a segment, and the bytes that all need. Raises DnpmError on a type that cannot
    travel."""
    entries, offset = {}, 0
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise DnpmError(
                f"array {name!r}: {array.dtype} cannot be sent to the backend; use one of {', '.join(DTYPES)}"
            )
        entries[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": offset}
        offset += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    return entries, offset


def write_arrays(buffer: memoryview, entries: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Copy the arrays to their places."""
    for name, view in _views(buffer, entries):
        view[...] = arrays[name]


def read_arrays(buffer: memoryview, entries: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Copies of the arrays that lie there. Raises ProtocolError when an entry is wrong or reaches beyond the
    segment."""
    return {name: view.copy() for name, view in _views(buffer, entries)}


def _views(buffer: memoryview, entries: Mapping[str, Any]) -> Iterable[tuple[str, np.ndarray]]:
    for name, entry in entries.items():
        try:
            dtype, shape, offset = entry["dtype"], tuple(int(n) for n in entry["shape"]), int(entry["offset"])
            if dtype not in DTYPES or offset < 0 or min(shape, default=0) < 0:
                raise ValueError(entry)
            yield name, np.ndarray(shape, dtype, buffer, offset)
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(f"array {name!r} is described wrongly: {entry!r}") from error
