"""From a column of time to seconds and a rate, or the reason why these cannot be told.

Times are read as they are meant by the program that wrote them; every decision is put into words (`Clock.how`). What
leaves a choice is refused with the option that makes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import DnpmError
from . import timecode
from .options import GIVE_RATE, LEAVE_RATE
from .stamps import Stamps, kind_of, stamps_of
from .table import Table
from .track import DAY_S

RATES = tuple(
    sorted([10, 12, 12.5, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240, *(n * timecode.NTSC for n in (24, 30, 48,
            60, 120))])
)  # fmt: skip
"""Rates of video and captures; times that fit one within their own rounding are put exactly on its grid."""
SLOWEST, FASTEST = 0.05, 1000.0
LONGEST_GAP_S, LONGEST_S = 600.0, 4 * 3600.0
_UNNAMED = ((1.0, "seconds"), (1e-3, "milliseconds"), (1e-6, "microseconds"), (1e-9, "nanoseconds"))
_CAPTURE_STEP = (4e-3, 0.2)
"""Seconds from frame to frame in captures, 5 to 250 a second: tells the unit of a column that does not name it."""
_OWN_CLOCK_S = 10.0


@dataclass
class Clock:
    """times (M,) rising seconds; rows (M,): which of the table's rows they belong to; fps: the rate; how: where it is
    from, in a few words; clocked: a time of day or of a device, not seconds from a sound's begin."""

    times: np.ndarray
    rows: np.ndarray
    fps: float
    how: str
    clocked: bool = False
    repeated: int = 0
    moved: int = 0
    missing: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class _Seconds:
    """A column in seconds: value (N,), NaN where a cell is empty; quantum: seconds that it may be rounded by."""

    value: np.ndarray
    quantum: float
    how: str
    unit: float = 1.0
    clocked: bool = False
    rate: float | None = None
    """Frames a second, where the column says so by itself."""
    alike: float = 0.0
    """Another rate that is written in the same way."""
    notes: list[str] = field(default_factory=list)


def clock_of(table: Table, same: np.ndarray, asked: float | None) -> Clock:
    """same: (N,) bool, rows that hold exactly what the row before holds; asked: the rate that the user gave.

    Raises DnpmError when rate or order cannot be told, or the times contradict what is stated or asked.
    """
    count = len(table.values)
    stamps = _usable(table)
    if stamps is None or (stamps.frames and stamps.parts == 1):
        return _counted(table, stamps, same, asked)
    if stamps.given.mean() < 0.5:  # Written only where it changes.
        stamps = _filled(stamps)
    seconds = _seconds(stamps, table.live_link, asked)
    if seconds is None:
        return _counted(table, stamps, same, asked)
    given = np.isfinite(seconds.value)
    first_of_run = np.r_[True, np.diff(_forward(seconds.value)) != 0]
    runs = np.diff(np.r_[np.flatnonzero(first_of_run), count])
    inner = runs[1:-1] if len(runs) > 2 else runs
    coarse = np.median(inner) >= 2 and (np.median(inner) >= 10 or same[~first_of_run].mean() < 0.9)
    if coarse:
        clock = _spread(seconds, first_of_run, runs, asked)
    else:
        keep = first_of_run | ~same
        clock = Clock(_bridged(seconds.value, given, first_of_run)[keep], np.flatnonzero(keep), 0.0, seconds.how)
        clock.repeated = int(count - keep.sum())
    clock.clocked, clock.notes = seconds.clocked, seconds.notes
    try:
        _ordered(clock, table)
    except DnpmError:
        if asked is None:
            raise
        return Clock(np.arange(count) / asked, np.arange(count), asked, "given; its own times run back")
    _regular(clock, seconds, table)
    said = f"its times say {clock.fps:.4g} frames a second"
    if table.rate is not None and abs(table.rate / clock.fps - 1) > 0.02:
        if asked is None:
            raise DnpmError(f"{said}, {table.rate_title} states {table.rate:g}; {GIVE_RATE}")
        return _counted(table, None, same, asked)
    if asked is not None and abs(asked / clock.fps - 1) > 0.02:
        raise DnpmError(f"{said}, not {asked:g}; {LEAVE_RATE}")
    return _checked(clock)


def _usable(table: Table) -> Stamps | None:
    """The first column of time whose cells differ; clocks before frame numbers."""
    for column in sorted(table.stamps, key=lambda column: kind_of(column.title) == "frame"):
        stamps = stamps_of(column, table.numbers, table.unit)
        if stamps.given.any() and (stamps.fields[stamps.given] != stamps.fields[stamps.given][0]).any():
            return stamps
    return None


def _counted(table: Table, stamps: Stamps | None, same: np.ndarray, asked: float | None) -> Clock:
    """Rows by frame numbers, or one after the other, at a rate that is stated or given."""
    rate = asked or table.rate
    if rate is None:
        if stamps is None:
            named = f"its column {table.stamps[0].title!r} stands still" if table.stamps else "it has no column of time"
            raise DnpmError(f"{named}; {GIVE_RATE}")
        raise DnpmError(f"its column {stamps.title!r} holds frame numbers, or seconds of single frames; {GIVE_RATE}")
    how = "given" if asked else f"stated ({table.rate_title})"
    exact = timecode.exact_rate(rate)
    if stamps is None:
        return Clock(np.arange(len(table.values)) / exact, np.arange(len(table.values)), exact, how)
    numbers = stamps.fields[:, 0]
    new = np.r_[True, np.diff(_forward(numbers)) != 0]
    keep = new | ~same
    clock = Clock(_bridged(numbers, stamps.given, new)[keep], np.flatnonzero(keep), exact, f"{how}; frame numbers")
    clock.repeated = int(len(keep) - keep.sum())
    _ordered(clock, table)
    clock.times = (clock.times - clock.times[0]) / exact
    stride = float(np.median(np.diff(clock.times)))
    clock.fps = 1 / stride
    clock.missing = int(np.rint(np.diff(clock.times) / stride - 1).clip(0).sum())
    return _checked(clock)


def _filled(stamps: Stamps) -> Stamps:
    last = np.maximum.accumulate(np.where(stamps.given, np.arange(len(stamps.fields)), 0))
    return Stamps(
        stamps.title, stamps.parts, stamps.fields[last], stamps.fraction[last], stamps.digits, stamps.drop, stamps.unit,
        stamps.frames,
    )  # fmt: skip


def _seconds(stamps: Stamps, live_link: bool, asked: float | None) -> _Seconds | None:
    """None where the numbers are frames."""
    given = stamps.given
    rows = np.flatnonzero(given)
    cells = stamps.fields[given]
    new = np.r_[True, (np.diff(cells, axis=0) != 0).any(1)]
    if stamps.parts == 1:
        return _plain(stamps, cells[:, 0], bool(new.mean() <= 0.2))
    coarse = new.mean() <= 0.5
    counts_frames = stamps.parts == 4 or (not coarse and (stamps.digits == 0 or _two_digit_frames(stamps, given)))
    if counts_frames:
        fields, fraction, digits = cells, stamps.fraction[given], stamps.digits
        if stamps.parts < 4 and stamps.digits == 2:
            fields, fraction, digits = np.c_[np.floor(cells), fraction], np.zeros(len(cells)), 0
        fields = np.c_[np.zeros((len(fields), 4 - fields.shape[1])), fields]
        found = timecode.decoded(fields[new], fraction[new], digits, stamps.drop, live_link, asked)
        value = np.full(len(given), np.nan)
        value[rows] = found.seconds[np.cumsum(new) - 1]
        return _Seconds(value, found.quantum, found.how, 1 / found.rate, True, found.rate, alike=found.alike)
    scale = np.array([3600.0, 60.0, 1.0])[-stamps.parts :]
    seconds = cells @ scale
    wraps = np.cumsum(np.diff(seconds, prepend=seconds[:1]) < -DAY_S / 2)
    value = np.full(len(given), np.nan)
    value[rows] = seconds + wraps * DAY_S
    return _Seconds(value, 0.5 / 10**stamps.digits, "clock times", 1.0, True)


def _two_digit_frames(stamps: Stamps, given: np.ndarray) -> bool:
    """Whether HH:MM:SS.FF is meant: two digits that count up by one, start again, and stay below 60."""
    digits, seconds = stamps.fraction[given], np.floor(stamps.fields[given][:, -1])
    steps = np.diff(digits)[np.diff(seconds) == 0]
    over = bool((np.diff(seconds) != 0).any())
    return stamps.digits == 2 and over and len(steps) > 0 and bool(np.median(steps) == 1) and digits.max() < 60


def _plain(stamps: Stamps, numbers: np.ndarray, coarse: bool) -> _Seconds | None:
    step = float(np.median(np.abs(np.diff(numbers))[np.diff(numbers) != 0]))
    whole = stamps.digits <= 1 and bool((numbers == np.floor(numbers)).all())
    if stamps.unit is not None:
        unit, how = stamps.unit, f"times ({stamps.title})"
    elif whole and step < 4 and not coarse:
        return None
    elif step < 4:
        unit, how = 1.0, "times in seconds"
    else:
        fits = [(u, name) for u, name in _UNNAMED if _CAPTURE_STEP[0] <= step * u <= _CAPTURE_STEP[1]]
        if not fits and not whole:
            fits = [_UNNAMED[0]]
        if not fits:
            raise DnpmError(
                f"its column {stamps.title!r} goes on by {step:g} from row to row, which is no capture's rate in "
                "seconds, milliseconds or frames; name its unit in its title (time_s, time_ms)"
            )
        unit, how = fits[0][0], f"times in {fits[0][1]}"
    value = stamps.fields[:, 0] * unit
    first = float(numbers[0] * unit)
    notes = []
    clocked = abs(first) > DAY_S or ("stamp" in stamps.title.lower() and abs(first) > _OWN_CLOCK_S)
    if clocked:
        value = value - first
        notes = [f"its clock begins at {first:g} s: counted from its first row"]
    return _Seconds(value, 0.5 * unit / 10**stamps.digits, how, unit, clocked, notes=notes)


def _forward(values: np.ndarray) -> np.ndarray:
    """Empty cells as the cell before them; those at the begin as the first that is given."""
    given = np.isfinite(values)
    last = np.maximum.accumulate(np.where(given, np.arange(len(values)), 0))
    last[: int(np.argmax(given))] = int(np.argmax(given))
    return values[last]


def _bridged(values: np.ndarray, given: np.ndarray, first_of_run: np.ndarray) -> np.ndarray:
    """Empty cells, and cells that repeat the one before, between their neighbours; at either end on by a step."""
    solid = given & first_of_run
    rows, known = np.flatnonzero(solid), values[solid]
    step = float(np.median(np.diff(known))) if len(known) > 1 else 0.0
    index = np.arange(len(values))
    out = np.interp(index, rows, known)
    out[: rows[0]] = known[0] + step * (index[: rows[0]] - rows[0])
    out[rows[-1] :] = known[-1] + step * (index[rows[-1] :] - rows[-1])
    return out


def _spread(seconds: _Seconds, first_of_run: np.ndarray, runs: np.ndarray, asked: float | None) -> Clock:
    """Rows that share a time: those of whole units tell the rate, and each stands in its unit by its number."""
    starts = np.flatnonzero(first_of_run)
    marks = _forward(seconds.value)[starts]
    steps = np.diff(marks)
    unit = float(steps[steps > 0].min()) if (steps > 0).any() else seconds.unit
    whole = runs[1:-1][np.isclose(steps[1:], unit)] if len(runs) > 2 else runs[:0]
    what = "a timecode a second" if unit == 1 else f"a time every {unit:g} s"
    if len(whole):
        fps = float(whole.mean() / unit)
        near = [rate for rate in RATES if ((whole >= np.floor(rate * unit)) & (whole <= np.ceil(rate * unit))).all()]
        if near:
            fps = min(near, key=lambda rate: abs(rate - fps))
        if asked is not None and abs(asked / fps - 1) > 0.02:
            raise DnpmError(f"it has {what}, and {fps:g} rows in each, not {asked:g}; {LEAVE_RATE}")
        how = f"rows from one mark to the next: {what}"
    elif asked is not None:
        fps, how = asked, f"given; {what}"
        if asked * unit < runs.max() - 1:
            raise DnpmError(f"it has {what}, and {runs.max()} rows in one; {asked:g} frames a second do not fit")
    else:
        raise DnpmError(f"it has {what}, and no whole one; {GIVE_RATE}")
    if asked is not None:
        fps = timecode.exact_rate(asked)
    times = np.empty(len(first_of_run))
    for k, (start, length) in enumerate(zip(starts, runs, strict=True)):
        step = min(1 / fps, unit / length)
        inside = np.arange(length) * step
        times[start : start + length] = marks[k] + inside
        if k == 0 and len(runs) > 1:  # The first may have begun anywhere: its last row stands before the next mark.
            times[:length] = marks[1] - (length - np.arange(length)) * step
    return Clock(times, np.arange(len(times)), fps, how)


def _ordered(clock: Clock, table: Table) -> None:
    """Rows that stand in another order are sorted; times that run back are refused."""
    steps = np.diff(clock.times)
    if (steps > 0).all():
        return
    step = float(np.median(np.abs(steps)))
    order = np.argsort(clock.times, kind="stable")
    rising = np.diff(clock.times[order])
    if not (rising > 0.6 * step).all():  # Two stretches over each other would be mixed.
        bad = int(np.flatnonzero(steps <= 0)[0]) + 1
        row = table.numbers[clock.rows[bad]]
        raise DnpmError(
            f"{table.unit} {row}: its time is {-steps[bad - 1]:g} s before the {table.unit} above; cut the file "
            "there, or give its rate (--fps, Capture Rate in Blender) to take the rows one after the other"
        )
    clock.moved = int((clock.times < np.maximum.accumulate(clock.times)).sum())
    clock.times, clock.rows = clock.times[order], clock.rows[order]


def _regular(clock: Clock, seconds: _Seconds, table: Table) -> None:
    """The rate, the frames that are missing, and times on their exact grid where they only differ by rounding."""
    steps = np.diff(clock.times)
    slots = np.maximum(np.rint(steps / np.median(steps)), 1)
    clock.missing = int(slots.sum() - len(slots))
    if (steps > LONGEST_GAP_S).any() and len(steps) > 1:
        bad = int(np.argmax(steps > LONGEST_GAP_S)) + 1
        row = table.numbers[clock.rows[bad]]
        raise DnpmError(f"{table.unit} {row}: {steps[bad - 1]:.0f} s pass before it; cut the file there")
    if clock.fps:  # Spread rows know their rate.
        return
    index = np.r_[0.0, np.cumsum(slots)]
    mean = float(index[-1] / (clock.times[-1] - clock.times[0]))
    own = [seconds.rate] if seconds.rate else []
    rates = [rate for rate in (*own, *RATES) if abs(rate / mean - 1) < 0.01]
    tolerance = 1.02 * seconds.quantum + 1e-7
    errors = {rate: _error(clock.times, index, rate) for rate in [*rates, mean]}
    fits = [rate for rate in rates if errors[rate] <= tolerance]
    if fits:
        # A short clip may fit 24 and 23.976: the closer, and of equals the whole one.
        clock.fps = min(fits, key=lambda rate: (rate not in own, round(errors[rate] / tolerance, 1), rate % 1 > 0))
        begin = clock.times[0] + float(np.mean(clock.times - clock.times[0] - index / clock.fps))
        clock.times = (clock.times[0] if abs(begin - clock.times[0]) <= tolerance else begin) + index / clock.fps
        if seconds.alike and clock.fps == seconds.rate:
            clock.how += f" (as at {seconds.alike:.5g})"
        return
    near = min(rates, key=lambda rate: abs(rate - mean), default=mean)
    clock.fps = near if abs(near / mean - 1) < 2e-3 else mean
    if errors[mean] > max(tolerance, 0.05 / mean):
        clock.how += ", uneven"


def _error(times: np.ndarray, index: np.ndarray, rate: float) -> float:
    """How far times are from a grid at most, in seconds, whatever its begin."""
    away = times - times[0] - index / rate
    return float(np.ptp(away) / 2)


def _checked(clock: Clock) -> Clock:
    if not SLOWEST <= clock.fps <= FASTEST:
        raise DnpmError(f"its times say {clock.fps:.4g} frames a second, which is no capture's rate")
    lasts = clock.times[-1] - clock.times[0]
    if lasts > LONGEST_S:
        raise DnpmError(f"it lasts {lasts / 3600:.1f} hours; at most {LONGEST_S / 3600:.0f} are read: cut it in parts")
    return clock
