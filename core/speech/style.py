"""A manner of speaking learnt from one performer's takes: a linear layer upon the speech encoder. numpy alone.

    jaw and mouth of a frame = encoder's features of the frame, of 1/15 s before and after, weighed, + a constant

Only the channels of jaw and mouth that the takes move are the style's; all others stay the decoder's, and the decoder
goes on saying where lips meet. A style is two files in one folder, `NAME.style.safetensors` and `NAME.style.json`, its
card. `core/training/speech/style.py` learns it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, GROUPS
from ..files import tensor_file
from ..files.card_file import CardKind, entry_of
from ..files.inputs import one_line, reading
from .card import speech_dir

FORMAT = "dnpm-speech-style-1"
CARD_END, FILE_END = ".style.json", ".style.safetensors"
HEARD = (-2, 0, 2)
"""Frames of 1/30 s around one whose features count."""
LEARNT = tuple(k for k, name in enumerate(ARKIT_NAMES) if name in GROUPS["jaw"] + GROUPS["mouth"])
"""Channels that a style may have."""
FOLDER, VARIABLE = "styles", "DNPM_STYLES"
"""Beside the weights; and the environment variable that names another folder."""
LEAST_S = 20.0
"""Of takes: a fifth of less tells nothing."""
_AGAIN = "learn it again with `dnpm train style`"
_JAW, _CLOSE = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
_SHUT = 0.02


@dataclass(frozen=True)
class Style:
    """columns (C,): places in ARKit's order; heard (len(HEARD), width, C), constant (C,): float32; encoder: the kind
    whose features it is learnt from, `rate` of them a second."""

    name: str
    columns: np.ndarray
    heard: np.ndarray
    constant: np.ndarray
    encoder: str
    rate: float

    def of_features(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) -> (n, len(HEARD) * C): what each frame gives to its neighbours; chunk by chunk."""
        return features.astype(np.float32) @ np.concatenate(list(self.heard), 1)

    def spoken(self, given: np.ndarray, motion: np.ndarray) -> np.ndarray:
        """`of_features` of a whole sound (T, ...) and the decoder's curves (T, 52) -> curves (T, 52) in [0, 1]."""
        count = len(self.columns)
        total = np.broadcast_to(self.constant, (len(motion), count)).copy()
        for k, offset in enumerate(HEARD):
            total += shifted(given[:, k * count : (k + 1) * count], offset)
        result = np.array(motion, np.float32)
        result[:, self.columns] = total.clip(0, 1)
        if _CLOSE not in self.columns and _JAW in self.columns:
            # Lips close what the jaw opens: with another jaw they have another way to go.
            result[:, _CLOSE] *= ((result[:, _JAW] + _SHUT) / (motion[:, _JAW] + _SHUT)).clip(0, 1)
        return result


def shifted(values: np.ndarray, offset: int) -> np.ndarray:
    """(T, ...) whose row t is `values`' row t + offset, the ends held."""
    return values[np.clip(np.arange(len(values)) + offset, 0, len(values) - 1)]


def save(folder: str | os.PathLike[str], style: Style, card: Mapping[str, Any]) -> Path:
    """Write a style with its card (name, data, licence, command, seed, hours, scores); return the card's path.

    Raises DnpmError when the name is no file name, an entry is missing or the folder cannot be written.
    """
    folder = Path(folder)
    check_name(style.name)
    kind = _kind(style.name)
    path = folder / f"{style.name}{FILE_END}"
    arrays = {"heard": style.heard, "constant": style.constant}
    full = dict(card) | {
        "format": FORMAT, "name": style.name, "channels": [ARKIT_NAMES[k] for k in style.columns],
        "encoder": style.encoder, "rate": style.rate, "file": {},
    }  # fmt: skip
    kind.check(full, "the card to be saved")
    tensor_file.save(path, {k: v.astype(np.float32) for k, v in arrays.items()}, {"format": FORMAT})
    full["file"] = entry_of(path)
    kind.write(folder, full)
    return folder / kind.file


def load(path: str | os.PathLike[str]) -> tuple[Style, dict[str, Any]]:
    """A style by its card's path. Raises DnpmError naming what is missing or damaged."""
    path = Path(path)
    name = path.name.removesuffix(CARD_END)
    kind = _kind(name)
    card = kind.read(path.parent)
    file = kind.checked(path.parent, f"{name}{FILE_END}", card["file"])
    arrays, _ = tensor_file.load(file)
    with reading(file, _AGAIN):
        channels = [str(channel) for channel in card["channels"]]
        columns = [ARKIT_NAMES.index(channel) for channel in channels if channel in ARKIT_NAMES]
        heard, constant = (arrays[key].astype(np.float32) for key in ("heard", "constant"))
        count = len(channels)
        fits = heard.ndim == 3 and (len(heard), heard.shape[2]) == (len(HEARD), count) and constant.shape == (count,)
        if not fits or not count or len(set(columns)) != count or not set(columns) <= set(LEARNT):
            raise DnpmError("its arrays do not fit the channels that its card names")
    return Style(name, np.array(columns), heard, constant, str(card["encoder"]), float(card["rate"])), card


def folders(weights: str | os.PathLike[str] | None = None) -> list[Path]:
    """Where styles are looked for: `DNPM_STYLES`, then `styles` beside the speech weights."""
    places = [Path(named)] if (named := os.environ.get(VARIABLE)) else []
    # Without weights nothing can be spoken; whoever needs them says so.
    with suppress(DnpmError):
        places.append(speech_dir(weights) / FOLDER)
    return places


def listed(places: Iterable[Path]) -> dict[str, Path]:
    """The styles of some folders: name -> card; of two of one name the first folder's."""
    found: dict[str, Path] = {}
    for place in places:
        for path in sorted(place.glob(f"*{CARD_END}")) if place.is_dir() else []:
            found.setdefault(path.name.removesuffix(CARD_END), path)
    return found


def find(name: str, places: Iterable[Path]) -> Path | None:
    """The card of a style that is named, or whose card is given as a path; None where there is none."""
    if name.endswith(CARD_END):
        return Path(name)
    return listed(places).get(name)


def check_name(name: str) -> None:
    """Raises DnpmError unless the name can be a file's."""
    if not name or name != Path(name).name or name.startswith(".") or not name.isprintable() or len(name) > 100:
        raise DnpmError(f"style {one_line(name)!r}: is not a name that a file can have")


def check_encoder(style: Style, encoder: str, width: int, rate: float) -> None:
    """Raises DnpmError unless these are the features, and the frame rate, that the style was learnt from."""
    if (style.encoder, style.heard.shape[1], style.rate) != (encoder, width, rate):
        raise DnpmError(
            f"style {style.name!r} was learnt from {style.encoder} ({style.heard.shape[1]} numbers, {style.rate:g} a "
            f"second); the weights hear {encoder} ({width}, {rate:g} a second); {_AGAIN}"
        )


def _kind(name: str) -> CardKind:
    required: dict[str, type | tuple[type, ...]] = {
        "name": str, "channels": list, "file": dict, "encoder": str, "rate": (int, float), "data": str,
        "licence": str, "command": str, "seed": int, "hours": (int, float), "scores": dict,
    }  # fmt: skip
    return CardKind(f"{name}{CARD_END}", FORMAT, required, _AGAIN)
