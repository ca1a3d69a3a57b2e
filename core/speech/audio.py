"""Sound files as 16 kHz mono float32, a block at a time: three hours need no more memory than a minute.

Reading is soundfile's (libsndfile: WAV, FLAC, Ogg, MP3, AIFF, …), resampling scipy's polyphase filter. A filter has a
reach; every block is resampled with that much of its neighbours, hence blocks give what the whole file would.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

import numpy as np

from ..errors import DnpmError

RATE = 16_000
"""Samples a second of all sound inside the project: what Whisper and wav2vec 2.0 hear."""
BLOCK_S = 20.0
_TAPS = 10
"""scipy.signal.resample_poly's filter reaches 10 samples of the slower of the two rates to either side."""
_END = np.zeros(0, np.float32)
_LOUD = 1e4
"""Float samples beyond are no sound: full scale is 1."""


@dataclass(frozen=True)
class Sound:
    """A sound file that was opened once: what its header says."""

    path: Path
    rate: int
    """Samples a second in the file."""
    channels: int
    seconds: float
    """As the header says; a compressed file may turn out a little longer or shorter. Of a part: the part's."""
    begin: float = 0.0
    """Seconds into the file at which the sound begins."""
    is_part: bool = False
    """Whether it ends after `seconds`, wherever the file does."""

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

    def blocks(self, seconds: float = BLOCK_S) -> Iterator[np.ndarray]:
        """(n,) float32 at 16 kHz, the mean of the channels, in order and without gaps.

        Raises DnpmError when the file breaks off, or holds samples that are not finite.
        """
        yield from resampled(self._raw(seconds), self.rate)

    def _raw(self, seconds: float) -> Iterator[np.ndarray]:
        import soundfile

        first = at = round(self.begin * self.rate)
        end = at + max(1, round(self.seconds * self.rate)) if self.is_part else None
        size = max(1, round(seconds * self.rate))
        try:
            with soundfile.SoundFile(self.path) as file:
                if at:
                    file.seek(at)
                while len(block := file.read(_count(size, at, end), dtype="float32", always_2d=True)):
                    mono = block.mean(1)
                    _check(mono, str(self.path), at, self.rate)
                    at += len(mono)
                    yield mono
        except (soundfile.LibsndfileError, OSError) as error:
            raise DnpmError(f"{self.path}: breaks off after {at / self.rate:.1f} s ({_why(error)})") from error
        if at == first:
            raise DnpmError(f"{self.path}: holds no sound (its length is zero)")


@dataclass(frozen=True)
class Samples:
    """Sound in memory, used as a `Sound`: (n,) or (n, channels) float32 at `rate`."""

    samples: np.ndarray
    rate: int
    name: str = "the samples"

    def __post_init__(self) -> None:
        shape = self.samples.shape
        if self.samples.ndim not in (1, 2) or min(shape, default=0) < 1:
            raise DnpmError(f"{self.name}: hold no sound (shape {shape}); give (n,) or (n, channels)")
        if not 1000 <= self.rate <= 1_000_000:
            raise DnpmError(f"{self.name}: {self.rate} samples a second is no sound's rate")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def blocks(self, seconds: float = BLOCK_S) -> Iterator[np.ndarray]:
        """As `Sound.blocks`. Raises DnpmError when samples are not finite."""
        yield from resampled(self._raw(seconds), self.rate)

    def _raw(self, seconds: float) -> Iterator[np.ndarray]:
        size = max(1, round(seconds * self.rate))
        for at in range(0, len(self.samples), size):
            block = np.asarray(self.samples[at : at + size], np.float32)
            mono = block if block.ndim == 1 else block.mean(1)
            _check(mono, self.name, at, self.rate)
            yield mono


def open_sound(path: str | os.PathLike[str]) -> Sound:
    """Look at a sound file. Raises DnpmError when it is a folder, absent, unreadable, no sound, or of zero length."""
    import soundfile

    path = Path(path)
    if path.is_dir():
        raise DnpmError(f"{path}: is a folder; give a sound file (wav, flac, ogg, mp3)")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise DnpmError(f"{path}: is no sound that can be read ({_why(error)}); use wav, flac, ogg or mp3") from error
    if info.frames == 0:
        raise DnpmError(f"{path}: holds no sound (its length is zero)")
    return Sound(path, int(info.samplerate), int(info.channels), float(info.frames / info.samplerate))


def _count(size: int, at: int, end: int | None) -> int:
    return size if end is None else max(0, min(size, end - at))


def _check(mono: np.ndarray, name: str, at: int, rate: int) -> None:
    bad = np.flatnonzero(~(np.abs(mono) < _LOUD))
    if len(bad):
        when = (at + int(bad[0])) / rate
        raise DnpmError(
            f"{name}: holds samples that are no numbers of a sound (at {when:.3f} s); export it again from the sound "
            "program"
        )


def load(path: str | os.PathLike[str]) -> np.ndarray:
    """The whole file, (n,) float32 at 16 kHz. For short files: 64 KB a second. Raises DnpmError as `open_sound`."""
    return np.concatenate(list(open_sound(path).blocks()))


def resampled(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Mono blocks (n,) of any lengths at `rate` -> float32 blocks at 16 kHz, the same as of the whole at once."""
    from scipy.signal import resample_poly

    common = gcd(rate, RATE)
    up, down = RATE // common, rate // common
    if up == down:
        for block in blocks:
            yield np.asarray(block, np.float32)
        return
    # Starts of pieces lie on whole multiples of `down`, where a sample of the one rate meets one of the other.
    reach = -(-(_TAPS * max(up, down) // up + 1) // down) * down
    held, skip, ended = np.zeros(0, np.float32), 0, False
    while not ended:
        block = next(blocks, _END)
        ended = block is _END
        if not ended:
            held = np.concatenate([held, np.asarray(block, np.float32)])
        # held: `skip` samples that were already resampled (context), then new ones; the last `reach` wait for theirs.
        new = len(held) - skip if ended else (len(held) - skip - reach) // down * down
        if new <= 0:
            continue
        piece = resample_poly(held[: skip + new + (0 if ended else reach)], up, down)
        begin = skip * up // down
        count = -(-new * up // down)
        yield np.ascontiguousarray(piece[begin : begin + count], np.float32)
        keep = min(skip + new, reach)
        held, skip = held[skip + new - keep :], keep


def _why(error: Exception) -> str:
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".")
