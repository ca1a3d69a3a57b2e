"""Weights on disk: a card (`detail.json`), `generator.safetensors`, `encoder.safetensors` and `mapping.safetensors` in
one folder.

The mapping network f has a file of its own: it can be learnt anew without the generator's 28 MB.
Numbers are stored as float16; registered maps, most of the generator, as int8 with one float32 scale a channel. A noise
map whose strength is 0 does nothing and is not stored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DnpmError
from ..files import tensor_file, writing
from ..files.card_file import entry_of
from ..files.inputs import reading
from ..files.network_file import check_state, shapes_only
from . import config, finish
from .card import CARD, ENCODER, FORMAT, GENERATOR, KIND, MAPPING, checked_files, read_card
from .encoder import Encoder
from .finish import Finish
from .generator import Generator
from .layers import Noise

_W_MEAN = "w_mean"
_OF_MAPPING = "mapping."


@dataclass(frozen=True)
class Detail:
    """The networks from sliders to a displacement map, ready to use: evaluation mode, no gradients to their weights."""

    generator: Generator
    encoder: Encoder
    w_mean: Tensor
    """(w_dim,), or (w_layers, w_dim): what the encoder's output is added to."""
    card: dict[str, Any]

    def w_plus(
        self, identity: Tensor, expression: Tensor, w_offset: Tensor | None = None, truncation: float = 1.0
    ) -> Tensor:
        """Eq. 4, (B, n_id), (B, n_exp) -> (B, w_layers, w_dim): w_mean + truncation E(id, exp) + offset."""
        w = self.w_mean + truncation * self.encoder(identity, expression)
        return w if w_offset is None else w + w_offset

    def displacement(
        self,
        identity: Tensor,
        expression: Tensor,
        *,
        resolution: int | None = None,
        w_offset: Tensor | None = None,
        truncation: float = 1.0,
        noise: Noise = "const",
    ) -> Tensor:
        """(B, n_id), (B, n_exp) -> (B, 1, R, R) millimetres, neither finished nor under the face model's mask."""
        return self.generator.synthesis(self.w_plus(identity, expression, w_offset, truncation), resolution, noise)

    @cached_property
    def finish(self) -> Finish | None:
        """The card's last step towards what is shown (`finish.py`). Raises DnpmError when its entry is damaged."""
        return finish.of_card(self.card)

    def finished(self, displacement: Tensor) -> Tensor:
        """(B, 1, R, R) mm of the generator, a photo's relief on it or not -> as it is shown."""
        return displacement if self.finish is None else self.finish(displacement)

    def to(self, device: torch.device | str) -> Detail:
        """The same on another device."""
        return Detail(self.generator.to(device), self.encoder.to(device), self.w_mean.to(device), self.card)


def save_detail(
    folder: str | os.PathLike[str], generator: Generator, encoder: Encoder, w_mean: Tensor, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the weights and their card; return the card as written.

    `card` gives name, face_model (`card.face_model_entry`), data, licence, command, seed, hours and scores; format,
    configurations and files are filled in. Every file is written beside its place and renamed, the card last: whoever
    reads in between is told by the checksums. Raises DnpmError when numbers are not finite or an entry is missing.
    """
    folder = Path(folder)
    tensors = {
        GENERATOR: _packed(generator, skip=_silent_noise(generator) | _names_of_mapping(generator)),
        ENCODER: _packed(encoder) | {_W_MEAN: _half(_W_MEAN, w_mean)},
        MAPPING: _packed(generator.mapping),
    }
    full = dict(card) | {
        "format": FORMAT,
        "generator_config": config.to_json(generator.config),
        "encoder_config": config.to_json(encoder.config),
        "files": {},
    }
    KIND.check(full, "the card to be saved")
    with writing.writing_all([folder / name for name in (*tensors, CARD)], make_folder=True) as (*parts, card_part):
        for part, (name, arrays) in zip(parts, tensors.items(), strict=True):
            with part.open("xb") as file:
                tensor_file.write(file, arrays, {"format": FORMAT, "part": name.split(".")[0]})
            full["files"][name] = entry_of(part)
        card_part.write_text(KIND.text(full), encoding="utf-8")
    return full


def load_detail(folder: str | os.PathLike[str]) -> Detail:
    """Read what `save_detail` wrote.

    Raises DnpmError, naming the file and what to do, when one is missing, truncated or foreign, holds numbers that are
    not finite, or does not fit the configuration.
    """
    folder = Path(folder)
    card = read_card(folder)
    files = checked_files(folder, card)
    with reading(folder / CARD, KIND.again):
        generator_config = config.from_json(config.GeneratorConfig, card["generator_config"])
        encoder_config = config.from_json(config.EncoderConfig, card["encoder_config"])
    if (encoder_config.w_layers, encoder_config.w_dim) != (generator_config.w_layers, generator_config.w_dim):
        raise DnpmError(f"{folder / CARD}: the encoder's w_plus does not fit the generator; the card is damaged")
    with shapes_only():  # The arrays are assigned: no time is spent on random numbers.
        generator, encoder = Generator(generator_config), Encoder(encoder_config)
    state = _unpacked(files[GENERATOR])
    if MAPPING in files:
        f = _unpacked(files[MAPPING])
        check_state(generator.mapping.state_dict(), f, files[MAPPING], KIND.again)
        # An older f may still lie in the generator's file.
        state |= {_OF_MAPPING + name: value for name, value in f.items()}
    for name in _silent_noise_names(generator, state):
        state[name] = torch.zeros(generator.get_buffer(name).shape)
    _assign(generator, state, files[GENERATOR])
    state = _unpacked(files[ENCODER])
    w_mean = state.pop(_W_MEAN, torch.empty(0))
    if w_mean.shape not in ((encoder_config.w_dim,), (encoder_config.w_layers, encoder_config.w_dim)):
        raise DnpmError(f"{files[ENCODER]}: w_mean is missing or has the shape {tuple(w_mean.shape)}")
    _assign(encoder, state, files[ENCODER])
    generator.eval().synthesis.settle()
    made = Detail(generator.requires_grad_(False), encoder.eval().requires_grad_(False), w_mean, card)
    with reading(folder / CARD, KIND.again):
        made.finish  # noqa: B018 - a damaged entry is told of here, with the file's name
    return made


def _packed(module: nn.Module, skip: frozenset[str] = frozenset()) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in module.state_dict().items():
        if name in skip:
            continue
        if name.endswith(".registered"):
            arrays[name], arrays[f"{name}.scale"] = _quantised(name, tensor)
        elif tensor.is_floating_point():
            arrays[name] = _half(name, tensor)
        else:
            arrays[name] = tensor.detach().cpu().numpy()  # BatchNorm's counter
    return arrays


def _half(name: str, tensor: Tensor) -> np.ndarray:
    array = tensor.detach().float().cpu().numpy()
    with np.errstate(over="ignore"):  # An overflow becomes an infinity, which is refused below.
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise DnpmError(f"{name}: holds numbers that are not finite, or beyond 65504; these weights cannot be saved")
    return half


def _quantised(name: str, maps: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(C, r, r) -> int8 of the same shape, and (C,) float32: what one step stands for."""
    array = maps.detach().float().cpu().numpy()
    if not np.isfinite(array).all():
        raise DnpmError(f"{name}: holds numbers that are not finite; these weights cannot be saved")
    scale = np.maximum(np.abs(array).max((1, 2)) / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.round(array / scale[:, None, None]).astype(np.int8), scale


def _unpacked(path: Path) -> dict[str, Tensor]:
    """The file's tensors in float32. `tensorfile.load` has checked layout and finiteness."""
    arrays, _ = tensor_file.load(path)
    state: dict[str, Tensor] = {}
    for name, array in arrays.items():
        if name.endswith(".registered.scale"):
            continue
        if name.endswith(".registered"):
            scale = arrays.get(f"{name}.scale")
            if array.dtype != np.int8 or array.ndim != 3 or scale is None or scale.shape != array.shape[:1]:
                raise DnpmError(f"{path}: {name} is not stored as int8 with a scale a channel")
            state[name] = torch.from_numpy(array * scale.astype(np.float32)[:, None, None])
        elif array.dtype in (np.float16, np.float32):
            state[name] = torch.from_numpy(array.astype(np.float32))
        elif array.dtype == np.int64:
            state[name] = torch.from_numpy(array.copy())
        else:
            raise DnpmError(f"{path}: {name} is stored as {array.dtype}; expected float16")
    return state


def _assign(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    check_state(module.state_dict(), state, path, KIND.again)
    module.load_state_dict(state, assign=True)


def _names_of_mapping(generator: Generator) -> frozenset[str]:
    return frozenset(name for name in generator.state_dict() if name.startswith(_OF_MAPPING))


def _silent_noise(generator: Generator) -> frozenset[str]:
    state = generator.state_dict()
    return frozenset(
        name
        for name in state
        if name.endswith(".noise_const") and state[name.removesuffix("const") + "strength"].item() == 0
    )


def _silent_noise_names(generator: Generator, state: dict[str, Tensor]) -> list[str]:
    """Noise maps that were left out because their strength is 0."""
    names = []
    for name, _ in generator.named_buffers():
        strength = state.get(name.removesuffix("const") + "strength")
        if name.endswith(".noise_const") and name not in state and strength is not None and (strength == 0).all():
            names.append(name)
    return names
