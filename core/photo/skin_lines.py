"""What a photo's lines say of a person's skin: components, age, and how strong the detail of each region is.

Three steps, all after the fit:

1. Regression. The energy of oriented lines in cells of the face (`line_features.py`) to the skin components and the
   skin's age, a ridge learnt on simulated photos of random people (`core/training/photo/skin_lines.py`,
   `dnpm build skin-lines`; shipped as `weights/skin_lines.safetensors`). Real portraits of known ages say what such
   energies are usually like. A hidden cell counts as usual. A photo that is blurred beyond
   the last level says nothing, and all stays as the sliders had it.
2. A rule: lines that the map predicts in a region, against the photo's in the same cells and directions. Where a clear
   photo shows less or more, the component that scales these lines' depth is moved.
3. The same rule for what is left: the region's strength. Expressions crease some people less than the networks think.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..detail.controls import age_direction
from ..errors import DnpmError
from ..face_model import skin_components
from ..face_model.checks import age_regression
from ..face_model.model import FaceModel
from ..face_model.regions import EXPRESSIONS_BY_REGION, region_masks
from ..files import tensor_file
from ..files.inputs import regular_file
from ..paths import ROOT
from .line_features import DIRECTIONS, SIDE, LineFilter, Lines, pooled
from .skin_view import SkinView, SkinViewer

FORMAT = "dnpm-skin-lines-1"
FILE = "skin_lines.safetensors"
_AGAIN = "make it again with `dnpm build skin-lines DIR`"
Displacement = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
LEVELS_MM = (0.7, 1.1, 1.8)
"""Blurs at which lines are compared: a photo is blurred to the next of them, one beyond the last says nothing."""
FLOOR = 0.002
"""Logarithm of luminance below which energies say nothing."""
TARGETS = (*skin_components.LABELS, "years")
MOST_SD, MOST_YEARS = 2.0, 30.0
_HIDDEN, _SAME = 0.2, 0.04
"""Share of a region below which it counts as hidden; strengths so near to 1 are 1."""


FAMILIES = {
    "Forehead lines": ("forehead", 0.6), "Frown lines": ("glabella", 0.6), "Crow's feet": ("crows_feet", 0.6),
    "Under-eye lines": ("under_eye", 0.6), "Nasolabial folds": ("nasolabial", 0.6), "Lip lines": ("lips", 0.6),
    "Chin creases": ("chin", 0.6), "Marionette lines": ("marionette", 1.0), "Cheek lines": ("cheek", 1.0),
}  # fmt: skip
"""Component that scales the depth of lines -> where they lie, and how much of what the rule says it takes over: the
region's strength takes the rest, where there is one."""
PLACES = tuple(place for place, _ in FAMILIES.values())


@dataclass(frozen=True)
class SkinRead:
    """components (34,) standard deviations; years, the skin's age."""

    components: np.ndarray
    years: float


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


def standardised(given: np.ndarray, usual: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(..., F) features in spreads from the usual; 0 where a cell is not seen."""
    return np.asarray(np.nan_to_num(np.clip((given - usual) / spread, -3, 3)))


@dataclass(frozen=True)
class SkinRegression:
    """Of each level: usual and spread (levels, F) of real photos' features at `middle` years, weights
    (levels, F + n_exp, targets) on standardised features and the expression, targets in standard deviations of random
    people; told (levels, targets): the share of the variance that held-out people's lines tell; centre, scale
    (targets,): the targets' own; expression (n_exp,): the usual one; regions: what strength photos usually give each
    region, and depths: what they would give it before depths are moved, both where a photo hides it."""

    usual: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    told: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    expression: np.ndarray
    regions: Mapping[str, float] = field(default_factory=dict)
    depths: Mapping[str, float] = field(default_factory=dict)

    def read(self, lines: Lines, level: int, expression: np.ndarray) -> SkinRead:
        """What a photo at a level of blur says."""
        row = standardised(features(lines), self.usual[level], self.spread[level])
        guess = np.append(row, expression - self.expression) @ self.weights[level]
        values = self.centre + self.scale * guess
        return SkinRead(np.clip(values[:-1], -MOST_SD, MOST_SD), float(np.clip(values[-1], 16, 90)))

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        arrays = {
            name: np.asarray(getattr(self, name), np.float16 if name in ("weights", "usual", "spread") else np.float32)
            for name in _ARRAYS
        }
        arrays["regions"] = np.array([self.regions.get(name, 1.0) for name in EXPRESSIONS_BY_REGION], np.float32)
        arrays["depths"] = np.array([self.depths.get(name, 1.0) for name in PLACES], np.float32)
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
        if missing := [name for name in (*_ARRAYS, "regions", "depths") if name not in arrays]:
            raise DnpmError(f"{path}: holds no {missing[0]!r}; {_AGAIN}")
        found = cls(
            **{name: arrays[name].astype(float) for name in _ARRAYS},
            regions=dict(zip(EXPRESSIONS_BY_REGION, np.ravel(arrays["regions"]).tolist(), strict=False)),
            depths=dict(zip(PLACES, np.ravel(arrays["depths"]).tolist(), strict=False)),
        )
        levels, count, targets = len(LEVELS_MM), found.usual.shape[-1] if found.usual.ndim else 0, len(TARGETS)
        expressions = len(np.ravel(found.expression))
        wanted = {
            "usual": (levels, count), "spread": (levels, count), "weights": (levels, count + expressions, targets),
            "told": (levels, targets), "centre": (targets,), "scale": (targets,), "expression": (expressions,),
        }  # fmt: skip
        same = all(getattr(found, name).shape == shape for name, shape in wanted.items())
        usual = {"regions": len(EXPRESSIONS_BY_REGION), "depths": len(PLACES)}
        if not same or any(arrays[name].shape != (number,) for name, number in usual.items()):
            raise DnpmError(f"{path}: its arrays contradict each other; {_AGAIN}")
        if not all(np.isfinite(getattr(found, name)).all() for name in _ARRAYS) or not (found.spread > 0).all():
            raise DnpmError(f"{path}: holds numbers that no regression has; {_AGAIN}")
        if metadata.get("model") != model.name:
            return None
        if expressions != model.n_exp:
            raise DnpmError(f"{path}: knows {expressions} expressions, {model.name} has {model.n_exp}; {_AGAIN}")
        return found


_ARRAYS = ("usual", "spread", "weights", "told", "centre", "scale", "expression")

LEAST, MOST = 0.15, 1.15
"""Strengths that a photo may give a region."""
_NONE, _ALL = 0.3, 0.85
"""Photo's lines over those predicted from a map, at the same places, of sitters who have no such lines, and as many as
the map: simulated, and judged by eye on portraits."""
_CLEAR = 0.5
"""The map's lines over the photo's clutter at which half of what is read is believed."""


_DEPTH, _BEND = 1.0, 0.8
"""The component x scales its lines' depth by exp(_DEPTH tanh(_BEND x)) (`core/training/teacher/person.py`)."""
_DAMPED = (0.36, 1.6)


class RegionRule:
    """One face model's regions in cells: those of the sliders, and two for which there is a component alone."""

    def __init__(self, lines: LineFilter) -> None:
        places = lines.landmarks
        masks = region_masks(places, SIDE)
        eyes = float(np.linalg.norm(places[45] - places[36]))
        masks["marionette"] = _both(places[54] + eyes * np.array([0.06, -0.16]), eyes, 0.12, 0.2)
        masks["cheek"] = _both(places[54] + eyes * np.array([0.3, 0.06]), eyes, 0.16, 0.3)
        self.weights = {name: pooled(mask * lines.keep)[lines.cells] for name, mask in masks.items()}

    def read(self, photo: Lines, ours: Lines) -> dict[str, tuple[float, float]]:
        """Region -> (by what the map's lines should be multiplied, how much that is to be believed, 0 to 1), for a
        photo's lines and those that the map would show in its place."""
        found = {}
        for name, weight in self.weights.items():
            rows = weight > 0.15
            use = (weight * photo.seen)[rows][:, None] * np.ones(DIRECTIONS)
            seen = float((weight * photo.seen).sum() / max(float(weight.sum()), 1e-9))
            if seen < _HIDDEN:
                found[name] = (1.0, 0.0)
                continue
            ours_here, shown = ours.energy[rows], photo.energy[rows]
            # What the skin shows where the map has no line: spots, stubble, noise.
            few = ours_here <= np.quantile(ours_here, 0.5)
            clutter = float(np.average(shown[few], weights=use[few] + 1e-6))
            size = float((use * ours_here**2).sum())
            amount = float((use * ours_here * np.maximum(shown - clutter, 0)).sum()) / max(size, 1e-12)
            strong = size / max(float(use.sum()), 1e-9)
            believed = min(seen / 0.7, 1.0) * strong / (strong + (_CLEAR * clutter) ** 2 + 1e-12)
            found[name] = (float(np.clip((amount - _NONE) / (_ALL - _NONE), LEAST, MOST)), believed)
        return found


def _both(place: np.ndarray, eyes: float, half_u: float, half_v: float) -> np.ndarray:
    """(SIDE, SIDE) 0 to 1: an ellipse on the face's left, and its mirror image; v is up."""
    centre = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(np.abs(centre - 0.5), 1 - centre)
    away = np.hypot((u - abs(place[0] - 0.5)) / (half_u * eyes), (v - place[1]) / (half_v * eyes))
    return np.asarray(np.clip((1.15 - away) / 0.3, 0, 1))


def depth_step(value: float, factor: float) -> float:
    """What a depth's component becomes so that its lines are `factor` times as deep, within `MOST_SD`."""
    bent = np.tanh(_BEND * value) + np.log(np.clip(factor, *_DAMPED)) / _DEPTH
    return float(np.clip(np.arctanh(np.clip(bent, -0.93, 0.93)) / _BEND, -MOST_SD, MOST_SD))


class SkinLineReader:
    """All of it, for one face model. viewer: shared with the relief's reader."""

    def __init__(self, viewer: SkinViewer, regression: SkinRegression | None, displacement: Displacement) -> None:
        """regression: None reads regions alone; displacement: identity (n_id,), expression (n_exp,), texels a side ->
        the networks' map in mm. Raises DnpmError when the model lacks landmarks."""
        self.model, self.regression, self.displacement = viewer.model, regression, displacement
        self.lines = LineFilter(viewer)
        self.rule = RegionRule(self.lines)
        places = skin_components.places(self.model.identity_labels)
        self.places = None if places is None else np.array(places)
        self.age = age_regression(self.model)

    def skin(
        self, identity: np.ndarray, views: Sequence[SkinView], expressions: Sequence[np.ndarray],
        kept: Collection[int] = (),
    ) -> tuple[np.ndarray, float]:  # fmt: skip
        """(n_id,) with the skin components that the photos (one person's) show, and the years by which the skin is
        older than the shape says; components in `kept` stay, and with any of the shape's the age."""
        if self.regression is None or self.places is None or self.age is None:
            return identity, 0.0
        shown = [(*same, expression) for view, expression in zip(views, expressions, strict=True)
                 if (same := at_level(view)) is not None]  # fmt: skip
        if not shown:
            return identity, 0.0
        identity, years = self.regressed(identity, shown, kept)
        older = identity + np.float32(years) * age_direction(self.model)
        steps = [self._depths(older, view, moved) for view, _, moved in shown]
        self._set(identity, np.mean(steps, 0), kept)
        return identity, years

    def regressed(
        self, identity: np.ndarray, shown: Sequence[tuple[SkinView, int, np.ndarray]], kept: Collection[int] = ()
    ) -> tuple[np.ndarray, float]:
        """`skin` before depths are moved, of views with their levels and expressions. The regression must be there."""
        assert self.regression is not None
        assert self.age is not None
        reads = [self.regression.read(self.lines.of_photo(view), level, moved) for view, level, moved in shown]
        identity = np.array(identity, np.float32)
        self._set(identity, np.mean([one.components for one in reads], 0), kept)
        weights, middle = self.age
        years = 0.0
        if not any(k < self.model.n_shape for k in kept):
            # Shapes tell nothing of portraits' ages; the lines' guess stands alone.
            guess = float(np.mean([one.years for one in reads])) - middle - float(weights @ identity)
            years = round(float(np.clip(guess, -MOST_YEARS, MOST_YEARS)), 1)
        return identity, years

    def _set(self, identity: np.ndarray, values: np.ndarray, kept: Collection[int]) -> None:
        for place, value in zip(self.places if self.places is not None else (), values, strict=True):
            if int(place) not in kept:
                identity[place] = value

    def compared(self, identity: np.ndarray, view: SkinView, expression: np.ndarray) -> dict[str, tuple[float, float]]:
        """`RegionRule.read` of a view and the networks' map of an identity whose age is the skin's."""
        ours = self.lines.of_map(self.displacement(identity, expression, SIDE), view)
        return self.rule.read(self.lines.of_photo(view), ours)

    def _depths(self, identity: np.ndarray, view: SkinView, expression: np.ndarray) -> np.ndarray:
        """(34,) components, those of `FAMILIES` as the rule has them."""
        read = self.compared(identity, view, expression)
        usual = self.regression.depths if self.regression is not None else {}
        values = np.array(identity[self.places], float)
        for label, (region, share) in FAMILIES.items():
            strength, believed = read[region]
            k = skin_components.LABELS.index(label)
            told = believed * np.log(max(strength, LEAST)) + (1 - believed) * np.log(usual.get(region, 1.0))
            values[k] = depth_step(float(values[k]), float(np.exp(share * told)))
        return values

    def regions(self, view: SkinView, heights: np.ndarray) -> dict[str, float]:
        """Region -> strength, where it is not 1, for a photo and the whole map (R, R) mm that its face would have."""
        same = at_level(view)
        if same is None:
            return {}
        read = self.rule.read(self.lines.of_photo(same[0]), self.lines.of_map(heights, same[0]))
        usual = self.regression.regions if self.regression is not None else {}
        found = {name: usual.get(name, 1.0) + believed * (strength - usual.get(name, 1.0))
                 for name, (strength, believed) in read.items() if name in EXPRESSIONS_BY_REGION}  # fmt: skip
        return {name: round(strength, 2) for name, strength in found.items() if abs(strength - 1) > _SAME}
