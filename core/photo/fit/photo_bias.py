"""What photos' landmarks do beside renders': usual errors that an error model measured on renders
(`landmark_errors.py`) cannot know.

The landmark networks err alike on everybody in photos, and otherwise than on our renders. A fit that knows only the
renders' error model pushes this into the person: half of the identities' mean squared length was one common vector. So
what fits of real portraits leave in the mean, once that common vector is taken off, is a usual error too: the average
of the portraits becomes the model's average person (`measure_photos.py`, `dnpm build photo-habits`; shipped as
`weights/photo_habits.safetensors`).

Pictures that users give are photos, hence these errors are what a `Fitter` has by default. Rendered faces have no such
errors: who fits renders says so by `PhotoLandmarkBias.none()`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files import tensor_file
from ...files.inputs import regular_file
from ...paths import ROOT
from .landmark_errors import LandmarkErrorModel

FORMAT = "dnpm-photo-habits-1"
FILE = "photo_habits.safetensors"
_AGAIN = "make it again with `dnpm build photo-habits DIR`"
_FARTHEST = 0.5
"""Eye distances: no usual error is larger."""


@dataclass(frozen=True)
class PhotoLandmarkBias:
    """bias (468, 2): the usual error in photos beyond that in renders, in distances between the outer corners of the
    eyes, in the picture turned so that these lie level."""

    bias: np.ndarray

    @classmethod
    def none(cls) -> PhotoLandmarkBias:
        """For renders, and to measure the real ones."""
        return cls(np.zeros((468, 2)))

    def on(self, error_model: LandmarkErrorModel) -> LandmarkErrorModel:
        """The renders' error model with the photos' added. The first of the head's features is the constant one."""
        response = error_model.response.copy()
        response[0] += self.bias
        return replace(error_model, response=response)

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        arrays = {"bias": self.bias.astype(np.float32)}
        tensor_file.save(path, arrays, {"format": FORMAT, "model": model.name, **about})

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> PhotoLandmarkBias:
        """A file's, else the shipped ones. They count on the face model that they were measured on, whose average
        person they make the portraits' average; on another they are none.

        Raises DnpmError when the file is missing, damaged or another.
        """
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"photos' landmark bias; {_AGAIN}")
        arrays, metadata = tensor_file.load(path)
        bias = arrays.get("bias")
        if metadata.get("format") != FORMAT or bias is None or bias.shape != (468, 2):
            raise DnpmError(f"{path}: holds no photos' landmark bias; {_AGAIN}")
        if not (np.abs(bias) <= _FARTHEST).all():
            raise DnpmError(f"{path}: has usual errors of more than {_FARTHEST:g} eye distances; {_AGAIN}")
        return cls(bias.astype(float)) if metadata.get("model") == model.name else cls.none()
