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
        # VRoid's keys of one part of the face move that part alone.
        ("Fcl_BRW_Joy", {}),
        ("Fcl_BRW_Angry", {"browDownLeft": 0.9, "browDownRight": 0.9}),
        ("Fcl_EYE_Joy_L", {"eyeSquintLeft": 0.4, "cheekSquintLeft": 0.6}),
        ("Fcl_EYE_Spread", {"eyeWideLeft": 1.0, "eyeWideRight": 1.0}),
        ("Fcl_MTH_Close", {}),
        ("Fcl_MTH_Surprised", {"jawOpen": 0.4}),
        ("Fcl_MTH_A", {"jawOpen": 0.6}),
        ("Fcl_HA_Fung1_Up", {}),
        # What ARKit has for each side is both where no side is named.
        ("mouthSmile", {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}),
        ("Eyes_Blink", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
        ("eyesClosed", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
        ("vrc.blink_left", {"eyeBlinkLeft": 1.0}),
        ("BrowsUp_Left", {"browInnerUp": 0.5, "browOuterUpLeft": 1.0}),
        ("Brow_Raise_R", {"browInnerUp": 0.5, "browOuterUpRight": 1.0}),
        ("NoseScrunch_Right", {"noseSneerRight": 1.0}),
        ("MidMouth_Left", {"mouthLeft": 1.0}),
        ("03_eyeBlinkLeft", {"eyeBlinkLeft": 1.0}),
        ("facs_bs_MouthSmileLeft_div2", {"mouthSmileLeft": 1.0}),
        ("Genesis8Female__eCTRLMouthOpen", {"jawOpen": 0.7}),
        ("Expressions_browSqueezeL_max", {"browDownLeft": 1.0}),
        ("Expressions_browSqueezeL_min", {}),
        ("まばたき", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
        ("AU12", {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}),
        ("au_06_L", {"cheekSquintLeft": 1.0}),
        ("Left AU 4", {"browDownLeft": 1.0}),
        ("AU01_L", {"browInnerUp": 0.5}),
        ("head.AU26_JawDrop", {"jawOpen": 0.5}),
        ("AU4_BrowLowerer", {"browDownLeft": 1.0, "browDownRight": 1.0}),
        ("AU99", {}),
        ("Author 12", {}),
        ("Maude1", {}),
        ("Basis", {}),
        ("$md-nose-hump", {}),
        ("Fat", {}),
    ],
)
def test_names(name: str, expected: dict[str, float]) -> None:
    assert expressions_of(name) == expected


def test_every_arkit_name_is_itself() -> None:
    assert all(expressions_of(name) == {name: 1.0} for name in ARKIT_NAMES)
