"""A picture to check a performance by: moments of the video, the fitted face in the same camera, its curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..face_model.arkit import ARKIT_NAMES
from ..face_model.model import FaceModel
from ..files.contact_sheet import save
from ..photo.camera import Camera
from ..photo.degrade import resized
from ..photo.render import Lights, Paint, render
from .decoding import frames, open_video
from .performance import Performance

SIDE, MOMENTS = 220, 8
_ROOM = 1.25
_GROUND = np.array([0.11, 0.11, 0.12], np.float32)
_SHOWN = (
    "jawOpen", "mouthClose", "mouthSmileLeft", "mouthPucker", "eyeBlinkLeft", "browInnerUp", "browDownLeft",
    "eyeLookOutLeft",
)  # fmt: skip
_COLOURS = ("#e8a33d", "#c9524a", "#7fb069", "#4f9bd9", "#b9b9b9", "#b57edc", "#8a6d3b", "#2f8f83")
_CURVES_HIGH = 200
_LIGHTS = Lights(np.array([[-0.45, -0.5, -0.75]]), np.full((1, 3), 0.6), np.full(3, 0.5), 0.04)


def write_sheet(path: Path, video: Path, made: Performance, model: FaceModel) -> Path:
    """The suffix gives the format. Raises DnpmError when the video cannot be read again, or the picture written."""
    moments = telling_moments(made)
    images = _images(video, moments)
    paint = Paint.of(model, resolution=256)
    width = SIDE * len(moments)
    whole = Image.new("RGB", (width, 2 * SIDE + _CURVES_HIGH), tuple(int(255 * c) for c in _GROUND))
    for column, moment in enumerate(moments):
        above, below = _pair(images.get(moment), made, moment, model, paint)
        for row, picture in enumerate((above, below)):
            whole.paste(Image.fromarray(np.round(picture * 255).astype(np.uint8)), (column * SIDE, row * SIDE))
    draw = ImageDraw.Draw(whole)
    _draw_curves(draw, made, moments, width)
    save(whole, path)
    return path


def telling_moments(made: Performance, count: int = MOMENTS) -> list[int]:
    """Numbers of pictures whose expressions differ most from each other, in their order (farthest-point sampling)."""
    seen = np.flatnonzero(made.confidence > 0.3)
    if not len(seen):
        seen = np.arange(len(made.confidence))
    values = made.track.expression[seen]
    chosen = [int(np.linalg.norm(values, axis=1).argmin())]
    while len(chosen) < min(count, len(seen)):
        away = np.min([np.linalg.norm(values - values[k], axis=1) for k in chosen], 0)
        chosen.append(int(away.argmax()))
    return sorted(int(seen[k]) for k in set(chosen))


def _images(video: Path, moments: list[int]) -> dict[int, np.ndarray]:
    wanted, last = set(moments), max(moments)
    found = {}
    for frame in frames(open_video(video)):
        if frame.number in wanted:
            found[frame.number] = frame.image
        if frame.number >= last:
            break
    return found


def _pair(
    image: np.ndarray | None, made: Performance, moment: int, model: FaceModel, paint: Paint
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """(SIDE, SIDE, 3) twice: the video's picture about the face, and the fitted face in its camera."""
    expression = np.zeros(model.n_exp, np.float32)
    for value, name in zip(made.track.expression[moment], ARKIT_NAMES, strict=True):
        if name in model.expression_index:
            expression[model.expression_index[name]] = value
    vertices = model.vertices(made.identity, expression)
    centre = np.array(made.size) / 2
    camera = Camera(made.rotation[moment], made.translation[moment], made.focal, centre, made.size)
    face = camera.project(vertices[model.vertex_groups.get("face", np.arange(len(vertices)))])[0]
    square = _ROOM * float(np.ptp(face, axis=0).max())
    corner = face.min(0) + np.ptp(face, axis=0) / 2 - square / 2
    shown = _cut(image, corner, square) if image is not None else np.broadcast_to(_GROUND, (SIDE, SIDE, 3))
    near = camera.cropped(corner[0], corner[1], (1, 1)).scaled(SIDE / square)
    near = Camera(near.rotation, near.translation, near.focal, near.centre, (SIDE, SIDE))
    return shown, render(model, vertices, near, paint, _LIGHTS, background=_GROUND)[0]


def _cut(image: np.ndarray, corner: np.ndarray, square: float) -> np.ndarray:
    count = max(2, round(square))
    x0, y0 = np.floor(corner).astype(int)
    out = np.tile(_GROUND, (count, count, 1))
    height, width = image.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x0 + count, width), min(y0 + count, height)
    if right > left and bottom > top:
        out[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right].astype(np.float32) / 255
    return resized(out, (SIDE, SIDE))


def _draw_curves(draw: ImageDraw.ImageDraw, made: Performance, moments: list[int], width: int) -> None:
    top, low = 2 * SIDE + 24, 2 * SIDE + _CURVES_HIGH - 12
    times = made.track.times
    across = lambda t: 8 + (width - 16) * (t - times[0]) / max(times[-1] - times[0], 1e-6)  # noqa: E731
    for begin, end in made.lost:
        draw.rectangle([across(begin), top, across(min(end, times[-1])), low], fill="#4a2020")
    for moment in moments:
        draw.line([across(times[moment]), top, across(times[moment]), low], fill="#505055")
    for place, (name, colour) in enumerate(zip(_SHOWN, _COLOURS, strict=True)):
        values = made.track.expression[:, ARKIT_NAMES.index(name)]
        line = [(across(t), low - v * (low - top)) for t, v in zip(times, values, strict=True)]
        draw.line(line, fill=colour, width=2)
        draw.text((8 + place * width / len(_SHOWN), 2 * SIDE + 6), name, fill=colour)
