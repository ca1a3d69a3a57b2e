"""What the worker answers when photos have become a face (`requests.py: PhotoStepped`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class PhotoCamera:
    """The camera of one picture, as core/photo/camera.py has it: rotation (3, 3) and translation (3,) mm into camera
    space (x right, y down, z away), focal and centre (2,) in pixels of `picture` (h, w, 3) uint8 sRGB, upright.
    error: mean distance of the landmarks from the fitted face, eye distances. found: faces in the picture."""

    name: str
    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: np.ndarray
    picture: np.ndarray
    error: float
    found: int
    notes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.picture.shape[1], self.picture.shape[0]


@dataclass(frozen=True)
class PhotoFace:
    """What the photos became. identity (n_id,); expression (n_exp,), w_offset (18, 512) or None, relief (r, r) mm or
    None, the photo's own wrinkles, texture (R, R, 4): sRGB and how much of it is to be shown, row 0 the top, skin (3,)
    sRGB, the usual colour, and iris (3,) linear RGB or None, where it could not be read: those of the first picture;
    float32. seconds: by stage."""

    identity: np.ndarray
    expression: np.ndarray
    w_offset: np.ndarray | None
    relief: np.ndarray | None
    texture: np.ndarray
    skin: np.ndarray
    cameras: tuple[PhotoCamera, ...]
    detail_from: str
    seconds: dict[str, float]
    iris: np.ndarray | None = None
    corrective: np.ndarray | None = None
    """(V, 3) float32 mm, added to the face at rest and in every expression: what the sliders cannot say about its
    shape; None leaves it as it is."""
    colours: str = ""
    """Texture and skin as a preset has them (`face_model/photo_colours.py`): JSON text."""
    skin_age: float = 0.0
    """Years by which the first picture's skin is older than the shape says."""
    regions: dict[str, float] = field(default_factory=dict)
    """Region of the face -> how strong its detail is, where it is not 1."""
