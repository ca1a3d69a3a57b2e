"""Text with separators: the same track whatever the encoding, separator and decimal mark; damage is bridged."""

from __future__ import annotations

import codecs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.read import read_capture
from dnpm.core.errors import DnpmError

TIMES = np.arange(90) / 30
ENCODINGS = {
    "utf-8": b"", "utf-8-sig": b"", "utf-16": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32": b"", "latin-1": b"",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(forms) -> list[list[str]]:
    labels = [forms.timecode(3600 * 30 + k, 30, fraction=".595") for k in range(90)]
    return forms.live_link(labels, forms.performance(TIMES))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(ENCODINGS)), st.sampled_from(",;\t|"), st.booleans(), st.booleans(), st.sampled_from(
        ["\n", "\r\n", "\r"]), st.sampled_from(["", "sep=;\n", "# a comment\n\n", "Recorded by,a phone\n"]),
    st.permutations(range(2, 12)),
)  # fmt: skip
def test_the_same_track_in_every_layout(forms, written, rows, encoding, separator, commas, quoted, end, above, order):
    """Decimal commas need another separator, or quotes."""
    cells = [[row[0], row[1], *(row[k] for k in order), *row[12:]] for row in rows]
    if commas:
        quoted = quoted or separator == ","
        cells = [cells[0], *([row[0], *(cell.replace(".", ",") for cell in row[1:])] for row in cells[1:])]
    if quoted:
        cells = [[f'"{cell}"' for cell in row] for row in cells]
    text = above.replace("\n", end) + forms.text(cells, separator, end)
    capture = read_capture(written(ENCODINGS[encoding] + text.encode(encoding)))
    np.testing.assert_allclose(capture.track.expression, forms.performance(TIMES), atol=1e-5)
    np.testing.assert_allclose(capture.track.rotations, 0.1, atol=1e-6)
    assert (capture.fps, capture.gaps, capture.channels) == (30, 0, 52)


def test_utf_16_without_a_mark(forms, written, rows):
    for encoding in ("utf-16-le", "utf-16-be"):
        capture = read_capture(written(forms.text(rows).encode(encoding)))
        assert capture.gaps == 0
    cut = forms.text(rows).encode("utf-16")[:60_001]
    assert read_capture(written(cut)).gaps == 1, "cut in a character of its last line"


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 88), min_size=1, max_size=25), st.sampled_from(
    ["count", "short", "empty", "nan", "zeros", "damaged"]))  # fmt: skip
def test_rows_without_a_face_are_bridged(forms, written, rows, lost, how):
    changed = [list(row) for row in rows]
    for k in lost:
        row = changed[k + 1]
        zeros = [row[0], "61", *["0.000000"] * 61]
        changed[k + 1] = {
            "count": [row[0], "0", *zeros[2:]], "short": [row[0], "0"], "empty": [row[0], "61", *[""] * 61],
            "nan": [row[0], "61", *["nan"] * 61], "zeros": zeros, "damaged": row[:17],
        }[how]  # fmt: skip
    capture = read_capture(written(changed))
    held = np.array([k for k in range(90) if k not in lost])
    wanted = forms.performance(TIMES)
    between = np.stack([np.interp(TIMES, TIMES[held], column[held]) for column in wanted.T], 1)
    np.testing.assert_allclose(capture.track.expression, between, atol=1e-5)
    assert capture.bridged == ((len(lost), "without a face"),)
    assert (len(capture.track.times), capture.fps) == (90, 30)
    assert f"gaps: {len(lost)} without a face" in capture.line()


def test_a_face_at_rest_is_no_lost_face(forms, written):
    """Zeros that a movement leads to and from are a neutral face; so is a jaw alone that shuts at once."""
    values = np.clip(forms.performance(TIMES), 0, None) * np.clip(np.sin(2 * np.pi * TIMES / 1.5), 0, 1)[:, None]
    capture = read_capture(written(forms.plain("time", [f"{t:.5f}" for t in TIMES], values)))
    np.testing.assert_allclose(capture.track.expression, values, atol=1e-5)
    assert capture.gaps == 0
    square = np.zeros((90, 52))
    square[:, forms.jaw] = TIMES % 1 < 0.5
    assert read_capture(written(forms.plain("time", [f"{t:.5f}" for t in TIMES], square))).gaps == 0


def test_single_empty_cells_are_bridged(forms, written, rows):
    changed = [list(row) for row in rows]
    jaw = changed[0].index("JawOpen")
    for k in (30, 31, 32, 60):
        changed[k][jaw] = ""
    capture = read_capture(written(changed))
    assert capture.bridged == ((4, "with empty values"),)
    np.testing.assert_allclose(capture.track.expression, forms.performance(TIMES), atol=0.05)
    for row in changed[1:]:
        row[jaw] = ""
    emptied = read_capture(written(changed))
    assert "jawOpen" in emptied.track.missing
    assert emptied.channels == 51


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(1, 89), max_size=20))
def test_repeated_rows_are_left_out(forms, written, rows, twice):
    repeated = [row for k, row in enumerate(rows) for _ in range(2 if k in twice else 1)]
    capture = read_capture(written(repeated))
    assert (len(capture.track.times), capture.fps, capture.gaps) == (90, 30, len(twice))
    np.testing.assert_allclose(capture.track.expression, forms.performance(TIMES), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 560))
def test_a_last_line_that_breaks_off_is_left_out(forms, written, rows, left):
    text = forms.text(rows)
    start = len(forms.text(rows[:-1]))
    capture = read_capture(written(text[: min(start + left, len(text) - 10)]))
    assert (len(capture.track.times), capture.gaps) == (89, 1)
    np.testing.assert_allclose(capture.track.expression, forms.performance(TIMES[:-1]), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("time,jawOpen\n", "at least two frames"),
        ("time,jawOpen\n0.00,1\n", "two frames"),
        ("time,a,b\n0,1,1\n1,1,1\n", "ARKit name"),
        ("12:00:00:00,61,0.1,0.2\n12:00:00:01,61,0.1,0.2\n", "no line of column names"),
        ("when,jawOpen\n0,1\n1,1\n", "no time column"),
        ("time,jawOpen\n0.00,1\n0.04,open\n0.08,1\n", "line 3: 'open' is not a number"),
        ("time,jawOpen\n0.00,1\n\n\n0.04,inf\n0.08,1\n", "line 5: has values that are not finite"),
        ("time,jawOpen\n0.00,nan\n0.04,\n0.08,\n", "no face in any"),
        ("time,jawOpen,jaw_open\n0.00,1,1\n0.04,1,1\n", "'jawOpen' and 'jaw_open' are both jawOpen"),
        ("time,jawOpen,jawLeft\n" + "0,00,0,1,0,2\n0,04,0,1,0,2\n" * 3, "decimal commas"),
        ("time,jawOpen\n0.00,\0\n", "contains zero bytes"),
        ("time,jawOpen\n0.00,50\n" + "".join(f"{k / 25},0.5\n" for k in range(1, 300)), "reach 50 in only 1 places"),
    ],
)  # fmt: skip
def test_what_is_no_track_is_refused(written, text, message):
    with pytest.raises(DnpmError, match=f"take.csv: .*{message}"):
        read_capture(written(text))


def test_values_in_percent(forms, written):
    labels = [f"{t:.5f}" for t in TIMES]
    wanted = forms.performance(TIMES)
    for factor, scale in ((100, None), (100, 100), (255, 255), (1, None), (1.5, None)):
        capture = read_capture(written(forms.plain("time", labels, factor * wanted)), scale=scale)
        full = 1.5 if factor == 1.5 else 1
        np.testing.assert_allclose(capture.track.expression, full * wanted, atol=1e-5)
        assert capture.value_range == pytest.approx((0, full), abs=1e-5)
        assert ("percent" in capture.line()) == (factor == 100 and scale is None)
    for factor in (5, 255):
        with pytest.raises(DnpmError, match=r"neither 0 to 1 nor 0 to 100; .*--scale"):
            read_capture(written(forms.plain("time", labels, factor * wanted)))


def test_percent_signs(written):
    lines = [f"{k / 30:.4f};{k}%" for k in range(60)]
    capture = read_capture(written("time;jawOpen\n" + "\n".join(lines)))
    assert capture.value_range == pytest.approx((0, 0.59))


def test_rotations_in_degrees(written):
    lines = [f"{k / 30:.4f},0.5,{20 * np.sin(k / 9):.5f}" for k in range(60)]
    capture = read_capture(written("time,jawOpen,headYaw\n" + "\n".join(lines)))
    np.testing.assert_allclose(capture.track.rotations[:, 0], np.deg2rad(20 * np.sin(np.arange(60) / 9)), atol=1e-5)
    assert "degrees" in capture.line()


def test_hostile_text(written):
    for text, message in (
        ("time,jawOpen\n" + "0.00," + "1" * 5000 + "\n0.04,1\n", "not finite"),
        ("time,jawOpen\n" + "9" * 5000 + ",1\n0.04,1\n", "is not a time"),
        ("jawOpen," * 5000 + "\n", "more than 4000 columns"),
        ("time,jawOpen\n0.00,1\n" + "1," * 60_000, "characters, too many for a capture"),
    ):
        with pytest.raises(DnpmError, match=f"take.csv: .*{message}") as caught:
            read_capture(written(text))
        assert len(str(caught.value)) < 600
        assert "\n" not in str(caught.value)
