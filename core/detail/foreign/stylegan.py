"""Generators trained elsewhere -> ours: `.pkl` of stylegan2-ada-pytorch and stylegan3, `.pt` of rosinality's StyleGAN2.

Both are the network of Karras et al. 2020 with other names; sizes are read from the shapes. The second writes its
modulated kernels without the factor 1 / sqrt(fan in) that it applies in use; here it is multiplied in.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...errors import DnpmError
from ...inputs import one_line, opened, read_start, reading, regular_file
from ...torchfile import load_tensors
from ..config import GeneratorConfig
from ..generator import Generator, official_state
from .safe_pickle import DamagedError, Network, RefusedError, read_pickle

_MOST_BYTES = 4_000_000_000
_AVERAGED_OVER = 8192
_TAPS = (1.0, 3.0, 3.0, 1.0)


@dataclass(frozen=True)
class Foreign:
    """A converted generator, and what must be known of it."""

    generator: Generator
    source: str
    notes: tuple[str, ...]


def read_generator(path: Path, *, key: str | None = None, one_channel: bool = False, scale_mm: float = 1.0) -> Foreign:
    """Read a `.pkl` or `.pt` of either project; nothing in it is run.

    key: which network of the file (by default the averaged one, G_ema or g_ema). one_channel: average the colours into
    one, which is exact, since the image is linear in ToRGB's weights. scale_mm: millimetres that one unit of the
    network's output stands for. Raises DnpmError when the file is damaged, wants to run code, or is another network.
    """
    with reading(path, "such a file cannot be converted"):
        return _read(path, key, one_channel, scale_mm)


def _read(path: Path, key: str | None, one_channel: bool, scale_mm: float) -> Foreign:
    regular_file(path, _MOST_BYTES)
    archive = read_start(path, 2) == b"PK" or path.suffix in (".pt", ".pth")
    state, source = _rosinality(path, key or "g_ema") if archive else _official(path, key or "G_ema")
    notes: list[str] = []
    if one_channel:
        if not any(name.endswith("torgb.weight") and len(value) > 1 for name, value in state.items()):
            raise DnpmError(f"{path}: has one channel already; leave out --one-channel")
        for name in [n for n in state if ".torgb.weight" in n or ".torgb.bias" in n]:
            state[name] = state[name].mean(0, keepdim=True)
        notes.append("The colours were averaged into one channel.")
    config = replace(infer_config(state, str(path)), output_scale_mm=scale_mm)
    with torch.device("meta"):  # What the file says of its sizes is compared with its tensors before room is made.
        expected = Generator(config).state_dict()
    _fill_in(expected, state, notes)
    _check(expected, state, path)
    generator = Generator(config).eval().requires_grad_(False)
    generator.load_state_dict(state, strict=False)
    if "mapping.w_avg" not in state:
        with torch.no_grad():
            z = torch.randn(_AVERAGED_OVER, config.z_dim, generator=torch.Generator().manual_seed(0))
            generator.mapping.w_avg.copy_(generator.mapping(z).mean(0))
        notes.append(f"The file had no average of w; it was taken over {_AVERAGED_OVER} random z.")
    return Foreign(generator, source, tuple(notes))


def infer_config(state: Mapping[str, Tensor], what: str) -> GeneratorConfig:
    """Sizes from the shapes of a state dict with official names. Raises DnpmError when none of ours fits."""
    resolutions = sorted({int(m[1]) for n in state if (m := re.match(r"synthesis\.b(\d+)\.", n))})
    try:
        if not resolutions:
            raise KeyError("synthesis.b4")
        widths = {r: len(state[f"synthesis.b{r}.conv1.weight"]) for r in resolutions}
        layers = sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in state)
        w_dim, z_dim = state["mapping.fc0.weight"].shape
        channels = len(state[f"synthesis.b{resolutions[-1]}.torgb.weight"])
    except (KeyError, ValueError) as error:
        raise DnpmError(
            f"{what}: is no StyleGAN2 generator with skip connections ({error} is not there); networks of StyleGAN3, "
            "StyleGAN (2019) and residual generators cannot be converted"
        ) from error
    top = max(widths.values())
    last = resolutions[-1]
    try:
        # Below its maximum a width is base // resolution. The widest such block says the base exactly, if divisible.
        below = [r for r in resolutions if widths[r] < top]
        base = max([widths[r] * r for r in below] + [top * (last if not below else min(below) // 2)])
        config = GeneratorConfig(
            channel_base=base, channel_max=top, resolution=last, z_dim=z_dim, w_dim=w_dim, mapping_layers=layers,
            img_channels=channels,
        )  # fmt: skip
    except DnpmError as error:
        raise DnpmError(f"{what}: {error}") from error
    if config.resolutions != tuple(resolutions) or any(config.channels(r) != n for r, n in widths.items()):
        raise DnpmError(f"{what}: its widths {widths} do not follow min(base // resolution, maximum)")
    return config


def _official(path: Path, key: str) -> tuple[dict[str, Tensor], str]:
    try:
        with opened(path) as file:
            content = read_pickle(file, regular_file(path))
        if not isinstance(content, dict) or not isinstance(content.get(key), Network):
            raise DnpmError(f"{path}: holds no network {key!r}, but {_names(content)}; name one with --key")
        state = content[key].tensors()
    except RefusedError as error:
        raise DnpmError(
            f"{path}: is not opened, because {error}. A file of stylegan2-ada-pytorch or stylegan3 holds networks "
            "alone; convert only files whose origin you trust"
        ) from error
    except DamagedError as error:
        raise DnpmError(f"{path}: is no checkpoint of stylegan2-ada-pytorch, or damaged ({error})") from error
    if any(name.startswith("mapping.embed") for name in state):
        raise DnpmError(f"{path}: is a conditional generator (it wants a label beside z), which cannot be converted")
    return official_state({k: v.float() for k, v in state.items()}), "stylegan2-ada-pytorch"


def _rosinality(path: Path, key: str) -> tuple[dict[str, Tensor], str]:
    # Training checkpoints hold their command line as a Namespace: a plain container.
    content = load_tensors(path, "convert only files whose origin you trust", (argparse.Namespace,))
    state = content.get(key) if isinstance(content, dict) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise DnpmError(f"{path}: holds no network {key!r}, but {_names(content)}; name one with --key")
    result = rosinality_state({str(k): v.float() for k, v in state.items()}, str(path))
    average = content.get("latent_avg")
    if isinstance(average, Tensor):
        result["mapping.w_avg"] = average.float().flatten()
    return result, "rosinality/stylegan2-pytorch"


def rosinality_state(state: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """Rosinality's names and factors -> official ones. Raises DnpmError at an unknown name or another filter."""
    result: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(".kernel"):
            _check_filter(name, value, what)
        elif m := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
            result[f"mapping.fc{int(m[1]) - 1}.{m[2]}"] = value
        elif name == "input.input":
            result["synthesis.b4.const"] = _of_rank(4, name, value, what)[0]
        elif m := re.fullmatch(r"noises\.noise_(\d+)", name):
            result[f"{_layer(int(m[1]))}.noise_const"] = _of_rank(4, name, value, what)[0, 0]
        elif m := re.fullmatch(r"(conv1|convs\.(\d+))\.(.+)", name):
            layer = _layer(0 if m[2] is None else int(m[2]) + 1)
            result |= _part(f"{name} of {what}", layer, m[3], value, demodulated=True)
        elif m := re.fullmatch(r"to_rgb(1|s\.(\d+))\.(.+)", name):
            layer = f"synthesis.b{4 if m[2] is None else 2 ** (int(m[2]) + 3)}.torgb"
            result |= _part(f"{name} of {what}", layer, m[3], value, demodulated=False)
        else:
            raise DnpmError(f"{what}: {name} is no part of rosinality's StyleGAN2 generator")
    return result


def _of_rank(rank: int, name: str, value: Tensor, what: str) -> Tensor:
    if value.ndim != rank or not value.numel():
        raise DnpmError(f"{what}: {name} must have {rank} dimensions, has the shape {tuple(value.shape)}")
    return value


def _layer(k: int) -> str:
    """The k-th convolution with noise: one at 4 x 4, two at each further resolution."""
    return "synthesis.b4.conv1" if k == 0 else f"synthesis.b{2 ** ((k + 1) // 2 + 2)}.conv{(k + 1) % 2}"


def _part(what: str, layer: str, name: str, value: Tensor, demodulated: bool) -> dict[str, Tensor]:
    if name == "conv.weight" and value.ndim == 5 and value.numel():
        kernel = value[0]
        # With demodulation the factor only weighs the small number under the root; it is kept, to be exact.
        return {f"{layer}.weight": kernel / math.sqrt(kernel[0].numel()) if demodulated else kernel}
    if m := re.fullmatch(r"conv\.modulation\.(weight|bias)", name):
        return {f"{layer}.affine.{m[1]}": value}
    if name == "noise.weight" and value.numel() == 1:
        return {f"{layer}.noise_strength": value.reshape(())}
    if name in ("activate.bias", "bias"):
        return {f"{layer}.bias": value.flatten()}
    raise DnpmError(f"{what} is no part of rosinality's StyleGAN2 generator")


def _check_filter(name: str, kernel: Tensor, what: str) -> None:
    taps = torch.tensor(_TAPS)
    expected = torch.outer(taps, taps) / 16
    if kernel.shape != expected.shape or not torch.allclose(kernel, expected, rtol=1e-4):
        raise DnpmError(f"{what}: {name} is another filter than [1, 3, 3, 1], with which this generator works alone")


def _names(content: object) -> str:
    return one_line(", ".join(str(k) for k in content) if isinstance(content, dict) else type(content).__name__)


def _fill_in(expected: Mapping[str, Tensor], state: dict[str, Tensor], notes: list[str]) -> None:
    """Noise that the network was trained without has strength 0."""
    silent = [n for n in expected if ".noise_" in n and n not in state]
    for name in silent:
        state[name] = torch.zeros(expected[name].shape)
    if silent:
        notes.append("The network has no constant noise; its strength is 0.")


def _check(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> None:
    problems = [f"{n} is missing" for n in expected if n not in state and n != "mapping.w_avg"]
    problems += [f"{one_line(n, 60)} is not known" for n in state if n not in expected]
    problems += [
        f"{n} has the shape {tuple(state[n].shape)}, not {tuple(v.shape)}"
        for n, v in expected.items()
        if n in state and state[n].shape != v.shape
    ]
    problems += [f"{n} holds numbers that are not finite" for n, v in state.items() if not bool(v.isfinite().all())]
    if problems:
        raise DnpmError(f"{path}: {'; '.join(problems[:3])}; such a generator cannot be converted")
