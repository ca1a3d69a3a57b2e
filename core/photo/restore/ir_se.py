"""IR-SE blocks, of which the restoration encoder and its competitors are made (ArcFace's backbone with squeeze and
excitation: Deng et al. 2019; Hu et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Scales channels by what the whole picture holds."""

    def __init__(self, width: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, width // reduction)
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, inner, 1, bias=False), nn.ReLU(inplace=True),
            nn.Conv2d(inner, width, 1, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x * self.layers(x)
        return result


class Bottleneck(nn.Module):
    """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.shortcut: nn.Module
        if n_in == n_out:
            self.shortcut = nn.MaxPool2d(1, stride)
        else:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
        self.residual = nn.Sequential(
            nn.BatchNorm2d(n_in), nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False), nn.PReLU(n_out),
            nn.Conv2d(n_out, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), SqueezeExcite(n_out),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.residual(x)
        return result


class Body(nn.Module):
    """Stages of blocks; each stage halves the size. Gives every stage's features.

    widths: of the stem, then of each stage; units: blocks of each stage; stem_stride: 1 as published, 2 to be quick.
    """

    def __init__(self, channels_in: int, widths: Sequence[int], units: Sequence[int], stem_stride: int = 1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels_in, widths[0], 3, stem_stride, 1, bias=False), nn.BatchNorm2d(widths[0]),
            nn.PReLU(widths[0]),
        )  # fmt: skip
        self.stages = nn.ModuleList()
        before = widths[0]
        for width, count in zip(widths[1:], units, strict=True):
            blocks = [Bottleneck(before if k == 0 else width, width, 2 if k == 0 else 1) for k in range(count)]
            self.stages.append(nn.Sequential(*blocks))
            before = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> one tensor a stage, the finest first."""
        x = self.stem(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


IR_SE50_WIDTHS, IR_SE50_UNITS = (64, 64, 128, 256, 512), (3, 4, 14, 3)
