"""Names of the expressions of other programs' heads, as ARKit's expressions and how much of each.

ARKit in every spelling (`names.py`; so do ICT-FaceKit, Faceit, MPFB2's face units, Ready Player Me, MetaHuman's ARKit
curves), MetaHuman's controls and morph targets, Character Creator, VRM 0 and 1 and VRoid, and the Oculus visemes. What
stands for several expressions is a rule of ours: a viseme or an emotion as the mouth, brows and lids that it moves.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..face_model.arkit import ARKIT_NAMES
from .names import CHANNELS, channel_of

_BARE = re.compile(r"[^a-z0-9]")
_PREFIXES = ("ctrlexpressions", "ctrl", "fclall", "fclbrw", "fcleye", "fclmth", "viseme", "vrcv", "vrm", "face")


def _both(**values: float) -> dict[str, float]:
    """Names ending in `_` stand for left and right."""
    result = {}
    for name, value in values.items():
        for side in ("Left", "Right") if name.endswith("_") else ("",):
            result[name.rstrip("_") + side] = value
    return result


_WHOLE: dict[str, dict[str, float]] = {
    # VRM 0 and 1, VRoid: mouths, lids, emotions.
    "a": _both(jawOpen=0.6), "aa": _both(jawOpen=0.6),
    "i": _both(mouthSmile_=0.35, mouthStretch_=0.4), "ih": _both(mouthSmile_=0.35, mouthStretch_=0.4),
    "u": _both(mouthPucker=0.8, jawOpen=0.1), "ou": _both(mouthPucker=0.8, jawOpen=0.1),
    "e": _both(mouthStretch_=0.4, jawOpen=0.25), "ee": _both(mouthStretch_=0.4, jawOpen=0.25),
    "o": _both(mouthFunnel=0.7, jawOpen=0.35), "oh": _both(mouthFunnel=0.7, jawOpen=0.35),
    "blink": _both(eyeBlink_=1.0), "close": _both(eyeBlink_=1.0),
    "joy": _both(mouthSmile_=0.9, cheekSquint_=0.6, eyeSquint_=0.4),
    "happy": _both(mouthSmile_=0.9, cheekSquint_=0.6, eyeSquint_=0.4),
    "fun": _both(mouthSmile_=0.7, cheekSquint_=0.4), "relaxed": _both(mouthSmile_=0.4),
    "angry": _both(browDown_=0.9, noseSneer_=0.4, mouthPress_=0.4),
    "sorrow": _both(browInnerUp=0.8, mouthFrown_=0.7), "sad": _both(browInnerUp=0.8, mouthFrown_=0.7),
    "surprised": _both(browInnerUp=0.8, browOuterUp_=0.8, eyeWide_=0.8, jawOpen=0.4),
    # Oculus lipsync (its 15 visemes).
    "sil": {}, "pp": _both(mouthClose=0.1, mouthPress_=0.6), "ff": _both(mouthRollLower=0.6, mouthUpperUp_=0.2),
    "th": _both(jawOpen=0.2, tongueOut=0.3), "dd": _both(jawOpen=0.15, mouthStretch_=0.2),
    "kk": _both(jawOpen=0.2), "ch": _both(mouthFunnel=0.6, jawOpen=0.1), "ss": _both(mouthStretch_=0.5),
    "nn": _both(jawOpen=0.1, mouthStretch_=0.2), "rr": _both(mouthFunnel=0.4, jawOpen=0.15),
    # MetaHuman and Character Creator where their words are not ARKit's.
    "jawopen": _both(jawOpen=1.0), "mouthopen": _both(jawOpen=0.7),
    "browraiseinl": {"browInnerUp": 0.5}, "browraiseinr": {"browInnerUp": 0.5},
    "browraiseinnerl": {"browInnerUp": 0.5}, "browraiseinnerr": {"browInnerUp": 0.5},
    "mouthlipspursel": {"mouthPucker": 0.5}, "mouthlipspurser": {"mouthPucker": 0.5},
    "mouthpurse": {"mouthPucker": 1.0}, "mouthpuckeropen": {"mouthFunnel": 1.0},
    "cheekpuffl": {"cheekPuff": 0.5}, "cheekpuffr": {"cheekPuff": 0.5},
    "mouthfunnelul": {"mouthFunnel": 0.25}, "mouthfunnelur": {"mouthFunnel": 0.25},
    "mouthfunneldl": {"mouthFunnel": 0.25}, "mouthfunneldr": {"mouthFunnel": 0.25},
}  # fmt: skip
_SIDED = {
    # stem -> ARKit's stem, for L and R endings
    "browraiseouter": "browOuterUp", "browlateral": "browDown", "browdrop": "browDown",
    "eyesquintinner": "eyeSquint", "eyecheekraise": "cheekSquint", "cheekraise": "cheekSquint",
    "nosewrinkle": "noseSneer", "mouthcornerpull": "mouthSmile", "mouthsharpcornerpull": "mouthSmile",
    "mouthcornerdepress": "mouthFrown", "mouthlowerlipdepress": "mouthLowerDown", "mouthupperlipraise": "mouthUpperUp",
    "mouthdowndepress": "mouthLowerDown", "mouthuplip": "mouthUpperUp", "eyelookup": "eyeLookUp",
    "eyewiden": "eyeWide", "eyeclose": "eyeBlink", "close": "eyeBlink", "blink": "eyeBlink",
}  # fmt: skip


@lru_cache(maxsize=10_000)
def expressions_of(name: str) -> dict[str, float]:
    """A shape key's or control's name -> ARKit's expressions and how much of each it stands for; {} where it is none.

    A name that ARKit has is that expression; one side of a shape that ARKit has once is half of it.
    """
    for text in (name, name.rsplit("__", 1)[-1]):
        bare = _BARE.sub("", text.lower())
        for prefix in ("", *_PREFIXES):
            key = bare.removeprefix(prefix)
            if prefix and key == bare:
                continue
            channel = channel_of(key if prefix else text)
            if channel is not None and CHANNELS[channel[0]] in ARKIT_NAMES:
                return {CHANNELS[channel[0]]: 0.5 if channel[1] else 1.0}
            if key in _WHOLE:
                return dict(_WHOLE[key])
            for ending, side in (("left", "Left"), ("right", "Right"), ("l", "Left"), ("r", "Right")):
                if key.endswith(ending) and key.removesuffix(ending) in _SIDED:
                    return {_SIDED[key.removesuffix(ending)] + side: 1.0}
    return {}
