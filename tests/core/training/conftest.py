"""The built face model (make test builds it), and one teacher at a small size."""

from __future__ import annotations

import pytest

from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.training.teacher import Teacher


@pytest.fixture(scope="session")
def face_model() -> FaceModel:
    return FaceModel.load(face_model_path())


@pytest.fixture(scope="session")
def teacher(face_model: FaceModel) -> Teacher:
    return Teacher(face_model, 256)
