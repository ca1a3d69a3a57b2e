"""Pictures of random people that look like photos: faces of the model, dressed in the skins of real portraits and set
into these portraits in place of the sitter's face, in other light, a little turned, nearer or farther.

A host lends its picture, camera and expression; another sitter's skin, its light taken out, is painted on. Hair, ears,
clothes and background are real and say nothing of the person, which is what a network has to learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...face_model.model import FaceModel
from ...face_model.sampling import IDENTITY_LIMIT
from ...geometry.rasteriser import interpolated, rasterise
from ...photo.camera import Camera, rotation_of
from ...photo.delight import without_light
from ...photo.fit.solve import Fitter
from ...photo.fit.solve import Picture as FitPicture
from ...photo.image_file import read_picture
from ...photo.landmarks.detect import find_faces
from ...photo.landmarks.networks import LandmarkNetworks
from ...photo.portraits import Person
from ...photo.render import Lights, Paint, from_linear, render, to_linear
from ...photo.skin import without_hair
from ...photo.texture import fill_mirrored, photo_alpha, skin_colour, unwrap

_TEXELS = 256
_NEAR_MM, _FADE_MM = 8.0, 6.0
"""How far from the landmarks the face replaces the photo, and over what it fades."""
_INSIDE = ("eye_left", "eye_right", "teeth_lower", "teeth_upper", "tongue", "mouth", "lashes")
_HOSTS = 32
"""Portraits that lend picture, camera and expression: a table of some 5 MB each."""
_MOVING = 0.02
"""Expressions below that change nothing that is seen."""


@dataclass(frozen=True)
class Sitter:
    """A portrait: its picture (h, w, 3), the fitted camera and expression, its skin (R, R, 3) without light, the skin's
    usual colour (3,), and the sex where labels tell it."""

    image: np.ndarray
    camera: Camera
    expression: np.ndarray
    skin: np.ndarray
    base: np.ndarray
    sex: str
    appearance: np.ndarray


@dataclass(frozen=True)
class Dressed:
    """image (h, w, 3), points (468, 2) pixels as a landmark network would place them, identity (n_shape,)."""

    image: np.ndarray
    points: np.ndarray
    identity: np.ndarray


def sitter_of(person: Person, model: FaceModel, fitter: Fitter, networks: LandmarkNetworks) -> Sitter | None:
    """A person's first portrait; None where no face is found, or the network knows no appearance. Raises DnpmError when
    it cannot be read."""
    image = read_picture(person.files[0]).image
    faces = find_faces(image, networks)
    if not faces or faces[0].appearance is None:
        return None
    fit = fitter.fit([FitPicture(faces[0], (image.shape[1], image.shape[0]))])
    vertices = model.vertices(fit.identity, fit.expressions[0])
    seen = without_hair(unwrap(image, vertices, fit.cameras[0], model, _TEXELS), model)
    texture = fill_mirrored(without_light(seen, vertices, model))
    base = skin_colour(texture, model)
    skin = base + photo_alpha(texture, model)[..., None] * (texture.colour - base)
    return Sitter(
        image, fit.cameras[0], fit.expressions[0], skin.astype(np.float16), base, person.sex, faces[0].appearance
    )


class Dresser:
    """Draws pictures by number."""

    def __init__(self, model: FaceModel, fitter: Fitter, sitters: Sequence[Sitter], seed: int) -> None:
        self.model, self.fitter, self.seed = model, fitter, seed
        women = [one for one in sitters if one.sex == "f"]
        others = [one for one in sitters if one.sex != "f"]
        self.kinds = [kind for kind in (women, others) if kind]
        self.hosts = [one for kind in self.kinds for one in kind[: _HOSTS // len(self.kinds)]]
        self.tables = [self._table(host.expression) for host in self.hosts]
        apart = np.full(len(model.neutral), np.inf)
        for point in fitter.bilinear.rest:
            np.minimum(apart, np.linalg.norm(model.neutral - point, axis=1), out=apart)
        self.shown = np.clip((_NEAR_MM + _FADE_MM - apart) / _FADE_MM, 0, 1)
        for name in _INSIDE:
            self.shown[model.vertex_groups.get(name, np.zeros(0, int))] = 1.0
        quads = model.faces[model.faces[:, 3] >= 0]
        self.triangles = np.concatenate([model.faces[:, :3], quads[:, [0, 2, 3]]])

    def draw(self, number: int) -> Dressed:
        """The picture of a number, always the same."""
        rng = np.random.default_rng((self.seed, number))
        place = int(rng.integers(len(self.hosts)))
        host, kind = self.hosts[place], self.kinds[int(rng.integers(len(self.kinds)))]
        skin = kind[int(rng.integers(len(kind)))]
        identity = rng.normal(size=self.model.n_shape) * rng.choice([0.7, 1.0, 1.0])
        identity = np.clip(identity, -IDENTITY_LIMIT, IDENTITY_LIMIT).astype(np.float32)
        table = self.tables[place]
        vertices = table[0] + np.tensordot(identity, table[1:], 1)
        camera = self._camera(host.camera, rng)
        image = self._set_in(host.image, vertices, camera, skin, rng)
        points = camera.project(self.fitter.points.of(vertices))[0]
        eyes = np.linalg.norm(points[263] - points[33])
        # A landmark network's square about a photo's face, not about the true places.
        points = points - self.fitter.photos.bias * eyes + rng.normal(0, 0.012, 2) * eyes
        middle = points.mean(0)
        return Dressed(image, middle + (points - middle) * np.exp(rng.normal(0, 0.02)), identity)

    def _camera(self, camera: Camera, rng: np.random.Generator) -> Camera:
        """Another distance and a little turn; the head keeps its size and place in the picture."""
        middle, farther = self.fitter.centre, float(np.exp(rng.normal(0, 0.25)))
        place = camera.into_camera(middle[None])[0] * [1.0, 1.0, farther]
        rotation = rotation_of(rng.normal(0, [0.1, 0.14, 0.03])) @ camera.rotation
        return Camera(rotation, place - rotation @ middle, camera.focal * farther, camera.centre, camera.size)

    def _set_in(
        self, photo: np.ndarray, vertices: np.ndarray, camera: Camera, skin: Sitter, rng: np.random.Generator
    ) -> np.ndarray:  # fmt: skip
        from scipy import ndimage

        gain = rng.uniform(0.85, 1.15)
        paint = Paint(
            np.clip(skin.skin.astype(np.float32) * gain, 0, 1), np.clip(skin.base * gain, 0, 1).astype(np.float32),
            np.array([0.1, 0.09, 0.07]) * rng.uniform(0.4, 2, 3),
        )  # fmt: skip
        lights = Lights.drawn(rng)
        lights = replace(lights, ambient=lights.ambient + rng.uniform(0, 0.35))
        face, there = render(self.model, vertices, camera, paint, lights)
        shown, weights = rasterise(*camera.project(vertices), self.triangles, camera.size)
        amount = interpolated(self.shown[:, None], self.triangles, shown, weights)[..., 0]
        amount = (amount * ndimage.gaussian_filter(ndimage.binary_erosion(there).astype(np.float32), 1.0))[..., None]
        ground, light = to_linear(photo), to_linear(face)
        inside = amount[..., 0] > 0.9
        if inside.any():  # As bright as the photo's own face, more or less.
            ratio = ground[inside].mean(0) / np.maximum(light[inside].mean(0), 1e-3)
            light = np.clip(light * ratio ** rng.uniform(0.5, 1), 0, 1)
        mixed = ground + amount * (light - ground)
        blur = rng.uniform(0.35, 0.8) if rng.random() < 0.7 else rng.uniform(0.8, 2.2)
        image = from_linear(ndimage.gaussian_filter(mixed, (blur, blur, 0)))
        noisy = image + rng.normal(0, rng.uniform(0, 0.015), image.shape)
        return np.clip(noisy, 0, 1).astype(np.float32)

    def _table(self, expression: np.ndarray) -> np.ndarray:
        """(n_shape + 1, V, 3): the face of an expression, and what each component adds to it."""
        rows = slice(0, self.model.n_shape + 1)
        table = np.array(self.model.core[rows, 0], np.float32)
        for k in np.flatnonzero(expression > _MOVING):
            table += expression[k] * np.asarray(self.model.core[rows, k + 1], np.float32)
        table[0] += self.model.neutral
        return table
