"""What training begins with: the set's spread, untrained networks, and registered maps from the set's components."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ... import logs
from ...dataset.dataset import MapDataset
from ...detail.generator import Generator
from ...errors import DnpmError
from ..detail.principal import Band, average_to, coefficients_of, directions, init_registered_maps, learn_bands
from .discriminator import Discriminator
from .plan import Plan

log = logs.logger(__name__)

COMPONENT_MAPS, COMPONENT_BYTES = 2000, 1_000_000_000
"""So many maps at most, and so much memory, for the components."""
_LEAST_MAPS = 16
_FIT_STEPS, _FIT_BATCH, _FIT_WAYS, _FIT_RATE = 150, 512, 16, 2.0
"""f's weights are drawn from N(0, 100^2) and scaled by .01 in use: hence the rate."""


def spread_of(data: MapDataset) -> float:
    """The deviation of the set's heights inside the mask in mm, to four digits. Raises DnpmError when it is flat."""
    spread = round(data.about.statistics()["std_mm"], 4)
    if not spread > 0:
        raise DnpmError(f"{data.folder}: its maps are flat; there is nothing to learn from them")
    return spread


def networks(plan: Plan, data: MapDataset, spread_mm: float, plain: bool = False) -> tuple[Generator, Discriminator]:
    """G, whose unit of output is the set's spread, and D; random numbers from the plan's seed.

    plain: leave the components out whatever the plan says (for a state that is loaded over them, or a dry run).
    """
    state = torch.random.get_rng_state()
    torch.manual_seed(plan.seed)
    generator = Generator(replace(plan.generator, output_scale_mm=spread_mm))
    discriminator = Discriminator(plan.discriminator)
    torch.random.set_rng_state(state)
    for name, parameter in generator.named_parameters():
        if name.endswith(".registered"):
            torch.nn.init.zeros_(parameter)
    if plan.start == "components" and not plain:
        init_from_components(generator, data, plan.seed)
    return generator, discriminator


def init_from_components(generator: Generator, data: MapDataset, seed: int) -> None:
    """Registered maps from the principal components of the set's training maps, so that every z paints a mixture of
    them from the first step. Raises DnpmError when the set is too small, or w too short."""
    config = generator.config
    train = data.split("train")
    count = min(len(train), COMPONENT_MAPS, max(64, COMPONENT_BYTES // (4 * config.resolution**2)))
    if count < _LEAST_MAPS:
        raise DnpmError(
            f"{data.folder}: {count} training maps are too few for components; add some (at least {_LEAST_MAPS} are "
            "needed), or use --start random"
        )
    indices = np.sort(np.random.default_rng(seed).permutation(train)[:count])
    maps = np.empty((count, config.resolution, config.resolution), np.float32)
    for k, index in enumerate(indices):
        one = np.array([index])
        masked = torch.from_numpy(data.maps(one) * data.masks(one))
        maps[k] = average_to(masked, config.resolution)[0].numpy()
    counts = {r: min(c, count - 1) for r, c in config.registered}
    bands = learn_bands(maps, counts)
    total = sum(len(band.sigma) for band in bands)
    if total > config.w_dim:
        raise DnpmError(f"{total} components do not fit w's {config.w_dim} numbers; use --start random")
    init_registered_maps(generator, bands, directions(total, config.w_dim, seed))
    _standardise(generator, bands, seed)
    # What a coefficient of one deviation changes of the map: deviation and area of a texel.
    scale = torch.cat([band.sigma * (config.resolution / band.resolution) for band in bands])
    apart = fit_mapping(generator, bands, coefficients_of(maps, bands), scale, seed)
    log.info(
        "G starts from %d components of %d maps; coefficients of z %.3f deviations from the set's "
        "(sliced Wasserstein; %.3f before f was fitted)",
        total, count, apart[1], apart[0],
    )  # fmt: skip


def styles(generator: Generator, bands: list[Band], w: torch.Tensor) -> torch.Tensor:
    """(B, w_dim) -> (B, C): the coefficients that the blocks' ToRGB read from w (`init_registered_maps`)."""
    parts = []
    for band in bands:
        affine = generator.synthesis.block(band.resolution).torgb.affine
        first = generator.config.channels(band.resolution) + 1  # Before it the features, and the mean map.
        parts.append(affine(w)[:, first : first + len(band.sigma)])
    return torch.cat(parts, 1)


def fit_mapping(
    generator: Generator, bands: list[Band], coefficients: torch.Tensor, scale: torch.Tensor, seed: int
) -> tuple[float, float]:  # fmt: skip
    """Teach the mapping network f the distribution of the maps' coefficients (N, C), no map being painted: sliced
    Wasserstein distance (Bonneel et al. 2015), half of the directions by what they change of the map (`scale`).

    People's coefficients are not normal, and hang together (who has one fold has the others). Returns the distance
    before and after, in deviations along random directions.
    """
    source = torch.Generator().manual_seed(seed)
    # Nothing else may be left with a gradient: the first step would add its own to it.
    mapping = generator.requires_grad_(False).mapping.requires_grad_(True)
    optimizer = torch.optim.Adam(mapping.parameters(), lr=_FIT_RATE, betas=(0.9, 0.99))
    distances: list[float] = []
    for step in range(_FIT_STEPS):
        optimizer.param_groups[0]["lr"] = _FIT_RATE * (0.5 + 0.5 * float(np.cos(np.pi * step / _FIT_STEPS)))
        real = coefficients[torch.randint(len(coefficients), (_FIT_BATCH,), generator=source)]
        z = torch.randn(_FIT_BATCH, generator.config.z_dim, generator=source)
        found = styles(generator, bands, mapping(z))
        way = torch.randn(coefficients.shape[1], 2 * _FIT_WAYS, generator=source)
        way[:, _FIT_WAYS:] *= scale[:, None]
        way /= way.norm(dim=0)
        value = ((found @ way).sort(0).values - (real @ way).sort(0).values).square().mean()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        distances.append(float(value.detach()) ** 0.5)
    optimizer.zero_grad(set_to_none=True)
    mapping.requires_grad_(False)
    return float(np.mean(distances[:5])), float(np.mean(distances[-20:]))


@torch.no_grad()
def _standardise(generator: Generator, bands: list[Band], seed: int) -> None:
    """The mapping network's w has neither mean 0 nor deviation 1 where components are read: the readers make up for it,
    so that the first maps spread as the set's do."""
    source = torch.Generator().manual_seed(seed)
    w = generator.mapping(torch.randn(4096, generator.config.z_dim, generator=source))
    for band in bands:
        affine = generator.synthesis.block(band.resolution).torgb.affine
        first = generator.config.channels(band.resolution) + 1
        here = slice(first, first + len(band.sigma))
        style = w @ affine.weight[here].t() * affine.weight_gain
        deviation = style.std(0).clamp_min(1e-6)
        affine.weight[here] /= deviation[:, None]
        affine.bias[here] = -style.mean(0) / deviation
