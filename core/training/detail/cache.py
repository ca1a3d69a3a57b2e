"""Teacher maps on disk: memory-mapped float16 millimetres, filled by several processes, resumable."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files import json_file
from ...files.writing import folder as made_folder
from ...files.writing import grow, write_text
from ...processes import spread
from .. import teacher as teacher_package
from ..teacher.texture import shrink
from . import samples

_worker: dict = {}


@dataclass(frozen=True)
class MapCache:
    """Maps of one split: `maps` (n, R, R) float16 mm, identity (n, n_id), expression (n, n_exp)."""

    maps: np.ndarray
    identity: np.ndarray
    expression: np.ndarray


def fill(
    folder: Path, model_path: Path, split: str, count: int, resolution: int, painted: int, processes: int, seed: int = 0
) -> MapCache:
    """Paint samples 0 to count - 1 at `painted` texels, keep them averaged down to `resolution`; return the maps.

    What is there already is kept; a cache of another face model, teacher or seed is refused with a DnpmError.
    """
    made_folder(folder)
    model = FaceModel.load(model_path)
    recipe = {
        "model": model.metadata.get("inputs", model.name), "seed": seed, "split": split, "resolution": resolution,
        "painted": painted, "teacher": teacher_fingerprint(),
    }  # fmt: skip
    stem = folder / f"{split}_{resolution}"
    note = stem.with_suffix(".json")
    if note.is_file() and json_file.read(note, "delete it, or use another folder") != recipe:
        raise DnpmError(f"{note}: these maps were painted by another recipe; use another folder, or delete this one")
    write_text(note, json.dumps(recipe))
    maps = open_grown(stem.with_suffix(".f16"), (count, resolution, resolution), np.float16)
    done = open_grown(stem.with_suffix(".done"), (count,), np.uint8)
    todo = np.flatnonzero(np.asarray(done) == 0)
    pairs = [samples.draw(model, split, i, seed) for i in range(count)]
    if len(todo):
        started = time.monotonic()
        chunks = [todo[i : i + 8] for i in range(0, len(todo), 8)]
        arguments = (str(model_path), painted, resolution, seed, split, str(stem.with_suffix(".f16")), count)
        painting = spread(_paint, chunks, processes, _start, arguments, nice=3)
        for k, (_, finished) in enumerate(painting):
            done[finished] = 1
            if k % 25 == 0 or k == len(chunks) - 1:
                rate = (k + 1) * 8 / (time.monotonic() - started)
                print(
                    f"maps {split} {resolution}: {(k + 1) * 8}/{len(todo)}, {rate:.1f}/s", file=sys.stderr, flush=True
                )
        maps.flush()
    return MapCache(maps, np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs]))


def teacher_fingerprint() -> str:
    """A hash of the teacher's code, comments and layout apart: maps of another teacher must not be mixed in."""
    digest = hashlib.sha256()
    for path in sorted(Path(teacher_package.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                node.value.value = ""
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def open_grown(path: Path, shape: tuple[int, ...], dtype: type) -> np.memmap:
    """A memory-mapped array that may grow in its first dimension."""
    grow(path, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.memmap(path, dtype, "r+", shape=shape)


def _start(model_path: str, painted: int, resolution: int, seed: int, split: str, path: str, count: int) -> None:
    model = FaceModel.load(model_path)
    _worker.update(
        model=model, teacher=teacher_package.Teacher(model, painted, seed), resolution=resolution, seed=seed,
        split=split,
        maps=open_grown(Path(path), (count, resolution, resolution), np.float16),
    )  # fmt: skip


def _paint(indices: np.ndarray) -> np.ndarray:
    for i in indices:
        pair = samples.draw(_worker["model"], _worker["split"], int(i), _worker["seed"])
        _worker["maps"][i] = shrink(_worker["teacher"].map(*pair), _worker["resolution"])
    return indices
