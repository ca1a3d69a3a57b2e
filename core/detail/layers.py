"""The generator's layers: fully connected, modulated convolution, and what reads the image out of the features."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from . import winograd
from .config import GeneratorConfig
from .upsampling import is_quiet_cpu, upsampling_conv

Noise = Literal["const", "none"]
SLOPE, GAIN = 0.2, math.sqrt(2)
"""Of leaky ReLU: below 0, and of the whole."""
_PIECES = 8
"""Into so many a sum over maps is cut."""


def autocast_enabled(x: Tensor) -> bool:
    """Whether operators on this tensor may be computed in half precision. The meta device, which only counts, has no
    such mode."""
    return not x.is_meta and torch.is_autocast_enabled(x.device.type)


class FullyConnected(nn.Module):
    """Linear layer with equalised learning rate: weights are drawn from N(0, 1) / lr_multiplier, and scaled in use."""

    def __init__(self, n_in: int, n_out: int, bias_init: float = 0.0, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((n_out,), float(bias_init)))
        self.weight_gain = lr_multiplier / math.sqrt(n_in)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias * self.bias_gain if self.bias_gain != 1 else self.bias
        return torch.addmm(bias, x, self.weight.t(), alpha=self.weight_gain)


class Modulated(NamedTuple):
    """A kernel (n_out, n_in, 3, 3), or (36, n_in, n_out) for Winograd's way, and what it does not hold yet: factors of
    its inputs (B, n_in, 1, 1) and of its outputs (B, n_out, 1, 1), leaky ReLU's gain among them; None: they are in the
    kernel."""

    weight: Tensor
    style: Tensor | None
    demodulation: Tensor | None


class ModulatedConv(nn.Module):
    """3x3 convolution whose kernel the style scales, demodulated; then noise, bias and leaky ReLU.

    With `up` it doubles the resolution: a transposed convolution of stride 2 followed by the low-pass filter
    [1, 3, 3, 1] in both directions.
    """

    noise_const: Tensor

    def __init__(self, n_in: int, n_out: int, w_dim: int, resolution: int, up: bool) -> None:
        super().__init__()
        self.affine = FullyConnected(w_dim, n_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.up = up
        self._known: dict[str, tuple[object, Tensor]] = {}

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """(B, n_in, r, r), (B, w_dim) -> (B, n_out, r or 2r, r or 2r)."""
        return self.of_rows(x, self.modulated(x, w), noise, 0)

    def modulated(self, x: Tensor, w: Tensor) -> Modulated:
        """The kernel that the style asks for, for an input such as x; w (B, w_dim)."""
        weight: Tensor = self.weight
        style = self.affine(w)
        energy = self._kept("energy", lambda kernel: kernel.square().sum((2, 3)))
        demodulation = (style.square() @ energy.t() + 1e-8).rsqrt() * GAIN
        if not self.up and winograd.pays(x, len(weight)):
            weight = self._kept("transformed", winograd.transformed)
        elif len(w) == 1 and weight.numel() < x.numel():
            # The same, without passes over the pixels.
            weight = weight * (demodulation[0, :, None] * style[0])[:, :, None, None]
            return Modulated(weight, None, None)
        elif self.up and is_quiet_cpu(x):
            weight = self._kept("turned", _turned)
        return Modulated(weight, style[:, :, None, None], demodulation[:, :, None, None])

    def _kept(self, name: str, of: Callable[[Tensor], Tensor]) -> Tensor:
        """What `of` makes of the kernels, kept as long as nothing writes to them."""
        weight = self.weight
        if torch.is_grad_enabled() or weight.is_meta or weight.is_inference() or autocast_enabled(weight):
            return of(weight)
        key = (weight.data_ptr(), weight._version, weight.dtype)
        if name not in self._known or self._known[name][0] != key:
            self._known[name] = (key, of(weight))
        return self._known[name][1]

    def of_rows(self, x: Tensor, kernel: Modulated, noise: Noise, first: int) -> Tensor:
        """`forward` on some rows of its input, from `first` on.

        They count as the whole picture: at their ends rows are missing, and what comes of that is to be cut away.
        """
        bias = self.bias * GAIN  # Leaky ReLU is homogeneous: its gain goes into the factors before it.
        scale = 2 if self.up else 1

        def finish(y: Tensor, row: int) -> Tensor:
            if noise == "const":
                row += scale * first
                y = _with_noise(y, self.noise_const[row : row + y.shape[2]], self.noise_strength * GAIN)
            return F.leaky_relu(y, SLOPE, inplace=True)

        style, factor = kernel.style, kernel.demodulation
        if style is None or factor is None:
            return finish(self._convolved(x, kernel.weight, bias), 0)
        if kernel.weight.ndim == 3:
            return winograd.convolve(x, kernel.weight, style, factor, bias, finish)
        x = self._convolved(x * style, kernel.weight, None)
        return finish(torch.addcmul(bias[:, None, None], x, factor), 0)

    def _convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return upsampling_conv(x, weight, bias) if self.up else F.conv2d(x, weight, bias, padding=1)


def _turned(weight: Tensor) -> Tensor:
    """The same (n_out, n_in, 3, 3), lying in memory as a transposed convolution reads it."""
    return weight.transpose(0, 1).contiguous(memory_format=torch.channels_last).transpose(0, 1)


def _with_noise(x: Tensor, noise: Tensor, strength: Tensor) -> Tensor:
    """x (B, C, h, w), changed in place, with strength * noise (h, w) added to every channel."""
    channels = x.shape[1]
    group = max(16 // channels, 1)
    pixels = x.permute(0, 2, 3, 1)
    if group == 1 or noise.numel() % group or not is_quiet_cpu(x) or not pixels.is_contiguous():
        return x.add_(noise * strength)
    # Adding one number to two neighbours at a time fills no register. As a product, some pixels at a time, it does.
    spread = (torch.eye(group) * strength).repeat_interleave(channels, 1)
    pixels.view(len(x), -1, group * channels).baddbmm_(
        noise.reshape(-1, group).expand(len(x), -1, -1), spread.expand(len(x), -1, -1)
    )
    return x


class ToRGB(nn.Module):
    """1x1 convolution to the image, in millimetres, scaled by the style and not demodulated."""

    def __init__(self, n_in: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.affine = FullyConnected(config.w_dim, n_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))
        self.gain, self.scale_mm = 1 / math.sqrt(n_in), config.output_scale_mm

    def forward(self, x: Tensor, w: Tensor, registered: Tensor | None = None, onto: Tensor | None = None) -> Tensor:
        """(B, n, r, r), (B, w_dim) -> (B, img_channels, r, r) in mm.

        registered: (C_r, r, r) with n + C_r = n_in, the last inputs of every sample, where they do not lie beside the
        features in `x` already. onto: the image so far, to which this is added; it may be overwritten.
        """
        if autocast_enabled(x):
            # Millimetres are computed and summed in full precision, whatever autocast makes of the features.
            with torch.autocast(x.device.type, enabled=False):
                return self(x.float(), w.float(), registered, onto)
        weight, bias = self._scaled(w)
        # One matrix product over the channels, which lie last in memory, spares a scaled copy of the features.
        features = x.permute(0, 2, 3, 1).flatten(1, 2)
        if onto is None:
            image = torch.baddbmm(bias, features, weight[:, : x.shape[1]])
        else:
            image = _pixels_last(onto).add_(bias).baddbmm_(features, weight[:, : x.shape[1]])
        image = _with_registered(image, weight[:, x.shape[1] :], registered)
        return image.mT.unflatten(2, x.shape[2:])

    def reads(self, n_features: int) -> Tensor:
        """() bool: whether any of the first inputs, the features, has a weight."""
        return self.weight[:, :n_features].any()

    def without_features(
        self, w: Tensor, resolution: int, registered: Tensor | None, onto: Tensor | None = None
    ) -> Tensor:
        """What `forward` gives where no feature has a weight: the bias, and the registered maps."""
        with torch.autocast(w.device.type, enabled=False) if autocast_enabled(w) else nullcontext():
            weight, bias = self._scaled(w.float())
            if onto is None:
                image = bias.expand(len(w), resolution * resolution, -1).contiguous()
            else:
                image = _pixels_last(onto).add_(bias)
            if registered is not None:
                weight = weight[:, weight.shape[1] - len(registered) :]
            image = _with_registered(image, weight, registered)
        return image.mT.unflatten(2, (resolution, resolution))

    def _scaled(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """(B, w_dim) -> the styled weights (B, n_in, img_channels), the bias (img_channels,), both in mm."""
        weight = (self.affine(w) * (self.gain * self.scale_mm))[:, :, None] * self.weight[:, :, 0, 0].t()
        return weight, self.bias * self.scale_mm


def _pixels_last(image: Tensor) -> Tensor:
    """(B, channels, h, w) -> (B, h w, channels), of the same memory where it lies that way."""
    return image.permute(0, 2, 3, 1).flatten(1, 2)


def _with_registered(image: Tensor, weight: Tensor, registered: Tensor | None) -> Tensor:
    """image (B, pixels, channels), changed in place, with registered (C_r, h, w) times weight (B, C_r, channels)
    added."""
    if registered is None:
        return image
    if not registered.is_contiguous():
        maps = registered.permute(1, 2, 0).flatten(0, 1)
        return image.baddbmm_(maps.expand(len(image), -1, -1), weight)
    if image.shape[0] == image.shape[2] == 1 and image.shape[1] % _PIECES == 0:
        # One map after the other in memory, and one image: in pieces, because one product of a row takes one thread.
        pieces = registered.reshape(len(registered), _PIECES, -1).transpose(0, 1)
        image.view(_PIECES, 1, -1).baddbmm_(weight.mT.expand(_PIECES, -1, -1), pieces)
        return image
    return image.add_((weight.mT @ registered.flatten(1)).mT)
