"""The generator against a plain textbook StyleGAN2 with the same numbers in it, in one run.

The textbook is the paper's own formulation: one kernel a sample, scaled by its style, run as a grouped convolution, and
upsampling as zeros between the pixels, a pad and a filter. Its pictures must be the same; the time is what differs.

Each is timed twice: in a process as PyTorch finds it, and in one that keeps freed memory as the worker does
(`keep_freed_memory`), from which the textbook gains too.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..core.backend.worker.allocator import keep_freed_memory
from ..core.detail.card import weights_dir
from ..core.detail.config import GENERATORS, GeneratorConfig
from ..core.detail.generator import Generator
from ..core.detail.upsampling import upsampling_conv
from ..core.detail.weights import load_detail

SEED = 0


def textbook(state: dict[str, Tensor], config: GeneratorConfig, w_plus: Tensor, resolution: int) -> Tensor:
    """(B, L, w_dim) -> (B, channels, R, R) from a generator's state dict, with constant noise."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps) / 64

    def style(name: str, w: Tensor) -> Tensor:
        weight = state[f"{name}.affine.weight"]
        return w @ weight.t() / math.sqrt(weight.shape[1]) + state[f"{name}.affine.bias"]

    def modulated(x: Tensor, weight: Tensor, styles: Tensor, up: bool, demodulate: bool) -> Tensor:
        batch, n_in, height, width = x.shape
        w = weight[None] * styles[:, None, :, None, None]
        if demodulate:
            w = w * (w.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        x = x.reshape(1, batch * n_in, height, width)
        if up:
            w = w.transpose(1, 2).reshape(batch * n_in, -1, 3, 3)
            x = F.conv_transpose2d(x, w, stride=2, groups=batch)
            x = x.reshape(batch, -1, *x.shape[2:])
            return filtered(F.pad(x, (1, 1, 1, 1)), 4)
        x = F.conv2d(x, w.reshape(-1, *w.shape[2:]), padding=w.shape[-1] // 2, groups=batch)
        return x.reshape(batch, -1, height, width)

    def filtered(x: Tensor, gain: float) -> Tensor:
        return F.conv2d(x, (kernel * gain).expand(x.shape[1], 1, 4, 4), groups=x.shape[1])

    def doubled(image: Tensor) -> Tensor:
        batch, channels, height, width = image.shape
        x = image.new_zeros(batch, channels, height, 2, width, 2)
        x[:, :, :, 0, :, 0] = image
        return filtered(F.pad(x.reshape(batch, channels, height * 2, width * 2), (2, 1, 2, 1)), 4)

    def layer(name: str, x: Tensor, w: Tensor, up: bool) -> Tensor:
        x = modulated(x, state[f"{name}.weight"], style(name, w), up, demodulate=True)
        x = x + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"] + state[f"{name}.bias"][:, None, None]
        return F.leaky_relu(x, 0.2) * math.sqrt(2)

    x = state["synthesis.b4.const"].repeat(len(w_plus), 1, 1, 1)
    image, row = None, 0
    for r in (res for res in config.resolutions if res <= resolution):
        block = f"synthesis.b{r}"
        if r > 4:
            x = layer(f"{block}.conv0", x, w_plus[:, row], up=True)
            row += 1
        x = layer(f"{block}.conv1", x, w_plus[:, row], up=False)
        row += 1
        if f"{block}.registered" in state:
            x = torch.cat([x, state[f"{block}.registered"].repeat(len(w_plus), 1, 1, 1)], 1)
        styles = style(f"{block}.torgb", w_plus[:, row]) / math.sqrt(x.shape[1])
        rgb = modulated(x, state[f"{block}.torgb.weight"], styles, up=False, demodulate=False)
        rgb = rgb + state[f"{block}.torgb.bias"][:, None, None]
        image = rgb if image is None else doubled(image) + rgb
    assert image is not None
    return image * config.output_scale_mm


def measure(
    resolutions: tuple[int, ...] = (256, 1024),
    threads: tuple[int, ...] | None = None,
    runs: int = 9,
    paper: bool = False,
) -> dict:
    """Median and 95th percentile of a forward pass, batch 1, of both; and by how much their pictures differ.

    threads: numbers of CPU threads (default: 1 and as many as torch uses). paper: the paper's configuration too, which
    takes seconds a picture. "default" has random weights, "shipped" those that come with the project, of which features
    that nothing reads are left out (`SynthesisNetwork`).
    """
    before = torch.get_num_threads()
    threads = threads or tuple(sorted({1, before}))
    result: dict = {"seed": SEED, "runs": runs, "batch": 1, "device": "cpu", "configurations": {}}
    names = ("default", "paper") if paper else ("default",)
    generators = {}
    for name in names:
        torch.manual_seed(SEED)
        generators[name] = Generator(GENERATORS[name]).eval()
    generators["shipped"] = load_detail(weights_dir(None)).generator.eval()
    try:
        for name, generator in generators.items():
            entry = result["configurations"][name] = {
                "parameters": sum(p.numel() for p in generator.parameters()),
                "timings": _timed(generator, resolutions, threads, runs),
            }
            if name in names:
                entry["layers"] = layers(generator, max(3, runs // 3))
        # Last, because the setting stays.
        if keep_freed_memory():
            for name, generator in generators.items():
                sides = resolutions[-1:] if name == "paper" else resolutions
                again = _timed(generator, sides, threads, runs, memory="kept")
                result["configurations"][name]["timings"] += again
    finally:
        torch.set_num_threads(before)
    torch.set_num_threads(1)
    result["convolution_gflops"] = _best_rate()
    torch.set_num_threads(before)
    return result


def _timed(
    generator: Generator,
    resolutions: tuple[int, ...],
    threads: tuple[int, ...],
    runs: int,
    memory: Literal["given back", "kept"] = "given back",
) -> list[dict]:
    config, timings = generator.config, []
    state = {name: value.detach().contiguous() for name, value in generator.state_dict().items()}
    w_plus = torch.randn(1, config.w_layers, config.w_dim)
    with torch.inference_mode():
        for resolution in resolutions:

            def ours(resolution: int = resolution) -> Tensor:
                return generator.synthesis(w_plus, resolution)

            def plain(resolution: int = resolution) -> Tensor:
                return textbook(state, config, w_plus, resolution)

            expected = plain()
            difference = float((ours() - expected).abs().max() / expected.std())
            for count in threads:
                torch.set_num_threads(count)
                (our_median, our_p95), (median, p95) = _clock(ours, plain, runs)
                timings.append({
                    "resolution": resolution, "threads": count, "freed_memory": memory,
                    "ours_ms_median": our_median, "ours_ms_p95": our_p95,
                    "textbook_ms_median": median, "textbook_ms_p95": p95,
                    "speedup": round(median / our_median, 2), "largest_difference_in_std": difference,
                })  # fmt: skip
    return timings


def layers(generator: Generator, runs: int = 3) -> list[dict]:
    """Where the time goes, block by block, on one thread: CPU milliseconds (the least of some runs) of the block and of
    its two convolutions, as the generator computes them.

    The operations a second are those of the plain convolutions, so Winograd's way may exceed what the machine can do.
    What the block takes beyond the two are noise, leaky ReLU, the image and passes over the features. CPU time, because
    other programs take the machine's time and not that.
    """
    threads, resolutions = torch.get_num_threads(), generator.config.resolutions
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return [_layer(generator, r, runs) for r in resolutions[1:]]
    finally:
        torch.set_num_threads(threads)


def _layer(generator: Generator, r: int, runs: int) -> dict:
    block, half, ws = generator.synthesis.block(r), r // 2, torch.randn(1, 3, generator.config.w_dim)
    up, flat = block.conv0.weight, block.conv1
    channels, n_in = len(up), up.shape[1]
    x, y = _features(n_in, half), _features(channels, r)
    kernel = flat.modulated(y, ws[:, 1])
    row: dict = {
        "resolution": r, "channels": channels,
        "block_cpu_ms": _cpu_ms(lambda: block(x, ws, "const", is_last=r == generator.config.resolution), runs),
        "upsampling_cpu_ms": _cpu_ms(lambda: upsampling_conv(x, up), runs),
        "convolution_cpu_ms": _cpu_ms(lambda: flat.of_rows(y, kernel, "none", 0), runs),
    }  # fmt: skip
    work = 18e-6 * channels * half * half
    row["upsampling_gflops"] = round(work * n_in / max(row["upsampling_cpu_ms"], 1e-3), 1)
    row["convolution_gflops"] = round(4 * work * channels / max(row["convolution_cpu_ms"], 1e-3), 1)
    return row


def _best_rate() -> float:
    """Thousand million operations a second of a plain convolution that suits the machine, on one thread."""
    x, weight = _features(256, 64), torch.randn(256, 256, 3, 3)
    with torch.inference_mode():
        return round(18e-6 * 256 * 256 * 64 * 64 / _cpu_ms(lambda: F.conv2d(x, weight, padding=1), 5), 1)


def _features(channels: int, side: int) -> Tensor:
    """As the generator holds them: the channels last in memory."""
    return torch.randn(1, channels, side, side).contiguous(memory_format=torch.channels_last)


def _cpu_ms(way: Callable[[], object], runs: int) -> float:
    way()
    times = []
    for _ in range(runs):
        start = time.process_time()
        way()
        times.append((time.process_time() - start) * 1e3)
    return round(min(times), 2)


def _clock(first: Callable[[], Tensor], second: Callable[[], Tensor], runs: int) -> list[tuple[float, float]]:
    """(median, 95th percentile) in ms of both, run in turns so that whatever else the machine does meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    first(), second()
    for _ in range(runs):
        for function, into in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            into.append((time.perf_counter() - start) * 1e3)
    return [(round(statistics.median(t), 2), round(statistics.quantiles(t, n=20)[-1], 2)) for t in times]


def table(result: dict) -> str:
    """The figures of `measure` as lines to read."""
    lines = ["generator forward, batch 1 (median ms)    freed memory    ours  textbook  faster"]
    for name, entry in result["configurations"].items():
        lines += [
            f"  {name:8} {t['resolution']:5} px  {t['threads']} threads {t['freed_memory']:>20}"
            f" {t['ours_ms_median']:9.1f} {t['textbook_ms_median']:9.1f}  {t['speedup']:5.2f} x"
            for t in entry["timings"]
        ]
    for name, entry in result["configurations"].items():
        if "layers" in entry:
            lines.append(f"{name}, block by block, 1 thread (CPU ms)   block  upsampling  convolution  GFLOP/s of both")
        lines += [
            f"  {row['resolution']:5} px  {row['channels']:4} channels {row['block_cpu_ms']:19.1f}"
            f" {row['upsampling_cpu_ms']:11.1f} {row['convolution_cpu_ms']:12.1f}"
            f" {row['upsampling_gflops']:8.0f} {row['convolution_gflops']:8.0f}"
            for row in entry.get("layers", [])
        ]
    if "convolution_gflops" in result:
        lines.append(f"  a plain convolution of 256 channels at 64 px: {result['convolution_gflops']:.0f} GFLOP/s")
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
