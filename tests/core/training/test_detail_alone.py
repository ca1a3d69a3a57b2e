"""E or f of finished weights goes on alone; sliders of a normal z."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.detail.card import ENCODER, GENERATOR, MAPPING, face_model_entry
from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import load_detail, save_detail
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.training.detail import alone, samples
from dnpm.core.training.detail.alone import Task, encoder_alone, mapping_alone
from dnpm.core.training.detail.cache import MapCache
from dnpm.core.training.detail.copula import Copula, correlations
from dnpm.core.training.detail.fit import Codes, CoefficientLoss, CoefficientTrainer
from dnpm.core.training.detail.linear import LinearView
from dnpm.core.training.detail.mapping import MappingTrainer
from dnpm.core.training.detail.principal import bands_of, directions, init_registered_maps, learn_bands, project
from dnpm.tests.core.training.test_detail_training import COUNTS, small_networks, smooth_maps

SMALL_COPULA = Copula(5, torch.eye(3), torch.linspace(-1, 1, 9).clamp_min(0).expand(3, -1))


def rough_maps(n: int, seed: int = 0) -> np.ndarray:
    """Maps of many degrees of freedom: every component has some variance."""
    return smooth_maps(n, seed) + np.random.default_rng(seed + 9).normal(0, 0.02, (n, 64, 64)).astype(np.float32)


def planted() -> tuple[Generator, torch.Tensor]:
    maps = rough_maps(60)
    bands = learn_bands(maps, COUNTS)
    generator, _ = small_networks()
    places = directions(sum(len(b.sigma) for b in bands), generator.config.w_dim, 0)
    init_registered_maps(generator, bands, places)
    return generator.eval(), places


def test_bands_are_read_back_from_the_generator_that_they_were_planted_in():
    generator, places = planted()
    maps = rough_maps(20, seed=5)
    expected, images = project(maps, learn_bands(rough_maps(60), COUNTS))
    bands, found = bands_of(generator)
    coefficients, again = project(maps, bands)
    assert torch.allclose(found, places[: len(found)], atol=1e-6)
    assert torch.allclose(coefficients, expected, atol=1e-3)
    assert torch.allclose(again, images, atol=1e-4)
    w_plus = (coefficients @ found)[:, None].expand(-1, generator.config.w_layers, -1)
    with torch.no_grad():
        assert torch.allclose(generator.synthesis(w_plus)[:, 0], again, atol=1e-4)


def test_a_generator_that_paints_more_than_bands_is_refused():
    generator, _ = planted()
    with torch.no_grad():
        generator.synthesis.block(32).torgb.weight[0, 0] = 0.1
    with pytest.raises(DnpmError, match="block at 32 paints more than bands"):
        bands_of(generator)
    plain = Generator(GeneratorConfig(resolution=16, channel_base=64, channel_max=8, w_dim=8, z_dim=8))
    with torch.no_grad():
        for r in plain.config.resolutions:
            plain.synthesis.block(r).torgb.weight.zero_()
    with pytest.raises(DnpmError, match="no registered maps"):
        bands_of(plain)


def test_correlations_are_those_of_the_normal_numbers_behind():
    rng = np.random.default_rng(0)
    mixing = np.array([[1, 0, 0], [0.8, 0.6, 0], [-0.5, 0.2, 0.84]])
    truth = mixing @ mixing.T
    normal = rng.standard_normal((40_000, 3)) @ mixing.T
    found = correlations(normal > [0.2, 0.8, -0.3])
    np.testing.assert_allclose(found, truth / np.sqrt(np.outer(np.diag(truth), np.diag(truth))), atol=0.04)
    assert np.linalg.eigvalsh(found).min() > 0


def test_sliders_of_z_occur_as_in_training(face_model: FaceModel):
    copula = Copula.of(face_model, 0, 3000)
    z = torch.randn(3000, 512, generator=torch.Generator().manual_seed(1))
    identity, expression = copula(z)
    drawn = [samples.draw(face_model, "test", k) for k in range(3000)]
    truth = np.stack([e for _, e in drawn])
    ours = expression.numpy()
    assert abs(float(identity.std()) - np.stack([i for i, _ in drawn]).std()) < 0.03
    assert 0 <= ours.min() <= ours.max() <= 1
    np.testing.assert_allclose((ours > 0).mean(0), (truth > 0).mean(0), atol=0.05)
    np.testing.assert_allclose(ours.mean(0), truth.mean(0), atol=0.03)
    active, expected = ((e > 0).astype(float) for e in (ours, truth))
    np.testing.assert_allclose(active.T @ active / 3000, expected.T @ expected / 3000, atol=0.07)
    assert abs((active.sum(1) == 0).mean() - (expected.sum(1) == 0).mean()) < 0.05, "as many faces are at rest"
    stretched, same = copula(3 * z)
    assert torch.allclose(stretched, identity, atol=1e-5)
    assert torch.allclose(same, expression, atol=1e-3)
    with pytest.raises(DnpmError, match="z_dim 100 is too small"):
        copula.check(100)


@pytest.mark.parametrize(("rate", "least", "most"), [(5e-3, 0.5, 1.0), (5e-5, -100.0, 0.0)])
def test_the_mapping_network_learns_the_encoders_codes(rate: float, least: float, most: float):
    """E's codes in a few hundred steps; a hundredth of the rate, as StyleGAN2's own comes to, is not enough."""
    generator, _ = planted()
    bands, places = bands_of(generator)
    _, encoder = small_networks()
    with torch.no_grad():
        for head in encoder.heads:
            assert isinstance(head, torch.nn.Linear)
            head.weight.mul_(30)
            head.bias.zero_()
    loss, clock = CoefficientLoss(bands, places, 64), iter(range(10_000)).__next__
    trainer = MappingTrainer(
        generator, encoder, torch.zeros(32), loss, SMALL_COPULA, 600.0, 0, clock=clock, rate=rate, batch=64
    )
    assert trainer.checked()["held_out_r2"] < 0
    for _ in trainer.run():
        pass
    assert least < trainer.checked()["held_out_r2"] < most
    trainer.finish()
    z = torch.randn(4000, generator.config.z_dim, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        w = generator.mapping(z)
    assert torch.allclose(generator.mapping.w_avg, w.mean(0), atol=0.2 * float(w.std()))


@pytest.fixture
def begin(tmp_path: Path, face_model: FaceModel, monkeypatch) -> Path:
    """Finished weights for the real face. Its teacher, tested elsewhere, is spared: codes and maps are made up."""
    generator, _ = planted()
    encoder = Encoder(EncoderConfig(face_model.n_id, face_model.n_exp, (24,) * 5, False, w_dim=32, groups=(4, 3, 3)))
    about = {"name": "small", "face_model": face_model_entry(face_model), "data": "", "licence": "", "command": "first"}
    folder = tmp_path / "begin"
    save_detail(folder, generator, encoder, torch.zeros(32), about | {"seed": 0, "hours": 1.0, "scores": {"r2": 0.1}})
    bands, _ = bands_of(load_detail(folder).generator)
    count = sum(len(b.sigma) for b in bands)

    def codes(folder: Path, model: Path, view: Path, meshes: dict[str, int], processes: int, seed: int):
        rng = np.random.default_rng(seed)
        made = {}
        for split, n in meshes.items():
            shapes = ((8 * n, face_model.n_id), (8 * n, face_model.n_exp), (8 * n, count))
            made[split] = Codes(*(torch.from_numpy(rng.standard_normal(shape, np.float32)) for shape in shapes))
        return made

    def maps(*arguments: object) -> MapCache:
        pairs = [samples.draw(face_model, "validation", k) for k in range(4)]
        return MapCache(rough_maps(4), *(np.stack(values) for values in zip(*pairs, strict=True)))

    view = LinearView(*(np.zeros(1, np.float32) for _ in range(4)))
    monkeypatch.setattr(alone, "make_codes", codes)
    monkeypatch.setattr(alone, "Teacher", lambda *arguments: None)
    monkeypatch.setattr(alone.LinearView, "of", lambda *arguments: view)
    monkeypatch.setattr(alone.cache, "fill", maps)
    monkeypatch.setattr("dnpm.core.training.detail.copula.DRAWN", 500)
    return folder


def same(name: str, a: Path, b: Path) -> bool:
    return (a / name).read_bytes() == (b / name).read_bytes()


def test_the_encoder_goes_on_alone(tmp_path: Path, begin: Path, monkeypatch, capsys):
    """Stopped, gone on with, and nothing but E changed."""
    out, meshes = tmp_path / "out", {"train": 3, "validation": 2}
    task = Task(face_model_path(), tmp_path, begin, out, 1.0, "dnpm test", seed=4)
    step = CoefficientTrainer.timed_step

    def interrupted(self: CoefficientTrainer) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(CoefficientTrainer, "timed_step", interrupted)
        assert not encoder_alone(task, meshes, 1e-3)
    assert not out.exists()
    assert "stopped at step 1" in capsys.readouterr().err
    assert encoder_alone(task, meshes, 1e-3)
    assert "goes on from step 1" in capsys.readouterr().err
    assert same(GENERATOR, begin, out)
    assert same(MAPPING, begin, out)
    assert not same(ENCODER, begin, out)
    card = load_detail(out).card
    assert (card["command"], card["hours"]) == ("first", 1.0), "how the weights were made first"
    assert card["encoder_training"]["people"] == 24
    assert card["encoder_training"]["command"] == "dnpm test"
    assert card["encoder_training"]["steps"] > 1
    with pytest.raises(DnpmError, match=r"belongs to|another"):
        encoder_alone(replace(task, begin=out), meshes, 1e-3)


def test_the_mapping_network_goes_on_alone(tmp_path: Path, begin: Path):
    out = tmp_path / "out"
    assert mapping_alone(Task(face_model_path(), tmp_path, begin, out, 0.5, "dnpm test"))
    assert same(GENERATOR, begin, out)
    assert same(ENCODER, begin, out)
    assert not same(MAPPING, begin, out)
    card = load_detail(out).card
    assert card["mapping_training"]["steps"] >= 1
    assert card["scores"] == {"r2": 0.1}


def test_weights_that_are_not_centred_do_not_go_on(tmp_path: Path, begin: Path):
    detail = load_detail(begin)
    save_detail(begin, detail.generator, detail.encoder, torch.ones(32), detail.card)
    with pytest.raises(DnpmError, match="w_mean is not 0"):
        mapping_alone(Task(face_model_path(), tmp_path, begin, tmp_path / "out", 0.5, "dnpm test"))


def test_only_needs_weights_to_begin_with(tmp_path: Path, capsys):
    assert main(["train", "detail", "--only", "encoder", "--weights", str(tmp_path)]) != 0
    assert "--only encoder: give --begin" in capsys.readouterr().err
