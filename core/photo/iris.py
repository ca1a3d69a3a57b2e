"""The colour of a photo's irises: read between pupil and limbus, and freed of the room's light by the white of the eye.

A rule, and rough: the white beside the iris lies in the same light and shadow of the lids, so that the quotient of the
two times the usual white is the iris's own colour. Between narrow lids the white is mixed with them and looks orange,
which would make every iris blue: the light is taken to be no warmer than the cheeks say. Lids and brows take more light
from it than from cheeks: how bright the light is there is taken to be half-way between what both say. Light that
bounces off the skin makes all irises alike in hue; the difference is stretched before they are compared with the
colours that irises have, which both hue and darkness draw them to.
Nothing is read where the lids hide the iris, or where its ring has too few pixels for its blur.
"""

from __future__ import annotations

import numpy as np

from ..face_model.looks import IRISES
from .landmarks.detect import Face
from .render import to_linear

_EYES = (
    (468, (33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    (473, (263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
)  # fmt: skip
"""Per eye: the iris's middle (the networks' four points on its rim say nothing), and the rims of the upper and of the
lower lid from corner to corner."""
_RADIUS = 0.066
"""Of an iris, in distances between the outer corners of the eyes: irises hardly differ."""
_RING = (0.5, 0.85)
"""Of the iris's radius: outside a usual pupil, inside the limbus."""
_WHITE = (1.25, 1.9)
_FROM_LIDS = 0.16
"""Iris radii to the lids' rims that are kept free: lashes and their shadow."""
_LEAST_RADIUS = 2.8
"""Pixels."""
_MOST_BLUR = 0.4
"""Of the iris's radius."""
_LEAST_SHARE = 0.25
"""Of the ring that must be free of the lids."""
_STEPS, _TURNS = 6, 48
_CHEEKS = (50, 280, 117, 346, 205, 425)
_SCLERA = np.array([0.71, 0.66, 0.62])
"""Linear; as `render.py` has it."""
_SKIN = np.array([0.49, 0.27, 0.18])
"""Linear: cheeks of the usual person; of lighter and darker skins the quotients of the channels differ little."""
_VEIL = 0.95
"""Of what an iris's light beside the white seems to be: catchlights and blur add to it."""
_LIGHTNESS = (0.02, 0.13)
_USUAL = 0.75
"""How far the colour goes towards those that irises have (`looks.IRISES`): the white that it was divided by is itself
bloodshot, shaded, or a bit of lid."""
_ALIKE, _AS_LIGHT = 0.6, 0.5
"""Differences of log chroma, and of the logarithm of light, over which usual colours count."""
_BOUNCED, _STRETCH = np.array([1.22, 1.0, 0.8]), 1.5
"""Hue of an iris that bounced light leaves no other, and by what others' difference from it is multiplied."""
_SHADE = 0.5
"""How far an iris is made as light as those of its colour."""
_IRIS_BAND, _WHITE_BAND = (0.35, 0.8), (0.7, 0.97)
"""Quantiles of brightness: lashes and their shadow are darker, catchlights brighter; lids' rims darken the white."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])


def iris_colour(image: np.ndarray, face: Face) -> np.ndarray | None:
    """(3,) linear RGB of both irises, or of the one that can be read; None where neither can.

    image (h, w, 3) sRGB 0 to 1; the face's points and blur are in its pixels.
    """
    if len(face.points) < 478:
        return None
    found = [read for eye in _EYES if (read := _read(image, face, *eye)) is not None]
    if not found:
        return None
    weights = np.array([share for _, share in found])
    colour = np.exp(np.tensordot(weights / weights.sum(), np.log([c for c, _ in found]), 1))
    return np.asarray(_towards_usual(colour, float(np.clip(colour @ _LUMA, *_LIGHTNESS))), np.float32)


def _towards_usual(colour: np.ndarray, light: float) -> np.ndarray:
    """Irises are brown, green, blue or grey; none is purple."""
    chroma = lambda c: np.log(c / c.mean(-1, keepdims=True))  # noqa: E731
    known = np.array(list(IRISES.values()))
    seen, bounced = chroma(colour), chroma(_BOUNCED)
    away = np.linalg.norm(chroma(known) - bounced - _STRETCH * (seen - bounced), axis=1) / _ALIKE
    away = np.hypot(away, np.log(known @ _LUMA / light) / _AS_LIGHT)
    weights = np.exp(-0.5 * (away**2 - (away**2).min()))
    mean = lambda values: np.tensordot(weights / weights.sum(), values, 1)  # noqa: E731
    drawn = np.exp((1 - _USUAL) * seen + _USUAL * mean(chroma(known)))
    light = float(np.exp((1 - _SHADE) * np.log(light) + _SHADE * mean(np.log(known @ _LUMA))))
    return np.asarray(drawn * light / float(drawn @ _LUMA))


def _read(
    image: np.ndarray, face: Face, middle: int, upper: tuple[int, ...], lower: tuple[int, ...]
) -> tuple[np.ndarray, float] | None:
    """One iris's linear colour (3,), and the share of its ring that was seen; None where it cannot be read."""
    points = face.points[:, :2].astype(float)
    centre = points[middle]
    radius = _RADIUS * face.eye_distance
    if radius < _LEAST_RADIUS or face.blur * face.eye_distance > _MOST_BLUR * radius:
        return None
    ring = _ring(centre, radius, *_RING)
    open_ring = _between(ring, points[list(upper)], points[list(lower)], _FROM_LIDS * radius)
    share = float(open_ring.mean())
    white = _ring(centre, radius, *_WHITE)
    white = white[_between(white, points[list(upper)], points[list(lower)], 0.0)]
    if share < _LEAST_SHARE or len(white) < 12:
        return None
    iris = _linear_at(image, ring[open_ring])
    sclera = _linear_at(image, white)
    iris, sclera = _band(iris, *_IRIS_BAND), _band(sclera, *_WHITE_BAND)
    if iris.min() <= 0 or sclera.min() <= 0 or sclera @ _LUMA < 0.03 or iris @ _LUMA > 0.95 * sclera @ _LUMA:
        return None
    cheek = np.median(_linear_at(image, points[list(_CHEEKS)]), 0)
    # Between narrow lids the white is mixed with them: it is lighter than it looks. The cheek has more light than both.
    light = float(np.sqrt((sclera @ _LUMA) * (cheek @ _LUMA)))
    return _VEIL * iris * _SCLERA / _of_light(_neither_warmer(sclera / _SCLERA, cheek / _SKIN), light), share


def _neither_warmer(white: np.ndarray, cheek: np.ndarray) -> np.ndarray:
    """(3,): of the light as the white and as the cheek have it, what is less warm."""
    return white if white[0] * cheek[2] <= cheek[0] * white[2] else cheek


def _of_light(colour: np.ndarray, light: float) -> np.ndarray:
    """(3,) colour as bright as the usual white would be where it has such light."""
    return np.asarray(colour * light / float(colour * _SCLERA @ _LUMA))


def _ring(centre: np.ndarray, radius: float, inner: float, outer: float) -> np.ndarray:
    """(N, 2) pixels."""
    turns = np.arange(_TURNS) / _TURNS * 2 * np.pi
    lengths = np.linspace(inner, outer, _STEPS) * radius
    return centre + (lengths[:, None, None] * np.stack([np.cos(turns), np.sin(turns)], 1)[None]).reshape(-1, 2)


def _between(places: np.ndarray, upper: np.ndarray, lower: np.ndarray, margin: float) -> np.ndarray:
    """(N,) whether places lie between the lids' rims, in the eye's own upright."""
    along = upper[-1] - upper[0]
    length = float(np.linalg.norm(along))
    axis = along / max(length, 1e-6)
    down = np.array([-axis[1], axis[0]])
    if down @ (lower[len(lower) // 2] - upper[len(upper) // 2]) < 0:
        down = -down
    flat = lambda p: ((p - upper[0]) @ axis, (p - upper[0]) @ down)  # noqa: E731
    x, y = flat(places)
    top, bottom = (np.interp(x, *flat(rim)) for rim in (upper, lower))
    return np.asarray((x > 0.08 * length) & (x < 0.92 * length) & (y > top + margin) & (y < bottom - margin))


def _band(colours: np.ndarray, low: float, high: float) -> np.ndarray:
    """(3,) the mean of those between two quantiles of brightness."""
    light = colours @ _LUMA
    kept = (light >= np.quantile(light, low)) & (light <= np.quantile(light, high))
    return np.asarray(colours[kept].mean(0))


def _linear_at(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    from .texture import sampled

    return np.asarray(to_linear(sampled(image, pixels)), float)
