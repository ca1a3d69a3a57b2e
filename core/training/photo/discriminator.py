"""pix2pixHD's multi-scale patch discriminators (Wang et al. 2018, section 3.2), with the features that are matched."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PatchDiscriminator(nn.Module):
    """(B, C, R, R) -> features of each layer, the last being one score a patch (70 pixels with three layers)."""

    def __init__(self, channels_in: int, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Conv2d(channels_in, width, 4, 2, 2), nn.LeakyReLU(0.2))])
        for k in range(layers):
            wider = min(width * 2, 512)
            self.layers.append(
                nn.Sequential(
                    nn.Conv2d(width, wider, 4, 2 if k < layers - 1 else 1, 2),
                    nn.InstanceNorm2d(wider),
                    nn.LeakyReLU(0.2),
                )
            )
            width = wider
        self.layers.append(nn.Conv2d(width, 1, 4, 1, 2))

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return features


class MultiScaleDiscriminator(nn.Module):
    """The same network at the picture's size, at half of it, and so on."""

    def __init__(self, channels_in: int, width: int = 64, scales: int = 3) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(channels_in, width) for _ in range(scales))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """(B, C, R, R) -> features of each layer of each scale."""
        result = []
        for network in self.scales:
            result.append(network(x))
            x = functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return result


def scores_loss(scales: list[list[Tensor]], real: bool) -> Tensor:
    """Least squares (Mao et al. 2017): scores to 1 or 0, summed over scales."""
    return torch.stack([(f[-1] - float(real)).square().mean() for f in scales]).sum()


def matching_loss(fake: list[list[Tensor]], real: list[list[Tensor]]) -> Tensor:
    """Feature matching: mean absolute difference over all layers but the scores, averaged over layers and scales."""
    terms = [
        (a - b.detach()).abs().mean()
        for f, r in zip(fake, real, strict=True)
        for a, b in zip(f[:-1], r[:-1], strict=True)
    ]
    return torch.stack(terms).mean()
