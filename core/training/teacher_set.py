"""A data set painted by the teacher."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from ..dataset import form
from ..dataset.dataset import MapWriter
from ..dataset.sets import about_set, mask_of
from ..errors import DnpmError
from ..face_model.model import FaceModel
from .detail import cache


def teacher_set(
    folder: Path, model_path: Path, samples: int, resolution: int, painted: int, processes: int, seed: int
) -> int:  # fmt: skip
    """Let the teacher paint: a twentieth of the samples each for validation and test; returns how many there are.

    Painting and writing both go on where they were stopped. Raises DnpmError when the folder is another set.
    """
    if samples < 3 or processes < 1:
        raise DnpmError("at least 3 samples (one a split) and 1 process are needed")
    if painted % resolution:
        raise DnpmError(f"maps are painted at {painted} and averaged: {resolution} must divide that")
    model = FaceModel.load(model_path)
    held_out = max(1, round(samples * form.SHARES[1]))
    counts = {"train": samples - 2 * held_out, "validation": held_out, "test": held_out}
    recipe = {"teacher": cache.teacher_fingerprint(), "seed": seed, "painted": painted}
    about = about_set(
        model, "teacher", resolution, recipe=recipe, licence="CC0-1.0", source="painted by this project's teacher"
    )
    painting = folder / "painting"
    with MapWriter(folder, about, mask_of(model, resolution)) as writer:
        for split, count in counts.items():
            keys = [f"{split}/{k}" for k in range(count)]
            missing = [k for k, key in enumerate(keys) if not writer.has(key)]
            if not missing:
                continue
            maps = cache.fill(painting, model_path, split, count, resolution, painted, processes, seed)
            for k in missing:
                writer.add(
                    keys[k], maps.maps[k], maps.identity[k], np.clip(maps.expression[k], 0, 1), split=split
                )  # fmt: skip
    shutil.rmtree(painting, ignore_errors=True)
    return writer.about.count
