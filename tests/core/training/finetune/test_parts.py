"""The parts of a fine-tuning: codes, shift, the added map, what is kept, E after G, what does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.dataset.dataset import MapWriter
from dnpm.core.dataset.sets import about_set, mask_of
from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import Detail
from dnpm.core.errors import DnpmError
from dnpm.core.training.finetune.added_map import with_added_map
from dnpm.core.training.finetune.maps import ArtistMaps, first_codes, fit_codes, mean_shift, open_maps, random_sliders
from dnpm.core.training.finetune.run import rehearsal
from dnpm.core.training.finetune.trainers import EncoderFollower, Weights

SIDE, COUNT = 32, 8


def test_codes_start_from_the_sliders_and_end_nearer_the_maps(parts):
    detail, _, artist = parts
    assert list(artist.known) == [True, False] * (COUNT // 2)
    first = first_codes(detail, artist)
    assert torch.equal(first[1], detail.w_mean.expand_as(first[1]))
    assert torch.allclose(first[0], detail.w_plus(artist.identity[:1], artist.expression[:1])[0])
    # Maps that the old G can paint, of sliders that are not known.
    sliders = random_sliders(np.random.default_rng(3), 6, detail.encoder.config.n_id, detail.encoder.config.n_exp)
    generator = torch.Generator().manual_seed(1)
    hidden = detail.w_plus(*sliders) + torch.randn(6, 8, 16, generator=generator)
    paintable = ArtistMaps(
        detail.generator.synthesis(hidden) * artist.masks[:6], artist.masks[:6], *sliders, np.zeros(6, bool)
    )  # fmt: skip
    fitted = torch.cat(list(fit_codes(detail, paintable, SIDE, 80, 3)))

    def error(codes: torch.Tensor) -> float:
        return float(((detail.generator.synthesis(codes) - paintable.maps) * paintable.masks).abs().mean())

    assert fitted.shape == hidden.shape
    assert error(fitted) < 0.6 * error(first_codes(detail, paintable))
    later = torch.cat(list(fit_codes(detail, paintable, SIDE, 80, 3, begin=3)))
    assert torch.equal(later, fitted[3:]), "it goes on where it was stopped"


def test_shift_is_what_the_maps_share_and_not_their_chance(parts, stripes):
    detail, _, artist = parts
    known = replace_known(artist)
    shift = mean_shift(detail, known)
    inside = known.masks[0, 0] > 0.1
    assert float((shift[0, 0] - torch.from_numpy(stripes))[inside].abs().max()) < 0.01
    assert (shift[0, 0][known.masks[0, 0] == 0] == 0).all()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        old = detail.generator.synthesis(first_codes(detail, known))
    chance = ArtistMaps(
        (old + 0.2 * torch.randn(old.shape, generator=generator)) * known.masks, known.masks, known.identity,
        known.expression, known.known,
    )  # fmt: skip
    assert mean_shift(detail, chance).square().mean() < 0.2 * 0.2**2 / len(known)


@pytest.mark.parametrize("registered", [(), ((16, 4), (32, 4))])
def test_an_added_map_is_added_to_every_map_exactly(registered):
    torch.manual_seed(3)
    old = Generator(
        GeneratorConfig(256, 12, resolution=32, z_dim=16, w_dim=16, output_scale_mm=0.4, registered=registered)
    )
    w = torch.randn(3, 8, 16)
    for side in (16, 32):
        shift = torch.randn(1, 1, side, side)
        new = with_added_map(old, shift)
        with torch.no_grad():
            apart = new.synthesis(w, side) - old.synthesis(w, side)
        assert torch.allclose(apart, shift.expand_as(apart), atol=1e-4)
    assert dict(new.config.registered) == {r: dict(registered).get(r, 0) + 1 for r in (16, 32)}


def replace_known(artist: ArtistMaps) -> ArtistMaps:
    """Those whose sliders are known."""
    k = artist.known
    return ArtistMaps(artist.maps[k], artist.masks[k], artist.identity[k], artist.expression[k], k[k])


def test_encoder_follows_the_old_one(parts):
    detail, _, artist = parts
    new, known = load_detail_again(detail), replace_known(artist)
    offset = torch.full((1, 1, SIDE, SIDE), 0.05)
    with torch.no_grad():
        new.generator.synthesis.b32.torgb.bias += 0.05 / detail.generator.config.output_scale_mm
    follower = EncoderFollower(detail, new, known, offset, SIDE, 4, 4, 1e-3, 0)
    follower.taught = np.zeros(0, int)
    assert next(follower.run())["loss"] < 1e-4, "where G moved by the shift, E has nothing to mend"
    torch.manual_seed(5)
    with torch.no_grad():
        for head in new.encoder.heads:
            head.weight += 0.3 * torch.randn_like(head.weight)
    follower = EncoderFollower(detail, new, known, offset, SIDE, 60, 4, 5e-3, 0)
    follower.taught = np.zeros(0, int)
    losses = [scalars["loss"] for scalars in follower.run()]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    state = follower.state()
    state["encoder.layers.0.0.weight"] = np.zeros((3, 3), np.float32)
    with pytest.raises(DnpmError, match="another encoder"):
        follower.restore(state)


def load_detail_again(detail: Detail) -> Detail:
    generator, encoder = Generator(detail.generator.config), Encoder(detail.encoder.config)
    generator.load_state_dict(detail.generator.state_dict())
    encoder.load_state_dict(detail.encoder.state_dict())
    return Detail(generator.requires_grad_(False), encoder, detail.w_mean, detail.card)


def test_sets_that_do_not_fit(tiny_model, parts, tmp_path: Path, stripes):
    about = about_set(tiny_model, "few", SIDE)
    with MapWriter(tmp_path / "few", about, mask_of(tiny_model, SIDE)) as writer:
        writer.add("one", stripes, split="train")
    with pytest.raises(DnpmError, match="1 maps for training are too few"):
        open_maps(tmp_path / "few", tmp_path / "made", tiny_model, SIDE)
    about = replace(about, face_model={"name": "other", "digest": "0"})
    with MapWriter(tmp_path / "other", about, mask_of(tiny_model, SIDE)) as writer:
        writer.add("one", stripes, split="train")
    with pytest.raises(DnpmError, match="face model 'other'"):
        open_maps(tmp_path / "other", tmp_path / "made", tiny_model, SIDE)
    with pytest.raises(DnpmError, match="not 64 or a multiple"):
        ArtistMaps.read(parts[1], 64)


def test_weights_of_losses_count(parts, make_recipe):
    detail, data, _ = parts
    trainer = rehearsal(detail, data, make_recipe(weights=Weights(0.0, 0.0)), torch.device("cpu"))
    trainer._only(trainer.generator)
    assert trainer.extra_loss(0).item() == 0
    # The new G is still the old one and the shift: there is nothing to keep it from.
    trainer.weights = Weights(0.0, 4.0)
    assert trainer.extra_loss(0).item() < 1e-4
    trainer.weights = Weights(4.0, 0.0)
    assert trainer.extra_loss(0).item() > 0.1
