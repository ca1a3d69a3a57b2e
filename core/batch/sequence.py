"""A sequence of displacement maps in a folder: its files, and a ledger that says which of them are what is wanted.

The files of a sequence begin with its stem. A stem belongs to one face of one .blend (`stem_of`): whatever other faces
are called, and from whatever file they are baked into the same folder, no file is written by two of them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
import unicodedata
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..files.displacement_maps import write_exr, write_png
from ..files.writing import folder as made_folder
from ..files.writing import sweep, writing
from .frames import FrameFiles, with_ledgers

FORMS = {"EXR16": ".exr", "EXR32": ".exr", "PNG16": ".png"}
"""Half or full floats of millimetres, or 16-bit grey as `displacement_maps.write_png` has it."""
_READABLE_MOST = 40
"""Letters of a face's name in a stem: a file's name has room for 255 bytes, a path on Windows for 260 letters."""
_FILE = re.compile(r"(?P<stem>.+)_[0-9]{4,}")
_FIRST_STEM = re.compile(r"[^A-Za-z0-9._-]+")


def stem_of(name: str, owner: str, taken: Collection[str] = ()) -> str:
    """The stem of a face's sequence: its name as far as every file system can hold it, and 8 digits that are its own.

    `owner` tells the face from every other one (its .blend and its name there); the same owner gets the same stem.
    `taken`: stems that other faces show, whoever they were made for.
    """
    letters = unicodedata.normalize("NFC", name)
    readable = "".join(c if unicodedata.category(c)[0] in "LMN" or c in "._-" else "_" for c in letters)
    readable = re.sub("_+", "_", readable)[:_READABLE_MOST].strip("._-") or "face"
    used = {stem.casefold() for stem in taken}
    for attempt in itertools.count():
        identified = json.dumps([unicodedata.normalize("NFC", owner), attempt])
        stem = f"{readable}-{hashlib.blake2b(identified.encode(), digest_size=4).hexdigest()}"
        if stem.casefold() not in used:
            return stem
    raise AssertionError("there is always another number")


def first_stem(name: str) -> str:
    """The stem that the first version gave a face of this name; faces of several names shared it. Only read now."""
    return _FIRST_STEM.sub("_", name).strip("._") or "face"


def stem_of_file(file: Path) -> str | None:
    """The stem of the sequence to which a file belongs by its name; None where it belongs to none."""
    found = _FILE.fullmatch(file.stem)
    return found["stem"] if found is not None and file.suffix in FORMS.values() else None


class Sequence(FrameFiles):
    """The files of one face in one folder; `form` is a key of FORMS."""

    @property
    def suffix(self) -> str:
        return FORMS[self.form]

    def take(self, frame: int, digest: str, other: Sequence) -> bool:
        """Copy a frame from another sequence that has it; returns whether it had. Raises DnpmError as `write` does."""
        if other.form != self.form or not other.has(frame, digest):
            return False
        path = self.path(frame)
        self.done.pop(frame, None)
        with writing(path) as beside:
            shutil.copyfile(other.path(frame), beside)
        self.note(frame, digest)
        return True

    def write(self, frames: list[int], displacement: np.ndarray, digest: str) -> None:
        """The same map (H, W) in mm for these frames. Raises DnpmError when it cannot be written."""
        first = self.path(frames[0])
        for frame in frames:
            self.done.pop(frame, None)
        if self.form == "PNG16":
            write_png(first, displacement)
        else:
            write_exr(first, displacement, half=self.form == "EXR16")
        for frame in frames[1:]:
            with writing(self.path(frame)) as beside:
                shutil.copyfile(first, beside)
        self.done |= {frame: (digest, first.stat().st_size) for frame in frames}


def open_sequence(folder: Path, form: str, stem: str, part: range | None = None) -> Sequence:
    """The sequence of this stem in a folder, made if it is not there, with what its ledgers know.

    A ledger that is damaged or of another form counts as none: the maps are made again. What a baking that was killed
    left half written goes; part: only of these frames, because another process may be at work on the others. Raises
    DnpmError when the folder cannot be made.
    """
    made_folder(folder)
    sequence = known_sequence(folder, form, stem)
    if part is None:
        sweep(folder, f"{stem}[_.]*")
    else:
        sequence.part = part
        for frame in part:
            sweep(folder, f"{sequence.path(frame).stem}.*")
    return sequence


def known_sequence(folder: Path, form: str, stem: str) -> Sequence:
    """The same, to be read only: nothing is made."""
    return with_ledgers(Sequence(folder, form, stem))
