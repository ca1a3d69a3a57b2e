"""Exact continuation, rounds that give what a batch gives, what learns and what keeps still, what errors say."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dnpm.core.detail.generator import Generator
from dnpm.core.errors import DnpmError
from dnpm.core.training.checkpoint import load_state, save_state
from dnpm.core.training.detail.principal import Band, directions, init_registered_maps
from dnpm.core.training.generator import start
from dnpm.core.training.generator.batches import Batches
from dnpm.core.training.generator.plan import configured


def steps(trainer, count: int) -> list:
    found = []
    for losses in trainer.run():
        found.append(losses)
        if len(found) == count:
            break
    return found


def test_continuation_is_exact_through_a_file(make_trainer, small_plan, tmp_path):
    plan = replace(small_plan, learn_noise=True, ada_images=200, path_every=2, r1_every=3)
    through = make_trainer(plan)
    through.ada.p = 0.4
    first = through.state()
    steps(through, 6)
    stopped = make_trainer(plan)
    stopped.restore(first)
    steps(stopped, 3)
    save_state(tmp_path / "state", stopped.state(), "kind", plan.as_json())
    resumed = make_trainer(plan)
    resumed.restore(load_state(tmp_path / "state", "kind", json.loads(json.dumps(plan.as_json()))))
    steps(resumed, 3)
    expected, found = through.state(), resumed.state()
    assert expected.keys() == found.keys()
    assert found["step"] == 6
    assert found["ada"][0] not in (0.0, 0.4), "p has moved"
    different = [name for name in expected if not np.array_equal(expected[name], found[name])]
    assert not different


def test_another_plan_or_network_is_refused(make_trainer, small_plan, tmp_path):
    trainer = make_trainer(small_plan)
    save_state(tmp_path / "state", trainer.state(), "kind", small_plan.as_json())
    with pytest.raises(DnpmError, match="other settings \\(gamma, seed\\)"):
        load_state(tmp_path / "state", "kind", replace(small_plan, seed=1, gamma=9.0).as_json())
    longer = replace(small_plan, images=96)
    assert load_state(tmp_path / "state", "kind", longer.as_json())["step"] == 0, "how far it goes may change"
    other = make_trainer(replace(small_plan, discriminator=replace(small_plan.discriminator, channel_max=8)))
    with pytest.raises(DnpmError, match="another discriminator"):
        other.restore(trainer.state())


def test_rounds_give_what_the_batch_gives(make_trainer, small_plan):
    plan = replace(small_plan, path_every=1, r1_every=1)
    whole, rounds = make_trainer(plan), make_trainer(plan, microbatch=4)
    whole.ada.p = 0.5
    rounds.restore(whole.state())
    a, b = steps(whole, 2), steps(rounds, 2)
    for x, y in zip(a, b, strict=True):
        assert x == pytest.approx(y, rel=1e-3, abs=1e-5, nan_ok=True)
    for x, y in zip(whole.mean.parameters(), rounds.mean.parameters(), strict=True):
        assert torch.allclose(x, y, atol=5e-4)
    with pytest.raises(DnpmError, match="must divide the 8"):
        make_trainer(plan, microbatch=3)


def test_who_learns(make_trainer, small_plan):
    trainer = make_trainer(replace(small_plan, d_warmup_steps=2))
    before = {k: v.clone() for k, v in trainer.generator.state_dict().items()}
    d_before = trainer.discriminator.fromrgb.weight.clone()
    first = steps(trainer, 2)
    assert math.isnan(first[0]["generator"])
    assert all(torch.equal(v, before[k]) for k, v in trainer.generator.state_dict().items()), "D alone warms up"
    assert not torch.equal(trainer.discriminator.fromrgb.weight, d_before)
    steps(trainer, 2)
    moved = {k for k, v in trainer.generator.state_dict().items() if not torch.equal(v, before[k])}
    assert {"mapping.fc0.weight", "mapping.w_avg", "synthesis.b32.registered", "synthesis.b4.const"} <= moved
    assert not any("noise" in name for name in moved), "registered maps serve in the noise's place"
    between = trainer.mean.synthesis.b8.conv0.weight
    assert not torch.equal(between, before["synthesis.b8.conv0.weight"])
    assert not torch.equal(between, trainer.generator.synthesis.b8.conv0.weight)


def test_a_smaller_d_leaves_gs_finest_blocks_alone(make_trainer, data):
    plan = configured("tiny", 32, images=16, batch=8)
    plan = replace(plan, discriminator=replace(plan.discriminator, resolution=16), start="random")
    trainer = make_trainer(plan)
    before = trainer.generator.synthesis.b32.conv0.weight.clone()
    low = trainer.generator.synthesis.b16.conv0.weight.clone()
    steps(trainer, 1)
    assert torch.equal(trainer.generator.synthesis.b32.conv0.weight, before)
    assert not torch.equal(trainer.generator.synthesis.b16.conv0.weight, low)


def test_style_mixing_takes_the_later_rows_of_another_z(make_trainer, small_plan):
    trainer = make_trainer(replace(small_plan, mixing=1.0))
    z = trainer.draw_z(0, 0, 8)
    w = trainer.generator.mapping(z.flatten(0, 1)).unflatten(0, (-1, 2)).detach()
    codes = trainer.mixed(z, 0, 0, slice(0, 8)).detach()
    for code, (first, second) in zip(codes, w, strict=True):
        from_second = [bool(torch.allclose(row, second, atol=1e-6)) for row in code]
        assert torch.allclose(code[0], first, atol=1e-6)
        assert from_second[-1]
        assert from_second == sorted(from_second)
    plain = make_trainer(replace(small_plan, mixing=0.0)).mixed(z, 0, 0, slice(0, 8))
    assert torch.equal(plain, plain[:, :1].expand_as(plain))


def test_components_start_near_the_set(make_trainer, small_plan, data):
    trainer = make_trainer(small_plan)
    z = torch.randn(200, trainer.plan.generator.z_dim, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        painted = trainer.generator(z)[:, 0].numpy() * data.mask
    real = data.maps(data.split("train")) * data.mask
    ratio = painted.std(0)[4:].mean() / real.std(0)[4:].mean()
    assert 0.7 < ratio < 1.4
    assert np.abs(painted.mean(0) - real.mean(0)).max() < 0.05


def test_mapping_learns_how_coefficients_are_distributed(monkeypatch):
    """Two clusters that a normal distribution cannot show."""
    monkeypatch.setattr(start, "_FIT_STEPS", 150)
    torch.manual_seed(0)
    generator = Generator(configured("tiny", 16).generator)
    r, count = 16, 4
    maps = torch.zeros(count, r, r)
    maps[torch.arange(count), torch.arange(count), 0] = 1
    band = Band(r, torch.zeros(r, r), maps, torch.ones(count), torch.ones(r, r))
    init_registered_maps(generator, [band], directions(count, 32, 0))
    real = torch.randn(400, count) * 0.2
    real[::2, 0] += 2
    real[1::2, 0] -= 2
    real[:, 1] = 0.5 * real[:, 0]
    before, after = start.fit_mapping(generator, [band], real, torch.ones(count), 0)
    assert after < 0.5 * before
    with torch.no_grad():
        found = start.styles(generator, [band], generator.mapping(torch.randn(2000, 32)))
        image = generator.synthesis(generator.mapping(torch.randn(5, 32))[:, None].expand(-1, 6, -1))
    assert (found[:, 0].abs() > 1).float().mean() > 0.6, "little lies between the clusters"
    assert torch.corrcoef(found[:, :2].T)[0, 1] > 0.9
    assert image.shape == (5, 1, 16, 16)


def test_bfloat16_computes_maps_and_logits_in_full_precision(make_trainer, small_plan):
    trainer = make_trainer(replace(small_plan, precision="bf16"))
    codes = trainer.codes(0, 0, slice(0, 2))
    image = trainer._paint(codes)
    assert image.dtype == torch.float32
    exact = trainer.generator.synthesis(codes)
    assert (image - exact).abs().max() < 0.02 * exact.abs().max()
    assert trainer._judge(image).dtype == torch.float32
    assert math.isfinite(steps(trainer, 1)[0]["generator"])


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory"),
])  # fmt: skip
def test_memory_that_runs_out_is_said_with_what_to_try(make_trainer, small_plan, error, monkeypatch):
    trainer = make_trainer(small_plan)

    def fail(step: int) -> None:
        raise error

    monkeypatch.setattr(trainer, "generator_part", fail)
    with pytest.raises(DnpmError, match="too little memory for 8 maps of 32 at once: try --microbatch 4"):
        steps(trainer, 1)


def test_other_errors_and_divergence_are_not_hidden(make_trainer, small_plan, monkeypatch):
    trainer = make_trainer(small_plan)
    with torch.no_grad():
        trainer.discriminator.fromrgb.weight.fill_(math.inf)
    with pytest.raises(DnpmError, match="the loss diverged at step 0; try a smaller --rate"):
        steps(trainer, 1)

    def fail(step: int) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(trainer, "generator_part", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        steps(trainer, 1)


def test_order_of_samples(data):
    indices = data.split("train")
    batches = Batches(data, indices, 5, 32, seed=3)
    order = np.concatenate([batches.sample_indices(step) for step in range(13)])
    assert sorted(order[: len(indices)]) == sorted(indices), "an epoch shows every sample once"
    assert list(order[: len(indices)]) != list(indices)
    maps, masks = batches.read(2, slice(1, 3))
    assert torch.equal(maps[:, 0], torch.from_numpy(data.maps(batches.sample_indices(2)[1:3])))
    assert maps.shape == masks.shape == (2, 1, 32, 32)
    few = Batches(data, indices[:3], 8, 16, seed=0)
    assert set(few.sample_indices(0)) == set(indices[:3])
    assert few.read(0, slice(0, 8))[0].shape == (8, 1, 16, 16)
    for each in (batches, few):
        each.close()
    with pytest.raises(DnpmError, match="no samples"):
        Batches(data, np.zeros(0, int), 8, 16, seed=0)
    with pytest.raises(DnpmError, match="--resolution 32"):
        Batches(data, indices, 8, 64, seed=0)


def test_plans_that_contradict_themselves(small_plan):
    with pytest.raises(DnpmError, match="--resolution 48"):
        configured("default", 48)
    with pytest.raises(DnpmError, match="registered maps"):
        configured("paper", start="components")
    with pytest.raises(DnpmError, match="--batch"):
        configured("tiny", batch=0)
    half = configured("default", 512)
    assert half.generator.resolution == half.discriminator.resolution == 512
    assert max(r for r, _ in half.generator.registered) == 512
    assert configured("paper").gamma == 10.0
    assert configured("paper", 512).gamma == pytest.approx(2.5)
