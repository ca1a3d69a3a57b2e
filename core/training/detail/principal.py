"""Registered maps of G from the principal components of the teacher's maps, band by band.

The skip architecture sums the images of all resolutions, each doubled by [1, 3, 3, 1]. So the band at r is what the map
averaged to r x r has beyond the doubled sum of the coarser bands' components; its components become the block's
registered maps, their coefficients what ToRGB's style reads from w. G starts as a linear decoder, and every early
resolution is the averaged map; the convolutions then learn what a linear decoder cannot say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ...detail.generator import Generator
from ...detail.upsampling import upsample
from ...errors import DnpmError


@dataclass(frozen=True)
class Band:
    """One resolution's mean (r, r), components (C, r, r), and the coefficients' standard deviations (C,).

    `weight` (r, r) is what a texel counts: the components are orthonormal in the scalar product that it defines.
    """

    resolution: int
    mean: Tensor
    components: Tensor
    sigma: Tensor
    weight: Tensor

    def coefficients(self, target: Tensor) -> Tensor:
        """(N, r, r) -> (N, C)."""
        return ((target - self.mean) * self.weight).flatten(1) @ self.components.flatten(1).T


def average_to(maps: Tensor, resolution: int) -> Tensor:
    """(N, R, R) -> (N, resolution, resolution) by averaging."""
    k = maps.shape[-1] // resolution
    return maps if k == 1 else F.avg_pool2d(maps[:, None], k)[:, 0]


def resized(weight: Tensor, resolution: int) -> Tensor:
    """(R', R') -> (resolution, resolution), averaged or drawn out."""
    if len(weight) >= resolution:
        return average_to(weight[None], resolution)[0]
    return F.interpolate(weight[None, None], size=(resolution, resolution), mode="bilinear")[0, 0]


def double(maps: Tensor) -> Tensor:
    """(N, r, r) -> (N, 2r, 2r), as G's skip connection does."""
    return upsample(maps[:, None])[:, 0]


def learn_bands(
    maps: np.ndarray, counts: dict[int, int], known: list[Band] | None = None, weight: Tensor | None = None
) -> list[Band]:
    """Components of (N, R, R) maps for each resolution in `counts` up to R; `known` coarser bands are kept.

    weight (R', R'): what a place counts. Components follow the largest variance, so that without weights the few deep
    folds would take them all.
    """
    bands = list(known or [])
    size = maps.shape[-1]
    first = bands[-1].resolution if bands else None
    _, total = project(maps, bands, first) if bands else (None, None)
    for resolution, count in sorted(counts.items()):
        if resolution > size or (first and resolution <= first):
            continue
        rows = []
        for i in range(0, len(maps), 64):
            chunk = average_to(torch.from_numpy(maps[i : i + 64].astype(np.float32)), resolution)
            rows.append(chunk if total is None else chunk - double(total[i : i + 64]))
        residual = torch.cat(rows).flatten(1)
        mean = residual.mean(0)
        residual -= mean
        place = torch.ones(resolution, resolution) if weight is None else resized(weight, resolution)
        root = place.flatten().sqrt()
        residual *= root
        # The Gram matrix of the samples is far smaller than the covariance of the texels.
        values, vectors = torch.linalg.eigh((residual @ residual.T).double())
        order = values.argsort(descending=True)[: count - 1]
        scale = values[order].clamp_min(1e-12).sqrt().float()
        components = (vectors[:, order].float().T @ residual) / scale[:, None]
        coefficients = residual @ components.T
        components /= root
        bands.append(
            Band(resolution, mean.reshape(resolution, resolution), components.reshape(-1, resolution, resolution),
                 scale / np.sqrt(len(maps)), place)
        )  # fmt: skip
        part = (mean + coefficients @ components).reshape(-1, resolution, resolution)
        total = part if total is None else double(total) + part
        del residual, rows
    return bands


def project(maps: np.ndarray, bands: list[Band], resolution: int | None = None) -> tuple[Tensor, Tensor]:
    """(N, R, R) -> whitened coefficients (N, sum of C), and the maps that the bands give, at the last band's
    resolution."""
    parts = [_project(maps[i : i + 64], bands, resolution) for i in range(0, len(maps), 64)]
    return torch.cat([c for c, _ in parts]), torch.cat([images for _, images in parts])


def coefficients_of(maps: np.ndarray, bands: list[Band]) -> Tensor:
    """(N, R, R) -> (N, sum of C) as `project` gives them, without keeping the images: for very many maps."""
    return torch.cat([_project(maps[i : i + 64], bands, None)[0] for i in range(0, len(maps), 64)])


def _project(maps: np.ndarray | Tensor, bands: list[Band], resolution: int | None) -> tuple[Tensor, Tensor]:
    chunk = maps if isinstance(maps, Tensor) else torch.from_numpy(np.asarray(maps, np.float32))
    total, row = None, []
    for band in bands:
        if band.resolution > (resolution or maps.shape[-1]):
            continue
        target = average_to(chunk, band.resolution)
        if total is not None:
            total = double(total)
            target = target - total
        c = band.coefficients(target)
        row.append(c / band.sigma)
        part = band.mean + (c @ band.components.flatten(1)).reshape(-1, band.resolution, band.resolution)
        total = part if total is None else total + part
    assert total is not None
    return torch.cat(row, 1), total


def directions(n: int, w_dim: int, seed: int) -> Tensor:
    """(n, w_dim) orthonormal rows: where in w each coefficient lives."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(w_dim, w_dim, generator=generator))[0][:n].contiguous()


@torch.no_grad()
def init_registered_maps(generator: Generator, bands: list[Band], places: Tensor) -> None:
    """Write the bands into G so that synthesis(w) with w = places^T coefficients gives their map.

    The features' own part of each ToRGB starts at 0: nothing but the bands is seen until the convolutions have learnt.
    """
    config = generator.config
    start = 0
    for resolution in config.resolutions:
        torgb = generator.synthesis.block(resolution).torgb
        torgb.weight.zero_()
        torgb.bias.zero_()
        band = next((b for b in bands if b.resolution == resolution), None)
        if band is None:
            continue
        features, count = config.channels(resolution), len(band.components)
        maps = torch.cat([band.mean[None], band.components * band.sigma[:, None, None]])
        peak = maps.abs().amax((1, 2)).clamp_min(1e-6)
        registered = generator.synthesis.block(resolution).registered
        registered.zero_()
        registered[: count + 1] = maps / peak[:, None, None]
        torgb.weight[0, features : features + count + 1, 0, 0] = peak / torgb.gain / config.output_scale_mm
        affine = torgb.affine
        affine.weight[features:] = 0.0
        affine.bias[features:] = 0.0
        affine.bias[features] = 1.0
        affine.weight[features + 1 : features + 1 + count] = places[start : start + count] / affine.weight_gain
        start += count


@torch.no_grad()
def bands_of(generator: Generator) -> tuple[list[Band], Tensor]:
    """The bands and their directions (C, w_dim) in w that G paints, read back from what `init_registered_maps` wrote.

    They are those of the stored numbers (int8 maps), so that coefficients taken by them are what this G paints best.
    Raises DnpmError when G is more than a linear decoder: when a ToRGB reads features, or a band has no mean.
    """
    config, bands, places = generator.config, [], []
    for resolution in config.resolutions:
        block = generator.synthesis.block(resolution)
        torgb, features = block.torgb, config.channels(resolution)
        count = config.registered_count(resolution)
        style, bias = torgb.affine.weight[features:] * torgb.affine.weight_gain, torgb.affine.bias[features:]
        mean_first = count == 0 or (float(style[0].abs().max()) == 0 and float(bias[0]) == 1)
        if torgb.reads(features) or torgb.bias.any() or bias[1:].any() or not mean_first:
            raise DnpmError(
                f"this generator's block at {resolution} paints more than bands of components: it was trained beyond "
                "them. Its encoder learns from maps: `dnpm train encoder`"
            )
        if count == 0:
            continue
        maps = block.registered * (torgb.weight[0, features:] * torgb.gain * config.output_scale_mm)
        sigma = maps[1:].flatten(1).norm(dim=1)
        # Maps that were not needed are 0 and come last.
        used = int((sigma > 0).sum())
        components = maps[1 : used + 1] / sigma[:used, None, None]
        weight = torch.ones(resolution, resolution)
        bands.append(Band(resolution, maps[0].clone(), components.contiguous(), sigma[:used].clone(), weight))
        places.append(style[1 : used + 1])
    if not bands:
        raise DnpmError("this generator has no registered maps: its encoder learns from maps, `dnpm train encoder`")
    return bands, torch.cat(places)
