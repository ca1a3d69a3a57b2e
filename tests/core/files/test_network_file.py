"""Networks for their shapes alone, and files that do not fit them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dnpm.core.detail.config import ENCODERS, GENERATORS
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.errors import DnpmError
from dnpm.core.files.network_file import built, shapes_only


@pytest.mark.parametrize(
    "make",
    [
        lambda: Generator(replace(GENERATORS["default"], resolution=64, registered=((16, 4),))),
        lambda: Encoder(ENCODERS["default"]),
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.ConvTranspose2d(4, 2, 4)),
        lambda: nn.TransformerDecoderLayer(8, 2),
    ],
)
def test_shapes_are_those_of_the_network(make):
    with shapes_only():
        placeholder = make()
    network = make()
    assert all(tensor.is_meta for tensor in placeholder.state_dict().values())
    found = {name: (tensor.shape, tensor.dtype) for name, tensor in placeholder.state_dict().items()}
    assert found == {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}


def test_afterwards_networks_have_values_again():
    with shapes_only():
        pass
    assert nn.Linear(3, 4).weight.std() > 0


def test_a_file_with_other_shapes_is_refused_before_room_is_made():
    arrays = {"weight": np.zeros((4, 3), np.float32), "bias": np.zeros(5, np.float32)}
    with pytest.raises(DnpmError, match="bias has the shape"):
        built(lambda: nn.Linear(3, 4), arrays, "net.safetensors", "make it again")


def test_a_file_that_fits_is_loaded():
    arrays = {"weight": np.ones((4, 3), np.float32), "bias": np.full(4, 2, np.float32)}
    network = built(lambda: nn.Linear(3, 4), arrays, "net.safetensors", "make it again")
    np.testing.assert_array_equal(network(torch.ones(1, 3)), np.full((1, 4), 5.0))


def test_the_backend_starts_without_torchs_compiler():
    """It would be half of the time that an artist waits."""
    code = (
        "import sys, torch, numpy\n"
        "from dnpm.core.backend.worker.engine import Engine\n"
        "from dnpm.core.backend.worker.handlers import maps\n"
        "from dnpm.core.detail.controls import Controls\n"
        "engine = Engine.load('cpu', None, None)\n"
        "person = numpy.zeros((1, engine.face_model.n_id), numpy.float32)\n"
        "face = numpy.zeros((1, engine.face_model.n_exp), numpy.float32)\n"
        "engine.displacement(person, face, None, 256, Controls())\n"
        "print(*{'torch._dynamo', 'sympy'} & set(sys.modules), 'end')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["end"]
