"""3x3 convolution of many channels on a CPU with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Lavin and Gray 2016, "Fast algorithms for convolutional neural networks": six by six pixels are transformed, the
channels multiplied by the transformed kernel at each of the 36 places, and the sums transformed back to four by four
pixels.

Transforms cost passes over the features, so some rows of tiles are done at a time, which fit in the caches. In float32
the result differs from the plain convolution by up to 5e-5 of its standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .upsampling import is_quiet_cpu

_IN = torch.tensor([
    [4.0, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
])  # fmt: skip
_OF_KERNEL = torch.tensor([
    [1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1],
])  # fmt: skip
_OUT = torch.tensor([[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
_FEW_CHANNELS, _FEW_PIXELS = 64, 256
"""Below these the passes over the features, or the kernels, take longer than what is saved."""
_SHARED = 2**16
"""Numbers of a strip's features that several threads share, at the least. Threads meet at the end of each step: on a
busy machine every meeting waits for the one that was not running, so there must not be many."""


def pays(x: Tensor, n_out: int) -> bool:
    """Whether a 3x3 convolution of x (B, n_in, h, w) to so many channels is quicker this way."""
    n_in, height, width = x.shape[1:]
    # Strips that several threads share leave the caches: it takes more channels to make up for that.
    few = _FEW_CHANNELS if torch.get_num_threads() == 1 else 2 * _FEW_CHANNELS
    enough = min(n_in, n_out) >= few and height * width >= _FEW_PIXELS
    return enough and width % 4 == 0 and is_quiet_cpu(x)


def transformed(weight: Tensor) -> Tensor:
    """(n_out, n_in, 3, 3) -> (36, n_in, n_out)."""
    n_out, n_in = weight.shape[:2]
    both = torch.kron(_OF_KERNEL, _OF_KERNEL)
    return (both @ weight.permute(2, 3, 1, 0).reshape(9, n_in * n_out)).view(36, n_in, n_out)


def convolve(
    x: Tensor, kernel: Tensor, style: Tensor, factor: Tensor, bias: Tensor, finish: Callable[[Tensor, int], object]
) -> Tensor:
    """bias + factor * convolution of (style * x), zeros around it.

    x (B, n_in, h, w); kernel: what `transformed` gave; style (B, n_in, 1, 1) and factor (B, n_out, 1, 1); bias
    (n_out,). finish is called with some finished rows (1, n_out, rows, w) and the first one's number, and changes them
    in place while the caches hold them. -> (B, n_out, h, w), the channels last in memory.
    """
    batch, n_in, height, width = x.shape
    n_out = kernel.shape[2]
    out = x.new_empty(batch, height, width, n_out)
    across = width // 4
    wanted = n_in // 4  # As many tiles as make reading the kernel again worth while.
    if torch.get_num_threads() > 1:
        wanted = max(wanted, _SHARED // n_in)
    down = min(-(-wanted // across), -(-height // 4))
    tiles = down * across
    # The rows of pixels under the tiles, one more on each side; the columns at both ends stay 0.
    rows = x.new_zeros(4 * down + 2, width + 2, n_in)
    line = (width + 2) * n_in
    windows = rows.as_strided((6, 6, down, across, n_in), (line, n_in, 4 * line, 4 * n_in, 1))
    gathered, features = x.new_empty(windows.shape), x.new_empty(36, tiles * n_in)
    sums, image = x.new_empty(36, tiles, n_out), x.new_empty(16, tiles * n_out)
    into, back = torch.kron(_IN, _IN), torch.kron(_OUT, _OUT)
    for k in range(batch):
        pixels = x[k].permute(1, 2, 0)
        for first in range(0, height, 4 * down):
            last = min(first + 4 * down, height)
            low, high = max(first - 1, 0), min(last + 1, height)
            rows[: low - first + 1] = 0
            rows[high - first + 1 :] = 0
            torch.mul(pixels[low:high], style[k, :, 0, 0], out=rows[low - first + 1 : high - first + 1, 1:-1])
            gathered.copy_(windows)
            torch.mm(into, gathered.view(36, -1), out=features)
            torch.bmm(features.view(36, tiles, n_in), kernel, out=sums)
            torch.mm(back, sums.view(36, -1), out=image)
            found = image.view(4, 4, down, across, n_out).permute(2, 0, 3, 1, 4)
            if last - first == 4 * down:
                place = out[k, first:last].view(found.shape)
                torch.addcmul(bias, found, factor[k, :, 0, 0], out=place)
            else:
                part = found.reshape(4 * down, width, n_out)[: last - first]
                torch.addcmul(bias, part, factor[k, :, 0, 0], out=out[k, first:last])
            finish(out[k : k + 1, first:last].permute(0, 3, 1, 2), first)
    return out.permute(0, 3, 1, 2)
