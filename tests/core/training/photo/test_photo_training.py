"""Trainings of the photo's networks on tiny ones: they learn, stop, and go on bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.measures.perceptual import RANGE_MM, PerceptualDistance
from dnpm.core.photo.line_features import SIDE
from dnpm.core.photo.restore.degraded_encoder import CONFIGS, DegradedEncoder
from dnpm.core.photo.restore.pix2pix import CONFIGS as PIX
from dnpm.core.photo.restore.skin_input import CHANNELS
from dnpm.core.photo.skin_view import SkinView
from dnpm.core.training.photo.carried import codes_of_maps, fit_heads
from dnpm.core.training.photo.discriminator import MultiScaleDiscriminator, matching_loss, scores_loss
from dnpm.core.training.photo.pairs import Pairs, degraded
from dnpm.core.training.photo.pix2pix import Pix2PixPlan, Pix2PixTrainer, corrected, validate, validate_corrected
from dnpm.core.training.photo.restoration import Material, RestorationPlan, RestorationTrainer, degrade, sized
from dnpm.core.training.photo.run import fit
from dnpm.core.training.photo.simulated import HELD, SHAPE, People, SimulatedPhotos, blank_photos, both_of
from dnpm.core.training.photo.sitters import SkinSitter, mirrored

MASK = np.ones((32, 32), np.float32)
PLAN = Pix2PixPlan(PIX["tiny"], steps=60, batch=2, discriminator_width=4, scales=1, adversarial_from=0.5)


def pairs(count: int = 12) -> Pairs:
    """Maps of one bump each, whose light and dark sides the texture shows."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:32, 0:32] / 32
    maps, textures = [], []
    for _ in range(count):
        u, v = rng.uniform(0.3, 0.7, 2)
        bump = 0.5 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 0.02)
        shade = np.gradient(bump, axis=1) * 10
        maps.append(bump)
        textures.append(np.stack([shade, shade, shade, np.ones_like(shade)]))
    return Pairs(np.stack(textures).astype(np.float16), np.stack(maps).astype(np.float16))


def test_pix2pix_learns_what_the_texture_shows():
    data = pairs()
    trainer = Pix2PixTrainer(data, MASK, replace(PLAN, steps=150, rate=2e-3))
    before = validate(trainer.generator, data, MASK)
    losses = list(trainer.run())
    after = validate(trainer.generator, data, MASK)
    assert after["mae_mm"] < 0.6 * before["mae_mm"]
    assert after["mae_mm"] < after["mae_mm_flat"]
    assert "discriminator" in losses[-1]
    assert "discriminator" not in losses[0]


def test_pix2pix_begins_at_the_mean_of_the_maps():
    data = pairs()
    trainer = Pix2PixTrainer(data, MASK, PLAN)
    scores = validate(trainer.generator, data, MASK)
    assert scores["mae_mm"] == pytest.approx(scores["mae_mm_mean"], rel=0.01)
    assert scores["r2"] == pytest.approx(0, abs=0.01)


def test_what_is_learnt_from_is_never_mirrored():
    """Pores have no mirror image: neither the mean map nor G could give a mirrored one."""
    data = pairs()
    trainer, second = Pix2PixTrainer(data, MASK, PLAN), restoration()
    for step in range(6):
        trainer.step = second.step = step
        for wanted, maps in ((trainer.batch()[1], data.maps), (second.batch()[1], second.material.maps)):
            for one in wanted[:, 0].numpy():
                assert any(np.allclose(one, m, atol=1e-3) for m in maps)


LINES = replace(PLAN, config=replace(PIX["default"], width=8, blocks=1), steps=60, batch=4, rate=4e-3, adversarial=0.0)


@pytest.fixture(scope="module")
def photos(face_model) -> tuple[SimulatedPhotos, SimulatedPhotos]:
    """Lit from the side, smooth sitters; people of whom each has level lines, which the sliders' map does not know."""
    rng = np.random.default_rng(0)
    view = SkinView(
        rng.normal(0, 0.01, (512, 512)), np.ones((512, 512)), (0.2 * np.ones((512, 512)), 0.5 * np.ones((512, 512))),
        0.6, 0.46,
    )  # fmt: skip
    sitter = SkinSitter(view, np.zeros(face_model.n_id), np.zeros(face_model.n_exp), 30.0)
    y = np.arange(SIDE)[:, None] * np.ones(SIDE)
    deep = rng.uniform(0, 0.3, 2 * HELD)
    rest = np.stack([-d * np.exp(-0.5 * ((y % 24 - 12) / 1.5) ** 2) for d in deep]).astype(np.float16)
    flat = np.zeros_like(rest)
    return both_of(People(flat, rest, rest, flat), face_model, [sitter], 0)


def test_corrections_are_learnt_from_simulated_photos(photos):
    """Of people whom it has not seen, too; and it begins at the sliders' map."""
    learnt, held = photos
    trainer = Pix2PixTrainer(learnt, learnt.mask, LINES)
    before = corrected(trainer.generator, held, 8)
    assert np.allclose(before.made, before.known, atol=1e-6)
    losses = list(trainer.run())
    scores = validate_corrected(corrected(trainer.generator, held, 8), held)
    assert scores["mae_mm"] < 0.8 * scores["mae_mm_sliders"]
    assert scores["r2_seen"] > scores["r2_sliders_seen"] + 0.2
    assert losses[-1]["l1_mm"] < losses[-1]["known_mm"]


def test_simulated_photos_are_the_same_for_a_number_and_others_for_another(photos):
    learnt, held = photos
    one, two, other, of_held = learnt.draw(3), learnt.draw(3), learnt.draw(4), held.draw(3)
    assert [a.shape for a in one] == [(CHANNELS, *SHAPE), SHAPE, SHAPE]
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert not np.array_equal(one[1], of_held[1])
    assert all(np.isfinite(a).all() for a in one)


def test_what_simulated_photos_need_is_told(face_model, photos):
    with pytest.raises(DnpmError, match="at least 96"):
        both_of(photos[0].people.part(slice(4)), face_model, [], 0)
    view = SkinView(*[np.zeros((512, 512))] * 2, (np.zeros((512, 512)),) * 2, 1.0, 0.46)
    old = SkinSitter(mirrored(view), np.zeros(face_model.n_id), np.zeros(face_model.n_exp), 70.0)
    with pytest.raises(DnpmError, match="no portrait shows"):
        SimulatedPhotos(face_model, photos[0].people, [old], 0)
    with pytest.raises(DnpmError, match="learns from simulated photos"):
        Pix2PixTrainer(pairs(), MASK, LINES)
    with pytest.raises(DnpmError, match="from rendered ones"):
        Pix2PixTrainer(blank_photos(face_model), MASK, PLAN)


def test_pix2pix_goes_on_bit_for_bit(tmp_path):
    whole = Pix2PixTrainer(pairs(), MASK, PLAN)
    list(whole.run())
    first = Pix2PixTrainer(pairs(), MASK, PLAN)
    for _ in zip(range(37), first.run(), strict=False):
        pass
    second = Pix2PixTrainer(pairs(), MASK, PLAN)
    second.restore(first.state())
    assert fit(second, tmp_path, "pix2pix", {"plan": 1})
    for a, b in zip(whole.generator.parameters(), second.generator.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(DnpmError, match="other settings"):
        fit(Pix2PixTrainer(pairs(), MASK, PLAN), tmp_path, "pix2pix", {"plan": 2})


def test_unfit_pairs_and_plans_are_refused():
    with pytest.raises(DnpmError, match="32 texels"):
        Pix2PixTrainer(pairs(), MASK, replace(PLAN, config=replace(PIX["tiny"], resolution=64)))
    with pytest.raises(DnpmError, match="positive"):
        replace(PLAN, steps=0)
    with pytest.raises(DnpmError, match="nor all be 0"):
        RestorationPlan(l1=0.0, perceptual=0.0, identity=0.0)


def test_discriminator_losses_are_least_at_what_they_wish():
    network = MultiScaleDiscriminator(2, 4, 2)
    features = network(torch.randn(2, 2, 32, 32))
    assert len(features) == 2
    ones = [[*scale[:-1], torch.ones_like(scale[-1])] for scale in features]
    assert scores_loss(ones, True) == 0
    assert scores_loss(ones, False) == pytest.approx(2.0)
    assert matching_loss(features, features) == 0


class Wavy(torch.nn.Module):
    """A generator whose map is a plane of waves, linear in the code."""

    def __init__(self, size: int, w_dim: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        waves = torch.randn(18 * w_dim, 1, size // 8, size // 8, generator=generator)
        self.register_buffer("waves", torch.nn.functional.interpolate(waves, (size, size), mode="bicubic")[:, 0] * 0.02)

    def forward(self, w: torch.Tensor, resolution: int) -> torch.Tensor:
        return torch.einsum("bk,khw->bhw", w.flatten(1), self.waves)[:, None]


@dataclass
class Painted:
    """As much of `Detail` as the training reads."""

    generator: SimpleNamespace
    w_mean: torch.Tensor

    def to(self, device: torch.device) -> Painted:
        """Where it is already, or meta."""
        return Painted(SimpleNamespace(synthesis=self.generator.synthesis.to(device)), self.w_mean.to(device))


def restoration(steps: int = 40, device: str = "cpu") -> RestorationTrainer:
    wavy = Wavy(32, 8)
    detail = Painted(SimpleNamespace(synthesis=wavy), torch.zeros(18, 8))
    codes = torch.randn(60, 18, 8, generator=torch.Generator().manual_seed(1))
    basis = torch.randn(3, 18 * 8, generator=torch.Generator().manual_seed(2))
    codes = (torch.randn(60, 3, generator=torch.Generator().manual_seed(3)) @ basis).reshape(60, 18, 8)
    maps = wavy(codes, 32)[:, 0].numpy().astype(np.float16)
    torch.manual_seed(0)
    network = DegradedEncoder(CONFIGS["tiny"])
    network.set_basis(codes)
    plan = RestorationPlan(steps, 8, 3e-3, fine=32, perceptual=0.0, identity=0.0, rough=0.0)
    return RestorationTrainer(network, detail, Material(maps, MASK), plan, 32, device=device)


@pytest.mark.parametrize("make", [
    lambda: restoration(device="meta"), lambda: Pix2PixTrainer(pairs(), MASK, PLAN, "meta"),
])  # fmt: skip
def test_all_of_a_step_is_on_the_device(make):
    """Operators on a device refuse tensors of another one: here the one without numbers stands for a GPU."""
    trainer = make()
    for step in (0, trainer.plan.steps - 1):
        trainer.step = step
        assert all(np.isnan(v) for v in trainer.once().values())


def error_of(trainer: RestorationTrainer) -> float:
    """Mean absolute error over all maps, from an eighth of their texels."""
    true = torch.from_numpy(trainer.material.maps.astype(np.float32))[:, None]
    trainer.network.eval()
    with torch.inference_mode():
        made = trainer.detail.generator.synthesis(trainer.network(degrade(true, 8)), 32)
    trainer.network.train()
    return float((made - true).abs().mean())


def test_restoration_learns_and_goes_on_bit_for_bit(tmp_path):
    whole = restoration(80)
    before = error_of(whole)
    list(whole.run())
    assert error_of(whole) < 0.7 * before
    whole = restoration()
    list(whole.run())
    first = restoration()
    for _ in zip(range(13), first.run(), strict=False):
        pass
    second = restoration()
    second.restore(first.state())
    list(second.run())
    for a, b in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(DnpmError, match="need a perceptual distance"):
        RestorationTrainer(whole.network, whole.detail, whole.material, RestorationPlan(), 32)


class Watcher(PerceptualDistance):
    """Features are the picture and its halves; counts the looks."""

    def __init__(self) -> None:
        super().__init__("watcher", 1, RANGE_MM)
        self.sides: list[int] = []

    def layers(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """The picture, and it at half its side."""
        self.sides.append(picture.shape[-1])
        return [picture, torch.nn.functional.avg_pool2d(picture, 2)]

    def weighed(self, squares: torch.Tensor, layer: int) -> torch.Tensor:
        """All alike."""
        return squares.mean(1)


def test_one_trunk_looks_once_for_both_terms_at_no_more_than_its_side():
    plain = restoration()
    terms = replace(plain.plan, perceptual=0.2, identity=0.1, perceptual_every=2, look=16)
    seen, other = Watcher(), Watcher()
    for identity, looks in ((None, 2), (other, 4)):
        trainer = RestorationTrainer(plain.network, plain.detail, plain.material, terms, 32, seen, identity)
        for trainer.step in (0, 1):
            losses = trainer.once()
            assert ("perceptual" in losses, "identity" in losses) == (trainer.step == 0, trainer.step == 0)
        assert len(seen.sides + other.sides) == looks, "made and wanted, once for each trunk"
        assert set(seen.sides + other.sides) == {16}
        seen.sides.clear()


def test_maps_finer_than_what_is_read_teach_finer_rows():
    """Degraded ones are averaged down to what the network reads; the truth keeps its side."""
    coarse = restoration()
    fine = np.kron(coarse.material.maps, np.ones((1, 2, 2), np.float16))
    plan = replace(coarse.plan, fine=64, factors=(2,))
    trainer = RestorationTrainer(coarse.network, coarse.detail, Material(fine, np.ones((64, 64))), plan, 32)
    given, wanted = trainer.batch()
    assert given.shape[-1] == 32
    assert wanted.shape[-1] == 64
    assert (sized(wanted, 32) - given).abs().mean() < 0.3 * wanted.abs().mean(), "a half of it is what is read"


def test_an_encoder_is_carried_over_to_another_generator():
    """Its heads alone are fitted, and it reads this G's maps better than with the heads that it had."""
    trainer = restoration()
    network = trainer.network
    codes = torch.randn(60, 3, generator=torch.Generator().manual_seed(3))
    basis = torch.randn(3, 18 * 8, generator=torch.Generator().manual_seed(2))
    layers = {name: value.clone() for name, value in network.body.state_dict().items()}
    before = error_of(trainer)
    fit_heads(network, trainer.detail, (codes @ basis).reshape(60, 18, 8), np.ones((32, 32), np.float32))
    assert error_of(trainer) < 0.7 * before
    assert all(torch.equal(value, network.body.state_dict()[name]) for name, value in layers.items())
    plain = DegradedEncoder(replace(CONFIGS["tiny"], basis=0))
    with pytest.raises(DnpmError, match="basis"):
        fit_heads(plain, trainer.detail, torch.zeros(4, 18, 8), np.ones((32, 32), np.float32))


def test_heads_are_fitted_to_photos_and_the_codes_nearest_to_their_truth():
    """No code made what a photo shows; the nearest of the basis are found, and read from maps as they are."""
    trainer = restoration()
    network, detail = trainer.network, trainer.detail
    truth = trainer.material.maps.astype(np.float32)
    begin = torch.zeros(len(truth), 18, 8)
    nearest = codes_of_maps(network, detail, truth, begin, MASK, 1e-4)
    made = detail.generator.synthesis(nearest, 32)[:, 0].numpy()
    assert np.abs(made - truth).mean() < 0.05 * np.abs(truth).mean()
    stiff = codes_of_maps(network, detail, truth, begin, MASK, 1e4)
    assert np.abs(detail.generator.synthesis(stiff, 32)[:, 0].numpy() - truth).mean() > 0.9 * np.abs(truth).mean()
    shown = (-2 * truth).astype(np.float16)  # As nothing that is degraded shows it.
    off = []
    for photos in (None, (shown, nearest)):
        fit_heads(network, detail, nearest, MASK, ridge=1e-3, photos=photos)
        network.eval()
        with torch.inference_mode():
            read = detail.generator.synthesis(network(torch.from_numpy(shown.astype(np.float32))[:, None]), 32)[:, 0]
        off.append(float(np.abs(read.numpy() - truth).mean()))
    assert off[1] < 0.5 * off[0]


def test_degraded_maps_keep_their_mean_and_lose_their_pores():
    true = torch.randn(1, 1, 64, 64)
    for factor in (4, 8):
        low = degrade(true, factor)
        assert low.shape == true.shape
        assert low.std() < 0.5 * true.std()
        assert low.mean() == pytest.approx(float(true.mean()), abs=0.05)


def test_degraded_photos_are_worse_and_reproducible():
    image = np.random.default_rng(0).random((96, 80, 3)).astype(np.float32)
    one, two = (degraded(image, 70.0, np.random.default_rng(5)) for _ in range(2))
    assert one.shape == image.shape
    assert np.array_equal(one, two)
    assert 0 <= one.min() <= one.max() <= 1
    assert np.abs(np.diff(one, axis=1)).mean() < np.abs(np.diff(image, axis=1)).mean()
