"""Measuring photos' landmark bias (`photo_bias.py`) on real portraits, where nobody's face is known.

First pass: everybody is fitted as if photos erred as renders do. The identities' common vector is what the networks'
common error looks like to such a fit: not everybody has wings of the nose that are 1.6 mm wider than the model's
average. With that vector taken off each person, what a fit leaves at each landmark, averaged over the people, is the
common error. So is a nod that all heads share: landmarks hardly tell it from a common error, sitters look into the
camera in the mean, and their heads are taken to face it so. Women and men count for one half each where labels tell
them, however many there are of either; both sides of the face err alike. Second pass: the same by fits that have this
bias, which makes them fits of photos, with cues (`cues.py`): these move everybody's jaw and lids alike, and that is
nobody's own either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ... import logs
from ...errors import DnpmError
from ..camera import Camera, rotation_of
from ..image_file import read_picture
from ..landmarks.detect import Face, find_faces
from ..landmarks.networks import LandmarkNetworks
from ..portraits import Person
from .calibrate import mirror_of
from .landmark_errors import level
from .photo_bias import PhotoLandmarkBias
from .response import features
from .solve import Fit, Fitter, Picture

log = logs.logger(__name__)

LEAST = 12
"""Portraits whose mean can be taken for everybody's."""


@dataclass(frozen=True)
class Portrait:
    """One person's picture: the found face, the picture's size, and "f", "m" or "" where labels do not tell."""

    face: Face
    size: tuple[int, int]
    sex: str = ""


def portraits_of(people: Sequence[Person], networks: LandmarkNetworks) -> list[Portrait]:
    """The first picture of each person, less those in which no face is found. Raises DnpmError when one cannot be
    read."""
    found = []
    for person in people:
        image = read_picture(person.files[0]).image
        faces = find_faces(image, networks)
        if faces:
            found.append(Portrait(faces[0], (image.shape[1], image.shape[0]), person.sex))
        else:
            log.warning("%s: skipped, no face was found", person.files[0].name)
    return found


def measure_bias(
    fitter: Fitter, canonical: np.ndarray, portraits: Sequence[Portrait],
    progress: Callable[[float], None] | None = None,
) -> PhotoLandmarkBias:  # fmt: skip
    """The fitter's bias (none in the first pass), with what such fits leave; canonical (468, 3) mm is the networks'
    own face.

    Raises DnpmError when there are fewer than `LEAST` portraits.
    """
    if len(portraits) < LEAST:
        raise DnpmError(
            f"{len(portraits)} portraits are too few to measure photos' landmark bias by; at least {LEAST} are"
        )
    fits = []
    for number, one in enumerate(portraits):
        fits.append(fitter.fit([Picture(one.face, one.size)]))
        if progress is not None:
            progress((number + 1) / len(portraits))
    counted = shares([one.sex for one in portraits])
    common = counted @ np.stack([fit.identity for fit in fits]).astype(float)
    nod = float(counted @ np.array([pitch(fit.cameras[0]) for fit in fits]))
    left = [
        left_over(fitter, one, fit, fit.identity - common, -nod) for one, fit in zip(portraits, fits, strict=True)
    ]  # fmt: skip
    bias = np.tensordot(counted, np.stack(left), 1)
    return PhotoLandmarkBias(fitter.photos.bias + (bias + bias[mirror_of(canonical)] * [-1.0, 1.0]) / 2)


def shares(sexes: Sequence[str]) -> np.ndarray:
    """(N,), sum 1: each one's weight in a mean in which women and men count for a half each; without labels for both,
    everybody counts alike, and people without a label count nothing where others have one."""
    kinds = np.array(list(sexes))
    women, men = kinds == "f", kinds == "m"
    if not women.any() or not men.any():
        return np.full(len(kinds), 1 / len(kinds))
    return np.where(women, 0.5 / women.sum(), np.where(men, 0.5 / men.sum(), 0.0))


def pitch(camera: Camera) -> float:
    """Radians that a head nods down in the camera's space; 0 where it faces along the camera's axis."""
    facing = camera.rotation[:, 2]
    return float(np.arctan2(facing[1], -facing[2]))


def nodded(camera: Camera, centre: np.ndarray, angle: float) -> Camera:
    """The head turned about its centre (3,) mm by `angle` radians of `pitch`; it stays where it is."""
    rotation = rotation_of(np.array([angle, 0.0, 0.0])) @ camera.rotation
    return replace(camera, rotation=rotation, translation=camera.into_camera(centre[None])[0] - rotation @ centre)


def left_over(
    fitter: Fitter, portrait: Portrait, fit: Fit, identity: np.ndarray, nod: float = 0.0
) -> np.ndarray:  # fmt: skip
    """(468, 2) eye distances: what a person of this identity (n_id,), posed as fitted and nodded by `nod` radians,
    leaves at the landmarks beyond the usual errors."""
    observed = portrait.face.points[:468, :2].astype(float)
    turn, eyes = level(observed)
    camera, expression = nodded(fit.cameras[0], fitter.centre, nod), fit.expressions[0]
    distance = float(camera.into_camera(fitter.centre[None])[0, 2])
    usual = fitter.error_model_of(portrait.face).expected(
        features(camera.rotation, turn, distance), identity, expression
    )
    return (fitter.placed(identity, expression, camera) - observed) @ turn.T / eyes - usual
