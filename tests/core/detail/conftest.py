"""Small networks that every test of this room can make in milliseconds."""

from __future__ import annotations

import pytest
import torch

from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.face_model.model import FaceModel
from dnpm.tests.core.detail.networks import SMALL, SMALL_ENCODER, tiny_face_model


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(1)
    made = Generator(SMALL).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                parameter.add_(torch.randn(parameter.shape) * 0.3)
        made.mapping.w_avg.normal_()
    return made


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(2)
    made = Encoder(SMALL_ENCODER)
    made(torch.randn(40, 6), torch.rand(40, 4))  # BatchNorm gets an average that is not its initial one.
    return made.eval()


@pytest.fixture(scope="session")
def tiny_model() -> FaceModel:
    return tiny_face_model()
