"""Names, factors and settings of other projects' StyleGAN2 generators -> ours, which are stylegan2-ada-pytorch's.

All are the network of Karras et al. 2020. Rosinality's and BasicSR's write their modulated kernels without the factor
1 / sqrt(fan in) that they apply in use; here it is multiplied in. Their mapping networks' learning-rate factor is 0.01,
as ours; stylegan2-ada-pytorch's may be another, which its networks say (`bias_gain`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ...errors import DnpmError
from ..generator import official_state
from .checkpoint import Candidate
from .safe_pickle import Network

LR_MULTIPLIER = 0.01
"""Of our mapping network (`core/detail/generator.py`)."""
_TAPS = (1.0, 3.0, 3.0, 1.0)
_BASICSR = (
    (r"style_mlp\.(\d+)\.(weight|bias)", r"style.\1.\2"),
    (r"constant_input\.weight", "input.input"),
    (r"noises\.noise(\d+)", r"noises.noise_\1"),
    (r"style_conv(1|s\.\d+)\.weight", r"conv\1.noise.weight"),
    (r"style_conv(1|s\.\d+)\.modulated_conv\.(.+)", r"conv\1.conv.\2"),
    (r"style_conv(1|s\.\d+)\.activate\.bias", r"conv\1.activate.bias"),
    (r"to_rgb(1|s\.\d+)\.modulated_conv\.(.+)", r"to_rgb\1.conv.\2"),
    (r"to_rgb(1|s\.\d+)\.bias", r"to_rgb\1.bias"),
)
"""BasicSR's names (basicsr/archs/stylegan2_arch.py) -> rosinality's, from which its network was taken."""


def our_state(found: Candidate, what: str, notes: list[str]) -> dict[str, Tensor]:
    """A found generator's tensors by our names, in float32; what had to be assumed or done is added to `notes`.

    Raises DnpmError when it is conditional, or another network than ours.
    """
    state = {name: value.float() for name, value in found.state().items()}
    if any(re.search(r"(^|\.)(\w*embed\w*|\w*label\w*|class_\w+)(\.|$)", name) for name in state):
        raise _conditional(what)
    if isinstance(found.holder, Network):
        _check_settings(found.holder, what, state, notes)
    else:
        notes.append(
            "The file does not say the learning-rate factor of its mapping network; every project's default was "
            f"assumed, {LR_MULTIPLIER:g}."
        )
    if found.project == "stylegan2-ada-pytorch":
        if any(re.fullmatch(r"synthesis\.b\d+\.skip\.weight", name) for name in state):
            raise DnpmError(f"{what}: is a residual generator; those with skip connections alone can be converted")
        return official_state(state)
    if found.project == "BasicSR":
        state = _from_basicsr(state, what)
    if not any(name.endswith(".kernel") for name in state):
        notes.append("The file does not say how it filters when it enlarges; [1, 3, 3, 1] was assumed, its default.")
    result = rosinality_state(state, what)
    average = found.average()
    if average is not None:
        rows = average.float().reshape(-1, average.shape[-1]) if average.ndim else average.float().reshape(1, 1)
        if torch.allclose(rows, rows[:1].expand_as(rows), rtol=1e-4, atol=1e-5):
            result["mapping.w_avg"] = rows[0].clone()
        else:
            notes.append("Its average of w is another one in each layer, and was not used.")
    return result


def _conditional(what: str) -> DnpmError:
    return DnpmError(f"{what}: is a conditional generator (it wants a label beside z), which cannot be converted")


def _check_settings(network: Network, what: str, state: dict[str, Tensor], notes: list[str]) -> None:
    """What stylegan2-ada-pytorch's layers say of themselves beside their tensors."""
    c_dim = network.value("c_dim")
    if isinstance(c_dim, int | float) and c_dim > 0:
        raise _conditional(what)
    layers = [name.removesuffix(".weight") for name in state if re.fullmatch(r"mapping\.fc\d+\.weight", name)]
    convolutions = [n.removesuffix(".weight") for n in state if re.fullmatch(r"synthesis\.b\d+\.conv\d\.weight", n)]
    for name in (*layers, *convolutions):
        activation = network.value(f"{name}.activation")
        if isinstance(activation, str) and activation != "lrelu":
            raise DnpmError(f"{what}: {name} is activated by {activation[:20]!r}; this generator knows 'lrelu' alone")
    gains = {network.value(f"{name}.bias_gain") for name in layers}
    (gain,) = gains if len(gains) == 1 else (None,)
    if isinstance(gain, int | float) and 0 < gain < 1e3 and abs(gain / LR_MULTIPLIER - 1) > 1e-6:
        for name in layers:
            for leaf in ("weight", "bias"):
                state[f"{name}.{leaf}"] = state[f"{name}.{leaf}"] * (gain / LR_MULTIPLIER)
        notes.append(f"Its mapping network's factor is {gain:g}, not {LR_MULTIPLIER:g}; it was multiplied in.")
    clamps = {c for n in convolutions if isinstance(c := network.value(f"{n}.conv_clamp"), int | float)}
    if clamps:
        notes.append(f"It limits its layers' values to +-{min(clamps):g}; this generator does not.")


def _from_basicsr(state: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    if any(re.fullmatch(r"style_conv(1|s\.\d+)\.bias", name) for name in state):
        raise DnpmError(f"{what}: is BasicSR's simplified ('clean') generator, which filters otherwise than StyleGAN2")
    result = {}
    for name, value in state.items():
        renamed = next((re.sub(old, new, name) for old, new in _BASICSR if re.fullmatch(old, name)), None)
        if renamed is None:
            raise DnpmError(f"{what}: {name} is not part of BasicSR's StyleGAN2 generator")
        result[renamed] = value
    return result


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
            result |= _part(f"{what}: {name}", layer, m[3], value, demodulated=True)
        elif m := re.fullmatch(r"to_rgb(1|s\.(\d+))\.(.+)", name):
            layer = f"synthesis.b{4 if m[2] is None else 2 ** (int(m[2]) + 3)}.torgb"
            result |= _part(f"{what}: {name}", layer, m[3], value, demodulated=False)
        else:
            raise DnpmError(f"{what}: {name} is not part of rosinality's StyleGAN2 generator")
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
    raise DnpmError(f"{what} is not part of rosinality's StyleGAN2 generator")


def _check_filter(name: str, kernel: Tensor, what: str) -> None:
    taps = torch.tensor(_TAPS)
    expected = torch.outer(taps, taps) / 16
    if kernel.shape != expected.shape or not torch.allclose(kernel, expected, rtol=1e-4):
        raise DnpmError(f"{what}: {name} is another filter than [1, 3, 3, 1], with which this generator works alone")
