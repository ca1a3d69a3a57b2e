"""A small portrait of a face for a list of faces: drawn by `render.py`, so that it needs no Blender and no window.

It shows who it is and what the face does. It has no cast shadows and no light under the skin, so that it looks plainer
than what Blender renders; in two seconds it is there, and the faces that ship look as those that an artist saves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import DnpmError
from ..face_model import corrective, relief, tongue, w_offset
from ..face_model.arkit import TIP_UP
from ..face_model.looks import DEFAULT_LOOK, Look
from ..face_model.model import FaceModel
from ..face_model.photo_colours import PhotoColours
from ..face_model.presets import Preset, tip_up_of, vectors
from ..face_model.sampling import average_adult
from .camera import Camera
from .render import Lights, Paint, render

SIZE = 192
"""Pixels a side."""
Displacement = Callable[[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None], np.ndarray]
"""identity (n_id,), expression (n_exp,), a step in w+ (18, 512) or None, a photo's relief (r, r) or None -> the map
(R, R) mm."""
BACKGROUND = (0.105, 0.11, 0.115)
"""sRGB, as behind the faces that ship."""
_TURN, _DOWN = np.radians(-15.0), np.radians(2.0)
_LIGHTS = Lights(
    directions=np.array([[-0.7, -0.55, -0.6], [0.9, -0.25, 0.1]]),
    strengths=np.array([[1.2, 1.16, 1.1], [0.4, 0.42, 0.46]]),
    ambient=np.array([0.22, 0.22, 0.23]),
    gloss=0.05,
    openings=True,
)
_AWAY_MM = 900.0
_OVERSAMPLING = 3
_PAINT = 256
"""Texels a side of the skin's paint: more is not seen in a small picture."""


def portrait(
    model: FaceModel,
    identity: np.ndarray,
    expression: np.ndarray,
    look: Look = DEFAULT_LOOK,
    displacement: np.ndarray | None = None,
    size: int = SIZE,
    moved: np.ndarray | None = None,
    photo: PhotoColours | None = None,
) -> np.ndarray:
    """(size, size, 3) uint8 sRGB, row 0 at the top, of the face with these sliders: identity (n_id,), expression
    (n_exp,); displacement (R, R) mm on the detail UV; moved (V, 3) mm is added to the vertices; photo: over the look's
    skin. Raises DnpmError when the model lacks landmarks."""
    vertices = model.vertices(identity, expression)
    if moved is not None:
        vertices = vertices + moved
    # Of the face at rest, so that a person's expressions are seen from one place.
    middle, height = _framing(model, model.vertices(identity, np.zeros(model.n_exp, np.float32)))
    side = _OVERSAMPLING * size
    camera = Camera.before((side, side), _AWAY_MM, 1.0, height, middle, _rotation())
    paint = Paint.of(model, look, _PAINT)
    picture, _ = render(
        model, vertices, camera, paint if photo is None else _with_photo(paint, photo), _LIGHTS, displacement,
        np.array(BACKGROUND, np.float32),
    )  # fmt: skip
    small = picture.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING, 3).mean((1, 3))
    return np.round(255 * small).astype(np.uint8)


def portrait_of(
    preset: Preset, model: FaceModel, displacement: Displacement, size: int = SIZE, actor: Preset | None = None
) -> np.ndarray:
    """`portrait` of a preset. What it does not speak of is the actor's, or else the average adult's at rest. Raises
    DnpmError as `portrait`, and when its corrective shape is another model's."""
    parts = [part for part in (preset, actor) if part is not None]
    given = [vectors(part, model) for part in parts]
    identity = next((person for person, _, _ in given if person is not None), average_adult(model))
    expression = next((face for _, face, _ in given if face is not None), np.zeros(model.n_exp, np.float32))
    look = next((part.look for part in parts if part.look is not None), DEFAULT_LOOK)
    heights = displacement(identity, expression, w_offset.from_text(preset.w_offset or ""),
                           relief.from_text(preset.relief or ""))  # fmt: skip
    added = corrective.from_text(preset.corrective or "")
    if added is not None and len(added) != len(model.neutral):
        raise DnpmError(
            f"the preset's corrective shape has {len(added)} vertices, this face model {len(model.neutral)}"
        )
    tip = tongue.of(model, identity, {TIP_UP: tip_up_of(preset)})
    if tip is not None:
        added = tip if added is None else added + tip
    strength = 1.0 if preset.strength is None else preset.strength
    photo = preset.photo if isinstance(preset.photo, PhotoColours) else None
    return portrait(model, identity, expression, look, strength * heights, size, added, photo)


def _with_photo(paint: Paint, photo: PhotoColours) -> Paint:
    """The photo's colours towards the skin's usual one, which the rest of the head has, over the look's."""
    skin, colour, amount = np.array(photo.skin, np.float32), photo.picture(), np.float32(photo.amount)
    mixed = skin + photo.alpha(len(colour))[..., None] * (colour - skin)
    places = (np.arange(len(colour)) * len(paint.skin)) // len(colour)
    below = paint.skin[np.ix_(places, places)]
    over = lambda old, new: (old + amount * (new - old)).astype(np.float32)  # noqa: E731
    return replace(paint, skin=over(below, mixed), base=over(paint.base, skin), lips=None if amount else paint.lips)


def _rotation() -> np.ndarray:
    """(3, 3): the head a little to its left, seen from a little above."""
    c, s = np.cos(_TURN), np.sin(_TURN)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(_DOWN), np.sin(_DOWN)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ turn


def _framing(model: FaceModel, vertices: np.ndarray) -> tuple[np.ndarray, float]:
    """(3,) mm that the picture shows in its middle, and the millimetres from its top to its bottom."""
    if model.landmarks68.min() < 0:
        raise DnpmError(f"{model.name}: this face model has no landmarks, by which a portrait is framed")
    points = vertices[model.landmarks68]
    eyes, chin = points[36:48].mean(0), points[8]
    middle = 0.62 * eyes + 0.38 * chin
    # Most of the way back to the ears, about which a head turns.
    middle[2] = 0.3 * middle[2] + 0.35 * (points[0, 2] + points[16, 2])
    return middle, 1.22 * float(np.linalg.norm(points[0] - points[16]))
