"""The discriminator D of StyleGAN2 (Karras et al. 2020): residual blocks from the whole map down to 4 x 4.

Two things to know:

* D sees heights in units of the set's deviation, inside the mask (`trainer.py`).
* The minibatch standard deviation (Karras et al. 2018) compares consecutive samples, not ones that lie far apart in
  the batch, so that a batch shared out to several processes has the same groups as in one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ...detail.layers import FullyConnected, autocast_enabled
from ...errors import DnpmError

_SLOPE, _GAIN = 0.2, math.sqrt(2)
_TAPS = (1.0, 3.0, 3.0, 1.0)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of D."""

    channel_base: int
    """A block at resolution r has min(channel_base // r, channel_max) channels."""
    channel_max: int
    resolution: int
    group: int = 4
    """Samples that the minibatch standard deviation compares; fewer where a pass holds fewer."""

    def __post_init__(self) -> None:
        r = self.resolution
        wide = max(self.channel_max, self.resolution, self.group) > 8192 or self.channel_base > 2**24
        if r < 8 or r & (r - 1) or self.channel_base < r or min(self.channel_max, self.group) < 1 or wide:
            raise DnpmError(f"discriminator configuration: a power of two >= 8, channel_base at least that, got {self}")

    def channels(self, resolution: int) -> int:
        """Feature channels at a resolution."""
        return min(self.channel_base // resolution, self.channel_max)


class Conv(nn.Module):
    """Convolution with equalised learning rate; with `down`, after the low-pass filter [1, 3, 3, 1] and by stride 2."""

    def __init__(self, n_in: int, n_out: int, kernel: int, down: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.gain, self.down, self.kernel = 1 / math.sqrt(n_in * kernel**2), down, kernel

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, r, r) -> (B, n_out, r or r / 2, ...)."""
        weight = self.weight * self.gain
        if not self.down:
            return F.conv2d(x, weight, self.bias, padding=self.kernel // 2)
        if self.kernel == 1:  # What the stride skips need not be filtered.
            return F.conv2d(lowpass(x, 1, stride=2), weight, self.bias)
        return F.conv2d(lowpass(x, 2), weight, self.bias, stride=2)


class Block(nn.Module):
    """(x + skip) / sqrt 2: two 3x3 convolutions, the second halving the size, beside a 1x1 one."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv0, self.conv1 = Conv(n_in, n_in, 3), Conv(n_in, n_out, 3, down=True)
        self.skip = Conv(n_in, n_out, 1, down=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, r, r) -> (B, n_out, r / 2, r / 2)."""
        y = activated(self.conv1(activated(self.conv0(x))))
        return (y + self.skip(x)) * math.sqrt(0.5)


class Epilogue(nn.Module):
    """The end at 4 x 4: minibatch standard deviation, a convolution, two linear layers."""

    def __init__(self, channels: int, group: int) -> None:
        super().__init__()
        self.group = group
        self.conv = Conv(channels + 1, channels, 3)
        self.fc = FullyConnected(channels * 16, channels)
        self.out = FullyConnected(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 4, 4) -> (B,)."""
        x = torch.cat([x, minibatch_deviation(x, self.group)], 1)
        x = activated(self.conv(x))
        return self.out(activated(self.fc(x.flatten(1))))[:, 0]


class Discriminator(nn.Module):
    """D: (B, 1, R, R) -> (B,) logits, positive for what it takes for real."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        r = config.resolution
        self.fromrgb = Conv(1, config.channels(r), 1)
        self.resolutions = []
        while r > 4:
            setattr(self, f"b{r}", Block(config.channels(r), config.channels(r // 2)))
            self.resolutions.append(r)
            r //= 2
        self.b4 = Epilogue(config.channels(4), config.group)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, heights: Tensor) -> Tensor:
        """Raises DnpmError when the size is not the configuration's."""
        r = self.config.resolution
        if heights.ndim != 4 or heights.shape[1:] != (1, r, r):
            raise DnpmError(f"discriminator: needs (batch, 1, {r}, {r}), got {tuple(heights.shape)}")
        x = activated(self.fromrgb(heights.contiguous(memory_format=torch.channels_last)))
        for r in self.resolutions:
            x = getattr(self, f"b{r}")(x)
        if not autocast_enabled(x):
            return self.b4(x)
        with torch.autocast(x.device.type, enabled=False):  # Statistics and logits in full precision.
            return self.b4(x.float())


def activated(x: Tensor) -> Tensor:
    """Leaky ReLU that keeps the variance."""
    return F.leaky_relu(x, _SLOPE) * _GAIN


def lowpass(x: Tensor, padding: int, stride: int = 1) -> Tensor:
    """[1, 3, 3, 1] / 8 in both directions, channel by channel."""
    taps = torch.tensor(_TAPS, dtype=x.dtype, device=x.device) / 8
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, padding=padding, stride=stride, groups=x.shape[1])


def minibatch_deviation(x: Tensor, group: int) -> Tensor:
    """(B, C, h, w) -> (B, 1, h, w): how much consecutive samples of a group differ, averaged over channels and places.

    The group is the largest number up to `group` that divides the batch.
    """
    size = next(n for n in range(min(group, len(x)), 0, -1) if len(x) % n == 0)
    y = x.unflatten(0, (-1, size))
    deviation = (y - y.mean(1, keepdim=True)).square().mean(1).add(1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat_interleave(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])
