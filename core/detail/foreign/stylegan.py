"""Generators trained elsewhere -> ours: the StyleGAN2 networks of stylegan2-ada-pytorch and stylegan3, of rosinality's
stylegan2-pytorch and what was built on it (pSp, e4e, ReStyle), and of BasicSR. Sizes are read from the shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...errors import DnpmError
from ...files.inputs import one_line, reading
from ...files.network_file import shapes_only
from ...files.sealed import DamagedError
from ..config import GeneratorConfig
from ..generator import Generator
from .checkpoint import find_generator, open_checkpoint
from .layouts import our_state

_AVERAGED_OVER = 8192


@dataclass(frozen=True)
class Foreign:
    """A converted generator, and what must be known of it."""

    generator: Generator
    source: str
    """The project whose names it had."""
    network: str
    """Where in the file it lay: `G_ema`, `state_dict/decoder`; empty when nothing was around it."""
    notes: tuple[str, ...]


def read_generator(path: Path, *, key: str | None = None, one_channel: bool = False, scale_mm: float = 1.0) -> Foreign:
    """Read a `.pkl` or `.pt` of any of these projects; nothing in it is run.

    key: which network of the file (by default the averaged one, or the only one). one_channel: average the colours into
    one, which is exact, since the image is linear in ToRGB's weights. scale_mm: millimetres that one unit of the
    network's output stands for. Raises DnpmError when the file is damaged, wants to run code, or is another network.
    """
    with reading(path, "such a file cannot be converted"):
        return _read(path, key, one_channel, scale_mm)


def _read(path: Path, key: str | None, one_channel: bool, scale_mm: float) -> Foreign:
    notes: list[str] = []
    content = open_checkpoint(path)
    try:
        found = find_generator(content, key, path)
        state = our_state(found, str(path), notes)
    except DamagedError as error:
        raise DnpmError(f"{path}: is damaged ({error})") from error
    if one_channel:
        if not any(name.endswith("torgb.weight") and len(value) > 1 for name, value in state.items()):
            raise DnpmError(f"{path}: has one channel already; leave out --one-channel")
        for name in [n for n in state if ".torgb.weight" in n or ".torgb.bias" in n]:
            state[name] = state[name].mean(0, keepdim=True)
        notes.append("The colours were averaged into one channel.")
    config = replace(infer_config(state, str(path)), output_scale_mm=scale_mm)
    with shapes_only():  # What the file says of its sizes is compared with its tensors before room is made.
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
    return Foreign(generator, found.project, found.label, tuple(notes))


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
            f"{what}: is not a StyleGAN2 generator with skip connections ({error} is not there); those of StyleGAN3, "
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
