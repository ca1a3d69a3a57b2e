"""pix2pixHD's global generator (Wang et al. 2018, section 3.1 and appendix A): UV texture to a rough displacement map.

A 7x7 convolution, `downs` of stride 2 that double the width, `blocks` residual blocks, the way up again, a 7x7
convolution and tanh; instance norms and ReLU between. The last value is in units of `scale_mm`. What is ours: it is
added to the mean of the maps that were learnt from. Maps are registered on the UV, so a photo tells how a face differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import DnpmError
from ...files.inputs import one_line


@dataclass(frozen=True)
class Pix2PixConfig:
    """Sizes of the global generator."""

    width: int = 64
    downs: int = 4
    blocks: int = 9
    channels_in: int = 4
    """Normalised colour (3) and what of it was seen (1)."""
    resolution: int = 1024
    scale_mm: float = 1.0

    def __post_init__(self) -> None:
        sizes = (self.width, self.downs, self.blocks, self.channels_in, self.resolution)
        if max(sizes) > 8192 or self.downs > 10 or self.blocks > 256:
            raise DnpmError(
                f"pix2pix configuration: a size is at most 8192, downs 10, blocks 256 (got {one_line(self, 300)})"
            )
        if min(sizes) < 1 or self.resolution % 2**self.downs:
            raise DnpmError(f"pix2pix configuration: positive sizes, the side a multiple of 2^downs (got {self})")
        if not 0 < self.scale_mm <= 1000:
            raise DnpmError(f"pix2pix configuration: scale_mm must be above 0 and at most 1000 (got {self})")


CONFIGS = {
    "paper": Pix2PixConfig(),
    "default": Pix2PixConfig(width=16, downs=3, blocks=5, resolution=256, scale_mm=0.5),
    "tiny": Pix2PixConfig(width=4, downs=2, blocks=1, resolution=32),
}


class GlobalGenerator(nn.Module):
    """(B, channels_in, R, R) in about [-1, 1] -> (B, 1, R, R) mm."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3), nn.Conv2d(config.channels_in, width, 7), nn.InstanceNorm2d(width),
            nn.ReLU(inplace=True),
        ]  # fmt: skip
        for _ in range(config.downs):
            layers += [
                nn.Conv2d(width, 2 * width, 3, 2, 1), nn.InstanceNorm2d(2 * width), nn.ReLU(inplace=True),
            ]  # fmt: skip
            width *= 2
        layers += [_Residual(width) for _ in range(config.blocks)]
        for _ in range(config.downs):
            layers += [
                nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(width // 2),
                nn.ReLU(inplace=True),
            ]  # fmt: skip
            width //= 2
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(1, 1, config.resolution, config.resolution))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, texture: Tensor) -> Tensor:
        """See the class."""
        result: Tensor = self.layers(texture)
        return self.mean + result * self.config.scale_mm


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


def as_input(normalised: Tensor, visible: Tensor) -> Tensor:
    """(B, 3, R, R) normalised colour and (B, 1, R, R) seen, 0 to 1 -> what the network reads."""
    return torch.cat([normalised, visible * 2 - 1], 1)
