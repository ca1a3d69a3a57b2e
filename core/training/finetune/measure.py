"""Before and after a fine-tuning: figures, and the sheet that an artist looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...detail.weights import Detail
from ...errors import DnpmError
from ...measures import distribution
from ...measures.efficientnet import SMALLEST
from ..detail.principal import average_to
from ..generator.pictures import COLUMNS, relief_sheet
from .maps import ArtistMaps, first_codes, random_sliders

_PEOPLE, _Z = 24, 64


def scores(old: Detail, new: Detail, artist: ArtistMaps, pivots: Tensor, shift: Tensor, seed: int) -> dict[str, Any]:
    """What changed, at the training's resolution and inside the masks.

    own_maps_mae_mm: the artist's maps against G at their codes; sliders_mae_mm: against G(E(sliders)), where known;
    slider_response_r2: how much of what the old sliders did (a map of random sliders less that of w_mean) the new ones
    do; relief_db: level of maps of random sliders over the artist's maps, in decibels of variance; frechet: of maps by
    chance (z) to the artist's, on few maps and therefore to be compared with each other alone (not FID).
    """
    side = artist.maps.shape[-1]
    mask = artist.masks.amax(0, keepdim=True)
    sliders = random_sliders(
        np.random.default_rng([seed, 7]), _PEOPLE, old.encoder.config.n_id, old.encoder.config.n_exp
    )
    images = {who: _by_sliders(detail, *sliders, side) * mask for who, detail in (("before", old), ("after", new))}
    rest = {who: _paint(d, d.w_mean.expand(1, d.generator.config.w_layers, -1), side) * mask
            for who, d in (("before", old), ("after", new))}  # fmt: skip
    response = {who: images[who] - rest[who] for who in images}
    error = (response["after"] - response["before"]).square().sum()
    result: dict[str, Any] = {
        "slider_response_r2": round(1 - float(error / response["before"].square().sum().clamp_min(1e-12)), 4),
        "shift_std_mm": round(float(shift.std()), 5),
    }
    starts = {"before": first_codes(old, artist), "after": pivots}
    for who, detail in (("before", old), ("after", new)):
        own = (_paint(detail, starts[who], side) - artist.maps).abs() * artist.masks
        entry = {
            "own_maps_mae_mm": round(float(own.sum() / artist.masks.sum()), 5),
            "relief_db": round(10 * float(torch.log10(_level(images[who], mask) / _level(artist.maps, mask))), 2),
        }
        if artist.known.any():
            given = _by_sliders(detail, artist.identity[artist.known], artist.expression[artist.known], side)
            apart = (given - artist.maps[artist.known]).abs() * artist.masks[artist.known]
            entry["sliders_mae_mm"] = round(float(apart.sum() / artist.masks[artist.known].sum()), 5)
        entry |= _distances(detail, artist, mask, seed)
        result[who] = entry
    return result


def sheet(out: Path, old: Detail, new: Detail, artist: ArtistMaps, seed: int) -> None:
    """Rows: the artist's maps; three people and an expression before; the same after; by chance. Raises DnpmError."""
    side, mask = artist.maps.shape[-1], artist.masks.amax(0)
    indices = np.unique(np.linspace(0, len(artist) - 1, min(COLUMNS, len(artist))).astype(int))
    maps, labels = [m[0].numpy() for m in artist.maps[indices]], ["yours"] * len(indices)
    maps += [np.zeros((side, side), np.float32)] * (COLUMNS - len(indices))
    labels += [""] * (COLUMNS - len(indices))
    identity, expression = _telling(old, seed, side, mask)
    for detail, title in ((old, "before"), (new, "after")):
        maps += [m[0].numpy() for m in _by_sliders(detail, identity, expression, side) * mask]
        labels += [f"{title}: person {k // 2 + 1}, {'expression' if k % 2 else 'at rest'}" for k in range(COLUMNS)]
    maps += [m[0].numpy() for m in _by_chance(new, COLUMNS, seed, side) * mask]
    labels += ["after: by chance"] * COLUMNS
    relief_sheet(out, maps, labels, f"Fine-tuned on {len(artist)} maps")


def _telling(old: Detail, seed: int, side: int, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Three people at rest and with an expression, in turn: of some at random those whose maps it changes most."""
    config, side = old.encoder.config, min(side, 128)
    identity, expression = random_sliders(np.random.default_rng([seed, 8]), _PEOPLE, config.n_id, config.n_exp)
    apart = _by_sliders(old, identity, expression, side) - _by_sliders(old, identity, 0 * expression, side)
    best = (apart * average_to(mask, side)).square().mean((1, 2, 3)).argsort(descending=True)[: COLUMNS // 2]
    pairs = torch.stack([0 * expression[best], expression[best]], 1).flatten(0, 1)
    return identity[best].repeat_interleave(2, 0), pairs


def _distances(detail: Detail, artist: ArtistMaps, mask: Tensor, seed: int) -> dict[str, Any]:
    side = artist.maps.shape[-1]
    if len(artist) <= distribution.NEIGHBOURS or side < SMALLEST:
        return {}
    features, name = _features()
    inside = mask[0, 0].numpy()
    real = distribution.extract_features(iter(artist.maps.split(8)), features, inside, distribution.FEATURE_SIZE)
    made = distribution.extract_features(
        iter(_by_chance(detail, _Z, seed, side).split(8)), features, inside, distribution.FEATURE_SIZE
    )
    found = distribution.compare(made, real)
    return {"frechet": found["frechet"], "spectrum_rms_db": found["spectrum_rms_db"], "features": name}


def _features() -> tuple[distribution.Features, str]:
    try:
        return distribution.features_named("efficientnet-lite0")
    except DnpmError:  # The package is optional; which features these are stands beside the figures.
        return distribution.features_named("random")


def _level(maps: Tensor, mask: Tensor) -> Tensor:
    """Variance around each map's mean, inside the mask."""
    inside = mask.expand_as(maps) > 0.5
    return torch.stack([m[i].var() for m, i in zip(maps, inside, strict=True)]).mean().clamp_min(1e-12)


def _by_sliders(detail: Detail, identity: Tensor, expression: Tensor, side: int) -> Tensor:
    device = detail.w_mean.device
    with torch.inference_mode():
        codes = [
            detail.w_plus(i[None].to(device), e[None].to(device)) for i, e in zip(identity, expression, strict=True)
        ]
    return _paint(detail, torch.cat(codes), side)


def _by_chance(detail: Detail, count: int, seed: int, side: int) -> Tensor:
    config = detail.generator.config
    z = torch.randn(count, config.z_dim, generator=torch.Generator().manual_seed(seed)).to(detail.w_mean.device)
    with torch.inference_mode():
        codes = detail.generator.mapping(z)[:, None].expand(-1, config.w_layers, -1)
    return _paint(detail, codes, side)


def _paint(detail: Detail, codes: Tensor, side: int) -> Tensor:
    """(n, rows, w_dim) -> (n, 1, R, R) mm on the CPU; as many at once as a map of 1024 has texels."""
    with torch.inference_mode():
        parts = codes.split(max(1, 1024**2 // side**2))
        return torch.cat([detail.generator.synthesis(part, side).cpu() for part in parts]).clone()
