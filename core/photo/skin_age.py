"""How old a person's skin is, by the shape that a photo was fitted with and by the lines that it shows.

A ridge regression on portraits of people whose birthdays are known (`core/training/photo/skin_age.py`, `dnpm build
skin-age`; shipped as `weights/skin_age.safetensors`). Shape tells as much as lines: with the years faces grow longer
and lose their fullness, noses and ears grow. What a network sees of the pixels tells more on portraits of one kind, but
nothing on other photos, and is left out.

A regression answers with what is nearest to everybody it was taught by, here members of a parliament, of whom few are
young. Its guess is therefore stretched to what it would be without that (`slope`), and then weighed against the ages
that people in photos have, a normal distribution of `PEOPLE`, by the error that held-out portraits show (`error`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..files import tensor_file
from ..files.inputs import regular_file
from ..paths import ROOT
from .line_features import standardised

FORMAT = "dnpm-skin-age-1"
FILE = "skin_age.safetensors"
_AGAIN = "make it again with `dnpm build skin-age DIR`"
LEVEL_MM = 1.8
"""All photos are compared at this blur; of one beyond it the shape alone speaks."""
PEOPLE = (42.0, 18.0)
"""Years of the people whom users photograph, mean and deviation: assumed, not measured."""
YOUNGEST, OLDEST = 16.0, 90.0
_PARTS = ("shape", "lines")
_ARRAYS = tuple(f"{part}_{name}" for part in _PARTS for name in ("usual", "spread", "weights"))
_NUMBERS = ("middle", "slope", "error")


@dataclass(frozen=True)
class Standard:
    """Of some features (D,): usual and spread of portraits, and the regression's weights on what is standardised so."""

    usual: np.ndarray
    spread: np.ndarray
    weights: np.ndarray

    def of(self, given: np.ndarray) -> np.ndarray:
        """(..., D) features in spreads from the usual, at most 3; 0 where one is not known (nan)."""
        return standardised(given, self.usual, self.spread)

    def said(self, given: np.ndarray) -> float:
        """(D,) -> years from the usual portrait's."""
        return float(self.of(given) @ self.weights)


@dataclass(frozen=True)
class SkinAge:
    """shape: of the shape's components; lines: of `skin_lines.features` at `LEVEL_MM`; middle: years of the usual
    portrait; slope: of guesses over ages; error: deviation of a stretched guess, years."""

    shape: Standard
    lines: Standard
    middle: float
    slope: float
    error: float

    def read(self, identity: np.ndarray, lines: Sequence[np.ndarray]) -> float:
        """Years, by an identity (n_id,) and the features (F,) of one person's photos that are sharp enough; of none the
        shape alone speaks."""
        guess = self.shape.said(np.asarray(identity, float)[: len(self.shape.usual)])
        if lines:
            guess += float(np.mean([self.lines.said(one) for one in lines]))
        mean, deviation = PEOPLE
        trust = deviation**2 / (deviation**2 + self.error**2)
        years = mean + trust * (self.middle + guess / self.slope - mean)
        return float(np.clip(years, YOUNGEST, OLDEST))

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        parts = {"shape": self.shape, "lines": self.lines}
        arrays = {
            f"{part}_{name}": np.asarray(getattr(one, name), np.float32)
            for part, one in parts.items() for name in ("usual", "spread", "weights")
        }  # fmt: skip
        arrays["numbers"] = np.array([getattr(self, name) for name in _NUMBERS], np.float32)
        tensor_file.save(path, arrays, {"format": FORMAT, "model": model.name, **about})

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> SkinAge | None:
        """A file's, else the shipped one; None on another face model than the one it was learnt on.

        Raises DnpmError when the file is missing, damaged or another."""
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"what photos say of ages; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: holds no regression of ages; {_AGAIN}")
        if missing := [name for name in (*_ARRAYS, "numbers") if name not in arrays]:
            raise DnpmError(f"{path}: holds no {missing[0]!r}; {_AGAIN}")
        parts = [Standard(*(arrays[f"{part}_{name}"].astype(float) for name in ("usual", "spread", "weights")))
                 for part in _PARTS]  # fmt: skip
        same = all(a.ndim == 1 and a.shape == one.usual.shape for one in parts for a in (one.spread, one.weights))
        if not same or arrays["numbers"].shape != (len(_NUMBERS),):
            raise DnpmError(f"{path}: its arrays contradict each other; {_AGAIN}")
        middle, slope, error = (float(value) for value in arrays["numbers"])
        found = cls(parts[0], parts[1], middle, slope, error)
        if min(found.slope, found.error, *(float(one.spread.min()) for one in parts)) <= 0:
            raise DnpmError(f"{path}: holds numbers that no regression has; {_AGAIN}")
        if metadata.get("model") != model.name or len(found.shape.usual) != model.n_shape:
            return None
        return found
