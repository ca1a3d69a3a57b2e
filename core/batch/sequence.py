"""A sequence of displacement maps in a folder: its files, and a ledger that says which of them are what is wanted."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from . import exr, png

FORMS = {"EXR16": ".exr", "EXR32": ".exr", "PNG16": ".png"}
"""Half or full floats of millimetres, or 16-bit grey as `png.write_map` has it."""
LEDGER = "sequence.json"
_FORMAT = "dnpm-sequence-1"
_STEM = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass
class Sequence:
    """The files of one face in one folder. `done`: frame -> digest of what its file shows, and the file's size."""

    folder: Path
    form: str
    stem: str
    done: dict[int, tuple[str, int]] = field(default_factory=dict)

    def path(self, frame: int) -> Path:
        """A frame's file; frames from 0 on."""
        return self.folder / f"{self.stem}_{frame:04d}{FORMS[self.form]}"

    def has(self, frame: int, digest: str) -> bool:
        """Whether the frame's file is there, whole, and shows this."""
        known = self.done.get(frame)
        try:
            return known is not None and known == (digest, self.path(frame).stat().st_size)
        except OSError:
            return False

    def write(self, frames: list[int], displacement: np.ndarray, digest: str) -> None:
        """The same map (H, W) in mm for these frames. Raises DnpmError when it cannot be written."""
        first = self.path(frames[0])
        try:
            for frame in frames:
                self.done.pop(frame, None)
            if self.form == "PNG16":
                png.write_map(first, displacement)
            else:
                exr.write(first, np.asarray(displacement, np.float16 if self.form == "EXR16" else np.float32))
            data = first.read_bytes() if len(frames) > 1 else b""
            for frame in frames[1:]:
                beside = self.path(frame).with_name(self.path(frame).name + ".partial")
                beside.write_bytes(data)
                beside.replace(self.path(frame))
            self.done |= {frame: (digest, first.stat().st_size) for frame in frames}
        except OSError as error:
            raise DnpmError(f"{first}: cannot be written ({error.strerror or error}); choose another folder") from error

    def save(self) -> None:
        """Write the ledger. Raises DnpmError when it cannot be written."""
        path = self.folder / f"{self.stem}.{LEDGER}"
        frames = {str(frame): list(entry) for frame, entry in sorted(self.done.items())}
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            beside.write_text(json.dumps({"format": _FORMAT, "form": self.form, "frames": frames}), encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            raise DnpmError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error


def open_sequence(folder: Path, form: str, name: str) -> Sequence:
    """The sequence of a face of this name in a folder, made if it is not there, with what its ledger knows.

    A ledger that is damaged or of another form counts as none: the maps are made again. Raises DnpmError when the
    folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DnpmError(f"{folder}: cannot be made ({error.strerror or error}); choose another folder") from error
    sequence = Sequence(folder, form, _STEM.sub("_", name).strip("._") or "face")
    try:
        found = json.loads((folder / f"{sequence.stem}.{LEDGER}").read_text(encoding="utf-8"))
        if (found["format"], found["form"]) == (_FORMAT, form):
            sequence.done = {int(frame): (str(entry[0]), int(entry[1])) for frame, entry in found["frames"].items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        sequence.done = {}
    return sequence
