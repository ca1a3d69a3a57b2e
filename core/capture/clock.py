"""From a time column to seconds and a frame rate, or the reason why these cannot be determined.

Times are read the way the program that wrote them meant them; every decision is described in `Clock.how`. Ambiguous
times are refused with the option that settles them.
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
"""Common frame rates; times that match one within their rounding are snapped to its grid."""
SLOWEST, FASTEST = 0.05, 1000.0
LONGEST_GAP_S, LONGEST_S = 600.0, 4 * 3600.0
_UNNAMED = ((1.0, "seconds"), (1e-3, "milliseconds"), (1e-6, "microseconds"), (1e-9, "nanoseconds"))
_CAPTURE_STEP = (4e-3, 0.2)
"""Frame intervals of captures (5 to 250 fps): they identify the unit of a column that does not name one."""
_OWN_CLOCK_S = 10.0


@dataclass
class Clock:
    """times (M,): increasing seconds; rows (M,): indices of the table's rows; fps: frames per second; how: a short
    description of where the rate comes from; clocked: a time of day or a device clock, not seconds from the start of a
    sound."""

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
    """A column in seconds: value (N,), NaN where a cell is empty; quantum: the largest rounding error in seconds."""

    value: np.ndarray
    quantum: float
    how: str
    unit: float = 1.0
    clocked: bool = False
    rate: float | None = None
    """Frames per second, where the column itself states it."""
    alike: float = 0.0
    """Another rate that is written in the same way."""
    notes: list[str] = field(default_factory=list)


def clock_of(table: Table, same: np.ndarray, asked: float | None) -> Clock:
    """same: (N,) bool, rows whose values equal those of the previous row; asked: the frame rate given by the user.

    Raises DnpmError when rate or order cannot be determined, or the times contradict a stated or given rate.
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
        return Clock(np.arange(count) / asked, np.arange(count), asked, "given; its own times go backwards")
    _regular(clock, seconds, table)
    said = f"its times give {clock.fps:.4g} frames per second"
    if table.rate is not None and abs(table.rate / clock.fps - 1) > 0.02:
        if asked is None:
            raise DnpmError(f"{said}, {table.rate_title} states {table.rate:g}; {GIVE_RATE}")
        return _counted(table, None, same, asked)
    if asked is not None and abs(asked / clock.fps - 1) > 0.02:
        raise DnpmError(f"{said}, not {asked:g}; {LEAVE_RATE}")
    return _checked(clock)


def _usable(table: Table) -> Stamps | None:
    """The first time column whose cells differ; clocks are preferred to frame numbers."""
    for column in sorted(table.stamps, key=lambda column: kind_of(column.title) == "frame"):
        stamps = stamps_of(column, table.numbers, table.unit)
        if stamps.given.any() and (stamps.fields[stamps.given] != stamps.fields[stamps.given][0]).any():
            return stamps
    return None


def _counted(table: Table, stamps: Stamps | None, same: np.ndarray, asked: float | None) -> Clock:
    """Rows placed by frame number, or one after the other, at a stated or given rate."""
    rate = asked or table.rate
    if rate is None:
        if stamps is None:
            named = f"its column {table.stamps[0].title!r} never changes" if table.stamps else "it has no time column"
            raise DnpmError(f"{named}; {GIVE_RATE}")
        raise DnpmError(f"its column {stamps.title!r} holds frame numbers, or whole seconds; {GIVE_RATE}")
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
                f"its column {stamps.title!r} advances by {step:g} per row, which is not a capture rate in "
                "seconds, milliseconds or frames; name its unit in its title (time_s, time_ms)"
            )
        unit, how = fits[0][0], f"times in {fits[0][1]}"
    value = stamps.fields[:, 0] * unit
    first = float(numbers[0] * unit)
    notes = []
    clocked = abs(first) > DAY_S or ("stamp" in stamps.title.lower() and abs(first) > _OWN_CLOCK_S)
    if clocked:
        value = value - first
        notes = [f"its clock starts at {first:g} s: times are counted from the first row"]
    return _Seconds(value, 0.5 * unit / 10**stamps.digits, how, unit, clocked, notes=notes)


def _forward(values: np.ndarray) -> np.ndarray:
    """Empty cells filled with the previous value, leading ones with the first value."""
    given = np.isfinite(values)
    last = np.maximum.accumulate(np.where(given, np.arange(len(values)), 0))
    last[: int(np.argmax(given))] = int(np.argmax(given))
    return values[last]


def _bridged(values: np.ndarray, given: np.ndarray, first_of_run: np.ndarray) -> np.ndarray:
    """Empty and repeated cells interpolated between their neighbours; the ends continue by the median step."""
    solid = given & first_of_run
    rows, known = np.flatnonzero(solid), values[solid]
    step = float(np.median(np.diff(known))) if len(known) > 1 else 0.0
    index = np.arange(len(values))
    out = np.interp(index, rows, known)
    out[: rows[0]] = known[0] + step * (index[: rows[0]] - rows[0])
    out[rows[-1] :] = known[-1] + step * (index[rows[-1] :] - rows[-1])
    return out


def _spread(seconds: _Seconds, first_of_run: np.ndarray, runs: np.ndarray, asked: float | None) -> Clock:
    """Rows that share a time stamp: the number of rows in complete units gives the rate; they are spread evenly."""
    starts = np.flatnonzero(first_of_run)
    marks = _forward(seconds.value)[starts]
    steps = np.diff(marks)
    unit = float(steps[steps > 0].min()) if (steps > 0).any() else seconds.unit
    whole = runs[1:-1][np.isclose(steps[1:], unit)] if len(runs) > 2 else runs[:0]
    what = "one timecode per second" if unit == 1 else f"one time stamp every {unit:g} s"
    if len(whole):
        fps = float(whole.mean() / unit)
        near = [rate for rate in RATES if ((whole >= np.floor(rate * unit)) & (whole <= np.ceil(rate * unit))).all()]
        if near:
            fps = min(near, key=lambda rate: abs(rate - fps))
        if asked is not None and abs(asked / fps - 1) > 0.02:
            raise DnpmError(f"it has {what} with {fps:g} rows in each, not {asked:g}; {LEAVE_RATE}")
        how = f"rows from one time stamp to the next; {what}"
    elif asked is not None:
        fps, how = asked, f"given; {what}"
        if asked * unit < runs.max() - 1:
            raise DnpmError(f"it has {what} with {runs.max()} rows in one; {asked:g} frames per second do not fit")
    else:
        raise DnpmError(f"it has {what}, and no complete one; {GIVE_RATE}")
    if asked is not None:
        fps = timecode.exact_rate(asked)
    times = np.empty(len(first_of_run))
    for k, (start, length) in enumerate(zip(starts, runs, strict=True)):
        step = min(1 / fps, unit / length)
        inside = np.arange(length) * step
        times[start : start + length] = marks[k] + inside
        if k == 0 and len(runs) > 1:  # The first unit may be incomplete: its rows end at the next time stamp.
            times[:length] = marks[1] - (length - np.arange(length)) * step
    return Clock(times, np.arange(len(times)), fps, how)


def _ordered(clock: Clock, table: Table) -> None:
    """Sort rows that are out of order; refuse times that go backwards over earlier rows."""
    steps = np.diff(clock.times)
    if (steps > 0).all():
        return
    step = float(np.median(np.abs(steps)))
    order = np.argsort(clock.times, kind="stable")
    rising = np.diff(clock.times[order])
    if not (rising > 0.6 * step).all():  # Sorting would interleave two overlapping stretches.
        bad = int(np.flatnonzero(steps <= 0)[0]) + 1
        row = table.numbers[clock.rows[bad]]
        raise DnpmError(
            f"{table.unit} {row}: its time is {-steps[bad - 1]:g} s before the previous {table.unit}; split the file "
            "there, or give its rate (--fps, Capture Rate in Blender) to read the rows in file order"
        )
    clock.moved = int((clock.times < np.maximum.accumulate(clock.times)).sum())
    clock.times, clock.rows = clock.times[order], clock.rows[order]


def _regular(clock: Clock, seconds: _Seconds, table: Table) -> None:
    """Set the rate and count missing frames; snap times to an exact grid where they differ from it by rounding only."""
    steps = np.diff(clock.times)
    slots = np.maximum(np.rint(steps / np.median(steps)), 1)
    clock.missing = int(slots.sum() - len(slots))
    if (steps > LONGEST_GAP_S).any() and len(steps) > 1:
        bad = int(np.argmax(steps > LONGEST_GAP_S)) + 1
        row = table.numbers[clock.rows[bad]]
        raise DnpmError(f"{table.unit} {row}: {steps[bad - 1]:.0f} s pass before it; split the file there")
    if clock.fps:  # Known already for spread rows.
        return
    index = np.r_[0.0, np.cumsum(slots)]
    mean = float(index[-1] / (clock.times[-1] - clock.times[0]))
    own = [seconds.rate] if seconds.rate else []
    rates = [rate for rate in (*own, *RATES) if abs(rate / mean - 1) < 0.01]
    tolerance = 1.02 * seconds.quantum + 1e-7
    errors = {rate: _error(clock.times, index, rate) for rate in [*rates, mean]}
    fits = [rate for rate in rates if errors[rate] <= tolerance]
    if fits:
        # A short clip may fit both 24 and 23.976: take the closer one, on a tie the integer.
        clock.fps = min(fits, key=lambda rate: (rate not in own, round(errors[rate] / tolerance, 1), rate % 1 > 0))
        begin = clock.times[0] + float(np.mean(clock.times - clock.times[0] - index / clock.fps))
        clock.times = (clock.times[0] if abs(begin - clock.times[0]) <= tolerance else begin) + index / clock.fps
        if seconds.alike and clock.fps == seconds.rate:
            clock.how += f" ({seconds.alike:.5g} reads the same)"
        return
    near = min(rates, key=lambda rate: abs(rate - mean), default=mean)
    clock.fps = near if abs(near / mean - 1) < 2e-3 else mean
    if errors[mean] > max(tolerance, 0.05 / mean):
        clock.how += ", uneven"


def _error(times: np.ndarray, index: np.ndarray, rate: float) -> float:
    """The largest distance of times from a regular grid in seconds, for the best offset."""
    away = times - times[0] - index / rate
    return float(np.ptp(away) / 2)


def _checked(clock: Clock) -> Clock:
    if not SLOWEST <= clock.fps <= FASTEST:
        raise DnpmError(f"its times give {clock.fps:.4g} frames per second, which is not a capture rate")
    lasts = clock.times[-1] - clock.times[0]
    if lasts > LONGEST_S:
        raise DnpmError(f"it lasts {lasts / 3600:.1f} hours; at most {LONGEST_S / 3600:.0f} are read: split it")
    return clock
