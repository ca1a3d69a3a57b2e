"""The card of speech weights, `speech.json` in the folder of weights: found, read and checked without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..face_model.locate import ROOT

FORMAT = "dnpm-speech-1"
CARD, FILE = "speech.json", "speech.safetensors"
_REQUIRED: dict[str, type | tuple[type, ...]] = {
    "name": str, "config": dict, "file": dict, "data": str, "licence": str, "command": str, "seed": int,
    "hours": (int, float), "scores": dict,
}  # fmt: skip
AGAIN = "fetch the weights again, or train them with `dnpm train speech`"


def speech_dir(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The folder with speech weights: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package.

    Raises DnpmError when it holds none.
    """
    folder = Path(explicit or os.environ.get("DNPM_WEIGHTS") or ROOT / "weights")
    if not (folder / CARD).is_file():
        raise DnpmError(f"{folder}: no speech weights there ({CARD} is missing); {AGAIN}")
    return folder


def read_speech_card(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The card, checked. Raises DnpmError when it is missing, damaged or of another format."""
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from error
    except ValueError as error:
        raise DnpmError(f"{path}: is no JSON ({error}); {AGAIN}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DnpmError(f"{path}: is no card of format {FORMAT}; {AGAIN}")
    check(card, str(path))
    return card


def speakers(folder: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """The styles of the weights that `speech_dir` finds; none where there are no weights, or damaged ones."""
    try:
        names = read_speech_card(speech_dir(folder))["config"].get("speakers", ())
    except DnpmError:
        return ()
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def check(card: Mapping[str, Any], name: str) -> None:
    """Raises DnpmError when an entry is missing or of another type."""
    wrong = [key for key, kind in _REQUIRED.items() if not isinstance(card.get(key), kind)]
    if wrong:
        raise DnpmError(f"{name}: the card lacks {', '.join(wrong)}, or has them in another type; {AGAIN}")
