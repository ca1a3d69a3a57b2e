"""Lines from the answers of oriented filters: their middles are traced, judged as wholes, and drawn anew (`relief.py`).

A filter that is long enough to tell a line from a spot answers beyond the line's end and beside it, in every direction
that still touches it: drawn as they are, answers fray. What is kept here is each line's middle (the crest of the answer
across the line's own direction, Canny 1986; directions averaged as double angles, Granlund 1978). A line is judged as
a whole, by its length, its straightness and its clearest place, and gets a Gaussian groove of its width and depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_BEGINS, _CLEAR = 1.2, 3.0
"""Times the skin's usual answer: a line ends below the first and must reach the second somewhere."""
_FAINTEST = 0.008
"""Answer that the clearest place of a line has at least, however smooth the skin is."""
_FROM_MM = 0.012
"""Shallower is nothing."""
_SHORT_MM, _LONG_MM = 5.0, 16.0
"""Lines as short as the first are none, from the second on they have their full depth."""
_SLIM = (5.0, 10.0)
"""A line's length over its width: up to the first it is a hollow, from the second on a line."""
_UNLIKELY = 0.15
"""What is believed of a line where faces have none."""
_BORDER_MM = (2.0, 4.0)
"""Mean distance of a line from the border of what is seen: below the first it is that border, or its shadow."""
_WINDING = (0.22, 0.36)
"""A line's longer side over its middle's texels, of which a step along it may have two: below the first it is a net of
pores, from the second on a line."""
_COHERENT = 0.35
"""Resultant of the directions' answers: below it the place has no direction."""
_EVEN_MM, _STEP = 0.5, 1.5
"""Strengths are smoothed by the first, and compared so many texels apart, to find a middle."""
_ALONG_MM, _WIDE_ALONG_MM = 2.0, 8.0
"""Depths and widths are averaged along a line, standard deviations; widths by strength, for ends are vague."""
_REACH = 3.2
"""A groove's widths beyond which there is nothing of it."""


@dataclass(frozen=True)
class Answers:
    """Of the best width at each place, all (R, R): strength, of the line's own direction; depth, mm; wide, mm (standard
    deviation of the groove); angle, radians, across the line from columns to rows; coherence, 0 to 1."""

    strength: np.ndarray
    depth: np.ndarray
    wide: np.ndarray
    angle: np.ndarray
    coherence: np.ndarray


def joined(widths: list[Answers]) -> Answers:
    """All widths as one (at least one is given): the direction is the strongest width's, depth and width are means
    weighted by strength."""
    strengths = np.stack([one.strength for one in widths])
    best = strengths.argmax(0)[None]
    of_best = lambda name: np.take_along_axis(np.stack([getattr(one, name) for one in widths]), best, 0)[0]  # noqa: E731
    weight = strengths**4
    total = np.maximum(weight.sum(0), 1e-20)
    mean = lambda name: (weight * np.stack([getattr(one, name) for one in widths])).sum(0) / total  # noqa: E731
    return Answers(strengths.max(0), mean("depth"), mean("wide"), of_best("angle"), of_best("coherence"))


@dataclass(frozen=True)
class Place:
    """What is known of a place, all (R, R): skin, bool: where the usual answer is measured; inner, mm: how far it is to
    the border of what is seen; likely, 0 to 1: whether faces have lines there; longer, 1 or more: how much longer lines
    have to be there than elsewhere."""

    skin: np.ndarray
    inner: np.ndarray
    likely: np.ndarray
    longer: np.ndarray


def drawn(answers: Answers, place: Place, mm: float) -> np.ndarray:
    """(R, R) mm, 0 or deeper: the grooves."""
    smooth = ndimage.gaussian_filter(answers.strength, _EVEN_MM / mm)
    ridge = _middles(smooth, answers.angle) & (answers.depth > _FROM_MM) & (answers.coherence > _COHERENT)
    usual = float(np.median(answers.strength[place.skin])) if place.skin.any() else 0.0
    ridge &= answers.strength > _BEGINS * usual
    share = _shares(ridge, answers, usual, place, mm)
    kept = share > 0
    if not kept.any():
        return np.zeros_like(answers.depth)
    depth = _along(answers.depth * share, kept.astype(float), _ALONG_MM / mm)
    wide = _along(answers.wide, kept * answers.strength**2, _WIDE_ALONG_MM / mm)
    away, nearest = ndimage.distance_transform_edt(~kept, return_indices=True)
    depth, wide = depth[tuple(nearest)], wide[tuple(nearest)]
    groove = depth * np.exp(-0.5 * (away * mm / wide) ** 2) * (away * mm < _REACH * wide)
    return np.asarray(ndimage.gaussian_filter(groove, 0.3 / mm))


def _along(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """Weighted mean within a Gaussian; the weight is on lines' middles alone."""
    return np.asarray(
        ndimage.gaussian_filter(values * weight, sigma) / np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-9)
    )


def _middles(strength: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(R, R) bool: nothing across the line is stronger."""
    rows, columns = np.indices(strength.shape, dtype=np.float32)
    down, right = np.sin(angle), np.cos(angle)
    beside = [
        ndimage.map_coordinates(strength, [rows + s * down, columns + s * right], order=1, mode="nearest")
        for s in (-_STEP, _STEP)
    ]
    return np.asarray((strength >= beside[0]) & (strength > beside[1]) & (strength > 0))


def _shares(ridge: np.ndarray, answers: Answers, usual: float, place: Place, mm: float) -> np.ndarray:
    """(R, R) 0 to 1: how far each line is believed, on its middle; 0 elsewhere."""
    # Middles on a slant touch at corners, and may miss a texel.
    labels, count = ndimage.label(ndimage.binary_dilation(ridge, np.ones((3, 3))), np.ones((3, 3)))
    if not count:
        return np.zeros(ridge.shape)
    labels = labels * ridge
    numbers = np.arange(1, count + 1)
    texels = ndimage.sum_labels(ridge, labels, numbers)
    highest = ndimage.maximum(answers.strength, labels, numbers)
    known = (place.inner, place.likely, place.longer, answers.wide)
    far, likely, longer, wide = (ndimage.mean(x, labels, numbers) for x in known)
    share = np.zeros(count + 1)
    for k, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        rows, columns = (part.stop - part.start for part in box)
        # Texels along a slanting middle are as many as its longer side has.
        apart, length = np.hypot(rows, columns) * mm, float(texels[k - 1]) * mm
        steps = max(rows, columns) * mm
        straight = (steps / max(length, 1e-6) - _WINDING[0]) / (_WINDING[1] - _WINDING[0])
        long = (apart / longer[k - 1] - _SHORT_MM) / (_LONG_MM - _SHORT_MM)
        slim = (apart / max(wide[k - 1], 1e-6) - _SLIM[0]) / (_SLIM[1] - _SLIM[0])
        clear = highest[k - 1] / max(_CLEAR * usual, _FAINTEST) - 1
        within = (far[k - 1] - _BORDER_MM[0]) / (_BORDER_MM[1] - _BORDER_MM[0])
        share[k] = np.prod(np.clip([straight, long, slim, 2 * clear, within, _UNLIKELY + likely[k - 1]], 0, 1))
    return np.asarray(share[labels])
