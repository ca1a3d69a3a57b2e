"""Readings of one picture as numbers, and what they say about the expression once the person's rest is known.

A picture's features are the sliders of the fit, the networks' 52 scores, where the irises stand between the lids, what
the fit leaves at the landmarks, along its main directions, and what the sliders would be by how the face looks around
its landmarks (`appearance.py`). None of them is a slider: some are blind to it, some answer to another, and all differ
from person to person. So their differences from the same person's at rest go through a small network (one hidden layer
beside a straight way) that was measured on rendered people whose sliders are known: each counts as far as it is
reliable. `dnpm build video-reader` makes it (`calibrate.py`).

On a face model that it was not measured on, the fit's own sliders count, less those at rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, mirror_name
from ..face_model.model import FaceModel
from ..files import tensor_file
from ..files.inputs import regular_file
from ..paths import ROOT
from .appearance import NUMBERS
from .solving import Solved
from .tracking import Seen
from .turning import slopes

FORMAT = "dnpm-video-reader-2"
FILE = "video_reader.safetensors"
MODES = 48
_AGAIN = "make it again with `dnpm build video-reader`"
_SLIDERS = len(ARKIT_NAMES)
_IRISES = 6
_TURN = 2
INPUTS = 3 * _SLIDERS + _IRISES + MODES + _TURN
MIRROR = np.array([ARKIT_NAMES.index(mirror_name(name)) for name in ARKIT_NAMES])
"""(52,): each slider's fellow on the face's other side."""
_BLINKS = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
_EYES = ((33, 133, 159, 145, 468), (263, 362, 386, 374, 473))
"""Of the right and the left eye: outer and inner corner, upper and lower lid, the iris's middle."""
PHOTOGRAPHED_LIDS = 1.3
"""What blinks of photographed faces are multiplied by: the reader knows renders, and finds lids of real ones less shut
than they are. A rule: by as much the blinks of six clips (GRID) fell short of an earlier reader's."""


@dataclass(frozen=True)
class Reader:
    """modes (MODES, 936): directions of what the fit leaves; looks (52, NUMBERS): sliders by how a face looks, less a
    constant that does not matter; usual (INPUTS,) features of people at rest; scale
    (INPUTS,);
    straight (INPUTS, 52), first (INPUTS, H), bias (H,), second (H, 52): expression = d straight + relu(d first + bias)
    second - the same at d = 0, for d = (features - rest) / scale. Without: the fit's sliders."""

    name: str
    places: np.ndarray
    modes: np.ndarray
    looks: np.ndarray
    usual: np.ndarray
    scale: np.ndarray
    straight: np.ndarray | None = None
    first: np.ndarray | None = None
    bias: np.ndarray | None = None
    second: np.ndarray | None = None
    lids: float = 1.0
    """Factor of the blinks: `PHOTOGRAPHED_LIDS` where faces are photographed."""

    @property
    def width(self) -> int:
        """How many features a picture has."""
        return INPUTS

    def features(self, seen: Seen, solved: Solved) -> np.ndarray:
        """(INPUTS,) float32."""
        fit = np.where(self.places < 0, 0.0, solved.expression[self.places])
        scores = np.array([seen.scores.get(name, 0.0) for name in ARKIT_NAMES])
        first, second = seen.looks @ self.looks.T
        look = (first + second[MIRROR]) / 2
        return features_of(fit, scores, seen.points, self.modes @ solved.left, look, solved.turn)

    def telling(self, features: np.ndarray) -> np.ndarray:
        """(T, INPUTS) -> (T, C): those by which a face at rest is known from others."""
        return features[:, : 2 * _SLIDERS + _IRISES] / np.maximum(self.scale[: 2 * _SLIDERS + _IRISES], 1e-3)

    def expression(self, features: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """(T, INPUTS), the features at rest (INPUTS,) or None (those of people in general) -> (T, 52). Not limited to 0
        to 1, so that what flickers around 0 can be told to be noise: limited, a slider at rest would be 0 in most
        pictures, and each that is not would pass for a movement (`smoothing.py`)."""
        base = self.usual if rest is None else rest
        if self.straight is None or self.first is None or self.bias is None or self.second is None:
            fit: np.ndarray = features[:, :_SLIDERS] - (0.0 if rest is None else rest[:_SLIDERS])
            return fit
        apart = features - base
        apart[:, -_TURN:] = features[:, -_TURN:]  # How the head is turned counts as it is.
        apart = apart / self.scale
        at_rest = np.maximum(self.bias, 0) @ self.second
        hidden = np.maximum(apart @ self.first + self.bias, 0)
        read: np.ndarray = apart @ self.straight + hidden @ self.second - at_rest
        read[:, _BLINKS] *= self.lids
        return read

    def without_turn(self, features: np.ndarray, rest: np.ndarray, step: float) -> np.ndarray:
        """(T, INPUTS), those at rest (INPUTS,), seconds between pictures -> (T, INPUTS) without what the head's turns
        do to this person's (`turning.py`). A reader that was not measured leaves them as they are."""
        if self.straight is None:
            return features
        apart = (features - rest)[:, :-_TURN] / self.scale[:-_TURN]
        turn = features[:, -_TURN:] - rest[-_TURN:]
        result = np.array(features)
        result[:, :-_TURN] -= (turn @ slopes(apart, turn, step)) * self.scale[:-_TURN]
        return result

    @classmethod
    def plain(cls, model: FaceModel) -> Reader:
        """The fit's own sliders."""
        return cls(
            "fit", _places(model), np.zeros((MODES, 936)), np.zeros((_SLIDERS, NUMBERS)), np.zeros(INPUTS),
            np.ones(INPUTS),
        )  # fmt: skip

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> Reader:
        """A file's, else the shipped one; on another face model than it was measured on, `plain`.

        Raises DnpmError when the file is missing, damaged or another.
        """
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"the video reader; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: holds no video reader of this version; {_AGAIN}")
        hidden = len(arrays.get("bias", ()))
        shapes = {
            "modes": (MODES, 936), "looks": (_SLIDERS, NUMBERS), "usual": (INPUTS,), "scale": (INPUTS,),
            "straight": (INPUTS, _SLIDERS), "first": (INPUTS, hidden), "bias": (hidden,), "second": (hidden, _SLIDERS),
        }  # fmt: skip
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape:
                raise DnpmError(f"{path}: holds no video reader ({name}); {_AGAIN}")
        values: dict[str, Any] = {name: arrays[name].astype(np.float32) for name in shapes}
        if not (values["scale"] > 0).all():
            raise DnpmError(f"{path}: has scales that are not above 0; {_AGAIN}")
        if metadata.get("model") != model.name:
            return cls.plain(model)
        return cls(f"{metadata.get('command', '')} {metadata.get('r_held_out', '')}", _places(model), **values)


def save_reader(
    path: Path, arrays: Mapping[str, np.ndarray], model: FaceModel, command: str, figures: Mapping[str, float]
) -> None:  # fmt: skip
    """Written beside, then renamed; figures: of people that were not trained on."""
    tensor_file.save(path, {name: array.astype(np.float16 if name in ("modes", "looks") else np.float32)
                            for name, array in arrays.items()}, {
        "format": FORMAT, "model": model.name, "command": command, "licence": "GPL-3.0-or-later",
        **{name: f"{value:.4f}" for name, value in figures.items()},
    })  # fmt: skip


def features_of(
    fit: np.ndarray, scores: np.ndarray, points: np.ndarray, left: np.ndarray, look: np.ndarray, turn: np.ndarray
) -> np.ndarray:
    """fit, scores and look (52,), points (478, 3), left (MODES,), turn (2,) -> (INPUTS,) float32. The turn is last."""
    return np.concatenate([fit, scores, irises(points), left, look, turn]).astype(np.float32)


def irises(points: np.ndarray) -> np.ndarray:
    """(478, 3) -> (6,): of each eye where the iris stands along and across the line between the corners, and how far
    the lids are open, in widths of the eye."""
    result = []
    for outer, inner, upper, lower, middle in _EYES:
        corner, line = points[outer, :2].astype(float), (points[inner, :2] - points[outer, :2]).astype(float)
        width = max(float(np.linalg.norm(line)), 1e-6)
        along = line / width
        across = np.array([-along[1], along[0]])
        off = (points[middle, :2] - corner) / width
        result += [off @ along, off @ across, np.linalg.norm(points[upper, :2] - points[lower, :2]) / width]
    return np.array(result)


def _places(model: FaceModel) -> np.ndarray:
    """(52,): each ARKit name's place among the model's expressions, -1 where it has none."""
    return np.array([model.expression_index.get(name, -1) for name in ARKIT_NAMES])
