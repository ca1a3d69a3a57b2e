"""Whose face it is, from pixels: what landmarks cannot tell a fit (sex, age, fullness, brow ridge, jaw, nose).

A ridge regression from what the landmark network sees of a face (`LandmarkNetworks.appearance`) to the identity, learnt
on pictures of random people of the model, dressed in the skins of real portraits and set into them
(`core/training/photo/regressor.py`, `dnpm build photo-regressor`; shipped as `weights/photo_regressor.safetensors`).
Renders look otherwise than photos: the mean of real portraits stands for the mean person, women and men counting for a
half each.

The regression's guess g is a posterior mean under the identity's standard normal prior; `open` is the posterior
variance that held-out pictures leave along each direction of `basis`. A fit has that prior already. What the pixels add
to it is therefore the Gaussian of mean g / (1 - open) and variance open / (1 - open) along each direction. The variance
is multiplied by `inflation`, which was chosen on portraits: it weighs pixels against landmarks (below 1, for the
landmarks' errors are taken for smaller than they are).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files import tensor_file
from ...files.inputs import regular_file
from ...paths import ROOT

FORMAT = "dnpm-photo-regressor-1"
FILE = "photo_regressor.safetensors"
_AGAIN = "make it again with `dnpm build photo-regressor DIR`"


@dataclass(frozen=True)
class PersonRows:
    """rows (r, n), targets (r,): rows @ identity[:n] should be the targets, each with an error of deviation 1."""

    rows: np.ndarray
    targets: np.ndarray

    def of(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) -> (r,): the errors of an identity."""
        return self.rows @ identity[: self.rows.shape[1]] - self.targets


def joined(*several: PersonRows | None) -> PersonRows | None:
    """All rows, of as many components as the longest have; None where nothing is said."""
    said = [one for one in several if one is not None]
    if not said:
        return None
    most = max(one.rows.shape[1] for one in said)
    rows = [np.pad(one.rows, ((0, 0), (0, most - one.rows.shape[1]))) for one in said]
    return PersonRows(np.concatenate(rows), np.concatenate([one.targets for one in said]))


@dataclass(frozen=True)
class PhotoRegressor:
    """centre (D,): the usual photo's appearance; weights (D, n): of the identity's first n components; basis (r, n):
    orthonormal directions; open (r,): the share of each direction's variance that the guess leaves, 0 to 1;
    inflation: what the error's variance is multiplied by."""

    centre: np.ndarray
    weights: np.ndarray
    basis: np.ndarray
    open: np.ndarray
    inflation: float

    def guess(self, appearance: np.ndarray) -> np.ndarray:
        """(D,) -> (n,): the posterior mean by the pixels alone."""
        return np.asarray((np.asarray(appearance, float) - self.centre) @ self.weights)

    def of(self, appearance: np.ndarray) -> PersonRows:
        """(D,) -> what the pixels add to the prior, as rows of least squares."""
        deviation = np.sqrt(self.inflation * self.open / (1 - self.open))
        targets = self.basis @ self.guess(appearance) / (1 - self.open)
        return PersonRows(self.basis / deviation[:, None], targets / deviation)

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        arrays = {
            "centre": self.centre.astype(np.float32), "weights": self.weights.astype(np.float32),
            "basis": self.basis.astype(np.float32), "open": self.open.astype(np.float32),
            "inflation": np.array([self.inflation], np.float32),
        }  # fmt: skip
        tensor_file.save(path, arrays, {"format": FORMAT, "model": model.name, **about})

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> PhotoRegressor | None:
        """A file's, else the shipped one; None on another face model than the one it was learnt on.

        Raises DnpmError when the file is missing, damaged or another.
        """
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"the regressor of photos; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: holds no regressor of photos; {_AGAIN}")
        try:
            centre, weights, basis, left, inflation = (
                arrays[name].astype(float) for name in ("centre", "weights", "basis", "open", "inflation")
            )
        except KeyError as missing:
            raise DnpmError(f"{path}: holds no {missing}; {_AGAIN}") from None
        count, most = basis.shape if basis.ndim == 2 else (-1, -1)
        shapes = (centre.ndim, weights.shape, left.shape, inflation.shape)
        if shapes != (1, (len(centre), most), (count,), (1,)) or not most > 0:
            raise DnpmError(f"{path}: its arrays contradict each other; {_AGAIN}")
        if not ((left > 0) & (left < 1)).all() or not inflation[0] > 0:
            raise DnpmError(f"{path}: has variances that no regression leaves; {_AGAIN}")
        if metadata.get("model") != model.name:
            return None
        if most > model.n_id:
            raise DnpmError(f"{path}: tells {most} components of {model.name}, which has {model.n_id}; {_AGAIN}")
        return cls(centre, weights, basis, left, float(inflation[0]))
