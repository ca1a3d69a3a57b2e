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

from .relief_zones import DIRECTIONS, SIDE
from .skin_view import SkinView, SkinViewer

WIDTHS_MM = ((0.6, 2.4), (1.1, 3.4), (2.0, 5.0))
"""Standard deviations across and along the grooves that are looked for."""
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

    def __init__(self, viewer: SkinViewer) -> None:
        self.viewer, self.inside, self.mm, self.zones = viewer, viewer.inside, viewer.mm, viewer.zones
        self.even, self.odd = _kernels(self.mm)

    def read(self, seen: SkinView, known: np.ndarray, rest: np.ndarray | None = None) -> Relief:
        """The wrinkles of a photo's skin. known (R, R) mm: the map that the relief will be added to; rest (R, R) mm:
        that of the same person's face at rest, None: known."""
        trust, blur = seen.trust, seen.blur_mm
        # A filter reaches over the border of what is trusted: it is believed a little farther in.
        believed = trust * np.clip(2 * ndimage.gaussian_filter(trust, 1.5 / self.mm) - 0.7, 0, 1)
        shown = [np.clip((across / blur - _SHARP[0]) / (_SHARP[1] - _SHARP[0]), 0, 1) for across, _ in WIDTHS_MM]
        found = self._grooves(seen.flat, seen.slope, trust, shown)
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


def _sized(image: np.ndarray) -> np.ndarray:
    """(R, R) -> (SIDE, SIDE): means of blocks, or straight lines between texels."""
    size = len(image)
    if size == SIDE:
        return np.asarray(image, float)
    if size % SIDE == 0:
        block = size // SIDE
        return np.asarray(image.reshape(SIDE, block, SIDE, block).mean((1, 3)), float)
    return np.asarray(ndimage.zoom(np.asarray(image, float), SIDE / size, order=1, grid_mode=True, mode="nearest"))
