"""Timecodes HH:MM:SS:FF to seconds: how many frames they count per second, and whether frame numbers are dropped.

FF restarts at 0 every second. The step across a restart must equal the other steps, which gives the rate. A clip within
one second only excludes rates that its highest FF exceeds; a Live Link Face file above FF 29 then counts 60, as in
Unreal's importer (`ULiveLinkFaceImporterFactory::InferFrameRate`: the app records at 30 or 60). Drop-frame timecode
(SMPTE ST 12-1) skips FF 0 and 1 (at 60: 0 to 3) in every minute except each tenth, and is written with a semicolon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from .options import GIVE_RATE, LEAVE_RATE

BASES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
"""Frames per second that timecodes count."""
NTSC = 1000 / 1001
_PULLED = (24, 30, 60, 120)
"""Counts that are also used at 1000/1001 of their rate, which undropped numbers do not show."""
_DROPPED = {30: 2, 60: 4, 120: 8}
_DAY_S = 24 * 3600


@dataclass(frozen=True)
class Timecode:
    """seconds (N,) from the first midnight, with rounding errors of at most `quantum`; rate: frames per second; how: a
    short description; alike: another rate that is written the same way, or 0."""

    seconds: np.ndarray
    rate: float
    how: str
    quantum: float
    alike: float = 0.0


def exact_rate(fps: float) -> float:
    """29.97 -> 30000/1001 and so on: the exact value of a rounded NTSC rate."""
    near = round(fps / NTSC) * NTSC
    return near if abs(fps - near) < 5e-3 < abs(fps - round(fps)) else fps


def decoded(
    fields: np.ndarray, fraction: np.ndarray, digits: int, drop: bool, live_link: bool, asked: float | None
) -> Timecode:
    """fields (N, 4): hours, minutes, seconds, frames with their fraction. asked: the frame rate given by the user.

    Raises DnpmError when the rate cannot be determined, or contradicts the given one.
    """
    hours, minutes, seconds, frames = fields.T
    if _restates_milliseconds(frames, fraction, digits):
        return _milliseconds(fields, fraction)
    if not live_link and _counts_rows(fraction, digits):
        frames = np.floor(frames)
    top = int(frames.max())
    step = np.median(_steps(seconds, frames)) if len(_steps(seconds, frames)) else 1.0
    if top >= 240 or (top >= 60 and step >= 8):
        return _milliseconds(fields, frames)
    base, how = _base(seconds, frames, step, live_link and digits == 3, asked)
    whole = (hours * 60 + minutes) * 60 + seconds
    if base < 60 and _counts_to_base(minutes, seconds, base):
        whole, how = (hours * base + minutes) * base + seconds, f"{how}; seconds and minutes restart at {base} too"
    count = whole * base + frames
    day = float(_DAY_S * base)
    rate = exact_rate(asked) if asked is not None else float(base)
    if asked is not None and round(rate) != base:
        rate = float(base)  # The given rate is that of the rows, which share or skip frame numbers.
    if drop and base in _DROPPED:
        numbers = _DROPPED[base]
        passed = np.floor(whole / 60)
        if not ((passed % 10 > 0) & (whole % 60 == 0) & (frames < numbers)).any():
            count -= numbers * (passed - np.floor(passed / 10))
            day -= numbers * (24 * 60 - 24 * 6)
        if asked is None:
            rate, how = base * NTSC, f"drop-frame {how}"
    wraps = np.cumsum(np.diff(count, prepend=count[:1]) < -day / 2)
    alike = base * NTSC if base in _PULLED and not drop and asked is None else 0.0
    return Timecode((count + wraps * day) / rate, rate, how, 0.5 / rate / 10**digits if digits else 0.0, alike)


def _steps(seconds: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Steps of the frame field within a second, forward."""
    steps = np.diff(frames)[np.diff(seconds) == 0]
    return steps[steps > 0]


def _base(
    seconds: np.ndarray, frames: np.ndarray, step: float, live_link: bool, asked: float | None
) -> tuple[int, str]:
    top = int(frames.max())
    over = np.isin(np.diff(seconds), (1, -59))
    guesses = np.rint(step + frames[:-1][over] - frames[1:][over]).astype(int)
    guesses = guesses[guesses > 0]
    if len(guesses):
        base = _counted(guesses, top)
        if base:
            return _agreeing(base, step, asked), f"timecode, frames restart at {base}"
    if asked is not None:
        base = round(asked)
        if base <= top:
            raise DnpmError(f"its timecodes reach frame {top}, which is too high for {asked:g} frames per second")
        return base, "given; timecodes within one second"
    fitting = [base for base in BASES if top < base and (base <= 60 or top >= 60)]
    if len(fitting) == 1:
        return fitting[0], f"timecode, frames up to {top}"
    if live_link and top >= 30 and 60 in fitting:
        return 60, f"Live Link Face timecode, frames up to {top}: the app records at 30 or 60"
    raise DnpmError(
        f"its timecodes cover frames {int(frames.min())} to {top} of one second, which fits "
        f"{', '.join(map(str, fitting[:-1]))} and {fitting[-1]} frames per second; {GIVE_RATE}"
        if fitting
        else f"its timecodes reach frame {top}; {GIVE_RATE}"
    )


def _counted(guesses: np.ndarray, top: int) -> int:
    """The rate above `top` that most restarts of FF give; 0 if there is none.

    A missing frame lowers a guess by one and uneven steps change it by one or two, so rates in common use are preferred
    to their neighbours. Other rates are accepted when most guesses agree.
    """
    found, times = np.unique(guesses, return_counts=True)
    base = int(found[times == times.max()][-1])
    near = [known for known in BASES if abs(known - base) <= 2 and known > top]
    if near:
        return min(near, key=lambda known: abs(known - base))
    if base > top and times.max() > max(1, 0.6 * len(guesses)):
        return base
    return next((known for known in BASES if known > max(base, top)), 0)


def _agreeing(base: int, step: float, asked: float | None) -> int:
    """`base`, if it is the given rate, or the rows follow at the given rate."""
    if asked is not None and round(asked) != base and abs(asked * step / base - 1) > 0.02:
        raise DnpmError(f"its timecodes count {base} frames per second, not {asked:g}; {LEAVE_RATE}")
    return base


def _counts_rows(fraction: np.ndarray, digits: int) -> bool:
    """Whether the fraction is a running row number instead of a part of a frame, as Face Landmark Link writes it."""
    return digits == 3 and len(fraction) > 2 and bool(np.mean(np.diff(fraction) % 1000 == 1) > 0.9)


def _restates_milliseconds(frames: np.ndarray, fraction: np.ndarray, digits: int) -> bool:
    """Whether the fraction is the milliseconds of the second instead of a part of a frame, as NeuroSync writes it."""
    whole = np.floor(frames)
    if digits != 3 or np.ptp(whole) < 8:
        return False
    # Its frame numbers are truncated and may be one too low. A true fraction does not depend on the frame number.
    aways = [fraction / 1000 - whole / base for base in BASES]
    return any(bool(((away > -2e-3) & (away < 1 / base + 2e-3)).all()) for away, base in zip(aways, BASES, strict=True))


def _counts_to_base(minutes: np.ndarray, seconds: np.ndarray, base: int) -> bool:
    """Whether minutes change after second `base - 1`: in skellytracker's files every field counts to 30."""
    later = np.diff(minutes) == 1
    return bool(later.any() and seconds.max() < base and (seconds[:-1][later] == base - 1).all())


def _milliseconds(fields: np.ndarray, last: np.ndarray) -> Timecode:
    """HH:MM:SS:mmm."""
    if last.max() >= 1000:
        raise DnpmError(
            f"its timecodes reach {last.max():.0f} in the last field, which is neither frames nor milliseconds"
        )
    seconds = (fields[:, 0] * 60 + fields[:, 1]) * 60 + fields[:, 2] + np.floor(last) / 1000
    wraps = np.cumsum(np.diff(seconds, prepend=seconds[:1]) < -_DAY_S / 2)
    return Timecode(seconds + wraps * _DAY_S, 1000.0, "timecode with milliseconds", 5e-4)
