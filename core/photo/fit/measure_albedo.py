"""Measuring the skin's usual albedo (`shading.py`) on portraits whose faces a fit found: each one's light is fitted to
the albedo so far, and what it leaves, averaged over the people, is the albedo; three rounds, from none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import logs
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ..image_file import read_picture
from ..landmarks.detect import find_faces
from ..landmarks.networks import LandmarkNetworks
from ..portraits import Person
from .shading import LEAST_DEVIATION, Seen, Skin, UsualSkin, light_of, shading
from .solve import Fitter, Picture

log = logs.logger(__name__)

LEAST = 12
"""Portraits whose mean can be taken for everybody's."""
WEIGHT = 0.04
"""Chosen on the portraits for calibration (docs/photo_fit.md)."""
_NEAR_MM = 8.0
"""Of a landmark: farther away are hair and ears."""
_ROUNDS, _ODD = 3, 1.2
_NO_SKIN = ("eye", "lash", "lid", "lip", "mouth", "teeth", "tongue")


def skin_vertices(model: FaceModel, places: np.ndarray) -> np.ndarray:
    """(N,) vertices of the face near its landmarks, places (468, 3) mm at rest; no lids, lips or insides."""
    skin = np.zeros(len(model.neutral), bool)
    skin[model.vertex_groups.get("face", np.arange(len(skin)))] = True
    for name, group in model.vertex_groups.items():
        if name.startswith(_NO_SKIN):
            skin[group] = False
    found = np.flatnonzero(skin)
    apart = np.full(len(found), np.inf)
    for place in places:
        np.minimum(apart, np.linalg.norm(model.neutral[found] - place, axis=1), out=apart)
    return found[apart < _NEAR_MM]


def seen_of(
    people: Sequence[Person], fitter: Fitter, networks: LandmarkNetworks, skin: Skin,
    progress: Callable[[float], None] | None = None,
) -> list[Seen]:  # fmt: skip
    """What the first picture of each person shows, less those in which no face is found. Raises DnpmError when one
    cannot be read."""
    found = []
    for number, person in enumerate(people):
        image = read_picture(person.files[0]).image
        faces = find_faces(image, networks, closely=1)
        if faces:
            fit = fitter.fit([Picture(faces[0], (image.shape[1], image.shape[0]))])
            vertices = fitter.model.vertices(fit.identity, fit.expressions[0])
            if fit.corrective is not None:
                vertices = vertices + fit.corrective
            found.append(skin.seen(image, faces[0].eye_distance, vertices, fit.cameras[0]))
        else:
            log.warning("%s: skipped, no face was found", person.files[0].name)
        if progress is not None:
            progress((number + 1) / len(people))
    return found


def measure_albedo(vertices: np.ndarray, portraits: Sequence[Seen]) -> UsualSkin:
    """The vertices (N,), and what portraits show at them. Raises DnpmError when there are fewer than `LEAST`."""
    if len(portraits) < LEAST:
        raise DnpmError(f"{len(portraits)} portraits are too few to measure the skin's albedo by; at least {LEAST} are")
    albedo = deviation = np.zeros(len(vertices))
    for _ in range(_ROUNDS):
        total, squares, count = (np.zeros(len(vertices)) for _ in range(3))
        for one in portraits:
            left = one.luminance - shading(one.normals, light_of(one, albedo))
            left = (left - np.median(left[one.there])).clip(-_ODD, _ODD) * one.there
            total, squares, count = total + left, squares + left**2, count + one.there
        albedo = total / np.maximum(count, 1)
        deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - albedo**2, 0))
    return UsualSkin(vertices, albedo, np.maximum(deviation, LEAST_DEVIATION), WEIGHT)
