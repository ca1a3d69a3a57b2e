"""What a data set looks like on disk (docs/data_format.md): `dataset.json` and shards. Numpy alone.

A folder holds `dataset.json` (what the set is, and which shards belong to it) and `shard_00000.safetensors` and so on.
A shard that the JSON does not name is the rest of a stopped run, and is overwritten by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..files import json_file, tensor_file
from ..files.inputs import reading, regular_file, shown_path
from ..files.json_file import to_dataclass
from ..files.writing import write_text

FORMAT = "dnpm-maps-1"
NAME = "dataset.json"
SPLITS = ("train", "validation", "test")
SHARES = (0.9, 0.05, 0.05)
"""How people are shared out between the splits where nobody says otherwise."""
DTYPES = ("float16", "uint16")
ZERO = 32768
"""The grey that stands for 0 mm in uint16 maps."""
KNOWN_IDENTITY, KNOWN_EXPRESSION = 1, 2
"""Bits of a sample's `known`."""
_MOST_TEXELS = 8192
_MAKE = "make it with `dnpm data`"


@dataclass(frozen=True)
class Shard:
    """One file of samples, as dataset.json tells of it. Sums are over the texels inside the mask, in mm."""

    file: str
    count: int
    bytes: int
    sha256: str
    texels: float
    sum: float
    sum_squares: float
    least: float
    most: float


@dataclass
class About:
    """dataset.json: what is the same for all samples, and the shards."""

    name: str
    resolution: int
    n_id: int
    n_exp: int
    expression_names: list[str]
    licence: str = "unknown"
    source: str = "unknown"
    dtype: str = "float16"
    scale_mm: float = 1.0
    """Millimetres a step of uint16 maps; 1 for float16, which hold millimetres."""
    face_model: dict[str, str] = field(default_factory=dict)
    """`name` and `digest` of the face model whose sliders and detail layout the samples have."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How it was made; another recipe does not write into the same folder."""
    has_masks: bool = False
    """Whether each sample has a mask of its own beside the shared one."""
    people: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    shards: list[Shard] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Samples in all shards."""
        return sum(shard.count for shard in self.shards)

    def statistics(self) -> dict[str, float]:
        """Mean, standard deviation and extremes of the heights inside the mask, in mm."""
        texels = sum(s.texels for s in self.shards)
        if not texels:
            return {"mean_mm": 0.0, "std_mm": 0.0, "least_mm": 0.0, "most_mm": 0.0}
        mean = sum(s.sum for s in self.shards) / texels
        variance = sum(s.sum_squares for s in self.shards) / texels - mean**2
        return {
            "mean_mm": mean, "std_mm": max(variance, 0.0) ** 0.5, "least_mm": min(s.least for s in self.shards),
            "most_mm": max(s.most for s in self.shards),
        }  # fmt: skip


def face_model_entry(model: FaceModel) -> dict[str, str]:
    """What a set says of its face model: its name, and a digest of its sliders and its detail layout."""
    import hashlib

    digest = hashlib.sha256("\n".join(model.expression_names).encode())
    for array in (model.neutral, model.core[1 : model.n_shape + 1, 0], model.detail_uv, model.faces_detail_uv):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {"name": model.name, "digest": digest.hexdigest()[:16]}


def read_about(folder: Path) -> About:
    """dataset.json of a folder. Raises DnpmError when it is missing, damaged or of another format."""
    path = folder / NAME
    if not path.is_file():
        raise DnpmError(f"{folder}: is not a data set ({NAME} is not there); {_MAKE}")
    data = json_file.read(path, f"{_MAKE} again")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DnpmError(f"{path}: is not a data set of format {FORMAT}; {_MAKE}")
    values = {k: v for k, v in data.items() if k in About.__dataclass_fields__}
    with reading(path, f"{_MAKE} again"):
        if not isinstance(data.get("shards"), list):
            raise DnpmError("an entry is missing or of another type: shards must be a list")
        shards = [to_dataclass(Shard, shard, f"shards[{k}]") for k, shard in enumerate(data["shards"])]
        about = to_dataclass(About, values | {"shards": []}, "an entry is missing or of another type")
        about.shards = shards
        counts = (about.n_id, about.n_exp, about.people, *(n for s in shards for n in (s.count, s.bytes)))
        sound = all(0 <= n < 2**48 for n in counts) and 1 < about.resolution <= _MOST_TEXELS
        sound &= about.dtype in DTYPES and 0 < about.scale_mm <= 1000
        sound &= len(about.expression_names) == about.n_exp and set(about.counts) <= set(SPLITS)
        # A file's name, no path out of the folder.
        sound &= all(Path(s.file).name == s.file and s.file.isprintable() for s in shards)
        if not sound or len({s.file for s in shards}) != len(shards):
            raise DnpmError("its entries contradict each other")
    return about


def keys_of(path: Path, metadata: Mapping[str, str], count: int) -> list[str]:
    """What a shard's metadata calls its samples. Raises DnpmError when they are not as many texts."""
    keys = tensor_file.metadata_json(path, metadata, "keys", f"{_MAKE} again")
    if not json_file.is_names(keys) or len(keys) != count:
        raise DnpmError(f"{shown_path(path)}: its metadata must name each of its {count} samples; {_MAKE} again")
    return list(keys)


def write_about(folder: Path, about: About) -> None:
    """Beside its place, then renamed. Raises DnpmError when it cannot be written."""
    entries = {
        "format": FORMAT, "units": "mm", **asdict(about), "count": about.count, "statistics": about.statistics(),
    }  # fmt: skip
    write_text(folder / NAME, json.dumps(entries, indent=1))


def open_shard(folder: Path, about: About, shard: Shard) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A shard's tensors, memory-mapped, and its metadata; shapes and types are checked, numbers are not looked at.

    Raises DnpmError when the file is missing, truncated, or not what dataset.json says.
    """
    path = folder / shard.file
    size = regular_file(path)
    tensors, metadata = tensor_file.open_mapped(path)
    n, side = shard.count, about.resolution
    expected = {
        "maps": ((n, side, side), about.dtype), "identity": ((n, about.n_id), "float32"),
        "expression": ((n, about.n_exp), "float32"), "known": ((n,), "uint8"), "split": ((n,), "uint8"),
        "person": ((n,), "int64"),
    }  # fmt: skip
    if about.has_masks:
        expected["masks"] = ((n, side, side), "uint8")
    for name, (shape, dtype) in expected.items():
        if name not in tensors or tensors[name].shape != shape or tensors[name].dtype != dtype:
            raise DnpmError(f"{path}: {name} must be {dtype} {shape}; the shard does not belong here, {_MAKE} again")
    if size != shard.bytes:
        raise DnpmError(f"{path}: has {size} bytes, {NAME} says {shard.bytes}; {_MAKE} again")
    return tensors, metadata


def stored_mask(folder: Path, about: About) -> np.ndarray:
    """The set's mask as it is stored, (R, R) uint8. Raises DnpmError when it is missing or of another size."""
    path = folder / "mask.safetensors"
    mask = tensor_file.load(path)[0].get("mask")
    if mask is None or mask.shape != (about.resolution,) * 2 or mask.dtype != np.uint8:
        raise DnpmError(f"{path}: is not a uint8 mask of {about.resolution} x {about.resolution}; {_MAKE} again")
    return mask


def to_mm(stored: np.ndarray, about: About) -> np.ndarray:
    """Stored maps -> float32 mm."""
    if about.dtype == "uint16":
        return ((stored.astype(np.float32) - ZERO) * np.float32(about.scale_mm)).astype(np.float32)
    return stored.astype(np.float32)


def from_mm(maps: np.ndarray, about: About, what: str) -> np.ndarray:
    """float mm -> what is stored. Raises DnpmError when a height is not finite or beyond what the form holds."""
    if not np.isfinite(maps).all():
        raise DnpmError(f"{what}: the map holds numbers that are not finite; mend it before it becomes a sample")
    if about.dtype == "uint16":
        steps = np.rint(np.asarray(maps, np.float64) / about.scale_mm) + ZERO
        if steps.min() < 0 or steps.max() > 65535:
            raise DnpmError(
                f"{what}: heights up to {np.abs(maps).max():.3g} mm do not fit into uint16 with steps of "
                f"{about.scale_mm:g} mm; take float16 or a larger scale"
            )
        return steps.astype(np.uint16)
    if np.abs(maps).max(initial=0) > 100:
        raise DnpmError(f"{what}: heights up to {np.abs(maps).max():.3g} mm are not skin detail; is the unit right?")
    return np.asarray(maps).astype(np.float16)
