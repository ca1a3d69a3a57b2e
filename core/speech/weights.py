"""Speech weights on disk: `speech.safetensors` (float16) and `speech.json`, its card, in the folder of weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..files import tensor_file
from ..files.card_file import entry_of
from ..files.inputs import reading
from ..files.network_file import built
from .card import CARD, FILE, FORMAT, KIND, read_speech_card
from .config import from_json, to_json
from .decoder import SpeechDecoder
from .feature_layer import AROUND
from .readout import (
    COUNTS,
    LIPS_COUNT,
    LIPS_NAMES,
    NAMES,
    TONGUE_COUNTS,
    TONGUE_NAMES,
    LipsLayer,
    Readout,
    TongueLayer,
)  # fmt: skip


def save_speech(
    folder: str | os.PathLike[str], decoder: SpeechDecoder, card: Mapping[str, Any], readout: Readout | None = None
) -> dict[str, Any]:
    """Write weights and card; return the card as written.

    `card` gives name, data, licence, command, seed, hours and scores; format, configuration and file are filled in.
    Raises DnpmError when numbers are not finite, an entry is missing, or the folder cannot be written.
    """
    folder = Path(folder)
    arrays = {k: v.detach().float().cpu().numpy().astype(np.float16) for k, v in decoder.state_dict().items()}
    if readout is not None:
        arrays |= {k: v.astype(np.float16) for k, v in zip(NAMES, (readout.weight, readout.bias), strict=True)}
        for names, layer in ((TONGUE_NAMES, readout.tongue), (LIPS_NAMES, readout.lips)):
            if layer is not None:
                arrays |= {k: v.astype(np.float16) for k, v in zip(names, layer.arrays(), strict=True)}
    if bad := [k for k, v in arrays.items() if not np.isfinite(v).all()]:
        raise DnpmError(f"{bad[0]}: holds numbers that are not finite, or beyond 65504; they cannot be saved")
    path = folder / FILE
    full = dict(card) | {
        "format": FORMAT,
        "config": to_json(decoder.config),
        "expressions": list(ARKIT_NAMES),
        "file": {},
    }
    KIND.check(full, "the card to be saved")
    tensor_file.save(path, arrays, {"format": FORMAT})
    full["file"] = entry_of(path)
    KIND.write(folder, full)
    return full


def load_speech(folder: str | os.PathLike[str], device: str = "cpu") -> tuple[SpeechDecoder, dict[str, Any]]:
    """What `save_speech` wrote, and its card. Raises DnpmError naming what is damaged or does not fit."""
    folder = Path(folder)
    card = read_speech_card(folder)
    path = KIND.checked(folder, FILE, card["file"])
    with reading(folder / CARD, KIND.again):
        config = from_json(card["config"])
    if config.n_exp != len(ARKIT_NAMES) or card.get("expressions") != list(ARKIT_NAMES):
        raise DnpmError(f"{folder / CARD}: its expressions are not ARKit's 52; {KIND.again}")
    arrays, _ = tensor_file.load(path)
    arrays = {name: array for name, array in arrays.items() if name not in NAMES + TONGUE_NAMES + LIPS_NAMES}
    decoder = built(lambda: SpeechDecoder(config), arrays, path, KIND.again)
    return decoder.to(device), card


def load_readout(folder: str | os.PathLike[str]) -> Readout | None:
    """The readout beside the decoder; None in weights without one. Raises DnpmError when it does not fit them."""
    folder = Path(folder)
    card = read_speech_card(folder)
    path = KIND.checked(folder, FILE, card["file"])
    arrays, _ = tensor_file.load(path)
    if NAMES[0] not in arrays:
        return None
    with reading(folder / CARD, KIND.again):
        width = from_json(card["config"]).feature_width
    weight, bias = (arrays.get(name, np.zeros(0)).astype(np.float32) for name in NAMES)
    if len(weight) not in COUNTS or weight.shape != (len(bias), width) or bias.ndim != 1:
        raise DnpmError(f"{path}: its readout does not fit its description; {KIND.again}")
    tongue = _layer(arrays, TONGUE_NAMES, width, TONGUE_COUNTS, path, "the tongue")
    lips = _layer(arrays, LIPS_NAMES, width, (LIPS_COUNT,), path, "the lips")
    return Readout(
        weight, bias, None if tongue is None else TongueLayer(*tongue), None if lips is None else LipsLayer(*lips)
    )


def _layer(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...], width: int, counts: tuple[int, ...], path: Path, of: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """A layer's arrays, None where there is none. Raises DnpmError when they do not fit the features."""
    if names[0] not in arrays:
        return None
    first, first_bias, last, last_bias = (arrays.get(name, np.zeros(0)).astype(np.float32) for name in names)
    units, classes = len(first_bias), len(last_bias)
    fits = first.shape == (units, (2 * AROUND + 1) * width) and last.shape == (classes, units)
    if not fits or first_bias.ndim != 1 or last_bias.ndim != 1 or classes not in counts:
        raise DnpmError(f"{path}: its readout of {of} does not fit its description; {KIND.again}")
    return first, first_bias, last, last_bias
