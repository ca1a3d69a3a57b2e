"""Sound files as 16 kHz mono float32, a block at a time: three hours need no more memory than a minute.

A file is gone through twice. The first pass (`survey`) finds what only the whole file can tell: whether its channels
cancel each other, on which scale its numbers are, where it breaks off. The second gives the samples.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from .decoding import Header, decoded, read_header
from .formats import RATES
from .resample import RATE, resampled

__all__ = ["RATE", "Samples", "Sound", "Survey", "load", "open_sound", "resampled", "survey", "surveyed"]

BLOCK_S = 20.0
_AT_ONCE = 2**23
"""Numbers of all channels in one block."""
_LOUD = 100.0
"""Float samples beyond are not on the scale on which full is 1."""
_SCALES = (2.0**15, 2.0**23, 2.0**31)
"""Whole numbers of 16, 24 or 32 bits that were written as floats: what full scale is."""
_SCALED_SHARE = 0.01
"""Where at least so many samples are beyond `_LOUD` the file has another scale; fewer are damage."""
_CANCELLED = 0.2
"""Power of the mean of n channels, over the n-th part of their mean power: 1 when they have nothing in common, n when
they are equal. Below this they cancel each other out."""


@dataclass(frozen=True)
class Survey:
    """What the whole of a sound told."""

    seconds: float
    channel: int | None
    """The one that is taken alone; None: the mean of all."""
    scale: float
    """What full scale is."""
    notes: tuple[str, ...] = ()
    """What had to be done to it, and what is missing: clauses about the file, for a person."""


@dataclass(frozen=True)
class Sound:
    """A sound file that was opened once: what its header says."""

    path: Path
    header: Header
    seconds: float
    """As the header says; a compressed file may turn out a little longer or shorter. Of a part: the part's."""
    begin: float = 0.0
    """Seconds into the file at which the sound begins."""
    is_part: bool = False
    """Whether it ends after `seconds`, wherever the file does."""

    @property
    def rate(self) -> int:
        """Samples a second in the file."""
        return self.header.rate

    @property
    def channels(self) -> int:
        """Channels in the file."""
        return self.header.channels

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return str(self.path)

    def part(self, begin: float = 0.0, seconds: float | None = None) -> Sound:
        """The sound from `begin` on, at most `seconds` of it. Raises DnpmError when nothing lies there."""
        rest = self.seconds - begin
        length = rest if seconds is None else min(rest, seconds)
        if not (begin >= 0 and length * self.rate >= 1):
            raise DnpmError(
                f"{self.path}: holds {self.seconds:.2f} s of sound; nothing is left from {begin:.2f} s on"
                + ("" if seconds is None else f" for {seconds:.2f} s")
            )
        return replace(self, begin=self.begin + begin, seconds=length, is_part=self.is_part or seconds is not None)

    def blocks(self, seconds: float = BLOCK_S, facts: Survey | None = None) -> Iterator[np.ndarray]:
        """(n,) float32 at 16 kHz, in order and without gaps; facts: of `survey`, when that was made already.

        Raises DnpmError as `survey`.
        """
        yield from _blocks(self, seconds, facts)

    def channels_of(self, seconds: float, notes: list[str]) -> Iterator[np.ndarray]:
        """Blocks (n, channels) float32 at the file's own rate; what had to be done is added to `notes`."""
        at = round(self.begin * self.rate)
        left = max(1, round(self.seconds * self.rate)) if self.is_part else None
        size = max(1, min(round(seconds * self.rate), _AT_ONCE // self.channels))
        notes += self.header.notes
        for block in decoded(self.path, self.header, at, size, notes):
            yield block if left is None else block[:left]
            if left is not None and (left := left - len(block)) <= 0:
                return


@dataclass(frozen=True)
class Samples:
    """Sound in memory, used as a `Sound`: (n,) or (n, channels) float32 at `rate`."""

    samples: np.ndarray
    rate: int
    label: str = "the samples"

    def __post_init__(self) -> None:
        shape = self.samples.shape
        if self.samples.ndim not in (1, 2) or min(shape, default=0) < 1:
            raise DnpmError(f"{self.label}: hold no sound (shape {shape}); give (n,) or (n, channels)")
        if not RATES[0] <= self.rate <= RATES[1]:
            raise DnpmError(f"{self.label}: have {self.rate} a second; {RATES[0]} to {RATES[1]} are read")

    @property
    def seconds(self) -> float:
        """Their length."""
        return len(self.samples) / self.rate

    def blocks(self, seconds: float = BLOCK_S, facts: Survey | None = None) -> Iterator[np.ndarray]:
        """As `Sound.blocks`."""
        yield from _blocks(self, seconds, facts)

    def channels_of(self, seconds: float, notes: list[str]) -> Iterator[np.ndarray]:
        """As `Sound.channels_of`."""
        size = max(1, round(seconds * self.rate))
        for at in range(0, len(self.samples), size):
            block = np.asarray(self.samples[at : at + size], np.float32)
            yield block[:, None] if block.ndim == 1 else block


def open_sound(path: str | os.PathLike[str]) -> Sound:
    """Look at a sound file. Raises DnpmError when it is a folder, absent, unreadable, no sound, or of zero length."""
    header = read_header(Path(path))
    return Sound(Path(path), header, header.seconds)


def survey(sound: Sound | Samples) -> Generator[float, None, Survey]:
    """Go through all of a sound; yields the share done (0 to 1).

    Raises DnpmError when it is empty, or holds numbers that are not samples of a sound.
    """
    notes: list[str] = []
    tally = _Tally(sound.rate)
    for block in sound.channels_of(BLOCK_S, notes):
        tally.add(block)
        yield min(1.0, tally.count / sound.rate / max(sound.seconds, 1e-9))
    if not tally.count:
        raise DnpmError(f"{sound.label}: holds no sound ({'; '.join(notes) or 'its length is zero'})")
    scale = tally.scale(sound.label)
    if scale > 1:
        notes.append(
            f"its numbers reach {tally.peak:.0f}; they were taken for whole numbers of which {scale:.0f} is full"
        )
    elif tally.peak > 2:
        notes.append(f"its samples reach {tally.peak:.1f} times full scale and were taken as they are")
    channel = tally.lone_channel()
    if channel is not None:
        notes.append(
            f"its channels cancel each other out (opposite phase): channel {channel + 1} of {len(tally.sums)} was taken"
        )
    return Survey(tally.count / sound.rate, channel, scale, tuple(notes))


def surveyed(sound: Sound | Samples) -> Survey:
    """`survey` in one go."""
    work = survey(sound)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def load(path: str | os.PathLike[str]) -> np.ndarray:
    """The whole file, (n,) float32 at 16 kHz. For short files: 64 KB a second. Raises DnpmError as `open_sound`."""
    return np.concatenate(list(open_sound(path).blocks()))


def _blocks(sound: Sound | Samples, seconds: float, facts: Survey | None) -> Iterator[np.ndarray]:
    known = surveyed(sound) if facts is None else facts
    mono = (
        (block.mean(1) if known.channel is None else block[:, known.channel]) / np.float32(known.scale)
        for block in sound.channels_of(seconds, [])
    )
    yield from resampled(mono, sound.rate)


class _Tally:
    """Sums over the samples of all channels."""

    def __init__(self, rate: int) -> None:
        self.rate, self.count, self.peak = rate, 0, 0.0
        self.loud = self.sounding = 0
        self.first_loud: int | None = None
        self.not_finite: int | None = None
        self.sums = self.squares = np.zeros(1)
        self.mix_sum = self.mix_square = 0.0

    def add(self, block: np.ndarray) -> None:
        """The next (n, channels)."""
        finite = np.isfinite(block)
        if not finite.all():
            if self.not_finite is None:
                self.not_finite = self.count + int(np.flatnonzero(~finite.all(1))[0])
            block = np.where(finite, block, 0)
        size = np.abs(block)
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        if self.peak > _LOUD:
            loud = size > _LOUD
            self.loud += int(loud.sum())
            if self.first_loud is None and loud.any():
                self.first_loud = self.count + int(np.flatnonzero(loud.any(1))[0])
        self.sounding += int(np.count_nonzero(block))
        mix = block.mean(1, dtype=np.float64)
        self.sums = self.sums + block.sum(0, dtype=np.float64)
        self.squares = self.squares + np.square(block, dtype=np.float64).sum(0)
        self.mix_sum += float(mix.sum())
        self.mix_square += float(np.square(mix).sum())
        self.count += len(block)

    def scale(self, label: str) -> float:
        """What full scale is. Raises DnpmError when a few samples are not numbers of a sound."""
        wrong = self.not_finite
        if wrong is None and self.peak > _LOUD:
            if self.loud >= _SCALED_SHARE * self.sounding and self.peak <= _SCALES[-1]:
                return next(full for full in _SCALES if self.peak <= full)
            wrong = self.first_loud
        if wrong is not None:
            raise DnpmError(
                f"{label}: holds samples that are not numbers of a sound (at {wrong / self.rate:.3f} s); export it "
                "again from the sound program"
            )
        return 1.0

    def lone_channel(self) -> int | None:
        """The loudest channel when the mean of all would lose what they hold."""
        n = len(self.sums)
        power = self.squares / self.count - np.square(self.sums / self.count)
        mixed = self.mix_square / self.count - (self.mix_sum / self.count) ** 2
        if n > 1 and power.sum() > 0 and mixed < _CANCELLED * power.sum() / n**2:
            return int(np.flatnonzero(power > 0.99 * power.max())[0])
        return None
