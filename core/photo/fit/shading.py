"""Whose face it is, from its shading: light and dark on the skin say how a face is bent where no landmark is.

A photo's luminance at a vertex is the skin's usual albedo there times the light that its normal gets: spherical
harmonics to the second order (Ramamoorthi & Hanrahan 2001), of which each photo has its own nine coefficients. How the
normals follow the first components of the identity, by finite differences, makes one linear step of shape from shading
out of it: rows of the fit's least squares, from which all that another light would explain is taken off first.

The usual albedo (brows, lips, beards, what the nose and the lids shade) and how far people's differ from it are means
over portraits (`measure_albedo.py`, `dnpm build photo-albedo`; shipped as `weights/photo_albedo.safetensors`).
Neighbouring vertices err alike, and shadows are no shading: the rows count by `weight`, which was chosen on portraits.
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
from ...geometry.mesh import vertex_normals
from ...paths import ROOT
from ..camera import Camera
from ..degrade import resized
from ..harmonics import harmonics
from ..render import to_linear
from ..texture import sampled
from .photo_regressor import PersonRows

FORMAT = "dnpm-photo-albedo-1"
FILE = "photo_albedo.safetensors"
_AGAIN = "make it again with `dnpm build photo-albedo DIR`"
COMPONENTS = 24
"""Of the identity, the first: the others bend the skin too little."""
LEAST_DEVIATION = 0.08
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_DARKEST, _LEAST_LIGHT = 0.004, 0.02
_SMOOTH, _EYES = 0.02, 100.0
"""Eye distances that luminance is averaged over; pixels of an eye distance that this needs at most."""
_FACING = 0.35
_STEP, _ODD = 0.5, 2.5
"""Of the finite differences; deviations beyond which a vertex pulls no harder: hair, glasses, a cast shadow."""
_LEAST_SEEN = 200
_RIDGE = 1e-3
"""Of the light's second order."""


@dataclass(frozen=True)
class Seen:
    """What a photo shows at the vertices: logarithm of luminance (N,), whether it is seen (N,) bool, and the unit
    normals in the camera's space (N, 3)."""

    luminance: np.ndarray
    there: np.ndarray
    normals: np.ndarray


class Skin:
    """Some vertices of a face model (N,), and the faces around them for their normals."""

    def __init__(self, model: FaceModel, vertices: np.ndarray) -> None:
        self.vertices = vertices
        around = model.faces[np.isin(model.faces, vertices).any(1)]
        self.used = np.unique(around[around >= 0])
        place = np.full(len(model.neutral), -1)
        place[self.used] = np.arange(len(self.used))
        self.faces = np.where(around >= 0, place[around], -1)
        self.own = place[vertices]

    def normals(self, used: np.ndarray) -> np.ndarray:
        """Places of `used` (U, 3) mm -> (N, 3)."""
        return np.asarray(vertex_normals(used, self.faces)[self.own], float)

    def seen(self, image: np.ndarray, eyes: float, vertices: np.ndarray, camera: Camera) -> Seen:
        """Of a picture (h, w, 3) sRGB whose face's eyes are `eyes` pixels apart; vertices (V, 3) mm as fitted."""
        normals = self.normals(vertices[self.used])
        places = vertices[self.vertices]
        look = places - camera.position
        facing = -(normals * look).sum(1) / np.maximum(np.linalg.norm(look, axis=1), 1e-9)
        pixels = camera.project(places)[0]
        size = np.array([image.shape[1], image.shape[0]])
        there = (facing > _FACING) & (pixels > 2).all(1) & (pixels < size - 2).all(1)
        return Seen(_luminance(image, eyes, pixels, there), there, normals @ camera.rotation.T)


@dataclass(frozen=True)
class UsualSkin:
    """vertices (N,) int; albedo (N,) logarithm, up to a constant; deviation (N,): of people's from it; weight: what the
    rows' squares are multiplied by."""

    vertices: np.ndarray
    albedo: np.ndarray
    deviation: np.ndarray
    weight: float

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        arrays = {
            "vertices": self.vertices.astype(np.int32), "albedo": self.albedo.astype(np.float32),
            "deviation": self.deviation.astype(np.float32), "weight": np.array([self.weight], np.float32),
        }  # fmt: skip
        tensor_file.save(path, arrays, {"format": FORMAT, "model": model.name, **about})

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> UsualSkin | None:
        """A file's, else the shipped one; None on another face model than the one it was measured on.

        Raises DnpmError when the file is missing, damaged or another.
        """
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"the skin's usual albedo; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: holds no albedo of the skin; {_AGAIN}")
        try:
            vertices, albedo, deviation, weight = (
                arrays[name] for name in ("vertices", "albedo", "deviation", "weight")
            )
        except KeyError as missing:
            raise DnpmError(f"{path}: holds no {missing}; {_AGAIN}") from None
        count = len(vertices) if vertices.ndim == 1 else -1
        whole = vertices.dtype.kind == "i" and albedo.shape == deviation.shape == (count,) and weight.shape == (1,)
        if not whole or not (deviation > 0).all() or not weight[0] >= 0:
            raise DnpmError(f"{path}: its arrays contradict each other; {_AGAIN}")
        if metadata.get("model") != model.name:
            return None
        if count < _LEAST_SEEN or vertices.min() < 0 or vertices.max() >= len(model.neutral):
            raise DnpmError(f"{path}: names vertices that {model.name} does not have; {_AGAIN}")
        return cls(vertices.astype(int), albedo.astype(float), deviation.astype(float), float(weight[0]))


class ShadingReader:
    """One face model, ready to read photos."""

    def __init__(self, model: FaceModel, usual: UsualSkin) -> None:
        self.model, self.usual = model, usual
        self.skin = Skin(model, usual.vertices)
        count = min(COMPONENTS, model.n_shape)
        self.steps = np.asarray(model.core[1 : count + 1, 0, self.skin.used], float) * _STEP

    def read(
        self, image: np.ndarray, eyes: float, vertices: np.ndarray, camera: Camera, identity: np.ndarray
    ) -> PersonRows:
        """Rows of a photo (h, w, 3) sRGB; vertices (V, 3) mm: the face as it was fitted with `identity`; eyes: pixels
        between the eyes' outer corners. No rows where too little is seen."""
        count = len(self.steps)
        seen = self.skin.seen(image, eyes, vertices, camera)
        there = seen.there
        if there.sum() < _LEAST_SEEN:
            return PersonRows(np.zeros((0, count)), np.zeros(0))
        albedo, deviation = self.usual.albedo, self.usual.deviation
        light = light_of(seen, albedo)
        shade = shading(seen.normals, light)
        left = seen.luminance - albedo - shade
        left = ((left - np.median(left[there])) / deviation).clip(-_ODD, _ODD)[there]
        here = vertices[self.skin.used]
        bent = [self.skin.normals(here + step) @ camera.rotation.T for step in self.steps]
        change = np.stack([(shading(one, light) - shade) / _STEP / deviation for one in bent], 1)[there]
        # What another light would explain is no shape.
        others = (harmonics(seen.normals) * (np.exp(-shade) / deviation)[:, None])[there]
        basis = np.linalg.qr(others)[0]
        change, left = change - basis @ (basis.T @ change), left - basis @ (basis.T @ left)
        axes, lengths, turned = np.linalg.svd(change, full_matrices=False)
        told = lengths > 1e-6 * max(float(lengths.max()), 1e-12)
        scale = np.sqrt(self.usual.weight)
        rows = scale * lengths[told, None] * turned[told]
        return PersonRows(rows, rows @ identity[:count] + scale * (axes.T @ left)[told])


def light_of(seen: Seen, albedo: np.ndarray) -> np.ndarray:
    """(9,): the light that makes luminance of the albedo (N,), by relative errors."""
    there = seen.there
    rows = (harmonics(seen.normals) * np.exp(albedo - seen.luminance)[:, None])[there]
    ridge = _RIDGE * there.sum() * np.diag([0.0] * 4 + [1.0] * 5)
    return np.asarray(np.linalg.solve(rows.T @ rows + ridge, rows.sum(0)))


def shading(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(N, 3), (9,) -> (N,) logarithm of the light that the normals get."""
    return np.asarray(np.log(np.maximum(harmonics(normals) @ light, _LEAST_LIGHT)))


def _luminance(image: np.ndarray, eyes: float, pixels: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(N,) logarithm of luminance, averaged a little, at pixels (N, 2); only around those that are there."""
    from scipy import ndimage

    if not there.any():
        return np.zeros(len(pixels))
    margin = 4 * _SMOOTH * eyes + 2
    low = np.maximum(np.floor(pixels[there].min(0) - margin), 0).astype(int)
    high = np.ceil(pixels[there].max(0) + margin).astype(int)
    face = image[low[1] : high[1], low[0] : high[0]]
    factor = min(1.0, _EYES / eyes)
    size = (max(2, round(face.shape[1] * factor)), max(2, round(face.shape[0] * factor)))
    exact = np.array([size[0] / face.shape[1], size[1] / face.shape[0]])
    if factor < 1:
        face = resized(face, size)
    light = ndimage.gaussian_filter(to_linear(face) @ _LUMA, _SMOOTH * eyes * float(exact.mean()))
    return np.log(np.maximum(sampled(light[..., None], (pixels - low) * exact)[:, 0].astype(float), _DARKEST))
