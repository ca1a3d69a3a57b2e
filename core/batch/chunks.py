"""Parts of a job for machines that share the work: `FIRST:COUNT` of numbered items or frames, and ranges of frames."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DnpmError

MOST = 1_000_000
"""The largest frame or item number."""


@dataclass(frozen=True)
class Chunk:
    """The numbers `first` to `first + count - 1`."""

    first: int
    count: int

    def __contains__(self, number: int) -> bool:
        return self.first <= number < self.first + self.count


def read_chunk(text: str | None) -> Chunk | None:
    """`9:4` -> the numbers 9 to 12; None where none is given. Raises DnpmError on anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,7}):(\d{1,7})", text)
    if found is None or not int(found[2]):
        raise DnpmError(f"--chunk {text}: must be FIRST:COUNT, for example 9:4 for the numbers 9 to 12")
    return Chunk(int(found[1]), int(found[2]))


def read_frames(text: str) -> range:
    """`1-24` or `7` -> the frames. Raises DnpmError on anything else."""
    found = re.fullmatch(r"(\d{1,7})(?:-(\d{1,7}))?", text.strip())
    if found is None:
        raise DnpmError(f"--frames {text}: must be a frame or a range such as 1-24")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first or last > MOST:
        raise DnpmError(f"--frames {text}: the last must not come before the first, nor be above {MOST}")
    return range(first, last + 1)
