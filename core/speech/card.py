"""The card of speech weights, `speech.json` in the folder of weights: found, read and checked without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..files.card_file import CardKind
from ..files.inputs import one_line

FORMAT = "dnpm-speech-1"
CARD, FILE = "speech.json", "speech.safetensors"
KIND = CardKind(
    CARD, FORMAT,
    {
        "name": str, "config": dict, "file": dict, "data": str, "licence": str, "command": str, "seed": int,
        "hours": (int, float), "scores": dict,
    },
    "fetch the weights again, or train them with `dnpm train speech`",
)  # fmt: skip


def speech_dir(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The folder with speech weights: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package.

    Raises DnpmError when it holds none.
    """
    folder = KIND.folder(explicit)
    if folder is None:
        raise KIND.missing(explicit, "speech weights")
    return folder


def read_speech_card(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The card, checked. Raises DnpmError when it is missing, damaged or of another format."""
    return KIND.read(folder)


def speakers(folder: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """The styles that the weights which `speech_dir` finds offer; none where there are no weights, or damaged ones."""
    try:
        card = read_speech_card(speech_dir(folder))
    except DnpmError:
        return ()
    names, gone = card["config"].get("speakers", ()), withdrawn(card)
    return tuple(one_line(n, 100) for n in names if n not in gone) if isinstance(names, list) else ()


def withdrawn(card: Mapping[str, Any]) -> dict[str, str]:
    """Styles that weights know and no longer offer, with the reason: files that name them go on working."""
    entry = card.get("withdrawn")
    known = entry if isinstance(entry, dict) else {}
    return {str(name): one_line(reason, 200) for name, reason in known.items()}
