"""Learning a skin's age from portraits of people whose age is known: ridge regression on the shape that was fitted, and
on the lines that are seen (`core/photo/skin_age.py`).

Ages are a photo's date less a birthday, not guesses by eye: a regression on guesses reads the guesser's portraits, and
little else (r .86 on those that it learnt from, .28 on others by true ages).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.locate import face_model_path
from ...face_model.model import FaceModel
from ...paths import ROOT
from ...photo.fit.solve import Fitter
from ...photo.landmarks.networks import LandmarkNetworks
from ...photo.line_features import LineFilter
from ...photo.portraits import chosen, people_of
from ...photo.skin_age import FILE, LEVEL_MM, SkinAge, Standard
from ...photo.skin_lines import blurred_to, features
from ...photo.skin_view import SkinView, SkinViewer
from .sitters import sitters_of

LEAST_PORTRAITS = 30
_RIDGE = 100.0
_LINES = 0.5
"""How much a line's feature counts beside a component of shape: there are twenty times as many."""
_FOLDS = 8


def lines_of(lines: LineFilter, view: SkinView) -> np.ndarray:
    """(F,) features of a photo at `LEVEL_MM`, all nan where it is blurred beyond that."""
    if view.blur_mm > LEVEL_MM:
        return features(lines.nothing())
    return features(lines.of_photo(blurred_to(view, LEVEL_MM)))


def learn(shapes: np.ndarray, lines: np.ndarray, years: np.ndarray) -> tuple[SkinAge, float]:
    """shapes (N, n_shape), lines (N, F) with nan where nothing is seen, years (N,) -> the regression, and the
    correlation of its guesses with the ages, each portrait guessed by the others. Raises DnpmError when they are too
    few, or tell nothing."""
    if len(years) < LEAST_PORTRAITS:
        raise DnpmError(f"{len(years)} portraits of known age are too few; at least {LEAST_PORTRAITS} are needed")
    fold, guesses = np.arange(len(years)) % _FOLDS, np.zeros(len(years))
    for k in range(_FOLDS):
        parts, middle = _solved(shapes[fold != k], lines[fold != k], years[fold != k])
        guesses[fold == k] = middle + parts[0].of(shapes[fold == k]) @ parts[0].weights
        guesses[fold == k] += parts[1].of(lines[fold == k]) @ parts[1].weights
    away = years - years.mean()
    slope = float((guesses - guesses.mean()) @ away / (away @ away))
    if slope <= 0.02:
        raise DnpmError(
            "neither shape nor lines of these portraits follow the ages: are the labels those of the files?"
        )
    error = float(np.std((guesses - guesses.mean()) - slope * away)) / slope
    (shape, line), middle = _solved(shapes, lines, years)
    return SkinAge(shape, line, middle, slope, error), float(np.corrcoef(guesses, years)[0, 1])


def _solved(shapes: np.ndarray, lines: np.ndarray, years: np.ndarray) -> tuple[list[Standard], float]:
    """Both parts, and the mean age."""
    parts = [_standard(shapes, 1e-3), _standard(lines, 0.05)]
    columns = [parts[0].of(shapes), _LINES * parts[1].of(lines)]
    x = np.concatenate([column - column.mean(0) for column in columns], 1)
    middle = float(years.mean())
    weights = x.T @ np.linalg.solve(x @ x.T + _RIDGE * np.eye(len(x)), years - middle)
    count = shapes.shape[1]
    # What is standardised has a mean near 0, but for what is not seen and what was limited.
    middle -= float(np.concatenate([column.mean(0) for column in columns]) @ weights)
    shape, line = (Standard(one.usual, one.spread, w) for one, w in
                   zip(parts, (weights[:count], _LINES * weights[count:]), strict=True))  # fmt: skip
    return [shape, line], middle


def _standard(given: np.ndarray, least: float) -> Standard:
    """(N, D) with nan -> usual and spread, which is never below `least`."""
    there = np.isfinite(given)
    number = np.maximum(there.sum(0), 1)
    usual = np.where(there, given, 0).sum(0) / number
    spread = np.sqrt((np.where(there, given - usual, 0) ** 2).sum(0) / number) + least
    return Standard(usual, spread, np.zeros(given.shape[1]))


def build(args: argparse.Namespace) -> Path:
    """`dnpm build skin-age`: the file's path. Raises what the parts raise."""
    path = args.out or ROOT / "weights" / FILE
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    people = [one for one in chosen(people_of(args.photos, args.labels), args.half, args.people) if one.age is not None]
    fitter, viewer = Fitter(model, networks.canonical), SkinViewer(model)
    filters = LineFilter(viewer)
    sitters = sitters_of(people, model, fitter, networks, viewer)
    shapes, lines, years = _rows([(one.identity, lines_of(filters, one.view), one.years) for one in sitters])
    made, r = learn(shapes[:, : model.n_shape], lines, years)
    made.save(path, model, about(args.half, len(sitters), made, r, args.licence))
    return path


def _rows(people: Sequence[tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shapes, lines, years = ([row[k] for row in people] for k in range(3))
    if not people:
        raise DnpmError('no portrait\'s age is known; give ages in a column "age" of labels.csv')
    return np.stack(shapes).astype(float), np.stack(lines), np.array(years, float)


def about(half: str, count: int, made: SkinAge, r: float, licence: str) -> dict[str, str]:
    """The file's metadata."""
    return {
        "command": f"dnpm build skin-age DIR --half {half}", "licence": licence, "portraits": str(count),
        "scores": f"r {r:.2f} on held-out portraits, slope {made.slope:.2f}, error {made.error:.1f} years",
    }  # fmt: skip
