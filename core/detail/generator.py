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

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ..errors import DnpmError
from .config import GeneratorConfig, w_layers
from .layers import GAIN, SLOPE, FullyConnected, ModulatedConv, Noise, ToRGB
from .upsampling import FILTER, upsample

_STRIPS_FROM, _STRIP = 2**23, 2**21
"""Features of a block that is computed in strips, and of a strip: 32 and 8 MB."""


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
            x = F.leaky_relu(getattr(self, f"fc{k}")(x), SLOPE) * GAIN
        return x if psi == 1 else torch.lerp(self.w_avg, x, psi)


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
            self.registered = nn.Parameter(torch.randn(n_registered, resolution, resolution))
        self.torgb = ToRGB(n_out + n_registered, config)
        self.is_first, self.has_registered = resolution == 4, n_registered > 0
        self.resolution, self.n_features = resolution, n_out

    def forward(
        self, x: Tensor | None, ws: Tensor, noise: Noise, onto: Tensor | None = None, *, is_last: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Features of the block before, (B, 2 or 3, w_dim) -> (features, this resolution's part of the image).

        onto: the image so far, doubled, to which the part is added; it may be overwritten. Features of the last block
        nobody needs: the registered maps are not laid beside them.
        """
        if self.is_first:
            # From here on the channels lie last in memory: convolutions of many pixels and few channels run up to
            # several times faster on a CPU that way.
            x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        else:
            assert x is not None
            if self._in_strips(x, is_last=is_last):
                return self._strips(x, ws, noise, onto, is_last=is_last)
            x = self.conv0(x, ws[:, 0], noise)
        x = self.conv1(x, ws[:, -2], noise)
        if self.has_registered and is_last:
            return x, self.torgb(x, ws[:, -1], self.registered, onto)
        if self.has_registered:
            maps = self.registered.permute(1, 2, 0).expand(len(ws), -1, -1, -1)
            x = torch.cat([x.permute(0, 2, 3, 1), maps], 3).permute(0, 3, 1, 2)
        return x, self.torgb(x, ws[:, -1], None, onto)

    def _in_strips(self, x: Tensor, *, is_last: bool) -> bool:
        """Whether the features are so many that passes over them, and fresh memory for them, take longer than what is
        computed twice at the borders of strips; and, where several threads share each strip and meet at its end, than
        those meetings."""
        large = self.n_features * self.resolution**2 >= _STRIPS_FROM and (is_last or torch.get_num_threads() == 1)
        return large and len(x) == 1 and x.device.type == "cpu" and not torch.is_grad_enabled()

    def _strips(
        self, x: Tensor, ws: Tensor, noise: Noise, onto: Tensor | None, *, is_last: bool
    ) -> tuple[Tensor, Tensor]:
        """`forward`, some rows at a time: what lies between features and features fits in the caches.

        Each output row needs two rows more of conv0's on either side, those four of its input.
        """
        height, rows = self.resolution, max(_STRIP // (self.n_features * self.resolution), 8)
        up, flat = self.conv0.modulated(x, ws[:, 0]), None
        maps = self.registered if self.has_registered else None
        beside = 0 if maps is None else len(maps)
        kept = None if is_last else x.new_empty(1, height, height, self.n_features + beside).permute(0, 3, 1, 2)
        images = []
        for first in range(0, height, rows):
            last = min(first + rows, height)
            above, below = max(first - 2, 0), min(last + 2, height)
            low, high = max(above // 2 - 1, 0), min(below // 2 + 1, height // 2)
            y = self.conv0.of_rows(x[:, :, low:high], up, noise, low)[:, :, above - 2 * low : below - 2 * low]
            flat = self.conv1.modulated(y, ws[:, 1]) if flat is None else flat
            y = self.conv1.of_rows(y, flat, noise, above)[:, :, first - above : last - above]
            if kept is not None:
                kept[:, : self.n_features, first:last] = y
            seen = None if maps is None else maps[:, first:last]
            images.append(self.torgb(y, ws[:, -1], seen, None if onto is None else onto[:, :, first:last]))
        if kept is not None and maps is not None:
            kept[:, self.n_features :] = maps
        return x if kept is None else kept, torch.cat(images, 2)

    def image_alone(self, ws: Tensor, onto: Tensor | None = None) -> Tensor:
        """`forward`'s image where neither it nor a finer one reads the features."""
        maps = self.registered if self.has_registered else None
        return self.torgb.without_features(ws[:, -1], self.resolution, maps, onto)


class SynthesisNetwork(nn.Module):
    """g: w_plus -> displacement."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self._known_read: tuple[object, int] | None = None
        for resolution in config.resolutions:
            setattr(self, f"b{resolution}", SynthesisBlock(config, resolution))
        self.settle()

    def settle(self) -> None:
        """Lay each block's registered maps in memory as they are read; call it when weights have been loaded.

        The channels last where a convolution sees them, as the features beside which they are laid; else one map after
        the other, so that their sum is one pass over whole lines.
        """
        with torch.no_grad():
            finest_read = self._finest_read(list(self.config.resolutions))
        for r in self.config.resolutions:
            block = self.block(r)
            if block.has_registered:
                maps = block.registered.detach()
                last = maps.contiguous() if r >= finest_read else maps.permute(1, 2, 0).contiguous().permute(2, 0, 1)
                block.registered = nn.Parameter(last, requires_grad=block.registered.requires_grad)

    def block(self, resolution: int) -> SynthesisBlock:
        """The block at a resolution."""
        return getattr(self, f"b{resolution}")

    def skips(self, w_plus: Tensor, resolution: int | None = None, noise: Noise = "const") -> list[Tensor]:
        """(B, L, w_dim) -> the parts of the image at 4, 8, ... `resolution`, each (B, channels, r, r), in mm.

        The image is their sum, each doubled in size (`upsample`) before the next is added.
        """
        return self._images(w_plus, self._checked(w_plus, resolution, noise), noise, merged=False)

    def _images(self, w_plus: Tensor, resolution: int, noise: Noise, *, merged: bool) -> list[Tensor]:
        """`skips`; or, merged, the last of the images so far, each written onto the one before."""
        x = None
        images: list[Tensor] = []
        wanted = [res for res in self.config.resolutions if res <= resolution]
        finest_read = self._finest_read(wanted)
        for k, r in enumerate(wanted):
            # The block's rows are conv0, conv1, ToRGB; the row of ToRGB serves the next block's conv0 as well.
            ws = w_plus[:, :2] if k == 0 else w_plus[:, 2 * k - 1 : 2 * k + 2]
            onto = upsample(images.pop()) if merged and images else None
            if r > finest_read:
                image = self.block(r).image_alone(ws, onto)
            else:
                x, image = self.block(r)(x, ws, noise, onto, is_last=r == finest_read)
            images.append(image)
        return images

    def forward(self, w_plus: Tensor, resolution: int | None = None, noise: Noise = "const") -> Tensor:
        """(B, L, w_dim) -> (B, channels, R, R) in mm.

        A `resolution` R below the configuration's stops there, and needs only the first 2 log2(R) - 2 rows of w_plus;
        further rows are ignored. Raises DnpmError when R is not a block's, or rows are missing.
        """
        return self._images(w_plus, self._checked(w_plus, resolution, noise), noise, merged=True)[0]

    def _finest_read(self, resolutions: list[int]) -> int:
        """The finest of these blocks whose ToRGB gives its features a weight; 0 when none does.

        Features beyond it are computed for nobody. So are all of a generator that was initialised from a set's
        components and not trained further: its image lies in the registered maps alone. Training computes them, because
        a weight of 0 may get a gradient; a frozen generator's gets none, and through it no gradient reaches w.
        """
        blocks = [self.block(r) for r in resolutions]
        weights = [block.torgb.weight for block in blocks]
        if self.training or (torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)):
            return resolutions[-1]
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


def official_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of a public StyleGAN2 checkpoint (with or without a leading `G.`) -> this module's state dict.

    The filters, which those checkpoints store and which are fixed here, must be [1, 3, 3, 1]: else DnpmError.
    """
    taps = torch.tensor(FILTER) / 8
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
