"""The card beside a file of weights: JSON that says what made them, and what their files must be.

Needs no torch, so that the command line and Blender's side can say which weights there are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..paths import ROOT
from . import json_file, tensor_file
from .inputs import brief, reading, regular_file, shown_path
from .writing import write_text

Kinds = Mapping[str, type | tuple[type, ...]]
_MOST_CARD, _MOST_FILE = 4_000_000, 4_000_000_000
"""Bytes. The encoder of 5,000 points, the largest that the paper has, takes 2 GB."""


class Card(dict[str, Any]):
    """A card that was read, and the file that it was read from, for messages."""

    path: Path | None = None


def card_name(card: Mapping[str, Any]) -> str:
    """How a message begins that is about a card: its file where it was read from one, and the weights' name."""
    path = getattr(card, "path", None)
    weights = f"the weights {brief(card.get('name'))}"
    return f"{shown_path(path)}: {weights}" if path else weights


@dataclass(frozen=True)
class CardKind:
    """One kind of card. file: its name in the folder of weights; required: entries and their types; again: what to do
    about a damaged one, in words; look: checks what lies deeper, and raises DnpmError."""

    file: str
    format: str
    required: Kinds
    again: str
    look: Callable[[Mapping[str, Any]], None] | None = None

    def folder(self, explicit: str | os.PathLike[str] | None = None) -> Path | None:
        """The folder with these weights: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package; None
        when it holds none."""
        folder = Path(explicit or os.environ.get("DNPM_WEIGHTS") or ROOT / "weights")
        return folder if (folder / self.file).is_file() else None

    def missing(self, explicit: str | os.PathLike[str] | None, what: str) -> DnpmError:
        """The error to raise when `folder` found none."""
        folder = Path(explicit or os.environ.get("DNPM_WEIGHTS") or ROOT / "weights")
        return DnpmError(f"{folder}: no {what} there ({self.file} is missing); {self.again}")

    def read(self, folder: str | os.PathLike[str]) -> Card:
        """The folder's card, checked. Raises DnpmError when it is missing, damaged or of another format."""
        path = Path(folder) / self.file
        values = json_file.read(path, self.again, _MOST_CARD)
        if not isinstance(values, dict) or values.get("format") != self.format:
            raise DnpmError(f"{shown_path(path)}: is not a card of format {self.format}; {self.again}")
        self.check(values, shown_path(path))
        card = Card(values)
        card.path = path
        if self.look is not None:
            with reading(path, self.again):
                self.look(card)
        return card

    def check(self, card: Mapping[str, Any], name: str) -> None:
        """Raises DnpmError unless every entry that a card must have is there and of its type."""
        wrong = [
            key for key, kind in self.required.items()
            if not isinstance(card.get(key), kind) or isinstance(card.get(key), bool)
        ]  # fmt: skip
        if wrong:
            raise DnpmError(f"{name}: the card lacks {', '.join(wrong)}, or has them in another type; {self.again}")

    def text(self, card: Mapping[str, Any]) -> str:
        """The card as it is written."""
        return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write it beside its place, then rename it. Raises DnpmError when the folder cannot be written."""
        write_text(folder / self.file, self.text(card))

    def checked(self, folder: str | os.PathLike[str], name: str, entry: object) -> Path:
        """The path of a file whose `entry` in the card says `bytes` and `sha256`.

        Raises DnpmError when it is missing, truncated, or not the one that the card speaks of.
        """
        path = Path(folder) / name
        if not isinstance(entry, dict) or not {"sha256", "bytes"} <= entry.keys():
            raise DnpmError(f"{shown_path(Path(folder) / self.file)}: the card does not name {name}; {self.again}")
        with reading(path, self.again):
            size = regular_file(path, _MOST_FILE, self.again)
            if size != entry["bytes"]:
                says = brief(entry["bytes"])
                raise DnpmError(f"truncated or another file: {size} bytes, the card says {says}")
            if tensor_file.sha256(path) != entry["sha256"]:
                raise DnpmError("damaged or another file: its SHA-256 is not the card's")
        return path


def entry_of(path: Path) -> dict[str, Any]:
    """What a card says of a file."""
    return {"sha256": tensor_file.sha256(path), "bytes": path.stat().st_size}
