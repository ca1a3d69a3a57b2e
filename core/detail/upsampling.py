"""Doubling a picture's side, and StyleGAN2's upsampling convolution: the same numbers by whichever way is quickest.

Both double by zeros between the pixels and the low-pass filter [1, 3, 3, 1] in both directions.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

FILTER = (1.0, 3.0, 3.0, 1.0)
_NARROW = 8
"""Output channels up to which the upsampling convolution goes rows first: half of what a 512-bit register holds."""
_SHORT, _GROUP = 256, 8
"""Pictures from this height on are doubled with so many neighbouring pixels as channels."""


def upsample(x: Tensor) -> Tensor:
    """(B, C, r, r) -> (B, C, 2r, 2r), fresh memory: zeros between the pixels, then [1, 3, 3, 1] in both directions.

    That filter's two phases are (1, 3) / 4 and (3, 1) / 4: bilinear interpolation, with zeros outside of the picture.
    """
    height, width = x.shape[2:]
    if is_quiet_cpu(x) and height >= _SHORT and width % _GROUP == 0 and x.is_contiguous():
        return _doubled_columns(_doubled_rows(x))
    # Interpolation repeats the border instead of seeing zeros there.
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    for border in (x[:, :, 0], x[:, :, -1], x[:, :, :, 0], x[:, :, :, -1]):
        border.mul_(0.75)
    return x


def upsampling_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(B, I, r, r), (O, I, 3, 3), (O,) -> (B, O, 2r, 2r): transposed convolution of stride 2, the filter [1, 3, 3, 1].

    With the channels last in memory these two steps beat one merged 6x6 kernel, four convolutions for the four phases,
    and filtering first, at nearly every size; with few output channels rows first beats them all
    (benchmarks/upsampling.py).
    """
    if len(weight) <= _NARROW and is_quiet_cpu(x):
        return _rows_first(x, weight, bias)
    x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    kernel = _kernel(x.device, x.dtype).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, bias, padding=1, groups=x.shape[1])


def is_quiet_cpu(x: Tensor) -> bool:
    """Whether these are float32 features on a CPU that no gradient is wanted for: what the special ways are made and
    checked for."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


def _rows_first(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`upsampling_conv` as three convolutions: the rows are doubled, filtered, and then the columns are.

    A convolution fills a register with output channels, so one to 2 channels leaves 14 of 16 places empty. Here the
    kernel's three columns are output channels of the first step (6 in place of 2), and the two phases of the columns
    are those of the last (4), which lie in memory as neighbouring pixels do.
    """
    n_out, n_in = weight.shape[:2]
    kernel = weight.permute(1, 3, 0, 2).reshape(n_in, 3 * n_out, 3, 1)
    x = F.conv_transpose2d(x, kernel, stride=(2, 1))
    batch, channels, height, width = x.shape
    rows = _taps(x.device, x.dtype)[:, None]
    # Rows are filtered alike in every column: four columns as channels fill the registers.
    wide = 4 if width % 4 == 0 else 1
    x = x.permute(0, 2, 3, 1).reshape(batch, height, width // wide, wide * channels).permute(0, 3, 1, 2)
    x = F.conv2d(x, rows.expand(wide * channels, 1, 4, 1), padding=(1, 0), groups=wide * channels)
    x = x.permute(0, 2, 3, 1).reshape(batch, height - 1, width, channels).permute(0, 3, 1, 2)
    phases = None if bias is None else bias.repeat(2)
    x = F.conv2d(x, _column_phases(n_out, x.dtype), phases, padding=(0, 1))
    return x.permute(0, 2, 3, 1).reshape(batch, height - 1, 2 * width, n_out).permute(0, 3, 1, 2)


def _doubled_rows(x: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, 2h, w), filtered with [1, 3, 3, 1] from row to row."""
    batch, channels, height, width = x.shape
    y = x.new_empty(batch, channels, height, 2, width)
    torch.mul(x, 0.75, out=y[:, :, :, 0])
    y[:, :, :, 1] = y[:, :, :, 0]
    y[:, :, 1:, 0].add_(x[:, :, :-1], alpha=0.25)
    y[:, :, :-1, 1].add_(x[:, :, 1:], alpha=0.25)
    return y.view(batch, channels, 2 * height, width)


def _doubled_columns(x: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, h, 2w), filtered with [1, 3, 3, 1] from column to column: some neighbours at a time are
    the channels of one convolution."""
    batch, channels, height, width = x.shape
    grouped = x.view(batch * channels, height, width // _GROUP, _GROUP).permute(0, 3, 1, 2)
    grouped = F.conv2d(grouped, _neighbours(x.dtype), padding=(0, 1))
    return grouped.permute(0, 2, 3, 1).reshape(batch, channels, height, 2 * width)


@lru_cache(maxsize=16)
def _taps(device: torch.device, dtype: torch.dtype) -> Tensor:
    """(4,): one direction of the filter. It sums to 2: every other pixel that it meets is a zero in between."""
    with torch.inference_mode(False), torch.no_grad():  # Training uses the one that a preview has made.
        return torch.tensor(FILTER, device=device, dtype=dtype) / 4


@lru_cache(maxsize=16)
def _kernel(device: torch.device, dtype: torch.dtype) -> Tensor:
    """(4, 4): both directions, once a device: copying it there for every layer would hold a GPU up."""
    with torch.inference_mode(False), torch.no_grad():
        return torch.outer(_taps(device, dtype), _taps(device, dtype))


@lru_cache(maxsize=16)
def _column_phases(n_out: int, dtype: torch.dtype) -> Tensor:
    """(2 n_out, 3 n_out, 1, 3): from the three columns of a kernel to the two phases of the filtered columns.

    Column k of the kernel at pixel i lands on column 2 i + k; the filter's output m sees the columns m - 1 to m + 2.
    """
    with torch.inference_mode(False), torch.no_grad():
        taps = torch.zeros(2, 3, 3)
        for phase in range(2):
            for k in range(3):
                for shift in (-1, 0, 1):
                    seen = 2 * shift + k - phase + 1
                    if 0 <= seen < 4:
                        taps[phase, k, shift + 1] = FILTER[seen] / 4
        same = torch.eye(n_out)
        full = torch.einsum("pks,oi->pokis", taps, same).reshape(2 * n_out, 3 * n_out, 1, 3)
        return full.to(dtype).contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=4)
def _neighbours(dtype: torch.dtype) -> Tensor:
    """(2 g, g, 1, 3): from g neighbouring pixels, and those beside them, to the 2 g of twice the width."""
    with torch.inference_mode(False), torch.no_grad():
        taps = torch.zeros(2 * _GROUP, _GROUP, 1, 3)
        for out in range(2 * _GROUP):
            beside = out // 2 + (1 if out % 2 else -1)
            taps[out, out // 2, 0, 1] = 0.75
            taps[out, beside % _GROUP, 0, beside // _GROUP + 1] = 0.25
        return taps.to(dtype)
