"""Names that other programs give to shape keys, and what each stands for in ARKit's terms: tables for `sources.py`.

Keys are bare: lower case letters and digits alone. A stem that ends in `_` stands for both sides. The weights are rules
of ours: an emotion or a viseme as the mouth, brows and lids that it moves.
"""

from __future__ import annotations

from ..face_model.arkit import ARKIT_NAMES


def both(**values: float) -> dict[str, float]:
    """Names ending in `_` stand for left and right."""
    result = {}
    for name, value in values.items():
        for side in ("Left", "Right") if name.endswith("_") else ("",):
            result[name.rstrip("_") + side] = value
    return result


_SMILE = both(mouthSmile_=0.9, cheekSquint_=0.6, eyeSquint_=0.4)
_SAD = both(browInnerUp=0.8, mouthFrown_=0.7)
_SURPRISED = both(browInnerUp=0.8, browOuterUp_=0.8, eyeWide_=0.8, jawOpen=0.4)
_ANGRY = both(browDown_=0.9, noseSneer_=0.4, mouthPress_=0.4)

WHOLE: dict[str, dict[str, float]] = {
    # VRM 0 and 1, VRoid: mouths, lids, emotions.
    "a": both(jawOpen=0.6), "aa": both(jawOpen=0.6),
    "i": both(mouthSmile_=0.35, mouthStretch_=0.4), "ih": both(mouthSmile_=0.35, mouthStretch_=0.4),
    "u": both(mouthPucker=0.8, jawOpen=0.1), "ou": both(mouthPucker=0.8, jawOpen=0.1),
    "e": both(mouthStretch_=0.4, jawOpen=0.25), "ee": both(mouthStretch_=0.4, jawOpen=0.25),
    "o": both(mouthFunnel=0.7, jawOpen=0.35), "oh": both(mouthFunnel=0.7, jawOpen=0.35),
    "blink": both(eyeBlink_=1.0), "close": both(eyeBlink_=1.0), "spread": both(eyeWide_=1.0),
    "joy": _SMILE, "happy": _SMILE, "fun": both(mouthSmile_=0.7, cheekSquint_=0.4), "relaxed": both(mouthSmile_=0.4),
    "angry": _ANGRY, "anger": _ANGRY, "sorrow": _SAD, "sad": _SAD, "surprised": _SURPRISED, "surprise": _SURPRISED,
    "smile": both(mouthSmile_=1.0), "frown": both(mouthFrown_=1.0), "squint": both(eyeSquint_=1.0),
    # Oculus lipsync (its 15 visemes).
    "sil": {}, "pp": both(mouthClose=0.1, mouthPress_=0.6), "ff": both(mouthRollLower=0.6, mouthUpperUp_=0.2),
    "th": both(jawOpen=0.2, tongueOut=0.3), "dd": both(jawOpen=0.15, mouthStretch_=0.2),
    "kk": both(jawOpen=0.2), "ch": both(mouthFunnel=0.6, jawOpen=0.1), "ss": both(mouthStretch_=0.5),
    "nn": both(jawOpen=0.1, mouthStretch_=0.2), "rr": both(mouthFunnel=0.4, jawOpen=0.15),
    # MetaHuman, Character Creator, Mixamo, MB-Lab and Ready Player Me where their words are not ARKit's.
    "jawdown": both(jawOpen=1.0), "jawforeward": both(jawForward=1.0), "mouthopen": both(jawOpen=0.7),
    "eyeclosed": both(eyeBlink_=1.0), "browmidvert": {"browInnerUp": 1.0},
    "browup": both(browInnerUp=1.0, browOuterUp_=1.0), "browraise": both(browInnerUp=1.0, browOuterUp_=1.0),
    "browupl": both(browInnerUp=0.5, browOuterUpLeft=1.0), "browupr": both(browInnerUp=0.5, browOuterUpRight=1.0),
    "browraisel": both(browInnerUp=0.5, browOuterUpLeft=1.0),
    "browraiser": both(browInnerUp=0.5, browOuterUpRight=1.0),
    "browraiseinl": {"browInnerUp": 0.5}, "browraiseinr": {"browInnerUp": 0.5},
    "browraiseinnerl": {"browInnerUp": 0.5}, "browraiseinnerr": {"browInnerUp": 0.5},
    "mouthlipspursel": {"mouthPucker": 0.5}, "mouthlipspurser": {"mouthPucker": 0.5},
    "mouthpurse": {"mouthPucker": 1.0}, "mouthpuckeropen": {"mouthFunnel": 1.0}, "mouthblow": {"cheekPuff": 1.0},
    "mouthwiden": both(mouthStretch_=1.0), "mouthlipstight": both(mouthPress_=1.0),
    "mouthlipstuck": both(mouthRollLower=1.0, mouthRollUpper=1.0), "mouthplosive": both(mouthPress_=0.6),
    "mouthbottomlipdown": both(mouthLowerDown_=1.0), "mouthtoplipup": both(mouthUpperUp_=1.0),
    "mouthbottomlipunder": {"mouthRollLower": 1.0}, "mouthtoplipunder": {"mouthRollUpper": 1.0},
    "lowerlipin": {"mouthRollLower": 1.0}, "upperlipin": {"mouthRollUpper": 1.0},
    "cheekpuffl": {"cheekPuff": 0.5}, "cheekpuffr": {"cheekPuff": 0.5},
    "mouthfunnelul": {"mouthFunnel": 0.25}, "mouthfunnelur": {"mouthFunnel": 0.25},
    "mouthfunneldl": {"mouthFunnel": 0.25}, "mouthfunneldr": {"mouthFunnel": 0.25},
}  # fmt: skip
SIDED = {
    # stem -> ARKit's stem, for L and R endings
    "browraiseouter": "browOuterUp", "browlateral": "browDown", "browdrop": "browDown", "browcompress": "browDown",
    "browsqueeze": "browDown", "browdown": "browDown", "browoutvert": "browOuterUp", "cheeksneer": "noseSneer",
    "eyesquintinner": "eyeSquint", "eyecheekraise": "cheekSquint", "cheekraise": "cheekSquint",
    "nosewrinkle": "noseSneer", "nosescrunch": "noseSneer", "noseflankraise": "noseSneer",
    "mouthcornerpull": "mouthSmile", "mouthsharpcornerpull": "mouthSmile", "mouthsmilesharp": "mouthSmile",
    "mouthcornerdepress": "mouthFrown", "mouthlowerlipdepress": "mouthLowerDown", "mouthupperlipraise": "mouthUpperUp",
    "mouthdowndepress": "mouthLowerDown", "mouthuplip": "mouthUpperUp", "mouthdownlower": "mouthLowerDown",
    "mouthupupper": "mouthUpperUp", "lowerlipdown": "mouthLowerDown", "upperlipup": "mouthUpperUp",
    "eyewiden": "eyeWide", "eyeclose": "eyeBlink", "eyeclosed": "eyeBlink", "close": "eyeBlink", "blink": "eyeBlink",
    "smile": "mouthSmile", "frown": "mouthFrown", "squint": "eyeSquint", "midmouth": "mouth",
}  # fmt: skip
STEMS = {name.removesuffix("Left").lower(): name.removesuffix("Left") for name in ARKIT_NAMES
         if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")}  # fmt: skip
"""Bare stem -> ARKit's stem of what has two sides: without a side it stands for both."""

REGIONS = {"brw": ("brow",), "eye": ("eye", "cheekSquint"), "mth": ("mouth", "jaw")}
"""VRoid's keys for a part of the face: what of an emotion they move."""

ACTION_UNITS: dict[int, dict[str, float]] = {
    1: both(browInnerUp=1.0), 2: both(browOuterUp_=1.0), 4: both(browDown_=1.0), 5: both(eyeWide_=1.0),
    6: both(cheekSquint_=1.0), 7: both(eyeSquint_=1.0), 9: both(noseSneer_=1.0), 10: both(mouthUpperUp_=1.0),
    12: both(mouthSmile_=1.0), 13: both(mouthSmile_=0.7), 14: both(mouthDimple_=1.0), 15: both(mouthFrown_=1.0),
    16: both(mouthLowerDown_=1.0), 17: both(mouthShrugLower=1.0), 18: both(mouthPucker=1.0),
    20: both(mouthStretch_=1.0), 22: both(mouthFunnel=1.0), 23: both(mouthPress_=0.6), 24: both(mouthPress_=1.0),
    26: both(jawOpen=0.5), 27: both(jawOpen=1.0), 28: both(mouthRollLower=1.0, mouthRollUpper=1.0),
    29: both(jawForward=1.0), 34: both(cheekPuff=1.0), 42: both(eyeBlink_=0.7), 43: both(eyeBlink_=1.0),
    44: both(eyeSquint_=1.0), 45: both(eyeBlink_=1.0),
}  # fmt: skip
"""Of the Facial Action Coding System (Ekman, Friesen and Hager 2002)."""

JAPANESE: dict[str, dict[str, float]] = {
    "まばたき": both(eyeBlink_=1.0), "笑い": both(eyeBlink_=1.0, cheekSquint_=0.6),
    "ウィンク": {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6}, "ウィンク２": {"eyeBlinkLeft": 1.0},
    "ウィンク右": {"eyeBlinkRight": 1.0, "cheekSquintRight": 0.6}, "ｳｨﾝｸ２右": {"eyeBlinkRight": 1.0},
    "びっくり": both(eyeWide_=1.0), "じと目": both(eyeSquint_=0.8), "なごみ": both(eyeBlink_=1.0),
    "真面目": both(browDown_=0.4), "困る": both(browInnerUp=0.8), "怒り": both(browDown_=0.9),
    "上": both(browInnerUp=1.0, browOuterUp_=1.0), "下": both(browDown_=0.6),
    "あ": both(jawOpen=0.6), "い": WHOLE["i"], "う": WHOLE["u"], "え": WHOLE["e"], "お": WHOLE["o"],
    "にやり": both(mouthSmile_=0.7), "口角上げ": both(mouthSmile_=0.7), "口角下げ": both(mouthFrown_=0.7),
    "口横広げ": both(mouthStretch_=0.7),
}  # fmt: skip
"""MikuMikuDance's usual morphs. Its wink without a side is the left eye's."""
