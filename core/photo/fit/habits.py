"""How the landmark network errs on faces that are known: its mean error, and which errors come together.

A network's points do not err apart from each other: on one face all of them sit a little to the side or too high, and a
turned head's outline slides. Rendered people are looked at, and the differences between the points found and the places
that they name are kept as a mean and principal modes. A fit that knows them (generalised least squares) pays little for
an error of a usual kind, instead of turning head and shape for its sake: on renders pose and shape come out a third
better than with errors that are taken as independent. `dnpm build landmark-habits` writes
`weights/landmark_habits.safetensors`.

Differences are in distances between the outer corners of the eyes, in the picture turned so that these lie level.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ... import tensorfile
from ...errors import DnpmError
from ...face_model.locate import ROOT
from ...face_model.looks import TONES, Look
from ...face_model.model import FaceModel
from ...face_model.sampling import random_expression, random_identity
from ..camera import Camera, turned
from ..landmarks.detect import Face, find_faces
from ..landmarks.networks import LandmarkNetworks
from ..render import Lights, Paint, render
from .calibrate import mirror_of

FORMAT = "dnpm-landmark-habits-1"
FILE = "landmark_habits.safetensors"
MODES = 200
_SIZE = 300
_FIRST = 100_000
"""Seeds of the people that are looked at: none that the figures use."""
_FLOOR = 0.008
"""Standard deviation that every point has beyond the measured ones, eye distances: photos are no renders."""
_AGAIN = "make it again with `dnpm build landmark-habits`"
_CORNERS = (33, 263)


@dataclass(frozen=True)
class Habits:
    """mean (468, 2); modes (K, 468, 2), each as long as its standard deviation; rest: the deviation of what they leave,
    per coordinate. All in eye distances."""

    mean: np.ndarray
    modes: np.ndarray
    rest: float

    @cached_property
    def whitening(self) -> np.ndarray:
        """(936, 936) float64: makes errors less the mean independent, of deviation 1."""
        modes = np.asarray(self.modes, float).reshape(len(self.modes), self.mean.size)
        white = self.rest**2 + _FLOOR**2
        lengths = np.linalg.norm(modes, axis=1)
        axes = modes / np.maximum(lengths, 1e-12)[:, None]
        # The modes are orthogonal: the inverse root of white I + modes' modes keeps what lies beside them.
        change = 1 / np.sqrt(lengths**2 + white) - 1 / np.sqrt(white)
        return np.eye(modes.shape[1]) / np.sqrt(white) + (axes.T * change) @ axes

    @classmethod
    def none(cls) -> Habits:
        """Errors that are independent of each other: for a fitter that is to measure the real ones."""
        return cls(np.zeros((468, 2)), np.zeros((0, 468, 2)), 0.012)

    @classmethod
    def of(cls, differences: np.ndarray, mirror: np.ndarray, count: int = MODES) -> Habits:
        """(M, 468, 2) differences of M faces, each counted mirrored as well; mirror (468,): the other side's points."""
        other = differences[:, mirror] * np.array([-1.0, 1.0])
        every = np.concatenate([differences, other])
        mean = every.mean(0)
        apart = (every - mean).reshape(len(every), -1)
        _, lengths, axes = np.linalg.svd(apart, full_matrices=False)
        variances = lengths**2 / len(apart)
        count = min(count, len(variances))
        rest = float(np.sqrt(variances[count:].sum() / max(apart.shape[1] - count, 1)))
        modes = axes[:count] * np.sqrt(variances[:count, None])
        return cls(mean, modes.reshape(count, -1, 2), rest)

    def save(self, path: Path, model: FaceModel, command: str) -> None:
        """Written beside, then renamed."""
        arrays: dict[str, np.ndarray] = {
            "mean": self.mean.astype(np.float32), "modes": self.modes.astype(np.float16),
            "rest": np.array([self.rest], np.float32),
        }  # fmt: skip
        about = {"format": FORMAT, "model": model.name, "command": command, "licence": "GPL-3.0-or-later"}
        tensorfile.save(path, arrays, about)

    @classmethod
    def load(cls, explicit: str | os.PathLike[str] | None = None) -> Habits:
        """A file's, else the shipped ones. Raises DnpmError when it is missing, damaged or another."""
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        if not path.is_file():
            raise DnpmError(f"{path}: the landmarks' habits are missing; {_AGAIN}")
        arrays, metadata = tensorfile.load(path)
        try:
            mean, modes, rest = (arrays[name].astype(float) for name in ("mean", "modes", "rest"))
        except KeyError as error:
            raise DnpmError(f"{path}: holds no {error} of landmarks' habits; {_AGAIN}") from error
        if metadata.get("format") != FORMAT or mean.shape != (468, 2) or modes.shape[1:] != (468, 2) or len(rest) != 1:
            raise DnpmError(f"{path}: holds no landmarks' habits; {_AGAIN}")
        return cls(mean, modes, float(rest[0]))


def level(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, 2) landmarks -> the (2, 2) that levels the eyes' outer corners (row vectors times its transpose), and their
    distance."""
    line = pixels[_CORNERS[1]] - pixels[_CORNERS[0]]
    distance = max(float(np.linalg.norm(line)), 1e-6)
    cosine, sine = line / distance
    return np.array([[cosine, sine], [-sine, cosine]]), distance


@dataclass(frozen=True)
class Seen:
    """A rendered person: sliders, camera, and the face that the networks found in the picture."""

    identity: np.ndarray
    expression: np.ndarray
    camera: Camera
    face: Face


def look_at(model: FaceModel, networks: LandmarkNetworks, paints: list[Paint], number: int) -> Seen | None:
    """The person of a number, rendered and found; None where no face is found."""
    rng = np.random.default_rng((number, 77))
    identity = random_identity(model, _FIRST + number, 1.0)
    expression = random_expression(model, _FIRST + number, rng.uniform(0, 0.9))
    vertices = model.vertices(identity, expression)
    front = vertices[model.vertex_groups.get("face", np.arange(len(vertices)))]
    distance = float(np.exp(rng.uniform(np.log(450), np.log(2500))))
    target = front.mean(0) + rng.normal(0, 5, 3)
    rotation = turned(rng.uniform(-40, 40), rng.uniform(-20, 20), rng.uniform(-15, 15))
    camera = Camera.before((_SIZE, _SIZE), distance, 0.95, 240, target, rotation)
    lights = Lights.drawn(rng)
    picture, _ = render(
        model, vertices, camera, paints[number % len(paints)], lights, background=rng.uniform(0.1, 0.9, 3)
    )
    faces = find_faces(picture, networks)
    return Seen(identity, expression, camera, faces[0]) if faces else None


def measure_habits(
    model: FaceModel, networks: LandmarkNetworks, differences: Callable[[Seen], np.ndarray], count: int,
    progress: Callable[[float], None] | None = None,
) -> Habits:  # fmt: skip
    """Habits over `count` rendered people; differences (`Fitter.differences`) is what a found face errs by.

    Raises DnpmError when fewer than half of the faces are found.
    """
    paints = [Paint.of(model, Look(tone=tone), 256) for tone in TONES]
    found = []
    for number in range(count):
        seen = look_at(model, networks, paints, number)
        if seen is not None:
            found.append(differences(seen))
        if progress is not None:
            progress((number + 1) / count)
    if len(found) < max(2, count / 2):
        raise DnpmError(f"the landmark networks found {len(found)} of {count} rendered faces: too few to measure by")
    return Habits.of(np.stack(found), mirror_of(networks.canonical))
