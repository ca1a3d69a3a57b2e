"""Names of shape keys and controls of other programs' heads, as ARKit's expressions and how much of each.

ARKit in every spelling (`names.py`; so do ICT-FaceKit, Faceit, MPFB2's face units, Ready Player Me, MetaHuman's ARKit
curves, Daz's FACS morphs), MetaHuman's controls and morph targets, Character Creator, Mixamo, VRM 0 and 1, VRoid,
MikuMikuDance, MB-Lab, the action units of FACS, and the Oculus visemes. The tables are in `vocabularies.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..face_model.arkit import ARKIT_NAMES
from .names import CHANNELS, channel_of
from .vocabularies import ACTION_UNITS, JAPANESE, REGIONS, SIDED, STEMS, WHOLE

_BARE = re.compile(r"[^a-z0-9]")
_PREFIXES = (
    "ctrlexpressions", "ctrl", "fclall", "viseme", "vrcv", "vrc", "vrm", "facsbs", "facsjnt", "facsctrl", "ectrl",
    "expressions", "face",
)  # fmt: skip
_SUFFIX = re.compile(r"(div\d|max)$")
_LONG_SIDE = re.compile(r"(l)eft$|(r)ight$")
_SIDES = (("left", "Left"), ("right", "Right"), ("l", "Left"), ("r", "Right"))
_VROID = re.compile(r"^fcl_(brw|eye|mth)_([a-z]+?)(?:_([lr]))?$")
_ACTION_UNIT = re.compile(
    r"^(?:.*?[^a-z0-9])??(?:(l|r|left|right)[ _.-]?)?au[ _.-]?0*(\d{1,2})(?:[ _.-]*(l|r|left|right))?(?![a-z0-9])"
)


@lru_cache(maxsize=10_000)
def expressions_of(name: str) -> dict[str, float]:
    """A shape key's or control's name -> ARKit's expressions and how much of each it stands for; {} where it is none.

    A name that ARKit has is that expression; one side of a shape that ARKit has once is half of it, and a shape that
    ARKit has for each side is both where no side is named.
    """
    name = name.strip()
    if name in JAPANESE:
        return dict(JAPANESE[name])
    for text in (name, name.rsplit("__", 1)[-1]):
        for reading in (_of_a_region, _action_unit, _by_words):
            found = reading(text)
            if found is not None:
                return found
    return {}


def _by_words(text: str) -> dict[str, float] | None:
    """None where no table has the name."""
    bare = _SUFFIX.sub("", _BARE.sub("", text.lower()))
    single = bare.lstrip("0123456789").replace("eyebrow", "brow").replace("brows", "brow").replace("eyes", "eye")
    for whole in dict.fromkeys((bare, single)):
        for prefix in ("", *_PREFIXES):
            key = whole.removeprefix(prefix)
            if prefix and key == whole:
                continue
            channel = channel_of(text if whole == bare and not prefix else key)
            if channel is not None and CHANNELS[channel[0]] in ARKIT_NAMES:
                return {CHANNELS[channel[0]]: 0.5 if channel[1] else 1.0}
            found = WHOLE.get(key, WHOLE.get(_LONG_SIDE.sub(r"\1\2", key)))
            if found is not None:
                return dict(found)
            if key in STEMS:
                return {STEMS[key] + side: 1.0 for side in ("Left", "Right")}
            for ending, side in _SIDES:
                if key.endswith(ending) and key.removesuffix(ending) in SIDED:
                    return {SIDED[key.removesuffix(ending)] + side: 1.0}
    return None


def _of_a_region(text: str) -> dict[str, float] | None:
    """VRoid's keys of brows, eyes or mouth alone: what of the emotion lies there. None if the name is none of these."""
    match = _VROID.match(text.lower())
    if match is None:
        return None
    region, feeling, side = match.groups()
    values = {name: value for name, value in WHOLE.get(feeling, {}).items() if name.startswith(REGIONS[region])}
    return _of_side(values, side)


def _action_unit(text: str) -> dict[str, float] | None:
    """AU12, au_06_L, Left AU 4, AU01_InnerBrowRaiser. None if the name is none of these."""
    match = _ACTION_UNIT.match(text.lower())
    if match is None:
        return None
    before, number, after = match.groups()
    return _of_side(ACTION_UNITS.get(int(number), {}), before or after)


def _of_side(values: dict[str, float], side: str | None) -> dict[str, float]:
    """One side of a key of both; of a shape without sides one half."""
    if not side:
        return dict(values)
    kept, other = ("Left", "Right") if side.startswith("l") else ("Right", "Left")
    return {
        name: value if name.endswith(kept) else 0.5 * value
        for name, value in values.items()
        if not name.endswith(other)
    }
