"""The card of speech weights, `speech.json` in the folder of weights: found, read and checked without torch."""

from __future__ import annotations

import os
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
    """The styles of the weights that `speech_dir` finds; none where there are no weights, or damaged ones."""
    try:
        names = read_speech_card(speech_dir(folder))["config"].get("speakers", ())
    except DnpmError:
        return ()
    return tuple(one_line(name, 100) for name in names) if isinstance(names, list) else ()
