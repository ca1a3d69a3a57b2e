"""Where E's samples and its generator come from."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.detail.config import ENCODERS, GENERATORS, EncoderConfig, GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.generator_files import save_generator
from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.training.encoder import sources
from dnpm.core.training.encoder.sources import BlankSamples, Painting, fitting_config, open_samples, open_source
from dnpm.core.training.encoder.store import encoder_of

NOWHERE = Painting(Path("none"), Path("none"), 64)


class Memory(BlankSamples):
    """Twelve samples that can be told apart; the last three are for the test."""

    def identity(self, indices):
        return np.repeat(np.float32(indices)[:, None], self.n_id, 1)

    def for_model(self, model):
        return self

    def split(self, name):
        parts = {"train": np.arange(6), "validation": np.array([8, 6, 7]), "test": np.arange(9, 12)}
        return parts.get(name, np.zeros(0, int))

    def with_coefficients(self, indices):
        return indices


@pytest.fixture
def data(monkeypatch, tiny_model):
    made = Memory(12, 64, tiny_model.n_id, tiny_model.n_exp)
    monkeypatch.setattr(sources, "MapDataset", types.SimpleNamespace(open=lambda folder: made))
    return made


def test_splits_are_counted_from_nought(data, tiny_model):
    (train, check), label = open_samples(Path("mine"), {"train": 1, "validation": 1}, tiny_model, NOWHERE)
    assert (len(train), len(check)) == (6, 3)
    assert check.identity(np.array([0, 2]))[:, 0].tolist() == [8.0, 7.0]
    assert check.maps(np.array([1])).shape == (1, 64, 64)
    assert check.mask.shape == (64, 64)
    assert "mine: 12 maps of 64" in label


def test_samples_of_unknown_sliders_are_left_out(data, tiny_model, monkeypatch):
    monkeypatch.setattr(Memory, "with_coefficients", lambda self, indices: indices[indices % 2 == 0])
    (part,), _ = open_samples(Path("mine"), {"train": 1}, tiny_model, NOWHERE)
    assert part.identity(np.arange(len(part)))[:, 0].tolist() == [0.0, 2.0, 4.0]


def test_unfit_data_is_named(data, tiny_model, face_model):
    with pytest.raises(DnpmError, match="no samples for other"):
        open_samples(Path("mine"), {"train": 1, "other": 1}, tiny_model, NOWHERE)
    with pytest.raises(DnpmError, match="not those of the face model"):
        open_samples(Path("mine"), {"train": 1}, face_model, NOWHERE)
    with pytest.raises(DnpmError, match="--maps"):
        open_samples(None, {"train": 0}, tiny_model, NOWHERE)


def test_generators(tiny_model, tiny_parts: Path, tmp_path: Path):
    shipped = open_source(str(tiny_parts / "weights"), None, tiny_model)
    assert shipped.card["name"] == "tiny"
    config = GeneratorConfig(resolution=16, channel_base=64, channel_max=8, z_dim=8, w_dim=8, mapping_layers=2)
    alone = Generator(config)
    alone.mapping.w_avg.normal_()
    save_generator(tmp_path, alone, {"name": "foreign", "licence": "CC0"})
    found = open_source(None, tmp_path, tiny_model)
    assert torch.equal(found.w_mean, alone.mapping.w_avg)
    assert found.card["licence"] == "CC0"
    assert found.label != shipped.label
    with pytest.raises(DnpmError, match="not both"):
        open_source("x", tmp_path, tiny_model)
    colours = Generator(GeneratorConfig(**{**config.__dict__, "img_channels": 3}))
    save_generator(tmp_path, colours, {"name": "colours"})
    with pytest.raises(DnpmError, match="--one-channel"):
        open_source(None, tmp_path, tiny_model)


def test_sizes_follow_the_generator():
    paper = fitting_config(ENCODERS["paper"], GENERATORS["paper"], 50, 52)
    assert paper == ENCODERS["paper"]
    small = GeneratorConfig(resolution=64, channel_base=128, channel_max=8, w_dim=32)
    config = fitting_config(ENCODERS["default"], small, 3, 4)
    assert isinstance(config, EncoderConfig)
    assert (config.w_layers, config.w_dim, config.n_id, config.n_exp) == (10, 32, 3, 4)
    with pytest.raises(DnpmError, match="too small"):
        fitting_config(ENCODERS["default"], GeneratorConfig(resolution=4, channel_base=8, channel_max=8), 3, 4)


def test_an_encoder_is_trained_on_where_its_sizes_fit(tiny_parts: Path, tmp_path: Path):
    """`--begin` takes the weights' E as it is, and no other one."""
    kept = load_detail(tiny_parts / "weights").encoder
    begun = encoder_of(tiny_parts / "weights", kept.config)
    assert begun.training
    assert all(p.requires_grad for p in begun.parameters())
    for name, value in kept.state_dict().items():
        assert torch.equal(value, begun.state_dict()[name])
    with pytest.raises(DnpmError, match="other sizes"):
        encoder_of(tiny_parts / "weights", ENCODERS["default"])
