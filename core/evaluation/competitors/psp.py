"""pSp (Richardson et al. 2021): a feature pyramid over IR-SE50, and a small network (map2style) for each style vector.

In `paper` sizes, with three input channels, 267,136,704 parameters, which with G make the published 297.50 M.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...photo.restore.ir_se import IR_SE50_UNITS, IR_SE50_WIDTHS, Body

_COARSE, _MIDDLE, _STYLES = 3, 7, 18
"""Style vectors before these read the coarse, the middle level; the rest the fine one."""


class EqualLinear(nn.Module):
    """StyleGAN2's linear map with equalised learning rate."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(size, size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight / math.sqrt(self.weight.shape[1]), self.bias)


class Map2Style(nn.Module):
    """(B, C, S, S) -> (B, w_dim): convolutions of stride 2 down to one pixel."""

    def __init__(self, width: int, w_dim: int, spatial: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for k in range(int(math.log2(spatial))):
            layers += [nn.Conv2d(width if k == 0 else w_dim, w_dim, 3, 2, 1), nn.LeakyReLU()]
        self.convs, self.linear = nn.Sequential(*layers), EqualLinear(w_dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear(self.convs(x).mean((2, 3)))
        return result


class PSP(nn.Module):
    """(B, channels_in, R, R) -> (B, 18, 512), to be added to w_mean."""

    def __init__(
        self, channels_in: int = 3, widths: Sequence[int] = IR_SE50_WIDTHS, units: Sequence[int] = IR_SE50_UNITS,
        w_dim: int = 512, resolution: int = 256, stem_stride: int = 1, style_width: int | None = None,
    ) -> None:  # fmt: skip
        """style_width: of the pyramid and within map2style, if less than w_dim (small configurations)."""
        super().__init__()
        inner = style_width or w_dim
        self.body = Body(channels_in, widths, units, stem_stride)
        size = resolution // stem_stride
        spatial = (size // 16, size // 8, size // 4)
        levels = [0] * _COARSE + [1] * (_MIDDLE - _COARSE) + [2] * (_STYLES - _MIDDLE)
        self.top = nn.Identity() if widths[4] == inner else nn.Conv2d(widths[4], inner, 1)
        self.lateral = nn.ModuleList([nn.Conv2d(widths[3], inner, 1), nn.Conv2d(widths[2], inner, 1)])
        self.styles = nn.ModuleList(Map2Style(inner, inner, spatial[level]) for level in levels)
        self.levels = levels
        self.out = nn.Identity() if inner == w_dim else nn.Linear(inner, w_dim)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        _, fine, middle, coarse = self.body(x)
        pyramid = [self.top(coarse)]
        for lateral, feature in zip(self.lateral, (middle, fine), strict=True):
            size = feature.shape[-2:]
            pyramid.append(
                functional.interpolate(pyramid[-1], size, mode="bilinear", align_corners=True) + lateral(feature)
            )
        rows = [style(pyramid[level]) for style, level in zip(self.styles, self.levels, strict=True)]
        result: Tensor = self.out(torch.stack(rows, 1))
        return result
