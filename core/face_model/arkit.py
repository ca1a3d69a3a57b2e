"""Apple's 52 ARKit blend shape names, in Apple's order (ARFaceAnchor.BlendShapeLocation).

Live Link Face's CSV has the same names, but puts the right before the left for the jaw and the mouth: go by names.

"Left" and "Right" are the subject's.
"""

from __future__ import annotations

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip

GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(name for name in ARKIT_NAMES if name.startswith(group))
    for group in ("brow", "eye", "cheek", "nose", "jaw", "mouth", "tongue")
}


def mirror_name(name: str) -> str:
    """The same expression on the other side: `mouthSmileLeft` -> `mouthSmileRight`; a name without a side is its own
    mirror."""
    if name.endswith("Left"):
        return name[: -len("Left")] + "Right"
    if name.endswith("Right"):
        return name[: -len("Right")] + "Left"
    return name


TIP_UP = "tongueTipUp"
"""A movement beside ARKit's 52, which know none of a tongue that rises (`tongue.py`): its curve, its shape key."""
BEHIND_TEETH = 0.22
"""tongueOut that stands for TIP_UP at 1 where nothing but ARKit's is known: the tip at the lower teeth."""
