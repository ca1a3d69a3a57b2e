"""Files of a folder, one a frame, and a ledger that says what each shows: finished frames are not made twice.

Machines of a farm share the folder: each writes a ledger of its own part, and reads those of all. Where two know the
same frame, the newer ledger counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..errors import DnpmError
from ..files import json_file
from ..files.writing import write_text

LEDGER = "sequence.json"
_FORMAT = "dnpm-sequence-1"
Frames = TypeVar("Frames", bound="FrameFiles")


@dataclass
class FrameFiles:
    """The files of one stem in one folder. `done`: frame -> digest of what its file shows, and the file's size."""

    folder: Path
    form: str
    """What the files are; here the files' ending, with its dot."""
    stem: str
    done: dict[int, tuple[str, int]] = field(default_factory=dict)
    part: range | None = None
    """The frames that this process makes, where others make the others: its ledger names these alone."""

    @property
    def suffix(self) -> str:
        """The files' ending."""
        return self.form

    def path(self, frame: int) -> Path:
        """A frame's file; frames from 0 on."""
        return self.folder / f"{self.stem}_{frame:04d}{self.suffix}"

    def has(self, frame: int, digest: str) -> bool:
        """Whether the frame's file is there, whole, and shows this."""
        known = self.done.get(frame)
        try:
            return known is not None and known == (digest, self.path(frame).stat().st_size)
        except OSError:
            return False

    def note(self, frame: int, digest: str) -> None:
        """The frame's file was written and shows this."""
        self.done[frame] = (digest, self.path(frame).stat().st_size)

    def save(self) -> None:
        """Write the ledger. Raises DnpmError when it cannot be written."""
        middle = "" if self.part is None else f"{self.part[0]:07d}."
        mine = sorted(frame for frame in self.done if self.part is None or frame in self.part)
        frames = {str(frame): list(self.done[frame]) for frame in mine}
        write_text(
            self.folder / f"{self.stem}.{middle}{LEDGER}",
            json.dumps({"format": _FORMAT, "form": self.form, "frames": frames}),
        )


def with_ledgers(files: Frames) -> Frames:
    """The same, with what the ledgers in the folder know. One that is damaged or of another form counts as none."""
    for path in sorted(_ledgers(files), key=_written):
        try:
            found = json_file.read(path)
            if (found["format"], found["form"]) == (_FORMAT, files.form):
                known = {int(frame): (str(entry[0]), int(entry[1])) for frame, entry in found["frames"].items()}
                files.done |= known
        except (DnpmError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            continue
    return files


def _ledgers(files: FrameFiles) -> list[Path]:
    """Those of the whole and of its parts."""
    begin = f"{files.stem}."
    try:
        named = [path for path in files.folder.iterdir() if path.name.startswith(begin)]
    except OSError:
        return []
    middles = {path: path.name.removeprefix(begin).removesuffix(LEDGER) for path in named if path.name.endswith(LEDGER)}
    return [path for path, middle in middles.items() if not middle or (middle[:-1].isdecimal() and middle[-1] == ".")]


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
