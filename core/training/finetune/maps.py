"""The artist's maps as training needs them: codes that stand for them in the old G, and how they differ on average."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ... import logs
from ...dataset import form
from ...dataset.dataset import MapDataset
from ...dataset.sets import folder_set
from ...detail.weights import Detail
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ..detail.joint import map_loss
from ..detail.principal import average_to

log = logs.logger(__name__)

LEAST, USUAL_MOST = 4, 100
_CODE_RATE, _CODE_PULL = 0.02, 1e-3


def open_maps(source: Path, folder: Path, model: FaceModel, resolution: int) -> MapDataset:
    """A data set as it is, or a folder of EXR and 16-bit PNG maps (and `sliders.csv`, `dnpm data folder`) made to one.

    folder: where that set is kept. Raises DnpmError when there are too few maps, or they belong to another face model.
    """
    if (source / form.NAME).is_file():
        data = MapDataset.open(source).for_model(model)
        if data.about.face_model and data.about.face_model != form.face_model_entry(model):
            raise DnpmError(
                f"{source}: its maps were made for the face model {data.about.face_model.get('name')!r}, not for this "
                f"{model.name!r}; bake them again, or name that face model"
            )
    else:
        table = source / "sliders.csv"
        folder_set(folder, source, model, resolution, table if table.is_file() else None, None, "the artist's own")
        data = MapDataset.open(folder)
    count = len(data.split("train"))
    if count < LEAST:
        raise DnpmError(f"{source}: {count} maps for training are too few; bake at least {LEAST}, better 10 or more")
    if count > USUAL_MOST:
        log.info("%d maps: with so many, `dnpm train` on all of them is worth a try too", count)
    return data


@dataclass(frozen=True)
class ArtistMaps:
    """(N, 1, R, R) mm and masks, at the training's resolution; where sliders are unknown they are 0."""

    maps: Tensor
    masks: Tensor
    identity: Tensor
    expression: Tensor
    known: np.ndarray
    """(N,) bool: whether both identity and expression are."""

    @classmethod
    def read(cls, data: MapDataset, resolution: int) -> ArtistMaps:
        """Training samples of a set. Raises DnpmError when they are coarser than asked for."""
        indices = data.split("train")
        if data.resolution < resolution or data.resolution % resolution:
            raise DnpmError(f"the maps have {data.resolution} texels a side, not {resolution} or a multiple of that")
        small = lambda array: average_to(torch.from_numpy(np.array(array, np.float32)), resolution)[:, None]  # noqa: E731
        maps, masks = (
            torch.cat([small(read(indices[k : k + 1])) for k in range(len(indices))])
            for read in (data.maps, data.masks)
        )
        known = np.isin(indices, data.with_coefficients(indices))
        identity = np.zeros((len(indices), data.n_id), np.float32)
        expression = np.zeros((len(indices), data.about.n_exp), np.float32)
        if known.any():
            rows_id, rows_exp = data.identity(indices[known]), data.expression(indices[known])
            assert rows_id is not None
            assert rows_exp is not None
            identity[known], expression[known] = rows_id, rows_exp
        return cls(maps * masks, masks, torch.from_numpy(identity), torch.from_numpy(expression), known)

    def __len__(self) -> int:
        return len(self.maps)

    def at(self, resolution: int) -> tuple[Tensor, Tensor]:
        """Maps and masks averaged to a smaller size."""
        return tuple(average_to(t[:, 0], resolution)[:, None] for t in (self.maps, self.masks))  # type: ignore[return-value]


def first_codes(detail: Detail, artist: ArtistMaps) -> Tensor:
    """(N, rows, w_dim): E's where the sliders are known, else w_mean."""
    device = detail.w_mean.device
    with torch.inference_mode():
        codes = detail.w_plus(artist.identity.to(device), artist.expression.to(device))
        unknown = torch.from_numpy(~artist.known).to(device)
        codes[unknown] = detail.w_mean.expand_as(codes[0])
    return codes.clone()


def fit_codes(
    detail: Detail, artist: ArtistMaps, resolution: int, steps: int, batch: int, begin: int = 0
) -> Iterator[Tensor]:  # fmt: skip
    """From map number `begin` on, batch by batch (n, rows, w_dim): codes whose maps in the old G are the artist's, as
    near as it can. Adam on the offset from `first_codes`, pulled softly back; rows that do not reach `resolution` stay.

    These keep the new G's codes where the old one's are: G moves to the maps (as in pivotal tuning, Roich et al. 2021),
    the codes hardly.
    """
    maps, masks = artist.at(resolution)
    device, start = detail.w_mean.device, first_codes(detail, artist)
    one = torch.ones(1, 1, 1, 1, device=device)
    for place in range(begin, len(artist), batch):
        part = slice(place, place + batch)
        target, mask, first = maps[part].to(device), masks[part].to(device), start[part]
        offset = torch.zeros_like(first, requires_grad=True)
        optimizer = torch.optim.Adam([offset], lr=_CODE_RATE, betas=(0.9, 0.99))
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = _CODE_RATE * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            image = detail.generator.synthesis(first + offset, resolution) * mask
            value = map_loss(image, target, one) / target.abs().mean() + _CODE_PULL * offset.square().mean()
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
        yield (first + offset).detach()


def mean_shift(detail: Detail, artist: ArtistMaps) -> Tensor:
    """(1, 1, R, R) mm: what the artist's maps have beyond the old G's, on average.

    For a map of known sliders the old G's map of the same sliders is taken off, else that of w_mean: then what these
    maps have in common (a smile that all wear) counts as the artist's style. The mean of few maps holds their chance
    differences too; they are damped place by place as by Wiener's filter, 1 - (variance / N) / mean square.
    """
    side, device = artist.maps.shape[-1], detail.w_mean.device
    codes, rows = first_codes(detail, artist), []
    with torch.inference_mode():
        for k in range(len(artist)):
            old = detail.generator.synthesis(codes[k : k + 1], side).cpu()
            rows.append(artist.maps[k : k + 1] - old * artist.masks[k : k + 1])  # Both are inside the mask.
    differences = torch.cat(rows)
    weight = artist.masks.sum(0).clamp_min(1e-3)
    mean = differences.sum(0) / weight
    variance = (differences - mean * artist.masks).square().sum(0) / weight / max(1, len(artist) - 1)
    return (mean * _kept(mean, variance))[None].to(device)


def _kept(mean: Tensor, variance: Tensor) -> Tensor:
    """(1, R, R), (1, R, R) -> the share of the mean that is not chance, smooth over an eighth of the side."""
    size = max(1, mean.shape[-1] // 16) * 2 + 1
    local = lambda x: F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False)  # noqa: E731
    return (1 - local(variance) / local(mean.square()).clamp_min(1e-12)).clamp(0, 1)


def random_sliders(rng: np.random.Generator, count: int, n_id: int, n_exp: int) -> tuple[Tensor, Tensor]:
    """People and expressions of all kinds: a fifth at rest, else one to four sliders up."""
    identity = np.clip(rng.standard_normal((count, n_id)), -3, 3).astype(np.float32)
    expression = np.zeros((count, n_exp), np.float32)
    for row in expression:
        if n_exp and rng.random() > 0.2:
            up = rng.choice(n_exp, min(n_exp, int(rng.integers(1, 5))), replace=False)
            row[up] = rng.uniform(0.2, 1, len(up))
    return torch.from_numpy(identity), torch.from_numpy(expression)
