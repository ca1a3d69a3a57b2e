"""E learns with G frozen; stopped runs go on bit by bit; points of the mesh stand for sliders."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.core.errors import DnpmError
from dnpm.core.measures.perceptual import RANGE_MM, PerceptualDistance
from dnpm.core.training.encoder import run
from dnpm.core.training.encoder.inputs import PointInputs, SliderInputs, make_inputs, spread_vertices
from dnpm.core.training.encoder.store import load_points, load_state, save_points, save_state
from dnpm.core.training.encoder.trainer import EncoderTrainer, Plan, new_encoder
from dnpm.tests.core.detail.networks import tiny_face_model

SIZE = GeneratorConfig(resolution=32, channel_base=256, channel_max=8, w_dim=16, z_dim=16, mapping_layers=2)
CONFIG = EncoderConfig(n_id=6, n_exp=4, widths=(24, 24, 24, 24, 24), batch_norm=False, w_dim=16, groups=(3, 3, 2))


class Memory:
    """Samples that G itself made from a hidden linear encoder: a truth that E can reach."""

    def __init__(self, generator: Generator, count: int = 48, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        way = np.random.default_rng(99).standard_normal((10, 8 * 16)).astype(np.float32) * 0.15
        self._identity = rng.standard_normal((count, 6)).astype(np.float32)
        self._expression = rng.random((count, 4)).astype(np.float32)
        w = torch.from_numpy(np.hstack([self._identity, self._expression]) @ way).reshape(count, 8, 16)
        with torch.no_grad():
            self._maps = generator.synthesis(w)[:, 0].numpy()
        self.resolution, self.mask = 32, np.ones((32, 32), np.float32)
        self.mask[:4] = 0

    def __len__(self) -> int:
        return len(self._maps)

    def maps(self, indices):
        return self._maps[indices]

    def identity(self, indices):
        return self._identity[indices]

    def expression(self, indices):
        return self._expression[indices]


class Blurred(PerceptualDistance):
    """A distance that is quick."""

    def __init__(self) -> None:
        super().__init__("blur", 4, 1.0)

    def forward(self, a, b):
        return torch.nn.functional.avg_pool2d(a - b, 4).square().mean((1, 2, 3))


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(1)
    made = Generator(replace(SIZE, output_scale_mm=0.05))
    return made.eval()


@pytest.fixture(scope="module")
def tiny_model():
    return tiny_face_model()


@pytest.fixture(scope="module")
def samples(generator) -> Memory:
    return Memory(generator)


def trainer(generator, samples, inputs=None, distance=None, **changes) -> EncoderTrainer:
    inputs = inputs or SliderInputs(6, 4)
    plan = Plan(
        **{"config": replace(CONFIG, n_id=inputs.n_id, n_exp=inputs.n_exp), "resolution": 32, "epochs": 3} | changes
    )
    return EncoderTrainer(
        generator, torch.zeros(16), new_encoder(plan.config, plan.seed), inputs, samples, plan, distance or Blurred()
    )


def numbers(one: EncoderTrainer) -> list[np.ndarray]:
    return [one.state()[k] for k in sorted(one.state())]


def same(one: EncoderTrainer, other: EncoderTrainer) -> bool:
    return one.state().keys() == other.state().keys() and all(map(np.array_equal, numbers(one), numbers(other)))


def test_it_learns_and_leaves_g_alone(generator, samples):
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    one = trainer(generator, samples, epochs=30, rate=6e-3)
    losses = list(one.run())
    assert len(losses) == one.total_steps == 30 * 6
    assert losses[-1]["l1_mm"] < 0.5 * losses[0]["l1_mm"]
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    held_out = Memory(generator, 16, seed=5)
    picks = np.arange(16)
    spread = held_out.maps(picks) - samples.maps(np.arange(48)).mean(0)
    assert np.abs(one.predict(held_out, picks) - one.truth(held_out, picks)).mean() < 0.6 * np.abs(spread).mean()


def test_it_starts_at_w_mean(generator, samples):
    one = trainer(generator, samples)
    mean = torch.randn(16)
    one.w_mean = mean
    with torch.no_grad():
        expected = generator.synthesis(mean.expand(1, 8, -1))[0, 0].numpy() * samples.mask
    assert np.allclose(one.predict(samples, np.arange(2)), expected, atol=1e-6)


def test_the_loss_is_the_papers(generator, samples):
    one = trainer(generator, samples, rate=1e-12)
    for losses in one.run():
        assert losses["total"] == pytest.approx(losses["l1_mm"] / RANGE_MM + 0.05 * losses["perceptual"], rel=1e-5)
    picks = np.sort(np.random.default_rng([0, 0]).permutation(48)[:8])
    fresh = trainer(generator, samples)
    error = np.abs(fresh.predict(samples, picks) - fresh.truth(samples, picks)).mean()
    assert next(iter(fresh.run()))["l1_mm"] == pytest.approx(error, rel=1e-5)


def test_the_rate_is_a_cosine_from_the_second_epoch(generator, samples):
    one = trainer(generator, samples, epochs=2)
    rates = [one.optimizer.param_groups[0]["lr"] for _ in one.run()]
    first = one.epoch_steps
    assert first < 12
    cosine = [0.5 * 5e-4 * (1 + math.cos(math.pi * k / (12 - first))) for k in range(12 - first)]
    assert rates == pytest.approx([5e-4] * first + cosine)


def test_every_sample_is_seen_once_an_epoch(generator, samples):
    one, seen = trainer(generator, samples, epochs=1), []
    original = one._images
    one._images = lambda s, picks: seen.extend(picks) or original(s, picks)
    list(one.run())
    assert sorted(seen) == list(range(48))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_stopped_run_goes_on_bit_by_bit(generator, samples, tmp_path, batch_norm):
    config = replace(CONFIG, batch_norm=batch_norm)
    whole = trainer(generator, samples, config=config)
    list(whole.run())
    first = trainer(generator, samples, config=config)
    for _, _ in zip(range(7), first.run(), strict=False):
        pass
    save_state(tmp_path / "state.safetensors", first, {"samples": "memory"})
    second = trainer(generator, samples, config=config)
    torch.randn(3)  # Whatever else was random in between.
    load_state(tmp_path / "state.safetensors", second, {"samples": "memory"})
    assert second.step == first.step > 0
    list(second.run())
    assert same(whole, second)


def test_a_state_of_another_plan_is_refused(generator, samples, tmp_path):
    path = tmp_path / "state.safetensors"
    save_state(path, trainer(generator, samples), {"samples": "a"})
    with pytest.raises(DnpmError, match="rate"):
        load_state(path, trainer(generator, samples, rate=1e-3), {"samples": "a"})
    with pytest.raises(DnpmError, match="samples"):
        load_state(path, trainer(generator, samples), {"samples": "b"})
    (tmp_path / "other.safetensors").write_bytes(b"12345678")
    with pytest.raises(DnpmError, match="not a safetensors"):
        load_state(tmp_path / "other.safetensors", trainer(generator, samples), {})


def test_a_signal_stops_after_the_step_and_saves(generator, samples, tmp_path, capsys):
    class Stopping(Blurred):
        calls = 0

        def forward(self, a, b):
            self.calls += 1
            if self.calls == 5:
                os.kill(os.getpid(), signal.SIGINT)
            return super().forward(a, b)

    before = signal.getsignal(signal.SIGINT)
    state, about, check = tmp_path / "s.safetensors", {"samples": "m"}, (samples, np.arange(8))
    one = trainer(generator, samples, distance=Stopping())
    assert not run.fit(one, state, about, check, "E")
    assert signal.getsignal(signal.SIGINT) is before
    assert one.step == 5
    two = trainer(generator, samples)
    assert run.fit(two, state, about, check, "E")
    said = capsys.readouterr().err
    assert "the same command goes on" in said
    assert "goes on from step 5 of 18" in said
    assert "0.05 x blur" in said
    whole = trainer(generator, samples)
    list(whole.run())
    assert same(whole, two)
    assert run.fit(trainer(generator, samples), state, about, check, "E"), "done is done"


def test_an_early_resolution_leaves_the_other_rows(generator, samples):
    one = trainer(generator, samples, resolution=16)
    list(one.run())
    with torch.no_grad():
        rows = one.encoder(*one.inputs(samples.identity(np.arange(8)), samples.expression(np.arange(8))))
    assert rows[:, :6].abs().amax((0, 2)).min() > 0
    # 16 x 16 needs six of the eight rows; the head that holds the rest also holds none of them.
    assert torch.equal(rows[:, 6:], torch.zeros_like(rows[:, 6:]))


def test_out_of_memory_and_divergence_are_named(generator, samples):
    class Fails(Blurred):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def forward(self, a, b):
            if self.error is None:
                return (a - b).mean((1, 2, 3)) * torch.nan
            raise self.error

    with pytest.raises(DnpmError, match="--batch 4"):
        next(iter(trainer(generator, samples, distance=Fails(torch.OutOfMemoryError())).run()))
    with pytest.raises(DnpmError, match="diverged at step 0; try a smaller --rate"):
        next(iter(trainer(generator, samples, distance=Fails(None)).run()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"resolution": 64}, "--resolution 64"), ({"resolution": 24}, "--resolution 24"), ({"batch": 64}, "fewer than"),
        ({"epochs": 0}, "--epochs"), ({"rate": 0.0}, "--rate"), ({"max_steps": 0}, "--steps"),
        ({"batch": 1, "config": replace(CONFIG, batch_norm=True)}, "--batch"),
    ],
)  # fmt: skip
def test_bad_plans_are_named(generator, samples, change, says):
    with pytest.raises(DnpmError, match=says):
        trainer(generator, samples, **change)


def test_points_are_the_meshs(tiny_model):
    inputs = make_inputs("30", tiny_model)
    assert isinstance(inputs, PointInputs)
    assert (inputs.n_id, inputs.n_exp, inputs.name) == (0, 90, "30")
    rng = np.random.default_rng(0)
    identity, expression = np.float32(rng.standard_normal((3, 6))), np.float32(rng.random((3, 4)))
    empty, points = inputs(identity, expression)
    assert empty.shape == (3, 0)
    for k in range(3):
        mesh = (
            tiny_model.vertices(identity[k], expression[k])[inputs.vertex_indices]
            - tiny_model.neutral[inputs.vertex_indices]
        )
        assert np.allclose(points[k].numpy() * inputs.scale_mm, mesh.ravel(), atol=1e-3)
    assert 0.3 < points.std() < 6


def test_points_are_spread_and_fewer_are_the_first_of_more(tiny_model):
    few, many = spread_vertices(tiny_model, 9), spread_vertices(tiny_model, 60)
    assert np.array_equal(few, many[:9])
    assert len(set(many)) == 60
    layer = set(np.unique(tiny_model.faces[tiny_model.faces_detail_uv >= 0]))
    assert set(few) <= layer
    place = tiny_model.neutral[few].astype(float)
    distance = np.linalg.norm(place[:, None] - place[None], axis=2) + 1e9 * np.eye(9)
    assert distance.min() > 15, "a sheet of 90 mm"


def test_unfit_inputs_are_named(tiny_model):
    for kind, says in (("mesh", "id-exp"), ("0", "id-exp"), ("5000", "81 vertices only")):
        with pytest.raises(DnpmError, match=says):
            make_inputs(kind, tiny_model)
    assert make_inputs("id-exp", tiny_model) == SliderInputs(6, 4)


def test_an_encoder_of_points_learns_and_comes_back(generator, samples, tiny_model, tmp_path):
    inputs = make_inputs("20", tiny_model)
    one = trainer(generator, samples, inputs=inputs, epochs=20, rate=2e-3)
    losses = list(one.run())
    assert losses[-1]["l1_mm"] < 0.7 * losses[0]["l1_mm"]
    path = tmp_path / "encoder_20.safetensors"
    save_points(path, one.encoder, inputs, one.w_mean, {"seed": 0})
    loaded = load_points(path)
    assert loaded.about == {"seed": 0}
    one.encoder.eval()
    with torch.no_grad():
        expected = one.w_mean + one.encoder(*inputs(samples.identity(np.arange(4)), samples.expression(np.arange(4))))
        got = loaded.w_plus(samples.identity(np.arange(4)), samples.expression(np.arange(4)))
    assert torch.equal(got, expected)
    save_state(tmp_path / "state.safetensors", one, {})
    with pytest.raises(DnpmError, match="no encoder of points"):
        load_points(tmp_path / "state.safetensors")
