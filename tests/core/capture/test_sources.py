"""What the shape keys of other programs' heads stand for."""

from __future__ import annotations

import pytest

from dnpm.core.capture.sources import expressions_of
from dnpm.core.face_model.arkit import ARKIT_NAMES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eyeBlinkLeft", {"eyeBlinkLeft": 1.0}),
        ("mouthSmile_R", {"mouthSmileRight": 1.0}),
        ("browInnerUp_L", {"browInnerUp": 0.5}),
        ("CTRL_expressions_browDownL", {"browDownLeft": 1.0}),
        ("CTRL_expressions_mouthCornerPullR", {"mouthSmileRight": 1.0}),
        ("head_lod0_mesh__brow_raise_outer_L", {"browOuterUpLeft": 1.0}),
        ("Brow_Drop_L", {"browDownLeft": 1.0}),
        ("Cheek_Raise_R", {"cheekSquintRight": 1.0}),
        ("viseme_aa", {"jawOpen": 0.6}),
        ("Fcl_EYE_Close_L", {"eyeBlinkLeft": 1.0}),
        ("vrc.v_oh", {"mouthFunnel": 0.7, "jawOpen": 0.35}),
        ("A", {"jawOpen": 0.6}),
        ("Basis", {}),
        ("$md-nose-hump", {}),
        ("Fat", {}),
    ],
)
def test_names(name: str, expected: dict[str, float]) -> None:
    assert expressions_of(name) == expected


def test_every_arkit_name_is_itself() -> None:
    assert all(expressions_of(name) == {name: 1.0} for name in ARKIT_NAMES)
