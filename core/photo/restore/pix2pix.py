"""pix2pixHD's global generator (Wang et al. 2018, section 3.1 and appendix A): UV texture to a rough displacement map.

A 7x7 convolution, `downs` of stride 2 that double the width, `blocks` residual blocks, the way up again, a 7x7
convolution and tanh; norms and ReLU between. The last value is in units of `scale_mm`. What is ours:

* It is added to the mean of the maps that were learnt from. Maps are registered on the UV, so a photo tells how a face
  differs.
* Where it `corrects`, it is added to the sliders' own map instead, and reads the skin without its light and that map
  (`skin_input.py`) in the place of colours.
* `fold` texels a side become channels before the first layer, and texels again after the last (Shi et al. 2016).
* `skips` adds what the way down knew on the way up (as pix2pix's U-Net has it, Isola et al. 2017): lines are finer than
  the innermost texels. Batch norms in place of instance norms (`batch_norm`) keep how strong a picture's lines are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import DnpmError
from ...files.inputs import one_line
from .skin_input import CHANNELS


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
    corrects: bool = False
    """Reads `skin_input.py`'s channels and corrects the sliders' map; else colours, and it is added to a mean."""
    skips: bool = False
    batch_norm: bool = False
    fold: int = 1
    ends: int = 7
    """Side of the first and the last kernel, odd."""

    def __post_init__(self) -> None:
        sizes = (self.width, self.downs, self.blocks, self.channels_in, self.resolution, self.fold, self.ends)
        if max(sizes) > 8192 or self.downs > 10 or self.blocks > 256:
            raise DnpmError(
                f"pix2pix configuration: a size is at most 8192, downs 10, blocks 256 (got {one_line(self, 300)})"
            )
        if max(self.fold, self.ends) > 31 or not self.ends % 2:
            raise DnpmError(f"pix2pix configuration: fold and ends are at most 31, ends odd (got {self})")
        if min(sizes) < 1 or self.resolution % (self.fold * 2**self.downs):
            raise DnpmError(f"pix2pix configuration: positive sizes, the side a multiple of fold 2^downs (got {self})")
        if not 0 < self.scale_mm <= 1000:
            raise DnpmError(f"pix2pix configuration: scale_mm must be above 0 and at most 1000 (got {self})")


CONFIGS = {
    "paper": Pix2PixConfig(),
    "default": Pix2PixConfig(
        width=24,
        downs=2,
        blocks=5,
        channels_in=CHANNELS,
        resolution=256,
        scale_mm=0.5,
        corrects=True,
        skips=True,
        batch_norm=True,
        fold=2,
        ends=3,
    ),
    "tiny": Pix2PixConfig(width=4, downs=2, blocks=1, resolution=32),
}


class GlobalGenerator(nn.Module):
    """(B, channels_in, R, R) in about [-1, 1] -> (B, 1, R, R) mm; a network that corrects reads any part of a map whose
    sides are multiples of fold 2^downs."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        norm = nn.BatchNorm2d if config.batch_norm else nn.InstanceNorm2d
        width = config.width
        border, inner = config.ends // 2, config.fold**2
        layers: list[nn.Module] = [nn.PixelUnshuffle(config.fold)] if config.fold > 1 else []
        layers += [
            nn.ReflectionPad2d(border), nn.Conv2d(config.channels_in * inner, width, config.ends), norm(width),
            nn.ReLU(inplace=True),
        ]  # fmt: skip
        self.kept: list[int] = [len(layers)]
        """After how many layers the way down is remembered, from the outermost."""
        for _ in range(config.downs):
            layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), norm(2 * width), nn.ReLU(inplace=True)]
            self.kept.append(len(layers))
            width *= 2
        layers += [_Residual(width, norm) for _ in range(config.blocks)]
        self.met: list[int] = []
        """After how many layers what was remembered is added, from the innermost."""
        for _ in range(config.downs):
            layers += [
                nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1), norm(width // 2),
                nn.ReLU(inplace=True),
            ]  # fmt: skip
            self.met.append(len(layers))
            width //= 2
        layers += [nn.ReflectionPad2d(border), nn.Conv2d(width, inner, config.ends), nn.Tanh()]
        layers += [nn.PixelShuffle(config.fold)] if config.fold > 1 else []
        self.layers = nn.Sequential(*layers)
        self.mean: Tensor
        side = 1 if config.corrects else config.resolution
        self.register_buffer("mean", torch.zeros(1, 1, side, side))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, given: Tensor, known: Tensor | None = None) -> Tensor:
        """See the class; known (B, 1, R, R) mm: the map that is corrected, where the configuration says so."""
        x, remembered = given, dict[int, Tensor]()
        for k, layer in enumerate(self.layers, 1):
            x = layer(x)
            if self.config.skips and k in self.kept[:-1]:
                remembered[self.kept.index(k)] = x
            if self.config.skips and k in self.met:
                x = x + remembered[self.config.downs - 1 - self.met.index(k)]
        return (self.mean if known is None else known) + x * self.config.scale_mm


class _Residual(nn.Module):
    def __init__(self, width: int, norm: type[nn.BatchNorm2d] | type[nn.InstanceNorm2d]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width), nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


def as_input(normalised: Tensor, visible: Tensor) -> Tensor:
    """(B, 3, R, R) normalised colour and (B, 1, R, R) seen, 0 to 1 -> what the network reads."""
    return torch.cat([normalised, visible * 2 - 1], 1)
