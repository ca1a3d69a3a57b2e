"""Timecodes HH:MM:SS:FF to seconds: how many frames they count, and whether some numbers are dropped.

The frame field starts again at 0 every second. So the step over that place tells the rate: it is a step like the
others, if FF counts to the rate. Where a clip is within one second, only rates that its highest FF allows are left; a
Live Link Face file above 29 is then one of 60, as in Unreal's importer (`ULiveLinkFaceImporterFactory::InferFrameRate`:
the app counts 30 or 60). Drop-frame timecode (SMPTE ST 12-1) leaves out FF 0 and 1 (of 60: 0 to 3) of every minute
that is not a tenth one, and is written with a semicolon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from .options import GIVE_RATE, LEAVE_RATE

BASES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
"""What timecodes count in a second."""
NTSC = 1000 / 1001
_PULLED = (24, 30, 60, 120)
"""Counts that are also used at 1000/1001 of their rate; without drop-frame numbers nothing tells."""
_DROPPED = {30: 2, 60: 4, 120: 8}
_DAY_S = 24 * 3600


@dataclass(frozen=True)
class Timecode:
    """seconds (N,) from the first midnight on, rounded by at most `quantum`; rate: frames that pass in one; how: a few
    words; alike: another rate that is written in the same way, 0 if there is none."""

    seconds: np.ndarray
    rate: float
    how: str
    quantum: float
    alike: float = 0.0


def exact_rate(fps: float) -> float:
    """29.97 -> 30000/1001, and so on: what is meant by the rates of video."""
    near = round(fps / NTSC) * NTSC
    return near if abs(fps - near) < 5e-3 < abs(fps - round(fps)) else fps


def decoded(
    fields: np.ndarray, fraction: np.ndarray, digits: int, drop: bool, live_link: bool, asked: float | None
) -> Timecode:
    """fields (N, 4): hours, minutes, seconds, frames with their fraction. asked: the rate that the user gave.

    Raises DnpmError when the rate cannot be told, or contradicts the one that was asked for.
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
        whole, how = (hours * base + minutes) * base + seconds, f"{how}; seconds and minutes count to {base} too"
    count = whole * base + frames
    day = float(_DAY_S * base)
    rate = exact_rate(asked) if asked is not None else float(base)
    if asked is not None and round(rate) != base:
        rate = float(base)  # What was asked for is the rate of the rows, which share a frame or skip some.
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
            return _agreeing(base, step, asked), f"timecode, frames start again at {base}"
    if asked is not None:
        base = round(asked)
        if base <= top:
            raise DnpmError(f"its timecodes count to frame {top}, which {asked:g} frames a second do not reach")
        return base, "given; the timecodes do not tell"
    fitting = [base for base in BASES if top < base and (base <= 60 or top >= 60)]
    if len(fitting) == 1:
        return fitting[0], f"timecode, counts to frame {top}"
    if live_link and top >= 30 and 60 in fitting:
        return 60, f"Live Link Face timecode, counts to frame {top} (the app counts 30 or 60)"
    raise DnpmError(
        f"its timecodes count from frame {int(frames.min())} to {top} within one second, which is right for "
        f"{', '.join(map(str, fitting[:-1]))} and {fitting[-1]} frames a second; {GIVE_RATE}"
        if fitting
        else f"its timecodes count to frame {top}; {GIVE_RATE}"
    )


def _counted(guesses: np.ndarray, top: int) -> int:
    """The rate above `top` that most new seconds tell; 0 if there is none.

    A missing frame makes a guess too low by one, uneven steps make it wrong by one or two: rates that are in use are
    preferred to their neighbours. Others are believed if most say so.
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
    """`base`, if it is the rate that was asked for, or that rate follows from it."""
    if asked is not None and round(asked) != base and abs(asked * step / base - 1) > 0.02:
        raise DnpmError(f"its timecodes count {base} frames a second, not {asked:g}; {LEAVE_RATE}")
    return base


def _counts_rows(fraction: np.ndarray, digits: int) -> bool:
    """Whether the fraction is no part of a frame, but a running number of rows, as Face Landmark Link writes it."""
    return digits == 3 and len(fraction) > 2 and bool(np.mean(np.diff(fraction) % 1000 == 1) > 0.9)


def _restates_milliseconds(frames: np.ndarray, fraction: np.ndarray, digits: int) -> bool:
    """Whether the fraction is no part of a frame, but the milliseconds of the second, as NeuroSync writes it."""
    whole = np.floor(frames)
    if digits != 3 or np.ptp(whole) < 8:
        return False
    # Its frames are cut off, not rounded: they may be one too low. A true fraction would be anything up to 1.
    aways = [fraction / 1000 - whole / base for base in BASES]
    return any(bool(((away > -2e-3) & (away < 1 / base + 2e-3)).all()) for away, base in zip(aways, BASES, strict=True))


def _counts_to_base(minutes: np.ndarray, seconds: np.ndarray, base: int) -> bool:
    """Whether a minute follows its second `base - 1`, as in skellytracker's files, where every field counts to 30."""
    later = np.diff(minutes) == 1
    return bool(later.any() and seconds.max() < base and (seconds[:-1][later] == base - 1).all())


def _milliseconds(fields: np.ndarray, last: np.ndarray) -> Timecode:
    """HH:MM:SS:mmm."""
    if last.max() >= 1000:
        raise DnpmError(f"its timecodes count to {last.max():.0f} in the last field, which is neither frames nor ms")
    seconds = (fields[:, 0] * 60 + fields[:, 1]) * 60 + fields[:, 2] + np.floor(last) / 1000
    wraps = np.cumsum(np.diff(seconds, prepend=seconds[:1]) < -_DAY_S / 2)
    return Timecode(seconds + wraps * _DAY_S, 1000.0, "timecode with milliseconds", 5e-4)
