"""Speech weights on disk: `speech.safetensors` (float16) and `speech.json`, its card, in the folder of weights."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import tensorfile
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..face_model.locate import ROOT
from .config import from_json, to_json
from .decoder import SpeechDecoder

FORMAT = "dnpm-speech-1"
CARD, FILE = "speech.json", "speech.safetensors"
_REQUIRED: dict[str, type | tuple[type, ...]] = {
    "name": str, "config": dict, "file": dict, "data": str, "licence": str, "command": str, "seed": int,
    "hours": (int, float), "scores": dict,
}  # fmt: skip
_AGAIN = "fetch the weights again, or train them with `dnpm train speech`"


def speech_dir(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The folder with speech weights: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package.

    Raises DnpmError when it holds none.
    """
    folder = Path(explicit or os.environ.get("DNPM_WEIGHTS") or ROOT / "weights")
    if not (folder / CARD).is_file():
        raise DnpmError(f"{folder}: no speech weights there ({CARD} is missing); {_AGAIN}")
    return folder


def save_speech(folder: str | os.PathLike[str], decoder: SpeechDecoder, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write weights and card; return the card as written.

    `card` gives name, data, licence, command, seed, hours and scores; format, configuration and file are filled in.
    Raises DnpmError when numbers are not finite, an entry is missing, or the folder cannot be written.
    """
    folder = Path(folder)
    arrays = {k: v.detach().float().cpu().numpy().astype(np.float16) for k, v in decoder.state_dict().items()}
    if bad := [k for k, v in arrays.items() if not np.isfinite(v).all()]:
        raise DnpmError(f"{bad[0]}: holds numbers that are not finite, or beyond 65504; they cannot be saved")
    path = folder / FILE
    full = dict(card) | {
        "format": FORMAT,
        "config": to_json(decoder.config),
        "expressions": list(ARKIT_NAMES),
        "file": {},
    }
    _check(full, "the card to be saved")
    tensorfile.save(path, arrays, {"format": FORMAT})
    full["file"] = {"sha256": tensorfile.sha256(path), "bytes": path.stat().st_size}
    beside = folder / f"{CARD}.{secrets.token_hex(4)}.part"
    try:
        beside.write_text(json.dumps(full, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        beside.replace(folder / CARD)
    except OSError as error:
        raise DnpmError(f"{folder / CARD}: cannot be written ({error.strerror or error})") from error
    return full


def read_speech_card(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The card, checked. Raises DnpmError when it is missing, damaged or of another format."""
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error}); {_AGAIN}") from error
    except ValueError as error:
        raise DnpmError(f"{path}: is no JSON ({error}); {_AGAIN}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DnpmError(f"{path}: is no card of format {FORMAT}; {_AGAIN}")
    _check(card, str(path))
    return card


def load_speech(folder: str | os.PathLike[str], device: str = "cpu") -> tuple[SpeechDecoder, dict[str, Any]]:
    """What `save_speech` wrote, and its card. Raises DnpmError naming what is damaged or does not fit."""
    folder = Path(folder)
    card = read_speech_card(folder)
    path = folder / FILE
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error}); {_AGAIN}") from error
    if size != card["file"].get("bytes") or tensorfile.sha256(path) != card["file"].get("sha256"):
        raise DnpmError(f"{path}: damaged, truncated or another file than the card's; {_AGAIN}")
    config = from_json(card["config"])
    if config.n_exp != len(ARKIT_NAMES) or tuple(card.get("expressions", ())) != ARKIT_NAMES:
        raise DnpmError(f"{folder / CARD}: its expressions are not ARKit's 52; {_AGAIN}")
    arrays, _ = tensorfile.load(path)
    decoder = SpeechDecoder(config)
    expected = decoder.state_dict()
    wrong = [
        k for k in {*expected, *arrays} if k not in arrays or k not in expected or arrays[k].shape != expected[k].shape
    ]
    if wrong:
        raise DnpmError(f"{path}: does not fit its card ({', '.join(sorted(wrong)[:3])}); {_AGAIN}")
    decoder.load_state_dict({k: torch.from_numpy(v.astype(np.float32)) for k, v in arrays.items()})
    return decoder.to(device).eval().requires_grad_(False), card


def _check(card: Mapping[str, Any], name: str) -> None:
    wrong = [key for key, kind in _REQUIRED.items() if not isinstance(card.get(key), kind)]
    if wrong:
        raise DnpmError(f"{name}: the card lacks {', '.join(wrong)}, or has them in another type; {_AGAIN}")
