"""Rates and lengths: right for every way to write time from which they follow, else refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.read import read_capture
from dnpm.core.errors import DnpmError

NTSC = 1000 / 1001
# Rate, what its timecodes count, numbers that drop-frame timecode leaves out.
KINDS = [(24, 24, 0), (25, 25, 0), (30, 30, 0), (30 * NTSC, 30, 0), (30 * NTSC, 30, 2), (48, 48, 0), (50, 50, 0),
         (60, 60, 0), (60 * NTSC, 60, 0), (60 * NTSC, 60, 4), (24 * NTSC, 24, 0)]  # fmt: skip
RATES = sorted({kind[0] for kind in KINDS})


def is_right(capture, forms, rate: float, count: int) -> None:
    """Length, rate and values of the performance; 1/1001 is not a difference that undropped timecodes tell."""
    assert len(capture.track.times) == count
    assert capture.fps == pytest.approx(rate, rel=1.1e-3)
    assert capture.seconds == pytest.approx(count / rate, rel=1.1e-3, abs=1e-3)
    assert (np.diff(capture.track.times) > 0).all()
    wanted = forms.performance(np.arange(count) / rate)
    np.testing.assert_allclose(capture.track.expression, wanted, atol=1e-3)
    assert capture.gaps == 0


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS), st.integers(2, 260), st.integers(0, 86_399), st.integers(0, 59),
    st.sampled_from(["", ".000", ".595", ".25"]),
)  # fmt: skip
def test_timecodes_of_every_rate_and_length(forms, written, kind, count, second, frame, fraction):
    """Also over midnight, over minutes with dropped numbers, and within one second, where the rate may not follow."""
    rate, base, dropped = kind
    mark = ";" if dropped else ":"
    day = 86_400 * base - dropped * (24 * 60 - 144)
    begin = min(second * base + min(frame, base - 1), day - 1)
    labels = [forms.timecode((begin + k) % day, base, mark, fraction, dropped) for k in range(count)]
    path = written(forms.live_link(labels, forms.performance(np.arange(count) / rate)))
    in_one_second = labels[0][:8] == labels[-1][:8]
    if in_one_second and (int(labels[-1][9:11]) < 50 or base < 60):
        if fraction in ("", ".25") or int(labels[-1][9:11]) < 30:
            with pytest.raises(DnpmError, match=r"take\.csv: .*of one second.*--fps"):
                read_capture(path)
        is_right(read_capture(path, fps=rate), forms, rate, count)
    else:
        is_right(read_capture(path), forms, rate, count)
        is_right(read_capture(path, fps=rate), forms, rate, count)


def test_live_link_face_counts_30_or_60(forms, written):
    labels = [forms.timecode(k, 60, fraction=".595") for k in range(36)]
    capture = read_capture(written(forms.live_link(labels, forms.performance(np.arange(36) / 60))))
    is_right(capture, forms, 60, 36)
    assert "30 or 60" in capture.fps_from


@pytest.mark.parametrize(("rate", "base", "given"), [(30, 60, None), (24, 60, 24), (12, 24, 12), (60, 30, 60)])
def test_rows_may_skip_frames_or_share_them(forms, written, rate, base, given):
    """A timecode at another rate than the rows: every second frame, 2.5 frames, half frames."""
    count = 3 * rate
    numbers = np.arange(count) * base / rate
    labels = [forms.timecode(int(n), base, fraction=f".{round(n % 1 * 1000):03d}") for n in numbers]
    path = written(forms.live_link(labels, forms.performance(np.arange(count) / rate)))
    is_right(read_capture(path, fps=given), forms, rate, count)
    shared = [label[:11] for label in labels]
    if rate > base:
        path = written(forms.live_link(shared, forms.performance(np.arange(count) / rate)))
        is_right(read_capture(path), forms, rate, count)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(RATES), st.integers(12, 200), st.integers(0, 80_000), st.sampled_from([
    ("time", "{:.4f}", 1), ("Time (s)", "{:.6f}", 1), ("seconds", "{:.3f}", 1), ("t", "{}", 1),
    ("time", "{:.0f}", 1000), ("timestamp_ms", "{:.0f}", 1000), ("timestamp", "{:.1f}", 1000), ("Time[ms]", "{}", 1000),
    ("timestamp_us", "{:.0f}", 1e6), ("timestamp", "{:.0f}", 1e9), ("clock", "", 0),
]))  # fmt: skip
def test_times_in_every_unit(forms, written, rate, count, begin, form):
    title, pattern, unit = form
    times = np.arange(count) / rate
    if not unit:
        shown = [f"{int(t) // 3600:02d}:{int(t) // 60 % 60:02d}:{t % 60:06.3f}" for t in begin + times]
    else:
        shown = [pattern.format(t * unit) for t in times]
    capture = read_capture(written(forms.plain(title, shown, forms.performance(times))))
    # Times that are rounded to ms tell 24 from 23.976 after a second.
    assert capture.fps == pytest.approx(rate, rel=1.1e-3 if count > rate else 6e-3)
    assert capture.seconds == pytest.approx(count / rate, rel=2e-3, abs=2e-3)
    assert len(capture.track.times) == count
    assert np.abs(capture.track.times - capture.track.times[0] - times).max() <= 1.1e-3
    assert capture.gaps == 0


@pytest.mark.parametrize("title", ["frame", "Frame Number", "frame_idx", "Timecode", "time"])
@pytest.mark.parametrize("rate", [24, 30, 59.94])
def test_frame_numbers_need_a_rate(forms, written, title, rate):
    count = 90
    exact = {59.94: 60 * NTSC}.get(rate, rate)
    values = forms.performance(np.arange(count) / exact)
    path = written(forms.plain(title, [str(k + 1) for k in range(count)], values))
    with pytest.raises(DnpmError, match=r"take.csv: .*frame numbers.*\(--fps"):
        read_capture(path)
    capture = read_capture(path, fps=rate)
    is_right(capture, forms, exact, count)
    assert capture.fps_from.startswith("given")
    assert capture.track.times[0] == 0


@pytest.mark.parametrize("rate", [24, 25, 30, 30 * NTSC, 60])
@pytest.mark.parametrize("form", ["rows", "first row", "seconds"])
def test_one_timecode_a_second(forms, written, rate, form):
    """Rows of a whole second tell the rate, wherever in a second the take begins."""
    count = round(4.4 * rate)
    times = np.arange(count) / rate
    clock = (45_000.3 + times).astype(int)
    labels = [forms.timecode(s, 1)[:8] if form != "seconds" else str(s - clock[0]) for s in clock]
    if form == "first row":
        labels = [label if k == 0 or label != labels[k - 1] else "" for k, label in enumerate(labels)]
    path = written(forms.plain("Timecode", labels, forms.performance(times)))
    capture = read_capture(path)
    assert capture.fps == pytest.approx(rate, rel=2e-3)
    assert capture.seconds == pytest.approx(count / rate, rel=5e-3)
    steps = np.diff(capture.track.times)
    assert steps.min() > 0.5 / rate
    assert steps.max() < 1.6 / rate
    half = written(forms.plain("Timecode", labels[: round(1.2 * rate)], forms.performance(times[: round(1.2 * rate)])))
    with pytest.raises(DnpmError, match=r"no complete one.*--fps"):
        read_capture(half)
    assert read_capture(half, fps=rate).seconds == pytest.approx(1.2, rel=0.03)


@pytest.mark.parametrize("fields", ["MM:SS:FF", "HH:MM:SS.FF", "HH:MM:SS:mmm", "HH:MM:SS:mmm.count", "dates",
                                    "NeuroSync"])  # fmt: skip
@pytest.mark.parametrize("count", [100, 20])
def test_other_timecodes(forms, written, fields, count):
    """NeuroSync writes the milliseconds of the second in place of the frame's fraction."""
    if count < 25 and fields in ("MM:SS:FF", "HH:MM:SS.FF", "HH:MM:SS:mmm"):
        return  # Nothing in one second tells what the last field counts, or there is too little of it.
    rate = 25
    times = np.arange(count) / rate
    labels = {
        "MM:SS:FF": [forms.timecode(k, 25)[3:] for k in range(count)],
        "HH:MM:SS.FF": [forms.timecode(k, 25, ".") for k in range(count)],
        "HH:MM:SS:mmm": [f"00:00:{int(t):02d}:{round(t % 1 * 1000):03d}" for t in times],
        "HH:MM:SS:mmm.count": [f"00:00:{int(t):02d}:{round(t % 1 * 1000):02d}.{k:03d}" for k, t in enumerate(times)],
        "NeuroSync": [
            f"00:00:{int(t):02d}:{int(t % 1 * 1000 / (1000 / 25)):02d}.{int(t % 1 * 1000):03d}" for t in times
        ],
        "dates": [f"2024-05-01T10:00:{t:06.3f}Z" for t in times],
    }[fields]
    is_right(read_capture(written(forms.plain("Timecode", labels, forms.performance(times)))), forms, rate, count)


@pytest.mark.parametrize("rate", [30.0, 30 * NTSC])
def test_face_landmark_links_running_fraction(forms, written, rate):
    """Its fraction counts the rows of the file, and its frame field starts again with the video's own second."""
    count = 100
    index = np.arange(1, count + 1)
    labels = [f"00:00:{int(k * 1000 / rate / 1000) % 60:02d}:{int(k % rate):02}.{k % 1000:03d}" for k in index]
    rows = forms.live_link(labels, forms.performance(np.arange(count) / rate))
    rows = [rows[0], *([row[0], "52", *row[2:]] for row in rows[1:])]
    is_right(read_capture(written(rows)), forms, rate, count)


def test_a_phone_that_is_a_little_slow(forms, written):
    """Live Link Face labels what its camera gives, here 59.904 frames a second, with thousandths of frames of 60."""
    numbers = 35.273 + np.arange(400) * 60 / 59.904
    labels = [forms.timecode(int(n), 60, fraction=f".{int(n % 1 * 1000):03d}") for n in numbers]
    capture = read_capture(written(forms.live_link(labels, forms.performance(np.arange(400) / 59.904))))
    assert capture.track.times[-1] - capture.track.times[0] == pytest.approx(399 / 59.904, abs=1e-4)
    assert capture.fps == pytest.approx(59.904, rel=1e-3)
    assert capture.gaps == 0
    assert "reads the same" not in capture.fps_from


def test_fields_that_all_count_to_30(forms, written):
    """skellytracker writes 30 seconds a minute."""
    count = 30 * 70
    labels = [f"{k // 27000 % 30:02d}:{k // 900 % 30:02d}:{k // 30 % 30:02d}:{k % 30:02d}.{k % 1000:03d}"
              for k in range(1, count + 1)]  # fmt: skip
    is_right(read_capture(written(forms.plain("Timestamp", labels, forms.performance(np.arange(count) / 30)))), forms,
             30, count)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([24, 30, 60]), st.sets(st.integers(1, 148), max_size=30), st.integers(0, 59))
def test_missing_frames_leave_the_length(forms, written, rate, gone, frame):
    times = np.arange(150) / rate
    kept = [k for k in range(150) if k not in gone]
    labels = [forms.timecode(3600 * rate + frame + k, rate, fraction=".000") for k in kept]
    capture = read_capture(written(forms.live_link(labels, forms.performance(times)[kept])))
    assert capture.fps == rate
    assert capture.seconds == pytest.approx(150 / rate)
    assert capture.gaps == len(gone)
    np.testing.assert_allclose(capture.track.expression, forms.performance(times)[kept], atol=1e-5)


def test_uneven_times_stay_as_they_are(forms, written):
    rng = np.random.default_rng(1)
    times = np.sort(np.arange(200) / 30 + rng.uniform(-0.01, 0.01, 200))
    capture = read_capture(written(forms.plain("time", [f"{t:.5f}" for t in times], forms.performance(times))))
    np.testing.assert_allclose(capture.track.times, times, atol=1e-5)
    assert capture.fps == pytest.approx(30, rel=0.01)
    assert "uneven" in capture.fps_from


def test_rows_in_another_order_are_sorted_and_jumps_back_refused(forms, written):
    times = np.arange(90) / 30
    rows = forms.plain("time", [f"{t:.4f}" for t in times], forms.performance(times))
    swapped = list(rows)
    swapped[20], swapped[21] = rows[21], rows[20]
    capture = read_capture(written(swapped))
    np.testing.assert_allclose(capture.track.expression, forms.performance(times), atol=1e-5)
    assert (capture.gaps, capture.bridged[0][1]) == (1, "out of order")
    again = written([*rows, *rows[1:]])
    with pytest.raises(DnpmError, match=r"take\.csv: line 92: its time is 2\.96.* before the previous line"):
        read_capture(again)
    labels = [f"{t - (0.18 if k > 40 else 0):.4f}" for k, t in enumerate(times)]
    with pytest.raises(DnpmError, match=r"line 43: its time is 0\.1466 s before"):
        read_capture(written(forms.plain("time", labels, forms.performance(times))))
    joined = read_capture(again, fps=30)
    assert joined.seconds == pytest.approx(6.0)
    assert "go backwards" in joined.fps_from


@pytest.mark.parametrize(
    ("title", "labels", "fps", "message"),
    [
        (None, None, None, "no time column; .*--fps"),
        ("time", ["5.0"] * 40, None, "'time' never changes; .*--fps"),
        ("time", [f"{k / 30:.4f}" for k in range(40)], 60, "its times give 30 .* not 60"),
        ("Timecode", [f"00:00:{k // 30:02d}:{k % 30:02d}" for k in range(40)], 25, "count 30 .* not 25"),
        ("Timecode", [f"00:00:01:{k:02d}" for k in range(40)], 30, "reach frame 39, which is too high for 30"),
        ("time", [str(700 * k) for k in range(40)], None, "name its unit"),
        ("time_ms", [f"{k / 30:.6f}" for k in range(40)], None, "not a capture rate"),
        ("time", ["noon"] * 40, None, "line 2: 'noon' is not a time"),
        ("time", [*["0:01.5"] * 20, *["1.0"] * 20], None, "line 22: '1.0' is not a time of the same form"),
        ("time", [f"{k / 30 + 900 * (k > 20):.4f}" for k in range(40)], None, "line 23: 900 s pass before it"),
        ("time", [f"{500 * k + 0.5:.4f}" for k in range(40)], None, "its times give 0.002 frames per second"),
        ("time", [f"{k / 30 + 590 * (k // 2):.4f}" for k in range(100)], None, "lasts 8.0 hours"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(forms, written, title, labels, fps, message):
    labels = labels or [""] * 40
    rows = forms.plain(title or "time", labels, forms.performance(np.arange(len(labels)) / 30))
    path = written(rows if title else [row[1:] for row in rows])
    with pytest.raises(DnpmError, match=f"take.csv: .*{message}"):
        read_capture(path, fps=fps)
