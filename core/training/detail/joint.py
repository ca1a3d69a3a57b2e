"""G and E together on the teacher's maps: L1 on heights and on slopes, from the bands' start."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ..rehearsal import number
from .cache import MapCache
from .principal import average_to

EMA = 0.995


def train_jointly(
    generator: Generator, encoder: Encoder, w_mean: Tensor, data: MapCache, resolution: int, batch: int, seconds: float,
    weight: Tensor, seed: int,
    rate: float = 1.0, save: Callable[[Generator, Encoder], None] | None = None, device: torch.device | None = None,
) -> tuple[Generator, Encoder]:  # fmt: skip
    """Train for `seconds` at `resolution`; return the running averages of both networks, on the CPU.

    weight (R', R'): what an error counts at a place (`place_weights`).
    Loss: L1 + 0.5 slopes' L1 + 0.1 (L2 / spread), in millimetres. Slopes are what light shows, so they stand for the
    perceptual term at these sizes. `save` is called about every five minutes with the averages.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    device = device or torch.device("cpu")
    generator, encoder, w_mean = generator.to(device), encoder.to(device), w_mean.to(device)
    registered = [p for n, p in generator.synthesis.named_parameters() if "registered" in n]
    rest = [p for n, p in generator.synthesis.named_parameters() if "registered" not in n and "noise" not in n]
    optimizer = torch.optim.Adam(
        [
            {"params": registered, "base": 4e-4 * rate},
            {"params": rest, "base": 1.2e-3 * rate},
            {"params": encoder.parameters(), "base": 1.5e-4 * rate},
        ],
        lr=1e-3,
        betas=(0.9, 0.99),
    )
    means = deepcopy(generator).eval(), deepcopy(encoder).eval()
    encoder.train()
    place = average_to(weight[None], resolution)[:, None].to(device)
    start, saved, step, shown = time.monotonic(), time.monotonic(), 0, []
    while (spent := (time.monotonic() - start) / seconds) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * np.cos(np.pi * spent))
        picks = np.sort(rng.integers(len(data.maps), size=batch))
        maps, *sliders = (torch.from_numpy(np.asarray(a[picks], np.float32)).to(device)
                          for a in (data.maps, data.identity, data.expression))  # fmt: skip
        target = average_to(maps, resolution)[:, None]
        w = encoder(*sliders)
        image = generator.synthesis(w + w_mean, resolution=resolution)
        value = map_loss(image, target, place)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_([*rest, *registered], 1.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            decay = min(EMA, step / (step + 10))
            for mean, now in zip(means, (generator, encoder), strict=True):
                for a, b in zip(mean.parameters(), now.parameters(), strict=True):
                    a.lerp_(b, 1 - decay)
        shown.append(number((image - target).square().mean() / target.square().mean()))
        if step % 50 == 0:
            print(
                f"joint {resolution}: step {step}, loss {number(value):.5f}, "
                f"squared error / energy {np.mean(shown):.4f}, {100 * spent:.0f} %",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            shown = []
        if save and time.monotonic() - saved > 300:
            save(*means)
            saved = time.monotonic()
    generator.cpu()
    encoder.cpu()
    return means[0].cpu(), means[1].cpu()


def place_weights(maps: np.ndarray) -> Tensor:
    """(N, R, R) maps -> (R, R): large where maps vary little, mean 1.

    The forehead's and the cheeks' folds vary most. Without weights the fine lines of the nose's bridge and of the lips
    would hardly be learnt, and an artist looks at these as well.
    """
    maps = np.asarray(maps, np.float32)
    spread = ndimage.gaussian_filter(maps.var(0), len(maps[0]) / 64)
    weight = np.clip(np.sqrt(spread.mean() / np.maximum(spread, 1e-12)), 0.5, 4.0)
    return torch.from_numpy((weight / weight.mean()).astype(np.float32))


def map_loss(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L1 of heights and slopes plus the relative squared error, (B, 1, R, R) mm each; weight (1, 1, R, R)."""
    error = (image - target) * weight
    slopes = (error[..., 1:, :] - error[..., :-1, :]).abs().mean() + (error[..., 1:] - error[..., :-1]).abs().mean()
    return error.abs().mean() + 0.5 * slopes + 0.1 * error.square().mean() / target.square().mean().sqrt()
