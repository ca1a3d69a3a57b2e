"""How the landmark network errs on faces that are known: what its errors follow, and which of them come together.

Rendered people are looked at, as they are, reduced and blurred, and the differences between the places that the points
name and the points found are taken apart in two steps. What follows the head's turn and nearness (`response.py`), the
person and the expression is a `response`, by ridge regression: a network draws every face towards the usual one. What
is left is noise whose points do not err apart from each other (on one face all of them sit a little to the side, or too
high): principal modes. Their size is proportional to how far several looks at the face lie apart (`Face.spread`): that
tells a sharp picture's errors from a blurred one's, and a photo's from a render's. A fit that knows all this
(generalised least squares with a bias) pays little for an error of a usual kind, instead of turning head and shape for
its sake. There are two of them, for faces whose looks agree and for others. `dnpm build landmark-habits` writes
`weights/landmark_habits.safetensors`.

Differences are in distances between the outer corners of the eyes, in the picture turned so that these lie level.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files import tensor_file
from ...files.inputs import regular_file
from ...paths import ROOT
from .expectation import Expectation, by_name
from .response import FEATURES, MIRRORED

FORMAT = "dnpm-landmark-habits-3"
FILE = "landmark_habits.safetensors"
MODES = 120
_FLOOR = 0.008
"""Standard deviation that every point has beyond the measured ones, eye distances: photos are not renders."""
_AGAIN = "make it again with `dnpm build landmark-habits`"
_CORNERS = (33, 263)
_SPREADS = (0.0035, 0.04)
"""Spreads that are believed; beyond, the nearest of these counts."""
AGREEING = 0.0085
"""Up to this spread a face's looks agree."""
MARGIN = 0.001
"""How far beyond that a face still counts for both kinds when they are measured."""
_KINDS = ("agreeing", "apart")
_RIDGE, _POSE_RIDGE = 100.0, 1e-5
_USUAL_EXPRESSION = 0.2
"""A slider's standard deviation, so that the ridge treats sliders of person and expression alike."""


@dataclass(frozen=True)
class Differences:
    """Of M faces: spread (M,), differences (M, 468, 2), the turn's features (M, FEATURES), identity (M, n_id),
    expression (M, n_exp), the networks' scores (M, n_exp), 0 where there is none."""

    spread: np.ndarray
    differences: np.ndarray
    features: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    scores: np.ndarray

    def with_mirrored(self, mirror: Mirror) -> Differences:
        """These faces, and as many more, whose left is right."""
        both = lambda a, b: np.concatenate([a, b])  # noqa: E731
        return Differences(
            both(self.spread, self.spread),
            both(self.differences, self.differences[:, mirror.points] * [-1.0, 1.0]),
            both(self.features, self.features * MIRRORED),
            both(self.identity, self.identity @ mirror.identity.T),
            both(self.expression, self.expression[:, mirror.expression]),
            both(self.scores, self.scores[:, mirror.expression]),
        )


@dataclass(frozen=True)
class Mirror:
    """What a mirrored picture shows: points (468,) and expression (n_exp,) are the other side's numbers, identity
    (n_id, n_id) takes a person's coefficients to the mirrored one's."""

    points: np.ndarray
    expression: np.ndarray
    identity: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, by_identity: np.ndarray, names: tuple[str, ...]) -> Mirror:
        """points (468,), by_identity (n_id, 468, 3) mm: what each component does to the points of a face at rest."""
        flipped = by_identity[:, points] * np.array([-1.0, 1.0, 1.0])
        flat = lambda a: a.reshape(len(a), -1).T.astype(float)  # noqa: E731
        identity = np.linalg.lstsq(flat(by_identity), flat(flipped), rcond=None)[0]
        index = {name: k for k, name in enumerate(names)}
        return cls(points, np.array([index.get(_other(name), index[name]) for name in names]), identity)


@dataclass(frozen=True)
class LandmarkErrorModel:
    """response (FEATURES, or FEATURES + n_id + n_exp, 468, 2): rows for the features of the head's turn, then for
    identity and expression where they were measured, in eye distances; modes (K, 468, 2), orthogonal, each as long as
    its standard deviation; rest: the deviation of what they leave, per coordinate. Both in spreads."""

    response: np.ndarray
    modes: np.ndarray
    rest: float

    def whitening(self, spread: float) -> np.ndarray:
        """(936, 936) float64 for a face's spread: makes errors less the expected independent, of deviation 1."""
        axes, change, white = self._principal(spread)
        return np.eye(axes.shape[1]) / np.sqrt(white) + (axes.T * (change - 1 / np.sqrt(white))) @ axes

    def precision(self, spread: float) -> tuple[np.ndarray, np.ndarray, float]:
        """The inverse of the errors' covariance for a face's spread, in parts: axes (K, 936), orthonormal, share (K,)
        and white, so that it is (I + axes' diag(share) axes) / white."""
        axes, change, white = self._principal(spread)
        return axes, change**2 * white - 1, white

    def _principal(self, spread: float) -> tuple[np.ndarray, np.ndarray, float]:
        """The modes' directions (K, 936), 1 / their deviation (K,), and the variance beside them."""
        held = float(np.clip(spread, *_SPREADS))
        modes = np.asarray(self.modes, float).reshape(len(self.modes), self.response[0].size) * held
        white = (self.rest * held) ** 2 + _FLOOR**2
        lengths = np.linalg.norm(modes, axis=1)
        # The modes are orthogonal: the inverse root of white I + modes' modes keeps what lies beside them.
        return modes / np.maximum(lengths, 1e-12)[:, None], 1 / np.sqrt(lengths**2 + white), white

    def expected(self, features: np.ndarray, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """(468, 2): the usual error of such a face."""
        usual = np.tensordot(features, self.response[:FEATURES], 1)
        if len(self.response) > FEATURES:
            usual += np.tensordot(np.concatenate([identity, expression]), self.response[FEATURES:], 1)
        return usual

    @classmethod
    def none(cls) -> LandmarkErrorModel:
        """Errors that are independent of each other and follow nothing."""
        return cls(np.zeros((FEATURES, 468, 2)), np.zeros((0, 468, 2)), 1.5)

    @classmethod
    def of(cls, faces: Differences, count: int = MODES) -> LandmarkErrorModel:
        """The response by ridge regression, in which faces count by 1 / spread squared; the modes by principal
        components of what it leaves."""
        n, shape = len(faces.spread), faces.differences.shape[1:]
        every, spread = faces.differences.reshape(n, -1), faces.spread.clip(*_SPREADS)[:, None]
        given = np.concatenate([faces.features, faces.identity, faces.expression / _USUAL_EXPRESSION], 1)
        ridge = np.full(given.shape[1], _RIDGE)
        ridge[:FEATURES] = _POSE_RIDGE * n
        weighted = given / (spread / np.median(spread)) ** 2
        response = np.linalg.solve(weighted.T @ given + np.diag(ridge), weighted.T @ every)
        apart = (every - given @ response) / spread
        response[FEATURES + faces.identity.shape[1] :] /= _USUAL_EXPRESSION
        _, lengths, axes = np.linalg.svd(apart, full_matrices=False)
        variances = lengths**2 / n
        count = min(count, len(variances))
        rest = float(np.sqrt(variances[count:].sum() / max(apart.shape[1] - count, 1)))
        modes = axes[:count] * np.sqrt(variances[:count, None])
        return cls(response.reshape(-1, *shape), modes.reshape(count, *shape), rest)


@dataclass(frozen=True)
class LandmarkErrorModels:
    """LandmarkErrorModel for faces whose looks agree, and for others; and what the scores say."""

    agreeing: LandmarkErrorModel
    apart: LandmarkErrorModel
    expectation: Expectation | None = None
    """What scores say about the expression; None: they are taken for the sliders."""

    def expression(self, names: Sequence[str], scores: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Scores by name -> the expected expression (n_exp,) and 1 / standard deviation (n_exp,)."""
        known = self.expectation if scores else None
        return known.of(names, scores) if known else by_name(names, scores)

    def of(self, spread: float) -> LandmarkErrorModel:
        """Those for a face's spread."""
        return self.agreeing if spread <= AGREEING else self.apart

    @classmethod
    def measured(cls, faces: Differences, mirror: Mirror) -> LandmarkErrorModels:
        """By faces of all spreads, each counted mirrored as well. Raises DnpmError when there are too few of a kind."""
        kinds = []
        for name, chosen in zip(
            _KINDS, (faces.spread <= AGREEING + MARGIN, faces.spread > AGREEING - MARGIN), strict=True
        ):
            if chosen.sum() < 2:
                raise DnpmError(f"{chosen.sum()} faces whose looks are {name} are too few to measure an error model by")
            part = Differences(*(getattr(faces, one.name)[chosen] for one in fields(faces)))
            kinds.append(LandmarkErrorModel.of(part.with_mirrored(mirror)))
        both = faces.with_mirrored(mirror)
        return cls(kinds[0], kinds[1], Expectation.measured(both.scores, both.expression))

    @classmethod
    def none(cls) -> LandmarkErrorModels:
        """For a fitter that is to measure the real ones."""
        return cls(LandmarkErrorModel.none(), LandmarkErrorModel.none())

    def save(self, path: Path, model: FaceModel, command: str) -> None:
        """Written beside, then renamed."""
        arrays: dict[str, np.ndarray] = {}
        for name, error_model in zip(_KINDS, (self.agreeing, self.apart), strict=True):
            arrays[f"{name}.response"] = error_model.response.astype(np.float16)
            arrays[f"{name}.modes"] = error_model.modes.astype(np.float16)
            arrays[f"{name}.rest"] = np.array([error_model.rest], np.float32)
        if self.expectation is not None:
            arrays["scores.weights"] = self.expectation.weights.astype(np.float32)
            arrays["scores.deviation"] = self.expectation.deviation.astype(np.float32)
        about = {"format": FORMAT, "model": model.name, "command": command, "licence": "GPL-3.0-or-later"}
        tensor_file.save(path, arrays, about)

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> LandmarkErrorModels:
        """A file's, else the shipped ones. What follows identity and expression, and the scores' map, count on the
        model alone that they were measured on; elsewhere they are left out.

        Raises DnpmError when the file is missing, damaged or another.
        """
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"the landmark error model; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: holds no landmark error model of this version; {_AGAIN}")
        grades, same = [], False
        for name in _KINDS:
            try:
                response, modes, rest = (arrays[f"{name}.{k}"].astype(float) for k in ("response", "modes", "rest"))
            except KeyError as error:
                raise DnpmError(f"{path}: holds no {error} of landmark error model; {_AGAIN}") from error
            if response.shape[1:] != (468, 2) or modes.shape[1:] != (468, 2) or rest.shape != (1,):
                raise DnpmError(f"{path}: holds no landmark error model; {_AGAIN}")
            if len(response) < FEATURES:
                raise DnpmError(f"{path}: holds no landmark error model; {_AGAIN}")
            response = _with_skin(response, model)
            same = metadata.get("model") == model.name and len(response) == FEATURES + model.n_id + model.n_exp
            grades.append(LandmarkErrorModel(response if same else response[:FEATURES], modes, float(rest[0])))
        weights, deviation = arrays.get("scores.weights"), arrays.get("scores.deviation")
        if weights is None or deviation is None or deviation.ndim != 1 or weights.shape != (
            len(deviation) + 1, len(deviation)
        ):  # fmt: skip
            raise DnpmError(f"{path}: holds no map from scores to expressions; {_AGAIN}")
        known = same and deviation.shape == (model.n_exp,)
        expectation = Expectation(weights.astype(float), deviation.astype(float)) if known else None
        return cls(grades[0], grades[1], expectation)


def _with_skin(response: np.ndarray, model: FaceModel) -> np.ndarray:
    """Zero rows for the skin components where only shape components were measured: these move no landmark."""
    place = FEATURES + model.n_shape
    if len(response) != place + model.n_exp or model.n_shape == model.n_id:
        return response
    return np.insert(response, [place] * (model.n_id - model.n_shape), 0.0, axis=0)


def level(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, 2) landmarks -> the (2, 2) that levels the eyes' outer corners (row vectors times its transpose), and their
    distance."""
    line = pixels[_CORNERS[1]] - pixels[_CORNERS[0]]
    distance = max(float(np.linalg.norm(line)), 1e-6)
    cosine, sine = line / distance
    return np.array([[cosine, sine], [-sine, cosine]]), distance


def _other(name: str) -> str:
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name
