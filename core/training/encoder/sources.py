"""What E is trained on and for: samples of a split, and the generator that its codes are meant for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor

from ...dataset.dataset import MapDataset
from ...detail.card import check_face_model, face_model_entry, weights_dir
from ...detail.config import EncoderConfig, GeneratorConfig
from ...detail.generator import Generator
from ...detail.generator_files import load_generator
from ...detail.weights import load_detail
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ..detail import cache
from ..teacher.teacher import resize
from .trainer import Samples

_FULL = 1024
"""Side of the maps that the teacher was made for."""


class Subset:
    """Some of the samples, counted from 0."""

    def __init__(self, samples: Samples, indices: np.ndarray) -> None:
        self._samples, self._indices = samples, np.asarray(indices)
        self.resolution, self.mask = samples.resolution, samples.mask

    def __len__(self) -> int:
        return len(self._indices)

    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 mm."""
        return self._samples.maps(self._indices[indices])

    def identity(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_id)."""
        return self._samples.identity(self._indices[indices])

    def expression(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_exp)."""
        return self._samples.expression(self._indices[indices])


class TeacherSamples:
    """Maps that the teacher paints into a folder once (`core/training/detail/cache.py`)."""

    def __init__(
        self, folder: Path, model_path: Path, split: str, count: int, resolution: int, processes: int, seed: int
    ) -> None:  # fmt: skip
        # The teacher's lines are up to 6 % deeper where they are painted as coarsely as they are kept.
        painted = max(resolution, min(_FULL, 2 * resolution))
        self._cache = cache.fill(folder, model_path, split, count, resolution, painted, processes, seed)
        self.resolution = resolution
        self.mask = resize(FaceModel.load(model_path).detail_mask, resolution)

    def __len__(self) -> int:
        return len(self._cache.identity)

    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 mm."""
        return np.asarray(self._cache.maps[indices], np.float32)

    def identity(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_id)."""
        return self._cache.identity[indices]

    def expression(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_exp)."""
        return self._cache.expression[indices]


@dataclass(frozen=True)
class BlankSamples:
    """As many samples as there would be, with nothing on them: for timing before anything is painted."""

    count: int
    resolution: int
    n_id: int
    n_exp: int

    @property
    def mask(self) -> np.ndarray:
        """(R, R), all of it."""
        return np.ones((self.resolution, self.resolution), np.float32)

    def __len__(self) -> int:
        return self.count

    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 zeros."""
        return np.zeros((len(indices), self.resolution, self.resolution), np.float32)

    def identity(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_id) zeros."""
        return np.zeros((len(indices), self.n_id), np.float32)

    def expression(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_exp) zeros."""
        return np.zeros((len(indices), self.n_exp), np.float32)


@dataclass(frozen=True)
class Painting:
    """Where and how the teacher's maps are painted when there is no data set."""

    model_path: Path
    folder: Path
    resolution: int
    processes: int = 2
    seed: int = 0


@dataclass(frozen=True)
class Source:
    """G, what E's output is added to, and the card that E's weights start from."""

    generator: Generator
    w_mean: Tensor
    card: dict[str, Any]
    label: str
    """A line that tells it from other generators: a checksum."""


def open_samples(
    data: Path | None, counts: Mapping[str, int], model: FaceModel, painting: Painting
) -> tuple[list[Samples], str]:  # fmt: skip
    """A data set's splits, or as many maps of each as the teacher paints; and a line that tells them from others.

    counts: split -> maps to paint (a data set has as many as it has). Raises DnpmError when a split is empty, or the
    sliders are another face model's.
    """
    if data is None:
        if min(counts.values()) < 1:
            raise DnpmError("--maps must be at least 1")
        p = painting
        painted: list[Samples] = [
            TeacherSamples(p.folder, p.model_path, split, count, p.resolution, p.processes, p.seed)
            for split, count in counts.items()
        ]
        return painted, f"teacher: {counts['train']} maps of {p.resolution}, seed {p.seed}"
    everything = MapDataset.open(data).for_model(model)
    # G can learn from maps of unknown sliders, E cannot: of those that are left they are known.
    known = cast(Samples, everything)
    parts: list[Samples] = [Subset(known, everything.with_coefficients(everything.split(split))) for split in counts]
    if empty := [split for split, part in zip(counts, parts, strict=True) if not len(part)]:
        raise DnpmError(f"{data}: has no samples for {', '.join(empty)} (with known sliders); add some")
    one = parts[0]
    identity, expression = one.identity(np.zeros(1, int)), one.expression(np.zeros(1, int))
    if (identity.shape[1], expression.shape[1]) != (model.n_id, model.n_exp):
        raise DnpmError(f"{data}: its sliders are not those of the face model {model.name!r}")
    return parts, f"{data.name}: {len(everything)} maps of {everything.resolution}"


def open_source(weights: str | None, generator: Path | None, model: FaceModel) -> Source:
    """From a folder of weights (by default the ones that would be used), or of a generator alone.

    Raises DnpmError when it is missing, of another face model, or has colours.
    """
    if generator is not None and weights is not None:
        raise DnpmError("give --weights or --generator, not both")
    if generator is None:
        detail = load_detail(weights_dir(weights))
        check_face_model(detail.card, model)
        label = str(detail.card["files"]["generator.safetensors"]["sha256"])
        return Source(detail.generator, detail.w_mean, dict(detail.card), label)
    made, about = load_generator(generator)
    if made.config.img_channels != 1:
        raise DnpmError(
            f"{generator}: paints {made.config.img_channels} channels, a displacement map has one; convert it with "
            "--one-channel"
        )
    card = {
        "name": about.get("name", generator.name), "face_model": face_model_entry(model), "data": "",
        "licence": about.get("licence", "unknown"), "generator": {k: v for k, v in about.items() if k != "files"},
    }  # fmt: skip
    return Source(made, made.mapping.w_avg.clone(), card, str(about["files"]["generator.safetensors"]["sha256"]))


def fitting_config(config: EncoderConfig, generator: GeneratorConfig, n_id: int, n_exp: int) -> EncoderConfig:
    """The encoder's sizes for a generator: its w, its rows (at 1024 the paper's 9, 5 and 4), and its inputs."""
    rows = generator.w_layers
    coarse, middle = max(1, round(rows / 2)), max(1, round(rows * 5 / 18))
    groups = (coarse, middle, rows - coarse - middle)
    if groups[2] < 1:
        raise DnpmError(f"a generator of {generator.resolution} x {generator.resolution} is too small for an encoder")
    return replace(config, n_id=n_id, n_exp=n_exp, w_dim=generator.w_dim, groups=groups)
