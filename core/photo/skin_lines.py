"""What a photo's lines say of a person's skin: its components and its age, after the fit.

The energy of oriented lines in cells of the face (`line_features.py`) to the skin components, by a ridge regression
learnt on simulated photos of random people (`core/training/photo/skin_lines.py`, `dnpm build skin-lines`; shipped as
`weights/skin_lines.safetensors`). Real portraits of known ages say what such energies are usually like. A hidden cell
counts as usual. A photo that is blurred beyond the last level says nothing, and the components stay as the sliders had
them. The skin's age follows from shape and lines (`skin_age.py`), because the simulation knows little of how people
age. How deep whose lines are, and where they lie, is the business of `restore/`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import DnpmError
from ..face_model import skin_components
from ..face_model.checks import age_regression
from ..face_model.model import FaceModel
from ..face_model.skin_settings import MOST_YEARS
from ..files import tensor_file
from ..files.inputs import regular_file
from ..paths import ROOT
from .line_features import DIRECTIONS, LineFilter, Lines, standardised
from .skin_age import LEVEL_MM, SkinAge
from .skin_view import SkinView, SkinViewer

FORMAT = "dnpm-skin-lines-1"
FILE = "skin_lines.safetensors"
_AGAIN = "make it again with `dnpm build skin-lines DIR`"
LEVELS_MM = (0.7, 1.1, 1.8)
"""Blurs at which lines are compared: a photo is blurred to the next of them, one beyond the last says nothing."""
FLOOR = 0.002
"""Logarithm of luminance below which energies say nothing."""
TARGETS = (*skin_components.LABELS, "years")
"""Years are learnt beside, and not read: `skin_age.py` does."""
MOST_SD = 2.0


def at_level(view: SkinView) -> tuple[SkinView, int] | None:
    """The view blurred to the next of `LEVELS_MM`, and which; None beyond the last."""
    for k, level in enumerate(LEVELS_MM):
        if view.blur_mm <= level:
            return blurred_to(view, level), k
    return None


def blurred_to(view: SkinView, level: float) -> SkinView:
    """The view as a photo of that blur, in mm, would show it; its own blur is at most that."""
    texel = view.texel_mm
    more = np.sqrt(max(level**2 - view.blur_mm**2, 0.0)) / texel
    if more < 0.05:
        return view
    weight = np.maximum(ndimage.gaussian_filter(view.trust, more), 1e-3)
    return replace(view, flat=ndimage.gaussian_filter(view.flat, more) / weight * view.trust, blur_mm=level)


def features(lines: Lines) -> np.ndarray:
    """(cells * DIRECTIONS / 2,): logarithms of energies of neighbouring directions, nan where a cell is not seen."""
    pairs = lines.energy.reshape(len(lines.energy), DIRECTIONS // 2, 2).mean(2)
    logs = np.log(pairs + FLOOR)
    logs[lines.seen < 0.35] = np.nan
    return np.asarray(logs.ravel())


@dataclass(frozen=True)
class SkinRegression:
    """Of each level: usual and spread (levels, F) of real photos' features at `middle` years, weights
    (levels, F + n_exp, targets) on standardised features and the expression, targets in standard deviations of random
    people; told (levels, targets): the share of the variance that held-out people's lines tell; centre, scale
    (targets,): the targets' own; expression (n_exp,): the usual one."""

    usual: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    told: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    expression: np.ndarray

    def read(self, lines: Lines, level: int, expression: np.ndarray) -> np.ndarray:
        """(34,) the skin components, in standard deviations, that a photo at a level of blur shows."""
        row = standardised(features(lines), self.usual[level], self.spread[level])
        guess = np.append(row, expression - self.expression) @ self.weights[level]
        values = self.centre + self.scale * guess
        return np.asarray(np.clip(values[:-1], -MOST_SD, MOST_SD))

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        arrays = {
            name: np.asarray(getattr(self, name), np.float16 if name in ("weights", "usual", "spread") else np.float32)
            for name in _ARRAYS
        }
        tensor_file.save(path, arrays, {"format": FORMAT, "model": model.name, **about})

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> SkinRegression | None:
        """A file's, else the shipped one; None on another face model than the one it was learnt on.

        Raises DnpmError when the file is missing, damaged or another."""
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"what photos' lines say; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: holds no regression of lines; {_AGAIN}")
        if missing := [name for name in _ARRAYS if name not in arrays]:
            raise DnpmError(f"{path}: holds no {missing[0]!r}; {_AGAIN}")
        found = cls(**{name: arrays[name].astype(float) for name in _ARRAYS})
        levels, count, targets = len(LEVELS_MM), found.usual.shape[-1] if found.usual.ndim else 0, len(TARGETS)
        expressions = len(np.ravel(found.expression))
        wanted = {
            "usual": (levels, count), "spread": (levels, count), "weights": (levels, count + expressions, targets),
            "told": (levels, targets), "centre": (targets,), "scale": (targets,), "expression": (expressions,),
        }  # fmt: skip
        same = all(getattr(found, name).shape == shape for name, shape in wanted.items())
        if not same:
            raise DnpmError(f"{path}: its arrays contradict each other; {_AGAIN}")
        if not all(np.isfinite(getattr(found, name)).all() for name in _ARRAYS) or not (found.spread > 0).all():
            raise DnpmError(f"{path}: holds numbers that no regression has; {_AGAIN}")
        if metadata.get("model") != model.name:
            return None
        if expressions != model.n_exp:
            raise DnpmError(f"{path}: knows {expressions} expressions, {model.name} has {model.n_exp}; {_AGAIN}")
        return found


_ARRAYS = ("usual", "spread", "weights", "told", "centre", "scale", "expression")


class SkinLineReader:
    """For one face model. viewer: shared with the network that corrects maps."""

    def __init__(self, viewer: SkinViewer, regression: SkinRegression | None, ages: SkinAge | None = None) -> None:
        """regression, ages: None tells nothing. Raises DnpmError when the model lacks landmarks."""
        self.model, self.regression, self.lines, self.ages = viewer.model, regression, LineFilter(viewer), ages
        places = skin_components.places(self.model.identity_labels)
        self.places = None if places is None else np.array(places)
        self.age = age_regression(self.model)

    def skin(
        self, identity: np.ndarray, views: Sequence[SkinView], expressions: Sequence[np.ndarray],
        kept: Collection[int] = (),
    ) -> tuple[np.ndarray, float]:  # fmt: skip
        """(n_id,) with the skin components that the photos (one person's) show, and the years by which the skin is
        older than the shape says; components in `kept` stay, and with any of the shape's the age."""
        identity = np.array(identity, np.float32)
        self._components(identity, views, expressions, kept)
        return identity, 0.0 if any(k < self.model.n_shape for k in kept) else self._older(identity, views)

    def _components(
        self, identity: np.ndarray, views: Sequence[SkinView], expressions: Sequence[np.ndarray], kept: Collection[int]
    ) -> None:  # fmt: skip
        if self.regression is None or self.places is None:
            return
        shown = [(*same, expression) for view, expression in zip(views, expressions, strict=True)
                 if (same := at_level(view)) is not None]  # fmt: skip
        if shown:
            reads = [self.regression.read(self.lines.of_photo(view), level, moved) for view, level, moved in shown]
            self._set(identity, np.mean(reads, 0), kept)

    def _older(self, identity: np.ndarray, views: Sequence[SkinView]) -> float:
        """Years by which the skin is older than the shape of an identity (n_id,) says."""
        if self.ages is None or self.age is None:
            return 0.0
        weights, middle = self.age
        sharp = [blurred_to(view, LEVEL_MM) for view in views if view.blur_mm <= LEVEL_MM]
        years = self.ages.read(identity, [features(self.lines.of_photo(view)) for view in sharp])
        return round(float(np.clip(years - middle - float(weights @ identity), -MOST_YEARS, MOST_YEARS)), 1)

    def _set(self, identity: np.ndarray, values: np.ndarray, kept: Collection[int]) -> None:
        for place, value in zip(self.places if self.places is not None else (), values, strict=True):
            if int(place) not in kept:
                identity[place] = value
