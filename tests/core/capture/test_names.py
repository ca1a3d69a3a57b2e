"""Column names in the spellings of the programs that write them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.capture.names import CHANNELS, channel_of, columns_of
from dnpm.core.capture.stamps import kind_of, unit_of
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES

SNAKE = re.compile(r"(?<!^)(?=[A-Z])")


def _short(name: str, mark: str) -> str:
    return re.sub(r"Left$", f"{mark}L", re.sub(r"Right$", f"{mark}R", name))


SPELLINGS = {
    "Apple": lambda name: name,
    "Live Link Face": lambda name: name[0].upper() + name[1:],
    "ICT-FaceKit": lambda name: _short(name, "_"),
    "Blender": lambda name: _short(name, "."),
    "short": lambda name: _short(name, ""),
    "Python": lambda name: SNAKE.sub("_", name).lower(),
    "capitals": lambda name: SNAKE.sub("_", name).upper(),
    "words": lambda name: SNAKE.sub(" ", name),
    "dashes": lambda name: SNAKE.sub("-", name).lower(),
    "Audio2Face-3D": lambda name: f"blendShapes.{name[0].upper()}{name[1:]}",
    "Maya": lambda name: f"blendShape1.{name}",
    "prefix": lambda name: f"ARKit_{_short(name, '_')}",
    "side first": lambda name: re.sub(r"^(.*)(Left|Right)$", r"\2_\1", name).lower(),
    "letter first": lambda name: re.sub(r"^(.*)(Left|Right)$", lambda m: f"{m[2][0]}_{m[1]}", name),
}


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_every_name_is_found_in_every_spelling(spelling):
    titles = [SPELLINGS[spelling](name) for name in ARKIT_NAMES]
    assert [channel_of(title) for title in titles] == [(k, False) for k in range(52)]
    columns = columns_of([*titles, "BlendShapeCount", "_neutral"])
    assert columns.unknown == ()
    values = np.arange(108.0).reshape(2, 54)
    np.testing.assert_array_equal(columns.gathered(values)[:, :52], values[:, :52])


def test_rotations_and_others():
    assert [channel_of(title) for title in ("HeadYaw", "head_yaw", "LeftEyePitch")] == [
        (52, False),
        (52, False),
        (56, False),
    ]
    for title in ("jaw", "Timecode", "BlendShapeCount", "jawDrop", "browLowerL", "eyesLookLeft", "", "mouth"):
        assert channel_of(title) is None, title
    assert columns_of(["jawOpen", "jawDrop", "browLowerL"]).unknown == ("jawDrop", "browLowerL")


def test_two_sides_of_what_arkit_has_once():
    columns = columns_of(["browInnerUp_L", "browInnerUp_R", "cheekPuff_L"])
    out = columns.gathered(np.array([[0.2, 0.6, 0.5]]))
    assert out[0, ARKIT_NAMES.index("browInnerUp")] == pytest.approx(0.4)
    assert out[0, ARKIT_NAMES.index("cheekPuff")] == 0.5
    for titles in (["jawOpen", "JawOpen"], ["browInnerUp", "browInnerUp_L"], ["eyeBlinkLeft", "eyeBlink_L"]):
        with pytest.raises(DnpmError, match="are both"):
            columns_of(titles)


@given(st.text(max_size=30))
def test_any_title_is_a_channel_or_none(title):
    found = channel_of(title)
    assert found is None or 0 <= found[0] < len(CHANNELS)
    assert kind_of(title) in (None, "clock", "frame")


def test_titles_of_time():
    clocks = {
        "time": None, "Timecode": None, "timestamp": None, "Timestamp (ms)": 1e-3, "time_s": 1.0, "Time[sec]": 1.0,
        "t": None, "ms": 1e-3, "seconds": 1.0, "elapsed_ms": 1e-3, "timeCode": None, "timestamp_us": 1e-6,
    }  # fmt: skip
    for title, unit in clocks.items():
        assert (kind_of(title), unit_of(title)) == ("clock", unit), title
    for title in ("frame", "Frame", "frame_number", "frameIndex", "index", "Frame No."):
        assert kind_of(title) == "frame", title
    for title in ("", "jawOpen", "BlendShapeCount", "name", "timer", "tongueOut", "frame rate"):
        assert kind_of(title) is None, title
