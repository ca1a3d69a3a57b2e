"""The picture of a reconstruction: the photo, the coarse face, the detailed one, and three views with its colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from ..face_model.landmark_uv import landmark_uv
from ..face_model.looks import DEFAULT_LOOK
from ..face_model.model import FaceModel
from .camera import Camera, turned
from .degrade import resized
from .image_file import write_png
from .reconstruct import Reconstruction
from .render import Lights, Paint, from_linear, render, to_linear
from .skin_zones import SIDE as ZONES
from .skin_zones import away_from
from .texture import reduced_by, uv_scale

_CLAY = np.array([0.72, 0.71, 0.7], np.float32)
_DARK = np.array([0.11, 0.11, 0.12], np.float32)
_ROOM = 1.75
"""Side of what is shown over the face's height."""
_FRONTAL = Lights(
    np.array([[-0.35, -0.5, -0.8]]), np.full((1, 3), 0.6), np.full(3, 0.36), 0.03, openings=True, hollows=True
)
_RAKING = Lights(
    np.array([[-0.75, -0.45, -0.5]]), np.full((1, 3), 0.8), np.full(3, 0.2), 0.03, openings=True, hollows=True
)
"""Shows the map's lines; a coarse face looks gaunt in it."""
_SOFT = Lights(
    np.array([[-0.45, -0.5, -0.75]]), np.full((1, 3), 0.35), np.full(3, 0.85), 0.02, openings=True, hollows=True
)
_BUMPS = 512
"""Texels a side of the map that a picture of this size shows."""
_VIEWS = ((0.0, 0.0), (40.0, 0.0), (-40.0, 0.0))
"""Yaw and pitch, degrees."""
_BROW_MM, _LASH_MM, _LIP_MM, _SOFT_MM = 5.5, 1.0, 0.5, 1.5
"""How far from their landmarks brows, lashes and lips reach, and over what they end."""
_AROUND_MM = 8.0
"""Standard deviation of the skin that they are held against."""
_AGAINST, _LIPS_LEAST = (0.1, 1.15), 0.35
"""Share of the skin's light that they have at least and at most; the least of lips: red ones are dark, and as grey clay
look black."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def sheet(result: Reconstruction, model: FaceModel, side: int = 400) -> np.ndarray:
    """(2 side, 3 side, 3) float32 sRGB: above the photo, the coarse and the detailed face in its camera; below three
    views of the detailed face with the photo's colours."""
    left, top, width, height = result.face.box
    square = _ROOM * max(width, height)
    corner = np.array([left + width / 2, top + 0.42 * height]) - square / 2
    photo = _cut(result.picture.image, corner, square, side)
    bumps = result.displacement
    if len(bumps) > _BUMPS and len(bumps) % _BUMPS == 0:
        block = len(bumps) // _BUMPS
        bumps = bumps.reshape(_BUMPS, block, _BUMPS, block).mean((1, 3))
    camera = result.camera.cropped(corner[0], corner[1], (1, 1)).scaled(side / square)
    camera = Camera(camera.rotation, camera.translation, camera.focal, camera.centre, (side, side))
    clay = painted_clay(result, model)
    above = [
        photo,
        smooth(model, result.vertices, camera, clay, _FRONTAL, None, _DARK),
        smooth(model, result.vertices, camera, clay, _RAKING, bumps, _DARK),
    ]
    front = result.vertices[model.vertex_groups.get("face", np.arange(len(result.vertices)))]
    paint = photo_paint(result)
    below = [
        smooth(
            model, result.vertices,
            Camera.before((side, side), 900, 0.72, float(np.ptp(front[:, 1])), front.mean(0), turned(yaw, pitch)),
            paint, _SOFT, bumps, _DARK,
        )
        for yaw, pitch in _VIEWS
    ]  # fmt: skip
    return np.concatenate([np.concatenate(above, 1), np.concatenate(below, 1)], 0)


def write_sheet(path: Path, result: Reconstruction, model: FaceModel, side: int = 400) -> Path:
    """The sheet as a PNG. Raises DnpmError when it cannot be written."""
    write_png(path, sheet(result, model, side))
    return path


def painted_clay(result: Reconstruction, model: FaceModel) -> Paint:
    """Clay with the person's own brows, lashes and lips, as dark against the skin beside them as the photo's colours
    have them. Without them women are taken for men: how much eyes, brows and lips stand out tells the sex as much as
    shape does (Russell 2009)."""
    colour, _ = reduced_by(photo_paint(result).skin, np.ones_like(result.alpha))
    light = to_linear(colour) @ _LUMINANCE
    places, mm = landmark_uv(model), uv_scale(model) / ZONES
    painted, lips = np.zeros((ZONES, ZONES)), away_from(places[48:60], mm, closed=True)
    for first, last, closed, reach in ((17, 22, False, _BROW_MM), (22, 27, False, _BROW_MM), (36, 42, True, _LASH_MM),
                                       (42, 48, True, _LASH_MM), (48, 60, True, _LIP_MM)):  # fmt: skip
        away = away_from(places[first:last], mm, closed)
        painted = np.maximum(painted, np.clip((reach + _SOFT_MM - away) / _SOFT_MM, 0, 1))
    near = lips <= _LIP_MM + _SOFT_MM
    painted, lips, near = (
        resized(image[..., None].astype(np.float32), light.shape)[..., 0] for image in (painted, lips, near)
    )
    broad = _AROUND_MM / mm * len(light) / ZONES
    skin = ndimage.gaussian_filter((1 - painted) * light, broad) / np.maximum(
        ndimage.gaussian_filter(1 - painted, broad), 1e-3
    )
    dark = np.clip(light / np.maximum(skin, 1e-3), *_AGAINST)
    dark = np.maximum(dark, _LIPS_LEAST * near)
    clay = to_linear(_CLAY) * (1 + painted * (dark - 1))[..., None]
    inner = to_linear(_CLAY) * float(np.median(dark[lips <= 0]))
    return Paint(from_linear(clay).astype(np.float32), _CLAY, to_linear(_CLAY * 0.6), from_linear(inner))


def photo_paint(result: Reconstruction) -> Paint:
    """The photo's colours as paint: towards the detail layer's border they become the skin's usual colour, which the
    rest of the head has."""
    base = result.skin
    skin = base + result.alpha[..., None] * (result.texture.colour - base)
    iris = DEFAULT_LOOK.iris if result.iris is None else result.iris
    return Paint(skin.astype(np.float32), base, np.array(iris, np.float32))


def smooth(
    model: FaceModel, vertices: np.ndarray, camera: Camera, paint: Paint, lights: Lights,
    displacement: np.ndarray | None, ground: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Rendered twice as large and averaged in linear light: edges, eyes too, are not jagged."""
    large, _ = render(model, vertices, camera.scaled(2), paint, lights, displacement, ground)
    height, width = large.shape[0] // 2, large.shape[1] // 2
    return from_linear(to_linear(large).reshape(height, 2, width, 2, 3).mean((1, 3)))


def _cut(image: np.ndarray, corner: np.ndarray, square: float, side: int) -> np.ndarray:
    """A square of the picture, dark where it ends, (side, side, 3)."""
    x0, y0 = np.floor(corner).astype(int)
    count = max(2, int(np.ceil(square)))
    out = np.tile(_DARK, (count, count, 1))
    height, width = image.shape[:2]
    xs, ys = max(x0, 0), max(y0, 0)
    xe, ye = min(x0 + count, width), min(y0 + count, height)
    if xe > xs and ye > ys:
        out[ys - y0 : ye - y0, xs - x0 : xe - x0] = image[ys:ye, xs:xe]
    return resized(out, (side, side))
