"""Column names: ARKit's names in the spellings used by different programs.

`eyeBlinkLeft` (Apple), `EyeBlinkLeft` (Live Link Face), `eyeBlink_L` (ICT-FaceKit, Unity), `eye_blink_left` (Python
programs), `eyeBlink.L` (Blender), `blendShapes.EyeBlinkLeft` (Audio2Face-3D), in any case. ICT-FaceKit splits
browInnerUp and cheekPuff into two sides, which are averaged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, TIP_UP
from ..files.inputs import one_line
from .track import ROTATION_NAMES

CHANNELS = (*ARKIT_NAMES, *ROTATION_NAMES)
"""The 52 expressions, then the nine rotations."""
_BARE = re.compile(r"[^a-z0-9]")
_PARTS = re.compile(r"[.:/|]")
_PREFIXES = ("arkit", "blendshapes", "blendshape", "bs", "face", "head", "morph")
_OTHERS = frozenset({"blendshapecount", "neutral", "blendshapes", "facedetected", "confidence", "subject", "face"})
"""Known columns that are not channels."""


def _spellings() -> tuple[dict[str, int], dict[str, int]]:
    whole: dict[str, int] = {}
    halves: dict[str, int] = {}
    for k, name in enumerate(CHANNELS):
        low = name.lower()
        whole[low] = k
        for side in ("left", "right"):
            if name in ROTATION_NAMES:
                continue
            if not low.endswith(side):
                # One side of a shape that ARKit has once.
                if not low.endswith(("left", "right")):
                    halves |= {low + side: k, low + side[0]: k}
                continue
            base = low.removesuffix(side)
            for other in (base + side[0], side + base, f"{side[0]}{base}"):
                whole.setdefault(other, k)
    return whole, {title: k for title, k in halves.items() if title not in whole}


_WHOLE, _HALVES = _spellings()


@dataclass(frozen=True)
class Columns:
    """Which columns hold which channels: column places[i] of a table is added to channel targets[i] with weight
    shares[i] (one half where both sides of a shape are given); unknown: unrecognised titles."""

    places: np.ndarray
    targets: np.ndarray
    shares: np.ndarray
    unknown: tuple[str, ...]
    tip_up: int | None = None
    """The column of `TIP_UP`, which is not a channel: few files have it."""

    @property
    def present(self) -> np.ndarray:
        """(61,) bool: channels that have a column."""
        found = np.zeros(len(CHANNELS), bool)
        found[self.targets] = True
        return found

    def gathered(self, values: np.ndarray) -> np.ndarray:
        """(N, columns) -> (N, 61) float64; a channel without a column is 0."""
        out = np.zeros((len(values), len(CHANNELS)))
        for place, target, share in zip(self.places, self.targets, self.shares, strict=True):
            out[:, target] += share * values[:, place]
        return out


@lru_cache(maxsize=10_000)
def channel_of(title: str) -> tuple[int, bool] | None:
    """A column title -> its index in CHANNELS, and whether it is one side of a shape that ARKit has once; or None."""
    parts = [_BARE.sub("", part) for part in _PARTS.split(title.lower())]
    for start in range(len(parts)):
        key = "".join(parts[start:])
        for prefix in ("", *_PREFIXES):
            bare = key.removeprefix(prefix)
            if bare in _WHOLE:
                return _WHOLE[bare], False
            if bare in _HALVES:
                return _HALVES[bare], True
    return None


def is_tip_up(title: str) -> bool:
    """Whether a column is `TIP_UP`, which is none of the channels."""
    return _BARE.sub("", _PARTS.split(title.lower())[-1]) == TIP_UP.lower()


def is_read(title: str) -> bool:
    """Whether a column holds values that are read: a channel's, or the tongue's tip."""
    return channel_of(title) is not None or is_tip_up(title)


def columns_of(titles: list[str]) -> Columns:
    """Raises DnpmError when two columns are the same channel."""
    found: dict[int, list[tuple[int, bool]]] = {}
    unknown = []
    tip_up = None
    for place, title in enumerate(titles):
        channel = channel_of(title)
        if is_tip_up(title):
            tip_up = place
        elif channel is None:
            if title.strip() and _BARE.sub("", title.lower()) not in _OTHERS:
                unknown.append(one_line(title, 40))
        else:
            found.setdefault(channel[0], []).append((place, channel[1]))
    places, targets, shares = [], [], []
    for target, uses in sorted(found.items()):
        if len(uses) > 1 and not (len(uses) == 2 and uses[0][1] and uses[1][1]):
            both = " and ".join(repr(one_line(titles[place], 40)) for place, _ in uses[:2])
            raise DnpmError(f"its columns {both} are both {CHANNELS[target]}: remove one of them")
        places += [place for place, _ in uses]
        targets += [target] * len(uses)
        shares += [1 / len(uses)] * len(uses)
    return Columns(np.array(places, np.int64), np.array(targets, np.int64), np.array(shares), tuple(unknown), tip_up)
