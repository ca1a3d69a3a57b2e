"""Tiny weights, maps that share a pattern, and a small D."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.dataset.dataset import MapDataset, MapWriter
from dnpm.core.dataset.sets import about_set, mask_of
from dnpm.core.detail.card import face_model_entry
from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import Detail, load_detail, save_detail
from dnpm.core.training.finetune import run as run_module
from dnpm.core.training.finetune.maps import ArtistMaps, random_sliders
from dnpm.core.training.finetune.run import Recipe

SIDE, COUNT = 32, 8


@pytest.fixture(autouse=True)
def small_discriminator(monkeypatch):
    monkeypatch.setattr(run_module, "_FRESH", (256, 12))


@pytest.fixture(scope="module")
def weights(tiny_model, tmp_path_factory) -> Path:
    """Untrained weights whose maps are of a tenth of a millimetre."""
    torch.manual_seed(0)
    config = GeneratorConfig(256, 12, resolution=SIDE, z_dim=16, w_dim=16, mapping_layers=2, output_scale_mm=0.03,
                             registered=((16, 4), (32, 4)))  # fmt: skip
    generator = Generator(config)
    encoder = Encoder(EncoderConfig(tiny_model.n_id, tiny_model.n_exp, (16,) * 5, False, w_dim=16, groups=(4, 2, 2)))
    folder = tmp_path_factory.mktemp("weights")
    about = {"name": "tiny", "face_model": face_model_entry(tiny_model), "data": "None.", "licence": "CC0-1.0"}
    save_detail(
        folder, generator, encoder, torch.zeros(16), about | {"command": "", "seed": 0, "hours": 0.0, "scores": {}}
    )
    return folder


@pytest.fixture(scope="module")
def artist_set(tiny_model, weights: Path, tmp_path_factory) -> Path:
    """What the old G paints for some sliders, plus a pattern that all of the artist's maps share."""
    folder = tmp_path_factory.mktemp("mine")
    detail, pattern = load_detail(weights), make_stripes()
    identity, expression = random_sliders(np.random.default_rng(0), COUNT, tiny_model.n_id, tiny_model.n_exp)
    with torch.inference_mode():
        old = detail.displacement(identity, expression)[:, 0].numpy()
    about = about_set(tiny_model, "mine", SIDE, licence="mine", source="a test")
    with MapWriter(folder, about, mask_of(tiny_model, SIDE)) as writer:
        for k in range(COUNT):
            known = k % 2 == 0
            writer.add(str(k), old[k] + pattern, identity[k].numpy() if known else None,
                       expression[k].numpy() if known else None, split="train")  # fmt: skip
    return folder


def make_stripes() -> np.ndarray:
    x = np.arange(SIDE)
    return (0.2 * np.sin(x * np.pi / 2)[None] * np.cos(x * np.pi / 4)[:, None]).astype(np.float32)


@pytest.fixture
def parts(weights: Path, artist_set: Path) -> tuple[Detail, MapDataset, ArtistMaps]:
    data = MapDataset.open(artist_set)
    return load_detail(weights), data, ArtistMaps.read(data, SIDE)


@pytest.fixture
def stripes() -> np.ndarray:
    return make_stripes()


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """A plan of seconds, with changes."""
    base = Recipe(
        SIDE, images=48, batch=4, code_steps=10, code_resolution=SIDE, encoder_steps=8, encoder_resolution=SIDE
    )  # fmt: skip
    return lambda **changes: replace(base, **changes)
