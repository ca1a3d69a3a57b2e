"""A photo's skin on the detail UV without its light: what `skin_lines.py` and pix2pixHD (`restore/`) look
for lines in.

The picture is unwrapped. Its light, spherical harmonics of the second order on the coarse normals (Ramamoorthi and
Hanrahan 2001), is fitted to the logarithm of luminance and taken out; a high-pass of 7 mm takes what is left of it.
What is not skin, or not seen, or lies beside it, is not trusted: eyes, brows, mouth, nostrils, ears, hair, beards, odd
colours, each with a margin, and hands or masks before it (`hidden_parts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..geometry.mesh import vertex_normals
from ..geometry.uv_map import mask_at
from .camera import Camera
from .degrade import resized
from .harmonics import harmonics
from .hidden_parts import HiddenParts, find_hidden, uncovered
from .render import to_linear
from .skin import skin_only
from .skin_zones import SIDE, Zones
from .texture import Texture, unwrap, uv_table

HIGH_PASS_MM = 7.0
_LUMINANCE = np.array([0.3, 0.55, 0.15])
_DARKEST, _BRIGHTEST = -0.5, 0.12
"""Logarithms of shading beyond which it is a hole or a highlight, not a wrinkle."""
_CHIN, _BEARDED = 0.2, (0.15, 0.45)
"""Share of a chin that must be seen for it to tell a beard; shares of it that look like one, from which on there may be
one, and is."""
_PIXEL = 0.5
"""A pixel's own blur and the camera's before it, standard deviation in pixels."""


@dataclass(frozen=True)
class SkinView:
    """flat (SIDE, SIDE): logarithm of luminance without light and form, 0 where not trusted; trust, 0 to 1; slope:
    by how much the logarithm of light grows when the skin tilts towards larger columns, and rows; blur_mm: how far the
    photo blurs the skin (standard deviation); texel_mm."""

    flat: np.ndarray
    trust: np.ndarray
    slope: tuple[np.ndarray, np.ndarray]
    blur_mm: float
    texel_mm: float


class SkinViewer:
    """One face model's layer and zones, ready for any number of photos."""

    def __init__(self, model: FaceModel) -> None:
        """Raises DnpmError when the model lacks landmarks, or what tells hands from faces is missing or damaged."""
        self.model, places = model, landmark_uv(model)
        self.table = uv_table(model, SIDE)
        texels = self.table.to_texels(model.neutral)
        self.inside = mask_at(model.detail_mask, SIDE)
        wide = [np.linalg.norm(np.gradient(texels, axis=k), axis=-1) for k in (0, 1)]
        self.mm = float(np.median(np.sqrt(wide[0] * wide[1])[self.inside > 0.5]))
        self.zones = Zones.of(places, self.mm, self.inside)
        self.hidden_parts = HiddenParts.load(model)

    def look(self, image: np.ndarray, vertices: np.ndarray, camera: Camera) -> SkinView:
        """A photo (h, w, 3) sRGB of a face whose vertices (V, 3) mm its camera sees; where too little of it is seen
        nothing is trusted. Raises DnpmError when the picture's and the camera's sizes differ."""
        scale = self._mm_per_pixel(vertices, camera)
        blur = blur_of(*_face_only(image, vertices, camera)) * scale
        image, camera = _not_finer(image, camera, scale, self.mm)
        texture = unwrap(image, vertices, camera, self.model, SIDE)
        texture = uncovered(texture, find_hidden(texture, self.model, self.hidden_parts))
        texture = skin_only(texture, self.model)
        places = self.table.to_texels(vertices)
        normals = self.table.to_texels(vertex_normals(vertices, self.model.faces))
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        seen = np.clip((texture.visible - 0.15) / 0.4, 0, 1) * self.inside
        light = np.log(to_linear(texture.colour) @ _LUMINANCE + 0.02)
        shading = Shading.fitted(light, normals @ camera.rotation.T, seen * self.zones.keep)
        if shading is None:
            nothing = np.zeros((SIDE, SIDE))
            return SkinView(nothing, nothing, (nothing, nothing), blur, self.mm)
        left = np.clip(light - shading.level, -0.9, 0.5)
        trust = self._trust(texture, left, seen)
        flat = left - mean_around(left, np.maximum(trust, 1e-3), HIGH_PASS_MM / self.mm)
        flat = bounded(flat) * trust
        slope = shading.slopes(places, camera)
        return SkinView(flat, trust * self.zones.beside_nose(slope), slope, blur, self.mm)

    def _mm_per_pixel(self, vertices: np.ndarray, camera: Camera) -> float:
        front = self.model.landmarks68[27:31]
        _, depth = camera.project(vertices[front])
        return float(np.median(depth) / camera.focal)

    def _trust(self, texture: Texture, rest: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """(SIDE, SIDE) 0 to 1: skin that was seen and may have wrinkles."""
        mm, zones = self.mm, self.zones
        # At the border of what was seen the skin turns away; above the brows hair and its shadow lie beside it.
        near, far = (ndimage.gaussian_filter(ndimage.minimum_filter(seen, _odd(x / mm)), 1 / mm) for x in (5, 10))
        seen = seen * (near + zones.forehead * (far - near))
        skin = seen * zones.keep
        usual = float(np.median(rest[skin > 0.5])) if (skin > 0.5).any() else 0.0
        colour = to_linear(texture.colour)
        total = colour.sum(-1) + 0.03
        chroma = np.stack([(colour[..., 0] - colour[..., 1]) / total, (colour[..., 1] - colour[..., 2]) / total], -1)
        around = np.stack([mean_around(chroma[..., k], skin, HIGH_PASS_MM / mm) for k in (0, 1)], -1)
        odd = np.clip((np.linalg.norm(chroma - around, axis=-1) - 0.06) / 0.05, 0, 1)
        odd = ndimage.gaussian_filter(ndimage.maximum_filter(odd, _odd(1.5 / mm)), 0.6 / mm)
        # Strands, frames of glasses, deep shadows; a beard is told below. Folds of a smile are as dark in hard light.
        dark = np.clip((usual - rest - 0.5) / 0.25, 0, 1) * (1 - zones.low) * (1 - zones.folds)
        dark = ndimage.gaussian_filter(ndimage.maximum_filter(dark, _odd(5 / mm)), 2 / mm)
        kept = skin * (1 - odd) * (1 - np.clip(1.5 * dark, 0, 1)) * (1 - self._beard(rest, skin))
        return np.asarray(ndimage.gaussian_filter(kept, 0.5 / mm) * (seen > 0.02))

    def _beard(self, rest: np.ndarray, skin: np.ndarray) -> np.ndarray:
        """(SIDE, SIDE) 0 to 1: below the nose, and much darker there than on the cheeks, or of a finer and stronger
        texture without a direction."""
        mm, low = self.mm, self.zones.low
        cheeks = (skin > 0.5) & (self.zones.cheeks > 0.5)
        if cheeks.sum() < 50:
            return low
        fine = mean_around(rest, skin, 0.5 / mm) - mean_around(rest, skin, 3 / mm)
        energy = np.sqrt(mean_around(fine**2, skin, 4 / mm))
        down, right = np.gradient(fine)
        xx, yy, xy = (ndimage.gaussian_filter(a, 2.5 / mm) for a in (right * right, down * down, right * down))
        directed = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-9)
        usual = max(float(np.median(energy[cheeks])), 0.004)
        textured = np.clip((energy / usual - 2.0) / 1.0, 0, 1) * np.clip((0.75 - directed) / 0.25, 0, 1)
        wide = mean_around(rest, np.maximum(skin, 0.01), 5 / mm)
        darker = np.clip((float(np.median(wide[cheeks])) - wide - 0.35) / 0.2, 0, 1)
        beard = low * np.maximum(textured, darker)
        # Whose chin is bare has no beard beside it: what is dark there are the folds of a smile, or the light.
        chin = self.zones.chin * skin
        if chin.sum() > _CHIN * self.zones.chin.sum():
            share = float((chin * beard).sum() / chin.sum())
            beard = beard * np.interp(share, _BEARDED, (0.0, 1.0))
        # The border of a beard is a line too.
        return np.asarray(
            np.clip(1.5 * ndimage.gaussian_filter(ndimage.maximum_filter(beard, _odd(6 / mm)), 2 / mm), 0, 1)
        )


@dataclass(frozen=True)
class Shading:
    """Light on a surface without detail: level (R, R), logarithms; coefficients (9,); normals (R, R, 3) in the camera's
    space."""

    level: np.ndarray
    coefficients: np.ndarray
    normals: np.ndarray

    @classmethod
    def fitted(cls, light: np.ndarray, normals: np.ndarray, weight: np.ndarray) -> Shading | None:
        """Robust least squares (Cauchy's weights); None where too little is seen."""
        used = weight > 0.5
        if used.sum() < 0.01 * used.size:
            return None
        basis = harmonics(normals)
        rows, wanted = basis[used], light[used]
        trust = np.ones(len(rows))
        for _ in range(5):
            by = rows * trust[:, None]
            # Little is known of normals that are not seen: a small ridge keeps their light moderate.
            coefficients = np.linalg.solve(by.T @ by + 1e-3 * len(rows) * np.eye(9), by.T @ (trust * wanted))
            away: np.ndarray = wanted - rows @ coefficients
            trust = 1 / np.sqrt(1 + (away / (1.5 * float(np.median(np.abs(away))) + 1e-3)) ** 2)
        return cls(basis @ coefficients, coefficients, normals)

    def slopes(self, places: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """((R, R), (R, R)): by how much the logarithm of light grows when the skin tilts towards larger columns, and
        towards larger rows; places (R, R, 3) mm."""
        x, y, z = (self.normals[..., k] for k in range(3))
        c = self.coefficients
        gradient = np.stack([
            c[1] + y * c[4] + z * c[5] + 2 * x * c[7], c[2] + x * c[4] + z * c[6] - 2 * y * c[7],
            c[3] + x * c[5] + y * c[6] + 6 * z * c[8],
        ], -1)  # fmt: skip
        found = []
        for axis in (1, 0):
            tangent = np.gradient(places, axis=axis) @ camera.rotation.T
            tangent = tangent / np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
            tangent = tangent - (tangent * self.normals).sum(-1, keepdims=True) * self.normals
            found.append(np.clip((gradient * tangent).sum(-1), -1.5, 1.5))
        return found[0], found[1]


def blur_of(image: np.ndarray, mask: np.ndarray) -> float:
    """Standard deviation in pixels of a picture's blur, from its sharpest edges within mask (h, w): blurring them once
    more takes more off a sharp edge's gradient than off a soft one's (Zhuo and Sim 2011). At least `_PIXEL`."""
    grey = to_linear(image) @ _LUMINANCE
    grey = np.sqrt(np.maximum(grey, 0))
    again = 1.0
    first, second = (
        _steepness(ndimage.gaussian_filter(grey, 0.6)),
        _steepness(ndimage.gaussian_filter(grey, np.hypot(0.6, again))),
    )
    used = mask & (first >= ndimage.maximum_filter(first, 3) - 1e-9)
    if used.sum() < 30:
        return 2.0
    strong = first >= 0.4 * np.quantile(first[used], 0.98)
    ratio = (first / np.maximum(second, 1e-6))[used & strong]
    ratio = max(float(np.median(ratio)), 1.0005)
    total = again / np.sqrt(ratio**2 - 1)
    return float(np.clip(np.sqrt(max(total**2 - 0.36, 0.0)), _PIXEL, 50))


def _steepness(grey: np.ndarray) -> np.ndarray:
    down, right = np.gradient(grey)
    return np.hypot(down, right)


def _face_only(image: np.ndarray, vertices: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The picture's part with the face, and its mask: an ellipse around it."""
    pixels, _ = camera.project(vertices)
    pixels = pixels[np.isfinite(pixels).all(1)]
    height, width = image.shape[:2]
    low = np.clip(np.floor(pixels.min(0)).astype(int) - 4, 0, [width - 2, height - 2])
    high = np.clip(np.ceil(pixels.max(0)).astype(int) + 4, low + 2, [width, height])
    part = image[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    middle = (np.array(part.shape[:2]) - 1) / 2
    inside = np.hypot((y - middle[0]) / max(middle[0], 1), (x - middle[1]) / max(middle[1], 1)) < 0.8
    return part, inside


def _not_finer(image: np.ndarray, camera: Camera, scale: float, mm: float) -> tuple[np.ndarray, Camera]:
    """A picture whose pixels are far finer than the texels is made smaller first, so that nothing is skipped."""
    factor = scale / (0.8 * mm)
    if factor >= 0.9:
        return image, camera
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = camera.scaled(size[0] / width)
    return resized(image, size), Camera(small.rotation, small.translation, small.focal, small.centre, size)


def bounded(light: np.ndarray) -> np.ndarray:
    """Logarithms of shading without holes and highlights."""
    return np.asarray(np.clip(light, _DARKEST, _BRIGHTEST))


def mean_around(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Weighted mean within a Gaussian (normalised convolution)."""
    return np.asarray(
        ndimage.gaussian_filter(values * weight, sigma) / np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-4)
    )


def _odd(size: float) -> int:
    """A filter's side in texels."""
    return 2 * round(size / 2) + 1
