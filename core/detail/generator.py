"""The generator G of Eq. 1: StyleGAN2 with one output channel, the displacement in millimetres.

Written from Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN": mapping network, weight
demodulation, skip architecture. Names of parameters are those of the public StyleGAN2 checkpoints, so that a state
dict of theirs loads (`official_state`). Two things differ from the paper:

* Modulation scales the activations before and after one ordinary convolution; that is the paper's modulated kernel
  exactly (the scale of an input channel commutes with the sum over it), and serves any batch without grouped kernels.
* Registered maps, a switch (`GeneratorConfig.registered`). Displacement maps are registered on the face, and a plain
  StyleGAN2 has to grow every place out of one 4 x 4 constant. The block at resolution r may own C_r learnt maps beside
  its features; its ToRGB and the next block see both. ToRGB is a 1x1 convolution scaled by the style, therefore the
  image contains sum over c of style_c(w) weight_c registered_c: a linear decoder over learnt maps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ..errors import DnpmError
from .config import GeneratorConfig, w_layers

Noise = Literal["const", "none"]
_SLOPE, _GAIN = 0.2, math.sqrt(2)
_FILTER = (1.0, 3.0, 3.0, 1.0)
_STRIPS_FROM, _STRIP = 2**24, 2**21
"""Features of a block that is computed in strips, and of a strip: 64 and 8 MB."""


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


class MappingNetwork(nn.Module):
    """f: z -> w, eight layers on the normalised z; holds the running average of w for truncation."""

    w_avg: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.n_layers = config.mapping_layers
        for k in range(self.n_layers):
            n_in = config.z_dim if k == 0 else config.w_dim
            setattr(self, f"fc{k}", FullyConnected(n_in, config.w_dim, lr_multiplier=0.01))
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, psi: float = 1.0) -> Tensor:
        """(B, z_dim) -> (B, w_dim); psi < 1 pulls w to its average (truncation)."""
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for k in range(self.n_layers):
            x = F.leaky_relu(getattr(self, f"fc{k}")(x), _SLOPE) * _GAIN
        return x if psi == 1 else torch.lerp(self.w_avg, x, psi)


class Modulated(NamedTuple):
    """A kernel (n_out, n_in, 3, 3), and what it does not hold yet: factors of its inputs (B, n_in, 1, 1) and of its
    outputs (B, n_out, 1, 1), leaky ReLU's gain among them; None: they are in the kernel."""

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

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """(B, n_in, r, r), (B, w_dim) -> (B, n_out, r or 2r, r or 2r)."""
        return self.of_rows(x, self.modulated(w, x.numel()), noise, 0)

    def modulated(self, w: Tensor, pixels: int) -> Modulated:
        """The kernel that the style asks for, for an input of so many numbers; w (B, w_dim)."""
        style = self.affine(w)
        demodulation = (style.square() @ self.weight.square().sum((2, 3)).t() + 1e-8).rsqrt() * _GAIN
        weight = self.weight
        if len(w) == 1 and weight.numel() < pixels:
            # The same, without passes over the pixels.
            weight = weight * (demodulation[0, :, None] * style[0])[:, :, None, None]
            return Modulated(weight, None, None)
        return Modulated(weight, style[:, :, None, None], demodulation[:, :, None, None])

    def of_rows(self, x: Tensor, kernel: Modulated, noise: Noise, first: int) -> Tensor:
        """`forward` on some rows of its input, from `first` on.

        They count as the whole picture: at their ends rows are missing, and what comes of that is to be cut away.
        """
        bias = self.bias * _GAIN  # Leaky ReLU is homogeneous: its gain goes into the factors before it.
        if kernel.style is not None:
            x = x * kernel.style
        folded = bias if kernel.demodulation is None else None
        x = upsampling_conv(x, kernel.weight, folded) if self.up else F.conv2d(x, kernel.weight, folded, padding=1)
        if kernel.demodulation is not None:
            x = torch.addcmul(bias[:, None, None], x, kernel.demodulation)
        if noise == "const":
            scale = 2 if self.up else 1
            rows = self.noise_const[scale * first : scale * first + x.shape[2]]
            x = x.add_(rows * (self.noise_strength * _GAIN))
        return F.leaky_relu(x, _SLOPE, inplace=True)


class ToRGB(nn.Module):
    """1x1 convolution to the image, scaled by the style and not demodulated."""

    def __init__(self, n_in: int, img_channels: int, w_dim: int) -> None:
        super().__init__()
        self.affine = FullyConnected(w_dim, n_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(img_channels, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(img_channels))
        self.gain = 1 / math.sqrt(n_in)

    def forward(self, x: Tensor, w: Tensor, registered: Tensor | None = None) -> Tensor:
        """(B, n, r, r), (B, w_dim) -> (B, img_channels, r, r); registered: (C_r, r, r) with n + C_r = n_in, the last
        inputs of every sample, where they do not lie beside the features in `x` already."""
        if autocast_enabled(x):
            # Millimetres are computed and summed in full precision, whatever autocast makes of the features.
            with torch.autocast(x.device.type, enabled=False):
                return self(x.float(), w.float(), registered)
        weight = (self.affine(w) * self.gain)[:, :, None] * self.weight[:, :, 0, 0].t()
        # One matrix product over the channels, which lie last in memory, spares a scaled copy of the features.
        image = x.permute(0, 2, 3, 1).flatten(1, 2) @ weight[:, : x.shape[1]] + self.bias
        if registered is not None:
            image = image + registered.permute(1, 2, 0).flatten(0, 1) @ weight[:, x.shape[1] :]
        return image.mT.unflatten(2, x.shape[2:])

    def reads(self, n_features: int) -> Tensor:
        """() bool: whether any of the first inputs, the features, has a weight."""
        return self.weight[:, :n_features].any()

    def without_features(self, w: Tensor, resolution: int, registered: Tensor | None) -> Tensor:
        """What `forward` gives where no feature has a weight: the bias, and the registered maps."""
        with torch.autocast(w.device.type, enabled=False) if autocast_enabled(w) else nullcontext():
            image = self.bias.expand(len(w), resolution * resolution, -1)
            if registered is not None:
                n = self.weight.shape[1] - len(registered)
                weight = (self.affine(w.float()) * self.gain)[:, n:, None] * self.weight[:, n:, 0, 0].t()
                image = image + registered.permute(1, 2, 0).flatten(0, 1) @ weight
        return image.mT.unflatten(2, (resolution, resolution))


class SynthesisBlock(nn.Module):
    """One resolution: two modulated convolutions (one at 4 x 4), the registered maps, and the skip image."""

    def __init__(self, config: GeneratorConfig, resolution: int) -> None:
        super().__init__()
        n_out, n_registered = config.channels(resolution), config.registered_count(resolution)
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(n_out, 4, 4))
        else:
            n_in = config.channels(resolution // 2) + config.registered_count(resolution // 2)
            self.conv0 = ModulatedConv(n_in, n_out, config.w_dim, resolution, up=True)
        self.conv1 = ModulatedConv(n_out, n_out, config.w_dim, resolution, up=False)
        if n_registered:
            # (C_r, r, r), the channels last in memory: as the features beside which it is laid.
            self.registered = nn.Parameter(torch.randn(resolution, resolution, n_registered).permute(2, 0, 1))
        self.torgb = ToRGB(n_out + n_registered, config.img_channels, config.w_dim)
        self.is_first, self.has_registered = resolution == 4, n_registered > 0
        self.resolution, self.n_features = resolution, n_out

    def forward(self, x: Tensor | None, ws: Tensor, noise: Noise, *, is_last: bool = False) -> tuple[Tensor, Tensor]:
        """Features of the block before, (B, 2 or 3, w_dim) -> (features, this resolution's part of the image).

        Those of the last block nobody needs: the registered maps are not laid beside them.
        """
        if self.is_first:
            # From here on the channels lie last in memory: convolutions of many pixels and few channels run up to
            # several times faster on a CPU that way.
            x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        else:
            assert x is not None
            if is_last and self._in_strips(x):
                return x, self._strips(x, ws, noise)
            x = self.conv0(x, ws[:, 0], noise)
        x = self.conv1(x, ws[:, -2], noise)
        if self.has_registered and is_last:
            return x, self.torgb(x, ws[:, -1], self.registered)
        if self.has_registered:
            maps = self.registered.permute(1, 2, 0).expand(len(ws), -1, -1, -1)
            x = torch.cat([x.permute(0, 2, 3, 1), maps], 3).permute(0, 3, 1, 2)
        return x, self.torgb(x, ws[:, -1])

    def _in_strips(self, x: Tensor) -> bool:
        """Whether the features are so many that passes over them, and fresh memory for them, take longer than what is
        computed twice at the borders of strips."""
        large = self.n_features * self.resolution**2 >= _STRIPS_FROM
        return large and len(x) == 1 and x.device.type == "cpu" and not torch.is_grad_enabled()

    def _strips(self, x: Tensor, ws: Tensor, noise: Noise) -> Tensor:
        """This resolution's part of the image, some rows at a time: its features fit in the caches, and are not kept.

        Each output row needs two rows more of conv0's on either side, those four of its input.
        """
        height, rows = self.resolution, max(_STRIP // (self.n_features * self.resolution), 8)
        up, flat = self.conv0.modulated(ws[:, 0], x.numel()), self.conv1.modulated(ws[:, 1], x.numel())
        images = []
        for first in range(0, height, rows):
            last = min(first + rows, height)
            above, below = max(first - 2, 0), min(last + 2, height)
            low, high = max(above // 2 - 1, 0), min(below // 2 + 1, height // 2)
            y = self.conv0.of_rows(x[:, :, low:high], up, noise, low)[:, :, above - 2 * low : below - 2 * low]
            y = self.conv1.of_rows(y, flat, noise, above)[:, :, first - above : last - above]
            maps = self.registered[:, first:last] if self.has_registered else None
            images.append(self.torgb(y, ws[:, -1], maps))
        return torch.cat(images, 2)

    def image_alone(self, ws: Tensor) -> Tensor:
        """This resolution's part of the image where neither it nor a finer one reads the features."""
        return self.torgb.without_features(ws[:, -1], self.resolution, self.registered if self.has_registered else None)


class SynthesisNetwork(nn.Module):
    """g: w_plus -> displacement."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self._known_read: tuple[object, int] | None = None
        for resolution in config.resolutions:
            setattr(self, f"b{resolution}", SynthesisBlock(config, resolution))

    def block(self, resolution: int) -> SynthesisBlock:
        """The block at a resolution."""
        return getattr(self, f"b{resolution}")

    def skips(self, w_plus: Tensor, resolution: int | None = None, noise: Noise = "const") -> list[Tensor]:
        """(B, L, w_dim) -> the parts of the image at 4, 8, ... `resolution`, each (B, channels, r, r), in mm.

        The image is `merge_skips` of them.
        """
        resolution = self._checked(w_plus, resolution, noise)
        x, images = None, []
        wanted = [res for res in self.config.resolutions if res <= resolution]
        finest_read = self._finest_read(wanted)
        for k, r in enumerate(wanted):
            # The block's rows are conv0, conv1, ToRGB; the row of ToRGB serves the next block's conv0 as well.
            ws = w_plus[:, :2] if k == 0 else w_plus[:, 2 * k - 1 : 2 * k + 2]
            if r > finest_read:
                image = self.block(r).image_alone(ws)
            else:
                x, image = self.block(r)(x, ws, noise, is_last=r == finest_read)
            images.append(image * self.config.output_scale_mm)
        return images

    def forward(self, w_plus: Tensor, resolution: int | None = None, noise: Noise = "const") -> Tensor:
        """(B, L, w_dim) -> (B, channels, R, R) in mm.

        A `resolution` R below the configuration's stops there, and needs only the first 2 log2(R) - 2 rows of w_plus;
        further rows are ignored. Raises DnpmError when R is not a block's, or rows are missing.
        """
        return merge_skips(self.skips(w_plus, resolution, noise))

    def _finest_read(self, resolutions: list[int]) -> int:
        """The finest of these blocks whose ToRGB gives its features a weight; 0 when none does.

        Features beyond it are computed for nobody. So are all of a generator that was initialised from a set's
        components and not trained further: its image lies in the registered maps alone. Training computes them, because
        a weight of 0 may get a gradient.
        """
        if self.training or torch.is_grad_enabled():
            return resolutions[-1]
        blocks = [self.block(r) for r in resolutions]
        weights = [block.torgb.weight for block in blocks]
        if weights[0].is_meta:
            return resolutions[-1]
        key = None
        if weights[0].device.type != "cpu" and not any(weight.is_inference() for weight in weights):
            # Asking a GPU makes it wait, and cannot be recorded in a graph: only when a weight has changed.
            key = tuple((weight.data_ptr(), weight._version) for weight in weights)
            if self._known_read is not None and self._known_read[0] == key:
                return self._known_read[1]
        reads = torch.stack([block.torgb.reads(block.n_features) for block in blocks]).tolist()
        finest = max((r for r, read in zip(resolutions, reads, strict=True) if read), default=0)
        self._known_read = (key, finest)
        return finest

    def _checked(self, w_plus: Tensor, resolution: int | None, noise: str) -> int:
        resolution = self.config.resolution if resolution is None else resolution
        if resolution not in self.config.resolutions:
            raise DnpmError(f"resolution {resolution} is not one of this generator's: {self.config.resolutions}")
        if noise not in ("const", "none"):
            raise DnpmError(f"noise {noise!r} must be 'const' or 'none'")
        needed = w_layers(resolution)
        if w_plus.ndim != 3 or w_plus.shape[1] < needed or w_plus.shape[2] != self.config.w_dim:
            raise DnpmError(
                f"w_plus of shape {tuple(w_plus.shape)}: a map of {resolution} x {resolution} needs "
                f"(batch, {needed} or more, {self.config.w_dim})"
            )
        return resolution


class Generator(nn.Module):
    """G of Eq. 1: mapping and synthesis."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)

    def forward(self, z: Tensor, psi: float = 1.0, resolution: int | None = None, noise: Noise = "const") -> Tensor:
        """(B, z_dim) -> (B, channels, R, R) in mm, the same w in every layer."""
        w = self.mapping(z, psi)
        return self.synthesis(w[:, None].expand(-1, self.config.w_layers, -1), resolution, noise)


def merge_skips(images: list[Tensor]) -> Tensor:
    """Sum the parts of the image, from the smallest up, each doubled in size by the filter [1, 3, 3, 1]."""
    total = images[0]
    for image in images[1:]:
        total = upsample(total) + image
    return total


def upsample(x: Tensor) -> Tensor:
    """(B, C, r, r) -> (B, C, 2r, 2r): zeros between the pixels, then the filter [1, 3, 3, 1] in both directions.

    That filter's two phases are (1, 3) / 4 and (3, 1) / 4: bilinear interpolation, with zeros outside of the picture.
    """
    x = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return x[:, :, 2:-2, 2:-2]


def upsampling_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(B, I, r, r), (O, I, 3, 3), (O,) -> (B, O, 2r, 2r): transposed convolution of stride 2, the filter [1, 3, 3, 1].

    With the channels last in memory these two steps beat one merged 6x6 kernel, four convolutions for the four phases,
    and filtering first, at nearly every size (benchmarks/upsampling.py).
    """
    x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    kernel = _kernel(x.device, x.dtype).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, bias, padding=1, groups=x.shape[1])


@lru_cache(maxsize=16)
def _kernel(device: torch.device, dtype: torch.dtype) -> Tensor:
    """(4, 4): the filter of `upsampling_conv`, once a device: copying it there for every layer would hold a GPU up."""
    with torch.inference_mode(False), torch.no_grad():  # Training uses the one that a preview has made.
        # Sums to 2: three of four pixels that it meets are the zeros in between.
        taps = torch.tensor(_FILTER, device=device, dtype=dtype) / 4
        return torch.outer(taps, taps)


def official_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of a public StyleGAN2 checkpoint (with or without a leading `G.`) -> this module's state dict.

    The filters, which those checkpoints store and which are fixed here, must be [1, 3, 3, 1]: else DnpmError.
    """
    taps = torch.tensor(_FILTER) / 8
    expected = torch.outer(taps, taps)
    result = {}
    for name, value in state.items():
        name = name.removeprefix("G.")
        if not name.endswith("resample_filter"):
            result[name] = value
        elif value.shape != expected.shape or not torch.allclose(value.float().cpu(), expected):
            raise DnpmError(
                f"{name}: this generator filters with [1, 3, 3, 1] alone; the checkpoint has another filter"
            )
    return result
