"""Principal components planted in G, coefficients, the stages and their resumption."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.training.detail import samples
from dnpm.core.training.detail.adversarial import AdversarialTrainer
from dnpm.core.training.detail.cache import MapCache
from dnpm.core.training.detail.copula import Copula
from dnpm.core.training.detail.fit import (
    OTHER_ROWS,
    Codes,
    CoefficientLoss,
    CoefficientTrainer,
    CompactEncoder,
    fit_heads,
    torgb_row,
)
from dnpm.core.training.detail.joint import JointTrainer
from dnpm.core.training.detail.levels import MOST, band_gains, scale_bands
from dnpm.core.training.detail.mapping import MappingTrainer
from dnpm.core.training.detail.principal import directions, init_registered_maps, learn_bands, project
from dnpm.core.training.detail.run import SMALL, train
from dnpm.core.training.loop import Hook, Loop, TimedTrainer, every

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
    init_registered_maps(generator, bands, places)
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


def test_heads_are_fitted_to_other_components():
    """What E's layers know serves other coefficients: the heads of a good E are found by least squares."""
    torch.manual_seed(0)
    config = EncoderConfig(n_id=5, n_exp=3, widths=(48, 48, 40, 40, 40), batch_norm=False, w_dim=32, groups=(3, 3, 4))
    encoder = Encoder(config)
    identity, expression = torch.randn(3000, 5), torch.rand(3000, 3)
    coefficients = torch.tanh(torch.cat([identity, expression], 1) @ torch.randn(8, 6) * 0.4)
    places = directions(6, config.w_dim, 0)
    bands = learn_bands(smooth_maps(80), {16: 3, 32: 3, 64: 3})
    loss = CoefficientLoss(bands, places, 64)
    codes = Codes(identity, expression, coefficients)
    with torch.no_grad():
        before = loss.r2(loss.predicted(encoder(identity[2000:], expression[2000:])), coefficients[2000:])
        fit_heads(encoder, places, codes, count=2000)
        w_plus = encoder(identity[2000:], expression[2000:])
    assert before < 0.3
    assert loss.r2(loss.predicted(w_plus), coefficients[2000:]) > 0.6
    # The same for every row of a head.
    assert torch.allclose(w_plus[:, 0], w_plus[:, 2], atol=1e-5)


class Soft(torch.nn.Module):
    """Answers with a share of the right code, whoever is asked for."""

    def __init__(self, codes: torch.Tensor, share: float) -> None:
        super().__init__()
        self.codes, self.share = codes, share

    def forward(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        return self.share * self.codes[:, None].expand(-1, 10, -1)


def test_bands_that_are_answered_too_softly_are_drawn_stronger():
    """An E that says 0.95 of every coefficient gets a gain of 1/0.95; one that says half, no more than MOST."""
    config = EncoderConfig(n_id=4, n_exp=0, widths=(16, 16, 16, 16, 16), batch_norm=False, w_dim=32, groups=(6, 2, 2))
    maps = smooth_maps(90)
    bands = learn_bands(maps, COUNTS)
    coefficients, _ = project(maps, bands)
    places = directions(coefficients.shape[1], config.w_dim, 0)
    loss = CoefficientLoss(bands, places, 64)
    identity, expression = np.zeros((90, 4), np.float32), np.zeros((90, 0), np.float32)
    for share, wanted in ((0.95, 1 / 0.95), (0.5, MOST)):
        gains = band_gains(Soft(coefficients @ places, share), loss, bands, maps, identity, expression)
        assert gains[0] == pytest.approx(wanted, abs=0.01)
    encoder = Encoder(config)
    before = encoder(torch.zeros(1, 4), torch.zeros(1, 0))
    scale_bands(encoder, loss, [1.1, 1.0, 1.0])
    ratio = (encoder(torch.zeros(1, 4), torch.zeros(1, 0)) / before)[0].mean(1)
    rows = [row for row, _, _ in loss.slices]
    assert ratio[rows[0]].item() == pytest.approx(1.1, rel=1e-4)
    assert all(ratio[k].item() == pytest.approx(1.0, rel=1e-4) for k in range(10) if k != rows[0])


def coefficients_and_loss(groups: tuple[int, int, int] = (6, 2, 2)) -> tuple[Encoder, CoefficientLoss]:
    torch.manual_seed(3)
    config = EncoderConfig(n_id=4, n_exp=2, widths=(16,) * 5, batch_norm=False, w_dim=32, groups=groups)
    bands = learn_bands(smooth_maps(80), {16: 3, 32: 3, 64: 3})
    return Encoder(config), CoefficientLoss(bands, directions(6, 32, 0), 64)


def test_a_compact_encoder_says_what_the_rows_say():
    """Read from the rows of E, written into the rows of another, read again: the same coefficients throughout."""
    encoder, loss = coefficients_and_loss()
    identity, expression = torch.randn(5, 4), torch.rand(5, 2)
    compact = CompactEncoder(encoder, loss)
    with torch.no_grad():
        expected = loss.predicted(encoder(identity, expression))
        answers = compact(identity, expression)
        assert torch.allclose(loss.chosen(answers, encoder.config.groups), expected, atol=1e-5)
        w_plus = compact.whole(loss)(identity, expression)
        assert torch.allclose(loss.predicted(w_plus), expected, atol=1e-5)
        again = CompactEncoder(compact.whole(loss), loss)(identity, expression)
    assert torch.allclose(again, answers, atol=1e-5)
    assert torch.allclose(w_plus[:, 0], w_plus[:, 5], atol=1e-6), "the rows of a group say the same"


def test_each_group_counts_for_what_is_read_from_it_and_a_little_for_the_rest():
    encoder, loss = coefficients_and_loss()
    truth = torch.zeros(1, 6)
    groups = encoder.config.groups
    assert loss.of_groups(torch.zeros(1, 3, 6), truth, groups) == 0
    wrong = torch.zeros(2, 1, 3, 6)
    # At 16 the first two components lie, whose ToRGB reads row 5, in the first group; the second group has two rows.
    wrong[0, 0, 0, 0] = wrong[1, 0, 1, 0] = 1.0
    first, second = (float(loss.of_groups(one, truth, groups)) for one in wrong)
    weight = float(loss.weights[0])
    assert first == pytest.approx(weight * (1 + OTHER_ROWS * 0.6), rel=1e-5)
    assert second == pytest.approx(weight * OTHER_ROWS * 0.2, rel=1e-5)


def test_loss_is_zero_at_the_truth_and_r2_counts_errors():
    bands = learn_bands(smooth_maps(80), COUNTS)
    coefficients, _ = project(smooth_maps(80), bands)
    places = directions(coefficients.shape[1], CONFIG.w_dim, 0)
    loss = CoefficientLoss(bands, places, 64)
    w = (coefficients @ places)[:, None].expand(-1, CONFIG.w_layers, -1)
    assert loss.r2(loss.predicted(w), coefficients) == pytest.approx(1.0, abs=1e-4)
    assert loss.r2(torch.zeros_like(coefficients), coefficients) == pytest.approx(0.0, abs=0.03)
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


def test_every_stage_and_going_on(tmp_path: Path, monkeypatch, capsys):
    """A run in miniature on the real face: weights that load, stages that are kept, another plan refused."""
    encoder = EncoderConfig(n_id=1, n_exp=1, widths=(24, 24, 24, 24, 24), batch_norm=False, w_dim=32, groups=(4, 3, 3))
    plan = replace(SMALL, processes=1, threads=1)
    arguments = (face_model_path(), tmp_path / "training", tmp_path / "weights", plan, "test", CONFIG, encoder)
    whole_step = JointTrainer.timed_step

    def interrupted(self: JointTrainer) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return whole_step(self)

    with monkeypatch.context() as patch:
        patch.setattr(JointTrainer, "timed_step", interrupted)
        assert not train(*arguments)
    assert "joint 64 2: stopped at step 1" in capsys.readouterr().err
    assert json.loads((tmp_path / "training" / "state.json").read_text())["done"] == ["encoder"]
    assert (tmp_path / "training" / "joint_64_2.state.safetensors").is_file()
    assert train(*arguments)
    assert "joint 64 2: goes on from step 1 of" in capsys.readouterr().err
    assert not list((tmp_path / "training").glob("*.state.safetensors")), "a stage's state goes with its end"
    assert (tmp_path / "training" / "log" / "crisp_128_2" / "log.csv").is_file()
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


N_ID, N_EXP = 5, 3


def small_networks() -> tuple[Generator, Encoder]:
    torch.manual_seed(2)
    config = EncoderConfig(N_ID, N_EXP, (8,) * 5, False, w_dim=CONFIG.w_dim, groups=(4, 3, 3))
    return Generator(CONFIG), Encoder(config)


def coefficient_trainer() -> TimedTrainer:
    bands = learn_bands(smooth_maps(40), COUNTS)
    coefficients, _ = project(smooth_maps(40), bands)
    loss = CoefficientLoss(bands, directions(coefficients.shape[1], CONFIG.w_dim, 0), 64)
    rng = np.random.default_rng(0)
    sliders = [torch.from_numpy(rng.standard_normal((40, n), np.float32)) for n in (N_ID, N_EXP)]
    codes = Codes(*sliders, coefficients)
    return CoefficientTrainer(small_networks()[1], loss, codes, codes, 8.0, 0, clock=itertools.count().__next__)


def mapping_trainer() -> TimedTrainer:
    bands = learn_bands(smooth_maps(40), COUNTS)
    loss = CoefficientLoss(bands, directions(sum(len(b.sigma) for b in bands), CONFIG.w_dim, 0), 64)
    clock = itertools.count().__next__
    copula = Copula(N_ID, torch.eye(N_EXP), torch.linspace(-1, 1, 9).clamp_min(0).expand(N_EXP, -1))
    return MappingTrainer(*small_networks(), torch.zeros(CONFIG.w_dim), loss, copula, 8.0, 0, clock=clock)


def map_trainer(kind: type) -> TimedTrainer:
    rng = np.random.default_rng(0)
    data = MapCache(
        smooth_maps(6).astype(np.float16),
        rng.standard_normal((6, N_ID), np.float32),
        rng.random((6, N_EXP), np.float32),
    )
    return kind(
        *small_networks(), torch.zeros(CONFIG.w_dim), data, 64, 2, 8.0, torch.ones(64, 64), 0,
        clock=itertools.count().__next__,
    )  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [coefficient_trainer, mapping_trainer, lambda: map_trainer(JointTrainer), lambda: map_trainer(AdversarialTrainer)],
)
def test_each_stage_goes_on_bit_for_bit(make: Callable[[], TimedTrainer], tmp_path: Path):
    def run(trainer: TimedTrainer, folder: str) -> bool:
        hooks = [Hook(trainer.checked, every(3))] if isinstance(trainer, CoefficientTrainer) else []
        return Loop("stage", tmp_path / folder / "state.safetensors", "test-1", {}, hooks=hooks).run(trainer)

    through, stopped, resumed = make(), make(), make()
    start = through.state()
    assert run(through, "through")
    assert through.step == 8
    step = stopped.timed_step

    def interrupted() -> dict[str, float]:
        if stopped.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step()

    stopped.timed_step = interrupted
    assert not run(stopped, "stopped")
    torch.manual_seed(77)  # Whatever else was random in between.
    assert run(resumed, "stopped")
    expected, found = through.state(), resumed.state()
    assert expected.keys() == found.keys()
    assert not [name for name in expected if not np.array_equal(expected[name], found[name])]
    learnt = [name for name in start if name.startswith(("encoder.", "mapping.", "generator.synthesis.b64."))]
    assert any(not np.array_equal(start[name], expected[name]) for name in learnt)
