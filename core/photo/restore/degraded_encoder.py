"""E_deg of Eq. 11: a degraded displacement map to a w+ code, I_gen = G(E_deg(I_low) + w_mean).

Three stages of IR-SE blocks; the coarsest gives nine style vectors, the middle one five, the finest four, each by batch
norm, pooling to 7 x 7 and one linear map (E2Style's split, Wei et al. 2022). One input channel in `paper`; with
E2Style's three it is the 83,905,856 parameters that, with G, make the paper's 114.27 M.

In `default` the linear map ends in few coefficients, and a fixed basis makes the style vectors of them: the principal
components of the codes that E gives for random sliders, group by group. A map then lies among the maps that sliders
make, which is a prior, and the heads have a hundredth of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ...errors import DnpmError
from ...files.inputs import one_line
from .ir_se import Body

GROUPS = (9, 5, 4)
POOL = 7


@dataclass(frozen=True)
class RestorationConfig:
    """Sizes of E_deg. widths: stem and three stages; basis: coefficients a group, 0 for full linear maps."""

    widths: tuple[int, int, int, int] = (64, 64, 128, 256)
    units: tuple[int, int, int] = (1, 1, 3)
    channels_in: int = 1
    resolution: int = 256
    stem_stride: int = 1
    pool: int = POOL
    basis: int = 0
    w_dim: int = 512
    groups: tuple[int, int, int] = GROUPS
    input_scale_mm: float = 0.25
    """A map in mm is divided by this before it is read."""

    def __post_init__(self) -> None:
        sizes = (*self.widths, *self.groups, self.channels_in, self.w_dim, self.pool, self.resolution, self.stem_stride)
        if min(*sizes, *self.units) < 1 or self.basis < 0:
            raise DnpmError(f"restoration configuration: sizes must be positive (got {one_line(self, 300)})")
        if max(*sizes, self.basis) > 8192 or self.resolution > 2048 or max(*self.units, *self.groups, self.pool) > 256:
            raise DnpmError(
                "restoration configuration: a size is at most 8192, resolution 2048, units, groups and pool 256 "
                f"(got {one_line(self, 300)})"
            )
        if not 0 < self.input_scale_mm <= 1000 or self.resolution < 8 * self.stem_stride:
            raise DnpmError(f"restoration configuration: scale or resolution too small (got {self})")


CONFIGS = {
    "paper": RestorationConfig(),
    "default": RestorationConfig((24, 32, 64, 112), (1, 1, 3), stem_stride=2, basis=96),
    "tiny": RestorationConfig((4, 4, 8, 8), (1, 1, 1), resolution=32, pool=2, basis=3, w_dim=8),
}


def fitted_to(config: RestorationConfig, w_dim: int, groups: tuple[int, int, int]) -> RestorationConfig:
    """A named configuration with the code's shape of the generator that it is trained for."""
    return replace(config, w_dim=w_dim, groups=groups)


class DegradedEncoder(nn.Module):
    """(B, channels_in, R, R) mm -> (B, 18, 512), to be added to w_mean."""

    def __init__(self, config: RestorationConfig) -> None:
        super().__init__()
        self.config = config
        self.body = Body(config.channels_in, config.widths, config.units, config.stem_stride)
        self.heads = nn.ModuleList()
        for k, (width, count) in enumerate(zip(reversed(config.widths[1:]), config.groups, strict=True)):
            size = count * config.w_dim
            self.heads.append(
                nn.Sequential(
                    nn.BatchNorm2d(width),
                    nn.AdaptiveAvgPool2d(config.pool),
                    nn.Flatten(),
                    nn.Linear(width * config.pool**2, config.basis or size),
                )
            )
            if config.basis:
                self.register_buffer(f"mean{k}", torch.zeros(size))
                self.register_buffer(f"basis{k}", torch.zeros(config.basis, size))

    def set_basis(self, codes: Tensor) -> None:
        """Principal components of codes (N, 18, 512), N at least the basis's size, each scaled by its deviation.

        Raises DnpmError when the configuration has none, or the codes are too few.
        """
        if not self.config.basis or len(codes) <= self.config.basis:
            raise DnpmError(f"a basis of {self.config.basis} coefficients cannot be made of {len(codes)} codes")
        start = 0
        for k, count in enumerate(self.config.groups):
            part = codes[:, start : start + count].reshape(len(codes), -1).double()
            mean = part.mean(0)
            _, deviations, axes = torch.linalg.svd(part - mean, full_matrices=False)
            scaled = axes * (deviations / len(codes) ** 0.5)[:, None]
            self.get_buffer(f"mean{k}").copy_(mean)
            self.get_buffer(f"basis{k}").copy_(scaled[: self.config.basis])
            start += count

    def forward(self, rough: Tensor) -> Tensor:
        """See the class. Raises DnpmError on another shape."""
        config = self.config
        if rough.dim() != 4 or rough.shape[1] != config.channels_in:
            raise DnpmError(f"E_deg reads (batch, {config.channels_in}, side, side), not {tuple(rough.shape)}")
        features = self.body(rough / config.input_scale_mm)
        rows = []
        for k, (feature, head, count) in enumerate(zip(reversed(features), self.heads, config.groups, strict=True)):
            values: Tensor = head(feature)
            if config.basis:
                values = self.get_buffer(f"mean{k}") + values @ self.get_buffer(f"basis{k}")
            rows.append(values.reshape(len(rough), count, config.w_dim))
        return torch.cat(rows, 1)


def count_parameters(module: nn.Module) -> int:
    """Learnt numbers: a fixed basis is none."""
    return sum(p.numel() for p in module.parameters())
