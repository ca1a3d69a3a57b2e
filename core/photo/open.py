"""All that a photo needs, from its files: models and networks, checked against each other."""

from __future__ import annotations

from ..detail.card import check_face_model, weights_dir
from ..detail.weights import load_detail
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from .choices import TRUST, WRINKLES
from .landmarks.networks import LandmarkNetworks
from .reconstruct import Reconstructor
from .restore.pipeline import open_restorer


def open_reconstructor(
    face_model: str | None = None, weights: str | None = None, landmarks: str | None = None, trust: float = TRUST,
    refine: int = 0, wrinkles: float = WRINKLES,
) -> Reconstructor:  # fmt: skip
    """A `Reconstructor` of the named or the default files. Raises DnpmError when one is missing or does not fit."""
    networks = LandmarkNetworks.load(landmarks)
    model = FaceModel.load(face_model_path(face_model))
    folder = weights_dir(weights)
    detail = load_detail(folder)
    check_face_model(detail.card, model)
    restorer = open_restorer(model, detail, folder, trust, refine)
    return Reconstructor(model, networks, detail, restorer, wrinkles)
