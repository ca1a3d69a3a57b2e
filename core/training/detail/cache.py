"""Teacher maps on disk: memory-mapped float16 millimetres, filled by several processes, resumable."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...face_model.model import FaceModel
from .. import teacher as teacher_package
from ..painters import claim, open_grown, paint
from ..teacher.texture import shrink
from . import samples

_AT_ONCE = 8
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
    model = FaceModel.load(model_path)
    recipe = {
        "model": model.metadata.get("inputs", model.name), "seed": seed, "split": split, "resolution": resolution,
        "painted": painted, "teacher": teacher_fingerprint(),
    }  # fmt: skip
    stem = folder / f"{split}_{resolution}"
    claim(stem.with_suffix(".json"), recipe, "maps")
    maps = open_grown(stem.with_suffix(".f16"), (count, resolution, resolution), np.float16)
    done = open_grown(stem.with_suffix(".done"), (count,), np.uint8)
    todo = np.flatnonzero(np.asarray(done) == 0)
    pairs = [samples.draw(model, split, i, seed) for i in range(count)]
    chunks = [todo[i : i + _AT_ONCE] for i in range(0, len(todo), _AT_ONCE)]
    arguments = (str(model_path), painted, resolution, seed, split, str(stem.with_suffix(".f16")), count)
    name = f"maps {split} {resolution}"
    for finished in paint(name, "maps", _AT_ONCE, _paint, chunks, processes, _start, arguments):
        done[finished] = 1
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
