"""A map that every painted map gets, built into G exactly: one registered map more in each block."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...detail.generator import Generator
from ..detail.principal import average_to, double

FIRST = 16
"""The coarsest block that gets one."""


@torch.no_grad()
def with_added_map(generator: Generator, shift: Tensor) -> Generator:
    """A new G with G_new(w) = G(w) + shift for every w. shift: (1, 1, R, R) mm, R a resolution of G, at least 16.

    The shift is split over the skip images as principal components are (`detail/principal.py`); each part becomes the
    block's last registered map, whose style is 1 whatever w is. The next block's convolution sees it with weights of
    0. From there training goes on as with any other map.
    """
    old, side = generator.config, shift.shape[-1]
    blocks = [r for r in old.resolutions if FIRST <= r <= side]
    counts = {r: old.registered_count(r) + (r in blocks) for r in old.resolutions}
    config = replace(old, registered=tuple((r, n) for r, n in counts.items() if n))
    made, state, total = Generator(config), generator.state_dict(), None
    wanted = made.state_dict()
    for r in blocks:
        target = average_to(shift[0].cpu(), r)
        part = target if total is None else target - double(total)
        total = target
        peak = part.abs().max().clamp_min(1e-6)
        torgb = f"synthesis.b{r}.torgb"
        n = state[f"{torgb}.weight"].shape[1]
        before = state.get(f"synthesis.b{r}.registered", torch.zeros(0, r, r))
        state[f"synthesis.b{r}.registered"] = torch.cat([before.cpu(), part / peak])
        # ToRGB's weights are scaled by 1 / sqrt(inputs), of which there is one more now.
        kept = state[f"{torgb}.weight"].cpu() * ((n + 1) / n) ** 0.5
        new = (peak * (n + 1) ** 0.5 / config.output_scale_mm).expand(config.img_channels, 1, 1, 1)
        state[f"{torgb}.weight"] = torch.cat([kept, new], 1)
        for affine in (f"{torgb}.affine", f"synthesis.b{2 * r}.conv0.affine"):
            if f"{affine}.weight" in state:
                state[f"{affine}.weight"] = _longer(state[f"{affine}.weight"], 0, 0.0)
                state[f"{affine}.bias"] = _longer(state[f"{affine}.bias"], 0, 1.0)
        conv = f"synthesis.b{2 * r}.conv0.weight"
        if conv in state:
            state[conv] = _longer(state[conv], 1, 0.0)
    # Into the new module's own memory, whose order of channels is the quick one.
    for name, value in wanted.items():
        value.copy_(state[name])
    return made


def _longer(tensor: Tensor, dimension: int, value: float) -> Tensor:
    shape = list(tensor.shape)
    shape[dimension] = 1
    return torch.cat([tensor.cpu(), torch.full(shape, value)], dimension)
