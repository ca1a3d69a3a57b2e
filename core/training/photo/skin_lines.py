"""Learning what a photo's lines say of a skin (`core/photo/skin_lines.py`): simulated photos of random people, and
ridge regression.

A portrait lends its light, its sharpness, what it hides, and an expression. A random person's map is lit so; a younger
sitter's own skin, which has few lines, is laid over as what else skin shows. Features of the simulation and of photos
are made comparable by two numbers each: the mean at one age, by a regression on ages judged by eye, and the spread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ... import progress as bars
from ...detail.card import check_face_model, read_card, weights_dir
from ...detail.controls import age_direction
from ...detail.weights import Detail, load_detail
from ...errors import DnpmError
from ...face_model import skin_components
from ...face_model.checks import age_regression
from ...face_model.locate import face_model_path
from ...face_model.model import FaceModel
from ...paths import ROOT
from ...photo.fit.solve import Fitter
from ...photo.landmarks.networks import LandmarkNetworks
from ...photo.line_features import SIDE, LineFilter, halved, standardised
from ...photo.portraits import chosen, people_of
from ...photo.skin_lines import (
    FILE,
    LEVELS_MM,
    TARGETS,
    SkinRegression,
    blurred_to,
    features,
)
from ...photo.skin_view import SkinViewer
from ..painters import claim, open_grown
from .sitters import SkinSitter, mirrored, sitters_of

LEAST_PORTRAITS, LEAST_PICTURES = 12, 100
MIDDLE_YEARS = 50.0
YOUNG_YEARS = 46.0
_YEARS = (18.0, 86.0)
_STRENGTHS = (30.0, 100.0, 300.0, 1000.0, 3000.0)
_FOLDS = 5
SITTERS = 4.0
"""Square root of how many simulated photos a sitter's own portrait counts for."""
_PRIOR = 4
_NOISE = 0.07
"""How far fitted expressions are off, in sliders."""
_RATIO = (0.7, 1.8)
"""How strong lines look against the simulated light, logarithmically even: rooms are softer or harder than fitted."""


class Simulator:
    """Draws simulated photos' features by number."""

    def __init__(
        self, model: FaceModel, detail: Detail, lines: LineFilter, sitters: Sequence[SkinSitter], seed: int
    ) -> None:
        """Raises DnpmError when the model has no age or no skin components, or no sitter is young."""
        self.model, self.detail, self.lines, self.sitters, self.seed = model, detail, lines, sitters, seed
        self.direction, self.regression = age_direction(model), age_regression(model)
        places = skin_components.places(model.identity_labels)
        if places is None or self.regression is None:
            raise DnpmError(f"{model.name}: has no skin components or no age; a photo's lines cannot be read")
        self.places = np.array(places)
        self.young = [one for one in sitters if one.years is not None and one.years <= YOUNG_YEARS]
        if not self.young:
            raise DnpmError(f"no portrait shows somebody of at most {YOUNG_YEARS:g} years; give ages in labels.csv")

    @property
    def size(self) -> int:
        """Numbers of one row: features of all levels, the expression, targets."""
        return len(LEVELS_MM) * self.feature_count + self.model.n_exp + len(self.places) + 1

    @property
    def feature_count(self) -> int:
        """Of one level."""
        return len(features(self.lines.nothing()))

    def draw(self, number: int) -> np.ndarray:
        """(size,): the row of a number, always the same."""
        rng = np.random.default_rng((self.seed, number))
        host = self.sitters[int(rng.integers(len(self.sitters)))]
        other = self.sitters[int(rng.integers(len(self.sitters)))]
        identity = np.zeros(self.model.n_id, np.float32)
        identity[: self.model.n_shape] = rng.normal(size=self.model.n_shape)
        components = np.clip(rng.normal(size=len(self.places)), -2.5, 2.5)
        identity[self.places] = components
        years = rng.uniform(*_YEARS)
        weights, middle = self.regression or (self.direction, 0.0)
        identity = identity + (years - middle - float(weights @ identity)) * self.direction
        expression = np.clip(other.expression * rng.uniform(0.3, 1.1), 0, 1)
        fitted = np.clip(expression + rng.normal(0, _NOISE, len(expression)) * (expression > 0.01), 0, 1)
        heights = map_of(self.detail, identity, expression, SIDE) * np.exp(rng.uniform(*np.log(_RATIO)))
        view = host.view if rng.random() < 0.5 else mirrored(host.view)
        clutter = self._clutter(rng)
        found = []
        for level in LEVELS_MM:
            if view.blur_mm > level:
                found.append(np.full(self.feature_count, np.nan))
                continue
            same = blurred_to(view, level)
            more = ndimage.gaussian_filter(clutter, level / self.lines.mm * 0.7)
            found.append(features(self.lines.of_map(heights, same, more)))
        return np.concatenate([*found, fitted, components, [years]]).astype(np.float32)

    def _clutter(self, rng: np.random.Generator) -> np.ndarray:
        """(SIDE, SIDE): young skin, where one sitter's is hidden another's."""
        layer, left = np.zeros((SIDE, SIDE)), np.ones((SIDE, SIDE))
        for k in rng.permutation(len(self.young))[:3]:
            view = self.young[k].view if rng.random() < 0.5 else mirrored(self.young[k].view)
            trust = halved(view.trust)
            layer, left = layer + left * halved(view.flat), left * (1 - np.clip(trust, 0, 1))
        return layer * rng.uniform(0.5, 1.1)


def rows_of(
    folder: Path, simulator: Simulator, count: int, recipe: dict[str, Any],
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:  # fmt: skip
    """(count, size): the first rows; those that the folder holds already are not made again. Raises DnpmError when it
    holds others."""
    claim(folder / "lines.json", {"format": 1, "model": simulator.model.name, "seed": simulator.seed, **recipe},
          "simulated lines")  # fmt: skip
    kept = open_grown(folder / "rows.f32", (count, simulator.size), np.float32)
    done = open_grown(folder / "rows.done", (count,), np.uint8)
    for number in np.flatnonzero(np.asarray(done) == 0).tolist():
        kept[number] = simulator.draw(number)
        done[number] = 1
        if progress is not None:
            progress((number + 1) / count)
    kept.flush()
    done.flush()
    return np.asarray(kept)


def learn(rows: np.ndarray, sitters: Sequence[SkinSitter], lines: LineFilter, n_exp: int) -> SkinRegression:
    """rows (N, size) of `rows_of`. Raises DnpmError when there are too few, or too few portraits of known age."""
    count = len(features(lines.nothing()))
    if len(rows) < LEAST_PICTURES:
        raise DnpmError(f"{len(rows)} simulated photos are too few; at least {LEAST_PICTURES} are")
    expressions = rows[:, len(LEVELS_MM) * count :][:, :n_exp]
    targets = rows[:, len(LEVELS_MM) * count + n_exp :].astype(float)
    centre, scale = targets.mean(0), targets.std(0)
    usual_expression = expressions.mean(0)
    wanted, moved = (targets - centre) / scale, expressions - usual_expression
    found: dict[str, list[np.ndarray]] = {"usual": [], "spread": [], "weights": [], "told": []}
    for k, level in enumerate(LEVELS_MM):
        given = rows[:, k * count :][:, :count]
        there = np.isfinite(given).any(1)
        real = _real(sitters, lines, level)
        ours, theirs = _standards(given[there], targets[there, -1]), _standards(real.given, real.years)
        # Where few portraits show a place, the simulation stands in.
        few = np.isfinite(real.given).sum(0) < LEAST_PORTRAITS
        shift = np.nanmedian((theirs[0] - ours[0])[~few]) if (~few).any() else 0.0
        usual = np.where(few, ours[0] + shift, theirs[0])
        spread = np.where(few, ours[1], theirs[1])
        x = np.concatenate([standardised(given[there], *ours), moved[there]], 1)
        weights, told, strengths = _ridge(x, wanted[there])
        # The sitters teach the age, too: photos tell it by more than the simulation knows.
        own = np.concatenate([standardised(real.given, usual, spread), real.expressions - usual_expression], 1)
        both = np.concatenate([x, own * SITTERS])
        years = np.append(wanted[there, -1], (real.years - centre[-1]) / scale[-1] * SITTERS)
        weights[:, -1] = _solved(both, years[:, None], strengths[-1:])[:, 0]
        for name, value in (("usual", usual), ("spread", spread), ("weights", weights), ("told", told)):
            found[name].append(value)
    return SkinRegression(**{name: np.stack(values) for name, values in found.items()},
                          centre=centre, scale=scale, expression=usual_expression)  # fmt: skip


def map_of(detail: Detail, identity: np.ndarray, expression: np.ndarray, resolution: int) -> np.ndarray:
    """(R, R) mm: the networks' map."""
    given = (torch.from_numpy(np.asarray(a, np.float32))[None] for a in (identity, expression))
    with torch.inference_mode():
        return np.asarray(detail.displacement(*given, resolution=resolution)[0, 0].numpy())


@dataclass(frozen=True)
class _Real:
    """Of the sitters of known age, each twice, the second time mirrored: features (N, F), years (N,), expressions
    (N, n_exp)."""

    given: np.ndarray
    years: np.ndarray
    expressions: np.ndarray


def _real(sitters: Sequence[SkinSitter], lines: LineFilter, level: float) -> _Real:
    known = [one for one in sitters if one.years is not None and one.view.blur_mm <= level]
    if len(known) < LEAST_PORTRAITS:
        raise DnpmError(
            f"{len(known)} portraits of known age are sharper than {level:g} mm; at least {LEAST_PORTRAITS} must be"
        )
    views = [view for one in known for view in (one.view, mirrored(one.view))]
    given = np.stack([features(lines.of_photo(blurred_to(view, level))) for view in views])
    years = np.repeat([float(one.years or 0) for one in known], 2)
    return _Real(given, years, np.repeat(np.stack([one.expression for one in known]), 2, 0))


def _standards(given: np.ndarray, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F,) mean at `MIDDLE_YEARS` and spread about the line over the years."""
    there = np.isfinite(given)
    number = np.maximum(there.sum(0), 1)
    mean = np.nan_to_num(given).sum(0) / number
    away = np.where(there, (years - MIDDLE_YEARS)[:, None], 0.0)
    away_mean = away.sum(0) / number
    centred, apart = np.where(there, given - mean, 0.0), np.where(there, away - away_mean, 0.0)
    # As if so many more portraits had said that age does not matter.
    slope = (centred * apart).sum(0) / ((apart**2).sum(0) + _PRIOR * 12.0**2)
    left = np.where(there, centred - slope * apart, 0.0)
    return mean - slope * away_mean, np.sqrt((left**2).sum(0) / number + 0.05**2)


def _ridge(x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """(N, D), (N, T) -> weights (D, T), the shares (T,) of variance that held-out rows' tell, and the strength that
    suits each target."""
    fold = np.arange(len(x)) % _FOLDS
    product = x @ x.T
    guesses = np.zeros((len(_STRENGTHS), *z.shape))
    for k in range(_FOLDS):
        out, rest = fold == k, fold != k
        values, vectors = np.linalg.eigh(product[np.ix_(rest, rest)])
        turned, seen = vectors.T @ z[rest], product[np.ix_(out, rest)] @ vectors
        for s, strength in enumerate(_STRENGTHS):
            guesses[s][out] = seen @ (turned / (values + strength)[:, None])
    told = 1 - ((z - guesses) ** 2).mean(1) / (z**2).mean(0)
    strengths = [_STRENGTHS[k] for k in told.argmax(0)]
    return _solved(x, z, strengths), told.max(0), strengths


def _solved(x: np.ndarray, z: np.ndarray, strengths: Sequence[float]) -> np.ndarray:
    """(N, D), (N, T) -> (D, T), by the rows' products: they are fewer than the features."""
    values, vectors = np.linalg.eigh(x @ x.T)
    turned = vectors.T @ z
    columns = [vectors @ (turned[:, t] / (values + strength)) for t, strength in enumerate(strengths)]
    return np.asarray(x.T @ np.stack(columns, 1))


def build(args: argparse.Namespace) -> Path:
    """`dnpm build skin-lines`: the file's path. Raises what the parts raise."""
    path, folder = args.out or ROOT / "weights" / FILE, args.folder or ROOT / "build" / "skin_lines"
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    detail = load_detail(weights_dir(args.weights))
    check_face_model(detail.card, model)
    people = chosen(people_of(args.photos, args.labels), args.half, args.people)
    fitter, viewer = Fitter(model, networks.canonical), SkinViewer(model)
    lines = LineFilter(viewer)
    sitters = sitters_of(people, model, fitter, networks, viewer)
    with bars.share("simulated photos") as tell:
        rows = rows_of(
            folder, Simulator(model, detail, lines, sitters, args.seed), args.count,
            {"half": args.half, "portraits": [[person.name, person.age] for person in people],
             "weights": [one["sha256"] for _, one in sorted(read_card(weights_dir(args.weights))["files"].items())]},
            tell,
        )  # fmt: skip
    learnt = learn(rows, sitters, lines, model.n_exp)
    told = {name: round(float(value), 2) for name, value in zip(TARGETS, learnt.told[0], strict=True)}
    learnt.save(path, model, {
        "command": f"dnpm build skin-lines DIR --half {args.half} --count {args.count} --seed {args.seed}",
        "licence": args.licence, "portraits": str(len(sitters)), "told": json.dumps(told),
    })  # fmt: skip
    return path
