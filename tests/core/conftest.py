"""A tiny face model, tiny weights that fit it, and clients that are stopped after the test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel

N_ID, N_EXP, SIZE = 3, 4, 64


def make_face_model(n_id: int = N_ID) -> FaceModel:
    rng = np.random.default_rng(0)
    side = 9
    v, u = (a.ravel() for a in np.mgrid[0:side, 0:side] / (side - 1))
    row, column = (a.ravel() for a in np.mgrid[0 : side - 1, 0 : side - 1])
    corner = (row * side + column).astype(np.int32)
    faces = np.stack([corner, corner + 1, corner + side + 1, corner + side], 1).astype(np.int32)
    uv = np.stack([u, v], 1).astype(np.float32)
    core = rng.normal(0, 1, (n_id + 1, N_EXP + 1, side * side, 3)).astype(np.float16)
    core[0, 0] = 0
    mask = np.zeros((128, 128), np.float32)
    mask[16:-16, 16:-16] = 1
    return FaceModel(
        name="tiny",
        neutral=np.stack([u * 100, v * 100, 0 * u], 1).astype(np.float32),
        core=core,
        expression_names=tuple(f"e{k}" for k in range(N_EXP)),
        identity_labels=tuple(f"i{k}" for k in range(n_id)),
        faces=faces,
        uv=uv,
        faces_uv=faces,
        detail_uv=uv,
        faces_detail_uv=faces,
        detail_mask=mask,
        face_material=np.zeros(len(faces), np.uint8),
        material_names=("skin",),
        landmarks68=np.arange(68, dtype=np.int32),
    )


@pytest.fixture(scope="session")
def tiny_model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    make_face_model().save(path)
    return path


@pytest.fixture(scope="session")
def other_model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face model that the weights were not trained on."""
    path = tmp_path_factory.mktemp("model") / "other.safetensors"
    make_face_model(n_id=N_ID + 2).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from dnpm.core.detail.card import face_model_entry
    from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
    from dnpm.core.detail.encoder import Encoder
    from dnpm.core.detail.generator import Generator
    from dnpm.core.detail.weights import save_detail

    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(channel_base=512, channel_max=16, resolution=SIZE, w_dim=32, z_dim=32))
    encoder = Encoder(EncoderConfig(N_ID, N_EXP, (16, 16, 16, 16, 16), False, w_dim=32, groups=(4, 3, 3)))
    folder = tmp_path_factory.mktemp("weights")
    card = {
        "name": "tiny-weights", "face_model": face_model_entry(make_face_model()), "data": "none", "licence": "CC0-1.0",
        "command": "test", "seed": 0, "hours": 0.0, "scores": {},
    }  # fmt: skip
    save_detail(folder, generator, encoder, torch.zeros(32), card)
    return folder


@pytest.fixture
def make_client(tiny_weights: Path, tiny_model_file: Path) -> Iterator[Callable]:
    from dnpm.core.backend.client.client import BackendClient

    made = []

    def make(**options):
        values = {"device": "cpu", "weights": str(tiny_weights), "face_model": str(tiny_model_file)} | options
        made.append(BackendClient(**values))
        return made[-1]

    yield make
    for client in made:
        client.stop()


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], float], object]:
    """Call a function until what it returns is true; fails after the limit."""

    def wait(condition: Callable[[], object], limit_s: float = 60.0) -> object:
        end = time.monotonic() + limit_s
        while not (result := condition()):
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.01)
        return result

    return wait


@pytest.fixture
def sliders() -> dict[str, np.ndarray]:
    return {
        "identity": np.array([0.5, -1.0, 0.2], np.float32),
        "expression": np.array([0.0, 0.5, 1.0, 0.0], np.float32),
    }


@pytest.fixture
def shared_names() -> Callable[[], set[str]]:
    """Names of the segments of shared memory that this test made, where the system lists them."""
    folder = Path("/dev/shm")
    if not folder.is_dir():
        pytest.skip("this system does not list its shared memory")
    return lambda: {file.name for file in folder.glob(f"dnpm-{os.getpid()}-*")}


@pytest.fixture(scope="session")
def raw():
    """A request of any kind, arrays and values, as no client of ours makes it: what another program might send."""
    from dnpm.core.backend.requests import Request, TaskEnded

    class Raw(Request):
        def __init__(self, kind, params=None, arrays=None):
            object.__setattr__(self, "KIND", kind)
            object.__setattr__(self, "ANSWER", TaskEnded)
            object.__setattr__(self, "given", (arrays or {}, params or {}))

        def pack(self):
            return self.given

    return Raw
