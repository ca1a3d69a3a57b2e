"""Principal components planted in G, coefficients, the stages and their resumption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.training.detail import samples
from dnpm.core.training.detail.fit import CoefficientLoss, torgb_row
from dnpm.core.training.detail.principal import directions, learn_bands, plant, project
from dnpm.core.training.detail.run import SMALL, train

COUNTS = {16: 6, 32: 6, 64: 8}
CONFIG = GeneratorConfig(
    resolution=64, channel_base=512, channel_max=16, w_dim=32, z_dim=160, registered=tuple(COUNTS.items())
)  # fmt: skip


def smooth_maps(n: int, seed: int = 0) -> np.ndarray:
    """Maps of few degrees of freedom, as a teacher's are."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 6, 64), np.linspace(0, 6, 64))
    c = rng.standard_normal((n, 4, 1, 1))
    shapes = np.stack([np.sin(x), np.sin(3 * y), np.sin(5 * x + y), np.cos(9 * (x - y))])
    return (c * shapes).sum(1).astype(np.float32) * 0.2 + 0.1


def test_planted_generator_draws_the_projected_maps():
    maps = smooth_maps(60)
    bands = learn_bands(maps, COUNTS)
    coefficients, images = project(maps, bands)
    assert float((images - torch.from_numpy(maps)).abs().max()) < 2e-2
    generator = Generator(CONFIG).eval()
    places = directions(sum(len(b.sigma) for b in bands), CONFIG.w_dim, 0)
    plant(generator, bands, places)
    w = (coefficients[:5] @ places)[:, None].expand(-1, CONFIG.w_layers, -1)
    with torch.no_grad():
        drawn = generator.synthesis(w)[:, 0]
        early = generator.synthesis(w, resolution=32)[:, 0]
    assert torch.allclose(drawn, images[:5], atol=1e-4)
    averaged = torch.nn.functional.avg_pool2d(torch.from_numpy(maps[:5])[:, None], 2)[:, 0]
    assert float((early - averaged).abs().max()) < 3e-2


def test_coefficients_are_whitened_and_places_orthonormal():
    bands = learn_bands(smooth_maps(80), COUNTS)
    coefficients, _ = project(smooth_maps(80), bands)
    first = coefficients[:, :3]
    assert torch.allclose(first.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(first.var(0), torch.ones(3), atol=0.05)
    places = directions(10, 32, 3)
    assert torch.allclose(places @ places.T, torch.eye(10), atol=1e-5)


def test_loss_is_zero_at_the_truth_and_r2_counts_errors():
    bands = learn_bands(smooth_maps(80), COUNTS)
    coefficients, _ = project(smooth_maps(80), bands)
    places = directions(coefficients.shape[1], CONFIG.w_dim, 0)
    loss = CoefficientLoss(bands, places, 64)
    w = (coefficients @ places)[:, None].expand(-1, CONFIG.w_layers, -1)
    assert float(loss(w, coefficients)) < 1e-8
    assert loss.r2(w, coefficients) == pytest.approx(1.0, abs=1e-4)
    assert loss.r2(torch.zeros_like(w), coefficients) == pytest.approx(0.0, abs=0.03)
    assert torch.allclose(loss.predicted(w), coefficients, atol=1e-4)


@pytest.mark.parametrize(("resolution", "row"), [(16, 5), (64, 9), (256, 13), (1024, 17)])
def test_rows_of_torgb(resolution: int, row: int):
    """As in the public StyleGAN2: a block's ToRGB shares its row with the next block's first convolution."""
    assert torgb_row(resolution) == row


def test_splits_share_no_one_and_draws_repeat():
    model = FaceModel.load(face_model_path())
    people = {split: np.stack([samples.draw(model, split, i)[0] for i in range(20)]) for split in samples.SPLITS}
    assert not np.isin(people["train"][:, 0], people["test"][:, 0]).any()
    again = samples.draw(model, "train", 7)
    assert np.array_equal(again[0], people["train"][7])
    assert again[1].min() >= 0
    assert again[1].max() <= 1


def test_every_stage_and_going_on(tmp_path: Path):
    """A run in miniature on the real face: weights that load, stages that are kept, another plan refused."""
    encoder = EncoderConfig(n_id=1, n_exp=1, widths=(24, 24, 24, 24, 24), batch_norm=False, w_dim=32, groups=(4, 3, 3))
    plan = replace(SMALL, processes=1, threads=1)
    arguments = (face_model_path(), tmp_path / "training", tmp_path / "weights", plan, "test", CONFIG, encoder)
    train(*arguments)
    detail = load_detail(tmp_path / "weights")
    assert detail.card["stages"] == ["encoder", "joint 64 2", "crisp 128 2", "mapping"]
    assert detail.card["face_model"]["n_exp"] == 52
    kept = json.loads((tmp_path / "training" / "state.json").read_text())["done"]
    before = (tmp_path / "weights" / "generator.safetensors").read_bytes()
    train(*arguments)
    assert json.loads((tmp_path / "training" / "state.json").read_text())["done"] == kept
    assert (tmp_path / "weights" / "generator.safetensors").read_bytes() == before
    with pytest.raises(DnpmError, match="another plan"):
        train(*arguments[:3], replace(plan, components_from=7), *arguments[4:])
