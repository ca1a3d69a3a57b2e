"""A photo's own wrinkles: what a sharp photo shows of a person's lines beyond what the detail networks say.

    photo, fitted face, camera -> shading without its light -> dark lines -> grooves in millimetres on the detail UV

1. The picture is unwrapped. Its light, spherical harmonics of the second order on the coarse normals (Ramamoorthi and
   Hanrahan 2001), is fitted to the logarithm of luminance and taken out; a high-pass of 7 mm takes what is left of it.
2. At three widths and twelve directions an elongated groove is fitted to what remains. A groove shows in two ways: it
   is darker than its surroundings because it sees less of the room (an even profile), and its walls are lighter and
   darker by how they face the light (an odd profile). The depth is the least-squares answer to both. The light's part
   is linear shape from shading (Pentland 1990): the derivative of the fitted light along the skin, across the groove.
3. What answers alike in all directions is a blob (mole, freckle, pore, stubble) and is no relief. An odd answer that
   the light does not explain is an edge of colour or a cast shadow. Directions that no wrinkle of the region has
   (strands across the forehead) count little.
4. Where the photo is sharp its lines take the place of those that the networks' map has at rest: false folds are
   filled, and true ones are not there twice.

Everything fades with the photo's measured sharpness, and with margins around what is not skin: eyes, brows, mouth,
nostrils, ears, hair, beards, odd colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..geometry.mesh import vertex_normals
from ..geometry.uv_map import mask_at
from .camera import Camera
from .degrade import resized
from .relief_zones import DIRECTIONS, SIDE, Zones
from .render import to_linear
from .skin import without_hair
from .texture import Texture, unwrap, uv_table

WIDTHS_MM = ((0.6, 2.4), (1.1, 3.4), (2.0, 5.0))
"""Standard deviations across and along the grooves that are looked for."""
_HIGH_PASS_MM = 7.0
_LUMINANCE = np.array([0.3, 0.55, 0.15])
_DARKEST, _BRIGHTEST = -0.5, 0.12
"""Logarithms of shading beyond which it is a hole or a highlight, not a wrinkle."""
_OCCLUSION = 0.55
"""Logarithm of shading that a groove as deep as it is wide loses to the room it does not see."""
_MATCHED = 1 / (2 * np.sqrt(2))
"""Answer of a second derivative, times its width's square, at the middle of a Gaussian groove of its own width."""
_BLOB, _WEAKER = 1.5, 6
"""An isotropic answer counts so many times against a line; it is the mean of so many weakest directions."""
_NOISE, _GRAIN, _FAINTEST = 0.6, 1.5, 0.006
"""Answers below so many deviations of the skin's own, so many times the isotropic ones around, and below this
logarithm, are nothing."""
_EDGE = (0.55, 1.15)
"""Odd answers that the light does not explain, over the even one: doubtful from the first, an edge from the second."""
_SHARP = (2.05, 3.2)
"""A groove's width over the photo's blur: below the first it cannot be seen, from the second on it is certain."""
_PIXEL = 0.5
"""A pixel's own blur and the camera's before it, standard deviation in pixels."""
_GAIN = 1.6
"""Brings the depths to those of the data set's old faces."""
_FROM_MM, _CLEAR_MM, _LONG_MM = 0.012, 0.02, 4.0
"""A line ends where it is shallower than the first, must be deeper somewhere than the second, and as long as this."""
_DEEPEST_MM = 0.6
_SHOULDERS = 0.45
_FILLED, _LINES_MM = 0.8, (0.7, 5.0)
"""How much of the networks' own lines, which are between these blurs, give way to the photo's where it is sharp."""


@dataclass(frozen=True)
class Relief:
    """displacement (SIDE, SIDE) float32 mm to be added to a map; trust (SIDE, SIDE) 0 to 1: where the photo was
    believed; blur_mm: how far the photo blurs the skin (standard deviation)."""

    displacement: np.ndarray
    trust: np.ndarray
    blur_mm: float


class ReliefReader:
    """One face model's regions and filters, ready for any number of photos."""

    def __init__(self, model: FaceModel) -> None:
        """Raises DnpmError when the model lacks landmarks."""
        self.model, places = model, landmark_uv(model)
        self.table = uv_table(model, SIDE)
        texels = self.table.to_texels(model.neutral)
        self.inside = mask_at(model.detail_mask, SIDE)
        wide = [np.linalg.norm(np.gradient(texels, axis=k), axis=-1) for k in (0, 1)]
        self.mm = float(np.median(np.sqrt(wide[0] * wide[1])[self.inside > 0.5]))
        self.zones = Zones.of(places, self.mm, self.inside)
        self.even, self.odd = _kernels(self.mm)

    def read(
        self, image: np.ndarray, vertices: np.ndarray, camera: Camera, known: np.ndarray, rest: np.ndarray | None = None
    ) -> Relief:  # fmt: skip
        """A photo (h, w, 3) sRGB of a face whose vertices (V, 3) mm its camera sees; known (R, R) mm: the map that the
        relief will be added to; rest (R, R) mm: that of the same person's face at rest, None: known.

        Raises DnpmError when the picture's and the camera's sizes differ."""
        scale = self._mm_per_pixel(vertices, camera)
        blur = blur_of(*_face_only(image, vertices, camera)) * scale
        image, camera = _not_finer(image, camera, scale, self.mm)
        texture = without_hair(unwrap(image, vertices, camera, self.model, SIDE), self.model)
        places = self.table.to_texels(vertices)
        normals = self.table.to_texels(vertex_normals(vertices, self.model.faces))
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        seen = np.clip((texture.visible - 0.15) / 0.4, 0, 1) * self.inside
        light = np.log(to_linear(texture.colour) @ _LUMINANCE + 0.02)
        shading = _Shading.fitted(light, normals @ camera.rotation.T, seen * self.zones.keep)
        if shading is None:
            nothing = np.zeros((SIDE, SIDE), np.float32)
            return Relief(nothing, nothing, blur)
        left = np.clip(light - shading.level, -0.9, 0.5)
        trust = self._trust(texture, left, seen)
        flat = left - _mean_around(left, np.maximum(trust, 1e-3), _HIGH_PASS_MM / self.mm)
        flat = np.clip(flat, _DARKEST, _BRIGHTEST) * trust
        slope = shading.slopes(places, camera)
        trust = trust * self.zones.beside_nose(slope)
        # A filter reaches over the border of what is trusted: it is believed a little farther in.
        believed = trust * np.clip(2 * ndimage.gaussian_filter(trust, 1.5 / self.mm) - 0.7, 0, 1)
        shown = [np.clip((across / blur - _SHARP[0]) / (_SHARP[1] - _SHARP[0]), 0, 1) for across, _ in WIDTHS_MM]
        found = self._grooves(flat, slope, trust, shown)
        found = _long_ones(found, self.mm)
        lines = self._lines(known)
        if rest is not None:
            # What the expression alone creases is not filled: at rest it would stand out as a ridge.
            still = self._lines(rest)
            lines = np.where(lines * still > 0, np.sign(lines) * np.minimum(np.abs(lines), np.abs(still)), 0)
        certain = ndimage.gaussian_filter(believed, 1.5 / self.mm) * shown[1]
        deep = _DEEPEST_MM * np.tanh(found * believed / _DEEPEST_MM)
        shoulders = _SHOULDERS * ndimage.gaussian_filter(deep, 2.2 / self.mm)
        relief = shoulders - deep - _FILLED * certain * lines
        return Relief((relief * self.inside).astype(np.float32), believed.astype(np.float32), blur)

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
        around = np.stack([_mean_around(chroma[..., k], skin, _HIGH_PASS_MM / mm) for k in (0, 1)], -1)
        odd = np.clip((np.linalg.norm(chroma - around, axis=-1) - 0.06) / 0.05, 0, 1)
        odd = ndimage.gaussian_filter(ndimage.maximum_filter(odd, _odd(1.5 / mm)), 0.6 / mm)
        # Strands, frames of glasses, deep shadows; a beard is told below.
        dark = np.clip((usual - rest - 0.5) / 0.25, 0, 1) * (1 - zones.low)
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
        fine = _mean_around(rest, skin, 0.5 / mm) - _mean_around(rest, skin, 3 / mm)
        energy = np.sqrt(_mean_around(fine**2, skin, 4 / mm))
        down, right = np.gradient(fine)
        xx, yy, xy = (ndimage.gaussian_filter(a, 2.5 / mm) for a in (right * right, down * down, right * down))
        directed = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-9)
        usual = max(float(np.median(energy[cheeks])), 0.004)
        textured = np.clip((energy / usual - 2.0) / 1.0, 0, 1) * np.clip((0.75 - directed) / 0.25, 0, 1)
        wide = _mean_around(rest, np.maximum(skin, 0.01), 5 / mm)
        darker = np.clip((float(np.median(wide[cheeks])) - wide - 0.35) / 0.2, 0, 1)
        beard = low * np.maximum(textured, darker)
        # The border of a beard is a line too.
        return np.asarray(
            np.clip(1.5 * ndimage.gaussian_filter(ndimage.maximum_filter(beard, _odd(6 / mm)), 2 / mm), 0, 1)
        )

    def _grooves(
        self, flat: np.ndarray, slope: tuple[np.ndarray, np.ndarray], trust: np.ndarray, shown: list[float]
    ) -> np.ndarray:  # fmt: skip
        """(SIDE, SIDE) mm, 0 or deeper: grooves of the shading; slope: the light's derivatives along columns, rows."""
        spectrum = fft.rfft2(flat.astype(np.float32))
        skin = trust > 0.6
        depths, clear = [], []
        for k, (across, _) in enumerate(WIDTHS_MM):
            if shown[k] == 0:
                continue
            depth, answer = (np.zeros((DIRECTIONS, SIDE, SIDE), np.float32) for _ in range(2))
            for d, angle in enumerate(np.arange(DIRECTIONS) * np.pi / DIRECTIONS):
                even = fft.irfft2(spectrum * self.even[k][d], flat.shape)
                odd = fft.irfft2(spectrum * self.odd[k][d], flat.shape)
                along = (slope[0] * np.cos(angle) + slope[1] * np.sin(angle)).astype(np.float32)
                size = np.hypot(np.float32(_OCCLUSION), along)
                both = (_OCCLUSION * even - along * odd) / size
                strange = np.abs(odd * _OCCLUSION + along * even) / size
                edge = np.clip((_EDGE[1] - strange / np.maximum(both, 1e-4)) / (_EDGE[1] - _EDGE[0]), 0, 1)
                answer[d] = np.maximum(both, 0)
                depth[d] = across / _MATCHED / size * edge * self.zones.directions[d]
            weakest = np.partition(answer, _WEAKER - 1, 0)[:_WEAKER].mean(0)
            noise = 1.4826 * float(np.median(answer[:, skin])) if skin.any() else _FAINTEST
            grain = np.maximum(_GRAIN * ndimage.gaussian_filter(weakest, 4 / self.mm), _NOISE * noise)
            left = np.maximum(answer - _BLOB * weakest - np.maximum(grain, _FAINTEST * _MATCHED), 0)
            best = (left * depth).argmax(0)[None]
            depths.append(shown[k] * np.take_along_axis(left * depth, best, 0)[0])
            clear.append(np.take_along_axis(left, best, 0)[0] / np.sqrt(across))
        if not depths:
            return np.zeros((SIDE, SIDE))
        # The width whose normalised answer is the strongest is the groove's own (Lindeberg 1998).
        weight = np.stack(clear) ** 4
        return np.asarray(_GAIN * (weight * np.stack(depths)).sum(0) / np.maximum(weight.sum(0), 1e-20))

    def _lines(self, heights: np.ndarray) -> np.ndarray:
        """(SIDE, SIDE) mm: what of a map (R, R) mm is as wide as wrinkles; pores and forms are not."""
        heights = _sized(heights)
        narrow, wide = (ndimage.gaussian_filter(heights, sigma / self.mm) for sigma in _LINES_MM)
        return np.asarray(narrow - wide)


@dataclass(frozen=True)
class _Shading:
    """Light on a surface without detail: level (R, R), logarithms; coefficients (9,); normals (R, R, 3) in the camera's
    space."""

    level: np.ndarray
    coefficients: np.ndarray
    normals: np.ndarray

    @classmethod
    def fitted(cls, light: np.ndarray, normals: np.ndarray, weight: np.ndarray) -> _Shading | None:
        """Robust least squares (Cauchy's weights); None where too little is seen."""
        used = weight > 0.5
        if used.sum() < 0.01 * used.size:
            return None
        basis = _harmonics(normals)
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


def _harmonics(normals: np.ndarray) -> np.ndarray:
    x, y, z = (normals[..., k] for k in range(3))
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], -1)


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


def _kernels(mm: float) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """Transfer functions of derivatives across lines, smoothed along them, by width and direction: the second, times
    the width's square, and the first, times the width."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    turn = 2 * np.pi
    even, odd = [], []
    for across_mm, along_mm in WIDTHS_MM:
        across, along = across_mm / mm, along_mm / mm
        seconds, firsts = [], []
        for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
            a = turn * (columns * np.cos(angle) + rows * np.sin(angle)) * across
            b = turn * (-columns * np.sin(angle) + rows * np.cos(angle)) * along
            smooth = np.exp(-0.5 * (a * a + b * b))
            seconds.append((-a * a * smooth).astype(np.float32))
            firsts.append((1j * a * smooth).astype(np.complex64))
        even.append(seconds)
        odd.append(firsts)
    return even, odd


def _long_ones(depth: np.ndarray, mm: float) -> np.ndarray:
    """Grooves (R, R) mm without the short and the faint: what is left hangs together over `_LONG_MM`, and is deep
    somewhere (thresholds with hysteresis, Canny 1986)."""
    labels, count = ndimage.label(depth > _FROM_MM, np.ones((3, 3)))
    if not count:
        return np.zeros_like(depth)
    numbers = np.arange(1, count + 1)
    deepest = ndimage.maximum(depth, labels, numbers)
    boxes = ndimage.find_objects(labels)
    long = np.array([np.hypot(rows.stop - rows.start, columns.stop - columns.start) * mm for rows, columns in boxes])
    share = np.clip((long - _LONG_MM) / _LONG_MM, 0, 1) * np.clip((deepest - _CLEAR_MM) / _CLEAR_MM, 0, 1)
    part = np.concatenate([[0.0], share])[labels]
    return np.asarray(np.maximum(depth - 0.5 * _FROM_MM, 0) * part)


def _mean_around(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Weighted mean within a Gaussian (normalised convolution)."""
    return np.asarray(
        ndimage.gaussian_filter(values * weight, sigma) / np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-4)
    )


def _sized(image: np.ndarray) -> np.ndarray:
    """(R, R) -> (SIDE, SIDE): means of blocks, or straight lines between texels."""
    size = len(image)
    if size == SIDE:
        return np.asarray(image, float)
    if size % SIDE == 0:
        block = size // SIDE
        return np.asarray(image.reshape(SIDE, block, SIDE, block).mean((1, 3)), float)
    return np.asarray(ndimage.zoom(np.asarray(image, float), SIDE / size, order=1, grid_mode=True, mode="nearest"))


def _odd(size: float) -> int:
    """A filter's side in texels."""
    return 2 * round(size / 2) + 1
