"""Glasses on a photo's texture: told by what bridges the nose between the eyes, and taken out with their rims.

A rule of geometry and colour, not a learnt one. Between the inner corners of the eyes no face has a dark or bright
line from one side to the other, glasses all have one (of 46 portraits that the threshold was chosen by, 19 with
glasses, all are told). Where they are worn, what is narrow and darker or lighter than its surroundings between the
brows and the cheeks, long enough and not an eye, counts as rim. Lenses stay: they show skin. Reflections on them stay.
"""

from __future__ import annotations

import numpy as np

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from .texture import Texture, enlarged, reduced_by, uv_scale

_RIM_MM = 3.7
"""Half of what a rim is wide at most."""
_BRIDGE = 0.06
"""Logarithm of luminance by which three quarters of a bridge stand out."""
_STEPS_MM, _ARCHES_MM = np.arange(-12.0, 9.0, 1.0), (-4.0, -2.0, 0.0, 2.0)
"""Where a bridge is looked for, below the inner corners of the eyes (negative: above), and by how much it arches."""
_HALF = 0.3
"""Of the inner corners' distance: half of the bridge."""
_STANDS_OUT, _LONG_MM = 0.09, 12.0
_BELOW_MM, _EYE_MM, _BROW_MM, _NOSE_MM = 26.0, 4.0, 3.0, 1.0
"""Rims reach so far below the eyes; margins around eyes, with their lashes, brows and nose."""
_AROUND_MM = 1.6


def without_glasses(texture: Texture, model: FaceModel) -> Texture:
    """The same colours (R, R, 3), and `visible` (R, R) less where they show rims; a model without landmarks has all."""
    shown = rims(texture, model)
    if not shown.any():
        return texture
    return Texture(texture.colour, (texture.visible * (1 - shown)).astype(np.float32))


def rims(texture: Texture, model: FaceModel) -> np.ndarray:
    """(R, R) float32 0 to 1: rims, bridge and arms of glasses; all 0 where none are worn."""
    size = len(texture.visible)
    if (model.landmarks68 < 0).any():
        return np.zeros((size, size), np.float32)
    from scipy import ndimage

    colour, _ = reduced_by(texture.colour, texture.visible)
    count, mm = len(colour), uv_scale(model) / len(colour)
    light = np.log(ndimage.gaussian_filter(colour @ np.array([0.3, 0.55, 0.15]), 0.7) + 0.03)
    reach = np.arange(-round(_RIM_MM / mm), round(_RIM_MM / mm) + 1)
    disc = np.hypot(reach[:, None], reach[None]) * mm <= _RIM_MM + 0.1
    # Narrow dark and narrow bright things: what a closing and an opening change (top-hats, Meyer 1979).
    narrow = [ndimage.grey_closing(light, footprint=disc) - light, light - ndimage.grey_opening(light, footprint=disc)]
    places = landmark_uv(model) * [count, -count] + [0, count]
    where = _where(places, count, mm)
    # Noise is narrow too.
    narrow = [image - np.median(image[where]) for image in narrow]
    if not any(_bridged(image, places, mm) for image in narrow):
        return np.zeros((size, size), np.float32)
    found = (np.maximum(*narrow) > _STANDS_OUT) & where
    labels, _ = ndimage.label(found, np.ones((3, 3)))
    long = [0.0]
    for rows, columns in ndimage.find_objects(labels):
        apart = np.hypot(rows.stop - rows.start, columns.stop - columns.start) * mm
        long.append(float(apart > _LONG_MM))
    beside = ndimage.distance_transform_edt(np.array(long)[labels] == 0) * mm
    soft = np.clip(2 - beside / _AROUND_MM, 0, 1)
    return np.asarray(np.clip(enlarged(soft[..., None], size)[..., 0], 0, 1), np.float32)


def _bridged(narrow: np.ndarray, places: np.ndarray, mm: float) -> bool:
    """Whether a narrow thing leads over the nose from eye to eye; places (68, 2): columns and rows."""
    middle, apart = 0.5 * (places[39] + places[42]), places[42, 0] - places[39, 0]
    columns = np.arange(int(middle[0] - _HALF * apart), int(middle[0] + _HALF * apart) + 1)
    bow = 1 - ((columns - middle[0]) / (_HALF * apart)) ** 2
    for step in _STEPS_MM:
        for arch in _ARCHES_MM:
            rows = np.clip(np.round(middle[1] + (step - arch * bow) / mm).astype(int), 0, len(narrow) - 1)
            if np.quantile(narrow[rows, columns], 0.25) > _BRIDGE:
                return True
    return False


def _where(places: np.ndarray, count: int, mm: float) -> np.ndarray:
    """(count, count) bool: where rims may be: not on eyes and brows."""
    from PIL import Image, ImageDraw
    from scipy import ndimage

    drawn = []
    brows, nose = (places[17:22], places[22:27]), (places[[28, 31, 33, 35]],)
    for lines, closed in (((places[36:42], places[42:48]), True), (brows, False), (nose, True)):
        picture = Image.new("L", (count, count))
        for line in lines:
            points = [(float(a), float(b)) for a, b in line]
            if closed:
                ImageDraw.Draw(picture).polygon(points, fill=255)
            ImageDraw.Draw(picture).line(points + points[:1] * closed, fill=255, width=1)
        drawn.append(ndimage.distance_transform_edt(np.asarray(picture) == 0) * mm)
    rows = np.arange(count)[:, None] + np.zeros((1, count))
    columns = np.arange(count)[None] + np.zeros((count, 1))
    top = np.interp(columns[0], places[17:27, 0], places[17:27, 1])[None] - 2 / mm
    low = places[36:48, 1].max() + _BELOW_MM / mm
    # A nose shines, and its nostrils are dark.
    free = (drawn[0] > _EYE_MM) & (drawn[1] > _BROW_MM) & ((drawn[2] > _NOSE_MM) | (rows < places[28, 1]))
    return np.asarray(free & (rows > top) & (rows < low))
