"""What training begins with: the set's spread, untrained networks, and registered maps from the set's components."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch

from ...detail.generator import Generator
from ...errors import DnpmError
from ..data.dataset import MapDataset
from ..detail.principal import average_to, directions, learn_bands, plant
from .discriminator import Discriminator
from .plan import Plan

COMPONENT_MAPS, COMPONENT_BYTES = 2000, 1_000_000_000
"""So many maps at most, and so much memory, for the components."""
_LEAST_MAPS = 16


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
        plant_components(generator, data, plan.seed)
    return generator, discriminator


def plant_components(generator: Generator, data: MapDataset, seed: int) -> None:
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
    picks = np.sort(np.random.default_rng(seed).permutation(train)[:count])
    maps = np.empty((count, config.resolution, config.resolution), np.float32)
    for k, index in enumerate(picks):
        one = np.array([index])
        masked = torch.from_numpy(data.maps(one) * data.masks(one))
        maps[k] = average_to(masked, config.resolution)[0].numpy()
    counts = {r: min(c, count - 1) for r, c in config.registered}
    bands = learn_bands(maps, counts)
    total = sum(len(band.sigma) for band in bands)
    if total > config.w_dim:
        raise DnpmError(f"{total} components do not fit w's {config.w_dim} numbers; use --start random")
    plant(generator, bands, directions(total, config.w_dim, seed))
    _standardise(generator, seed)
    print(f"G starts from {total} components of {count} maps", file=sys.stderr, flush=True)


@torch.no_grad()
def _standardise(generator: Generator, seed: int) -> None:
    """The mapping network's w has neither mean 0 nor deviation 1 where components are read: the readers make up for it,
    so that the first maps spread as the set's do."""
    source = torch.Generator().manual_seed(seed)
    w = generator.mapping(torch.randn(4096, generator.config.z_dim, generator=source))
    for resolution, _ in generator.config.registered:
        affine = generator.synthesis.block(resolution).torgb.affine
        first = generator.config.channels(resolution) + 1  # Before it the features, and the mean map.
        style = w @ affine.weight[first:].t() * affine.weight_gain
        mean, deviation = style.mean(0), style.std(0)
        used = deviation > 1e-6
        factor = torch.where(used, 1 / deviation.clamp_min(1e-6), torch.ones_like(deviation))
        affine.weight[first:] *= factor[:, None]
        affine.bias[first:] = torch.where(used, -mean * factor, affine.bias[first:])
