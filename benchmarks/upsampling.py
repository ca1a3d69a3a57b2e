"""Five exact ways to compute StyleGAN2's upsampling convolution, timed: why `upsampling_conv` is what it is.

All give the same picture: a transposed 3x3 convolution of stride 2, then the filter [1, 3, 3, 1] in both directions.
"""

from __future__ import annotations

import statistics
import time

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..core.detail.config import GENERATORS
from ..core.detail.upsampling import upsample, upsampling_conv

_TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
_KERNEL = torch.outer(_TAPS, _TAPS)


def _merged(weight: Tensor) -> Tensor:
    """Kernel and filter in one: (O, I, 3, 3) -> (O, I, 6, 6)."""
    return F.conv2d(weight.flatten(0, 1)[:, None], _KERNEL[None, None], padding=3).reshape(*weight.shape[:2], 6, 6)


def convolve_then_filter(x: Tensor, weight: Tensor) -> Tensor:
    """What training uses; with gradients `upsampling_conv` goes this way."""
    x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return F.conv2d(x, _KERNEL.expand(x.shape[1], 1, 4, 4), padding=1, groups=x.shape[1])


def one_kernel(x: Tensor, weight: Tensor) -> Tensor:
    """One transposed convolution with the merged 6x6 kernel."""
    return F.conv_transpose2d(x, _merged(weight).transpose(0, 1), stride=2, padding=2)


def four_phases(x: Tensor, weight: Tensor) -> Tensor:
    """The merged kernel's four phases as channels of one 3x3 convolution of the small picture, then interleaved."""
    merged = _merged(weight)
    phases = [merged[:, :, [a + 4, a + 2, a]][:, :, :, [b + 4, b + 2, b]] for a in (0, 1) for b in (0, 1)]
    return F.pixel_shuffle(F.conv2d(x, torch.stack(phases, 1).flatten(0, 1), padding=1), 2)


def filter_first(x: Tensor, weight: Tensor) -> Tensor:
    """The filter on the input (as bilinear interpolation), then an ordinary convolution of the large picture."""
    wide = upsample(F.pad(x, (1, 1, 1, 1)))[:, :, 1:-1, 1:-1]
    return F.conv2d(wide, weight.flip(2, 3))


WAYS = {
    "ours": upsampling_conv,  # rows first where there are few output channels
    "convolve_then_filter": convolve_then_filter,
    "one_kernel": one_kernel,
    "four_phases": four_phases,
    "filter_first": filter_first,
}


def measure(runs: int = 7) -> dict:
    """Milliseconds (median) of each way at each layer of the default generator, in both memory layouts."""
    config, rows = GENERATORS["default"], []
    torch.manual_seed(0)
    with torch.inference_mode():
        for r in config.resolutions[1:]:
            n_in = config.channels(r // 2) + config.registered_count(r // 2)
            weight, x = torch.randn(config.channels(r), n_in, 3, 3), torch.randn(1, n_in, r // 2, r // 2)
            expected = upsampling_conv(x, weight)
            row: dict = {"resolution": r, "channels_in": n_in, "channels_out": len(weight)}
            for layout in (torch.contiguous_format, torch.channels_last):
                placed = x.contiguous(memory_format=layout)
                for name, way in WAYS.items():
                    got, times = way(placed, weight), []
                    assert torch.allclose(got, expected, atol=1e-3 * float(expected.std())), name
                    for _ in range(runs):
                        start = time.perf_counter()
                        way(placed, weight)
                        times.append((time.perf_counter() - start) * 1e3)
                    row[f"{name}_{str(layout).split('.')[1]}_ms"] = round(statistics.median(times), 3)
            rows.append(row)
    return {"threads": torch.get_num_threads(), "runs": runs, "layers": rows}


if __name__ == "__main__":
    for row in measure()["layers"]:
        print(row)
