"""Who a video shows: one identity from several of its pictures, and the camera's focal length."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..face_model.model import FaceModel
from ..face_model.sampling import IDENTITY_LIMIT
from ..photo.fit.solve import Fitter, Picture
from ..photo.landmarks.detect import Face, find_faces
from ..photo.landmarks.networks import LandmarkNetworks
from .decoding import Video, sampled

LOOKED_AT, USED = 14, 5
"""Pictures that are looked at over the clip, and how many of them the identity is solved on."""
_UNLIKELY = 0.1
"""Square millimetres of a vertex that a component's step of one standard deviation must save (`identity_at_rest`)."""
_LEAST_EYES = 12.0
"""Pixels between the eyes' corners below which a face tells nothing of its person."""


@dataclass(frozen=True)
class Person:
    """identity (n_id,), focal in pixels, spread: of the looks at the clip's faces (`Face.spread`), pictures:
    how many it was solved on, error: mean distance of their landmarks from the fitted face, eye distances."""

    identity: np.ndarray
    focal: float
    spread: float
    pictures: int
    error: float


def solve_identity(
    video: Video, networks: LandmarkNetworks, fitter: Fitter
) -> Generator[float, None, Person]:  # fmt: skip
    """Yields the share done. Raises DnpmError when no face is found in the pictures that are looked at."""
    faces: list[Face] = []
    looked = 0
    for k, frame in enumerate(sampled(video, LOOKED_AT)):
        looked += 1
        # Small faces are searched for as long as there is none; the search is long where there is no face at all.
        found = find_faces(frame.image.astype(np.float32) / 255, networks, closely=1)
        faces += found[:1]
        yield 0.7 * min(1.0, (k + 1) / LOOKED_AT)
    good = [face for face in faces if face.eye_distance >= _LEAST_EYES]
    if not good:
        small = "only faces of too few pixels were" if faces else "no face was"
        raise DnpmError(
            f"{video.path}: {small} found in {looked} pictures over the video ({video.size[0]} x {video.size[1]} "
            "pixels); use a video that shows one person's face from the front"
        )
    chosen = _chosen(good)
    fit = fitter.fit([Picture(face, video.size) for face in chosen])
    yield 1.0
    focal = float(np.exp(np.median([np.log(camera.focal) for camera in fit.cameras])))
    spread = float(np.median([face.spread for face in good]))
    return Person(fit.identity, focal, spread, len(chosen), float(np.mean(fit.errors)))


def identity_at_rest(model: FaceModel, identity: np.ndarray, sliders: np.ndarray) -> np.ndarray:
    """(n_id,) whose neutral is the person's rest, as far as identities reach; sliders (52,): of the fit at rest.

    The fit shares a face out between who it is and what it does: a resting mouth becomes one that droops and smiles
    a little. What it does at rest is taken out of all pictures (`rest.py`); left out here, the mouth would droop. Where
    the eyes look is no matter of identity."""
    expression = np.zeros(model.n_exp, np.float32)
    for name, value in zip(ARKIT_NAMES, sliders, strict=True):
        if name in model.expression_index and not name.startswith("eyeLook"):
            expression[model.expression_index[name]] = np.clip(value, 0, 1)
    skin = model.vertex_groups.get("face", np.arange(len(model.neutral)))
    moved = (model.vertices(identity, expression) - model.neutral_of(identity))[skin].ravel().astype(float)
    average = model.neutral_of(np.zeros(model.n_id, np.float32))[skin]
    by_identity = np.stack([
        (model.neutral_of(one)[skin] - average).ravel() for one in np.eye(model.n_id, dtype=np.float32)
    ]).astype(float)  # fmt: skip
    # Mean squares of a vertex, against what a step costs.
    step = np.linalg.solve(
        by_identity @ by_identity.T / len(skin) + _UNLIKELY * np.eye(model.n_id), by_identity @ moved / len(skin)
    )
    result: np.ndarray = (identity + step).clip(-IDENTITY_LIMIT, IDENTITY_LIMIT).astype(np.float32)
    return result


def _chosen(faces: list[Face]) -> list[Face]:
    """The steadiest looks, of different turns: farthest-point sampling by where nose and chin lie between the eyes."""
    if len(faces) <= USED:
        return faces
    faces = sorted(faces, key=lambda face: face.spread)[: max(USED, round(0.7 * len(faces)))]
    turns = np.array([_turn(face) for face in faces])
    places = [0]
    while len(places) < USED:
        away = np.min([np.linalg.norm(turns - turns[k], axis=1) for k in places], 0)
        places.append(int(away.argmax()))
    return [faces[k] for k in sorted(set(places))]


def _turn(face: Face) -> np.ndarray:
    """(2,): the nose's tip along and across the line between the eyes, in eye distances."""
    right, left, nose = (face.points[k, :2].astype(float) for k in (33, 263, 4))
    line = (left - right) / max(face.eye_distance, 1e-6)
    off = nose - (left + right) / 2
    return np.array([off @ line, off @ np.array([-line[1], line[0]])]) / max(face.eye_distance, 1e-6)
