"""Learning the regressor of photos (`core/photo/fit/photo_regressor.py`): pictures of dressed people, kept as what the
landmark network sees of them, then ridge regression whose strength held-out pictures choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import logs
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...photo.fit.measure_photos import shares
from ...photo.fit.photo_regressor import PhotoRegressor
from ...photo.fit.solve import Fitter
from ...photo.landmarks.detect import appearance_of
from ...photo.landmarks.networks import LandmarkNetworks
from ...photo.portraits import Person
from ..painters import claim, open_grown
from .dressed import Dresser, Sitter, sitter_of

log = logs.logger(__name__)

LEAST_PORTRAITS, LEAST_PICTURES = 12, 50
INFLATION = 0.25
"""What the error's variance is multiplied by; chosen on the portraits for calibration (docs/photo_fit.md)."""
_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
_FOLDS = 5
SEX = 0.8
"""Standard deviations of the component for masculine that men lie above the mean, and women below: those of a standard
normal halved in its middle."""
_SAYS_NOTHING = 0.96
"""Directions of which the pixels leave more open are left out."""
_FLAT = 0.05
"""Share of the features' usual deviation that is added to each one's: what hardly varies says nothing."""


@dataclass(frozen=True)
class Learnt:
    """The regressor, and for its card: R2 (n,) on held-out pictures, the ridge's strength."""

    regressor: PhotoRegressor
    r2: np.ndarray
    strength: float


def sitters_of(
    people: Sequence[Person], model: FaceModel, fitter: Fitter, networks: LandmarkNetworks,
    progress: Callable[[float], None] | None = None,
) -> list[Sitter]:  # fmt: skip
    """The portraits that lend skins and pictures. Raises DnpmError when there are fewer than `LEAST_PORTRAITS`."""
    found = []
    for k, person in enumerate(people):
        sitter = sitter_of(person, model, fitter, networks)
        if sitter is not None:
            found.append(sitter)
        else:
            log.warning("%s: skipped, no face was found", person.files[0].name)
        if progress is not None:
            progress((k + 1) / len(people))
    if len(found) < LEAST_PORTRAITS:
        raise DnpmError(f"{len(found)} portraits are too few to dress people with; at least {LEAST_PORTRAITS} are")
    return found


def pictures_seen(
    folder: Path, dresser: Dresser, networks: LandmarkNetworks, count: int, recipe: dict[str, Any],
    progress: Callable[[float], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Appearances (count, D) and identities (count, n) of the first `count` pictures; those that the folder holds
    already are not made again. Raises DnpmError when it holds others, or the network knows no appearance."""
    claim(folder / "pictures.json", {"format": 1, "model": dresser.model.name, "seed": dresser.seed, **recipe},
          "pictures")  # fmt: skip
    size = len(_seen(dresser, 0, networks)[0])
    kept = open_grown(folder / "appearances.f16", (count, size), np.float16)
    people = open_grown(folder / "identities.f32", (count, dresser.model.n_shape), np.float32)
    done = open_grown(folder / "pictures.done", (count,), np.uint8)
    for number in np.flatnonzero(np.asarray(done) == 0).tolist():
        kept[number], people[number] = _seen(dresser, number, networks)
        done[number] = 1
        if progress is not None:
            progress((number + 1) / count)
    for array in (kept, people, done):
        array.flush()
    return np.asarray(kept, np.float32), np.asarray(people)


def _seen(dresser: Dresser, number: int, networks: LandmarkNetworks) -> tuple[np.ndarray, np.ndarray]:
    picture = dresser.draw(number)
    appearance = appearance_of(picture.image, picture.points, networks)
    if appearance is None:
        raise DnpmError("these landmark networks know no appearance; use the ones of `dnpm build landmarks`")
    return appearance, picture.identity


def learn(
    appearances: np.ndarray, identities: np.ndarray, sitters: Sequence[Sitter], masculine: int | None = None
) -> Learnt:  # fmt: skip
    """appearances (N, D), identities (N, n), and the portraits whose mean is the mean person's. masculine: the number
    of the component that tells women from men; portraits whose sex is known are taught with it.

    Raises DnpmError when there are too few pictures, or they tell nothing.
    """
    count = len(appearances)
    if count < LEAST_PICTURES:
        raise DnpmError(f"{count} pictures are too few to learn a regressor from; at least {LEAST_PICTURES} are")
    x, z = np.asarray(appearances, float), np.asarray(identities, float)
    x, z = x - x.mean(0), z - z.mean(0)
    portraits = np.stack([one.appearance for one in sitters]).astype(float)
    sexes = [one.sex for one in sitters]
    usual = shares(sexes) @ portraits
    scale = 1 / (x.std(0) + _FLAT * x.std()) / np.sqrt(x.shape[1])
    seen, real = x * scale, (portraits - usual) * scale
    fold = np.arange(count) % _FOLDS

    def guessed(strength: float) -> np.ndarray:
        """(N, n): each picture's people by the others."""
        found = np.zeros_like(z)
        for k in range(_FOLDS):
            out = fold == k
            found[out] = seen[out] @ _ridge(seen[~out], z[~out], strength)
        return found

    tried = {strength: guessed(strength) for strength in _STRENGTHS}
    best = min(tried, key=lambda k: float(((z - tried[k]) ** 2).sum()))
    left = z - tried[best]
    # Directions by what the guesses say, each one's variance by what they leave: no direction is chosen for a small
    # error, which of many would be chance.
    _, basis = np.linalg.eigh(tried[best].T @ tried[best])
    variance = ((left @ basis) ** 2).mean(0) / ((z @ basis) ** 2).mean(0)
    tells = variance < _SAYS_NOTHING
    if not tells.any():
        raise DnpmError("the pictures tell nothing of the people; make more of them")
    weights = _ridge(seen, z, best)
    if masculine is not None and {"f", "m"} <= set(sexes):
        known = np.array([sex in ("f", "m") for sex in sexes])
        target = np.where(np.array(sexes) == "f", -SEX, SEX)[known]
        # Everybody's weight is 1; women and men count for a half each.
        counted = np.sqrt(shares([sexes[k] for k in np.flatnonzero(known)]) * known.sum())[:, None]
        both = np.concatenate([seen, real[known] * counted])
        wanted = np.append(z[:, masculine], target * counted[:, 0])[:, None]
        weights[:, masculine] = _ridge(both, wanted, best, centred=True)[:, 0]
    regressor = PhotoRegressor(
        usual, weights * scale[:, None], basis[:, tells].T, np.maximum(variance[tells], 1e-3), INFLATION
    )
    return Learnt(regressor, 1 - (left**2).mean(0) / (z**2).mean(0), best)


def _ridge(x: np.ndarray, z: np.ndarray, strength: float, *, centred: bool = False) -> np.ndarray:
    """(N, D), (N, n) -> (D, n), by the pictures' products: they are fewer than the features."""
    if not centred:
        x, z = x - x.mean(0), z - z.mean(0)
    return np.asarray(x.T @ np.linalg.solve(x @ x.T + strength * np.eye(len(x)), z))
