"""A picture on the detail UV: what hides the face, its skin as the photo has it, and without the photo's light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face_model.model import FaceModel
from .camera import Camera
from .delight import without_light
from .even import surely_skin
from .hidden_parts import Found, HiddenParts, find_hidden, uncovered
from .shine import without_shine
from .skin import skin_only
from .texture import Texture, unwrap


@dataclass(frozen=True)
class Unwrapped:
    """hidden: None where nothing hides the face; bare: the skin that is seen, as it is in the photo; matt: what is
    surely skin, without the photo's light and shine."""

    hidden: Found | None
    bare: Texture
    matt: Texture

    @classmethod
    def of(
        cls, image: np.ndarray, vertices: np.ndarray, camera: Camera, model: FaceModel, parts: HiddenParts | None,
        resolution: int,
    ) -> Unwrapped:  # fmt: skip
        """Of a picture (h, w, 3) of a face with vertices (V, 3) mm."""
        seen = unwrap(image, vertices, camera, model, resolution)
        hidden = find_hidden(seen, model, parts)
        bare = skin_only(uncovered(seen, hidden), model)
        lit = without_light(surely_skin(bare, model), vertices, model)
        return cls(hidden, bare, without_shine(lit, model))
