"""Fine-tuning a tiny G: codes, shift, what is kept, exact continuation, and the command from maps to weights."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.batch import png
from dnpm.core.cli.main import main
from dnpm.core.detail.card import face_model_entry
from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import Detail, load_detail, save_detail
from dnpm.core.errors import DnpmError
from dnpm.core.training.data.dataset import MapDataset, MapWriter
from dnpm.core.training.data.sets import about_set, mask_of
from dnpm.core.training.finetune import maps as maps_module
from dnpm.core.training.finetune import run as run_module
from dnpm.core.training.finetune.maps import ArtistMaps, first_codes, fit_codes, mean_shift, open_maps, random_sliders
from dnpm.core.training.finetune.plant import with_added_map
from dnpm.core.training.finetune.run import Recipe, finetune, rehearsal
from dnpm.core.training.finetune.trainers import EncoderFollower, FinetuneTrainer, Weights

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
    detail, pattern = load_detail(weights), stripes()
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


def stripes() -> np.ndarray:
    x = np.arange(SIDE)
    return (0.2 * np.sin(x * np.pi / 2)[None] * np.cos(x * np.pi / 4)[:, None]).astype(np.float32)


@pytest.fixture
def parts(weights: Path, artist_set: Path) -> tuple[Detail, MapDataset, ArtistMaps]:
    data = MapDataset.open(artist_set)
    return load_detail(weights), data, ArtistMaps.read(data, SIDE)


def recipe(**changes: object) -> Recipe:
    return replace(
        Recipe(SIDE, images=48, batch=4, code_steps=15, code_resolution=SIDE, encoder_steps=8, encoder_resolution=SIDE),
        **changes,
    )


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


def test_shift_is_what_the_maps_share_and_not_their_chance(parts):
    detail, _, artist = parts
    known = replace_known(artist)
    shift = mean_shift(detail, known)
    inside = known.masks[0, 0] > 0.1
    assert float((shift[0, 0] - torch.from_numpy(stripes()))[inside].abs().max()) < 0.01
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


def test_the_whole_way(parts, tmp_path: Path):
    detail, data, artist = parts
    before = {k: v.clone() for k, v in detail.generator.state_dict().items()}
    longer = recipe(images=80)
    found = finetune(detail, data, tmp_path, longer, torch.device("cpu"), "test")
    assert found["after"]["own_maps_mae_mm"] < 0.7 * found["before"]["own_maps_mae_mm"]
    assert found["after"]["sliders_mae_mm"] < 0.85 * found["before"]["sliders_mae_mm"]
    assert all(torch.equal(v, before[k]) for k, v in detail.generator.state_dict().items()), "the old G is kept"
    made = load_detail(tmp_path)
    assert made.card["finetune"]["data"]["maps"] == COUNT
    assert made.card["licence"] == "CC0-1.0; the maps: mine"
    assert made.card["scores"]["finetune"] == found
    # The sliders do what they did: the new map of other sliders is the old one and the pattern.
    sliders = random_sliders(np.random.default_rng(9), 12, detail.encoder.config.n_id, detail.encoder.config.n_exp)
    with torch.no_grad():
        old, new = (d.displacement(*sliders) * artist.masks[:1] for d in (detail, made))
    wanted = old + torch.from_numpy(stripes()) * artist.masks[:1]
    assert (new - wanted).abs().mean() < 0.4 * (old - wanted).abs().mean()
    assert (tmp_path / "before_after.png").stat().st_size > 10_000
    assert (tmp_path / "discriminator.safetensors").is_file()


def test_stopped_in_each_stage_it_goes_on_exactly(weights, artist_set, tmp_path: Path, monkeypatch, capsys):
    device, data = torch.device("cpu"), MapDataset.open(artist_set)
    finetune(load_detail(weights), data, tmp_path / "through", recipe(), device, "test")

    def ask_after(count: int, inner):
        calls = [0]

        def wrapped(*args):
            calls[0] += 1
            if calls[0] == count:
                os.kill(os.getpid(), signal.SIGINT)
            return inner(*args)

        return wrapped

    real_fit = maps_module.map_loss
    for owner, name, inner in (
        (maps_module, "map_loss", real_fit),
        (FinetuneTrainer, "extra_loss", FinetuneTrainer.extra_loss),
        (EncoderFollower, "_once", EncoderFollower._once),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, ask_after(3, inner))
            assert finetune(load_detail(weights), data, tmp_path / "stopped", recipe(), device, "test") is None
        assert "the same command goes on" in capsys.readouterr().err
    finetune(load_detail(weights), data, tmp_path / "stopped", recipe(), device, "test")
    for name in ("generator.safetensors", "encoder.safetensors", "discriminator.safetensors"):
        assert (tmp_path / "through" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes(), name
    with pytest.raises(DnpmError, match="other settings"):
        finetune(load_detail(weights), data, tmp_path / "stopped", recipe(seed=1), device, "test")


def test_encoder_follows_the_old_one(parts):
    detail, _, artist = parts
    new, known = load_detail_again(detail), replace_known(artist)
    offset = torch.full((1, 1, SIDE, SIDE), 0.05)
    with torch.no_grad():
        new.generator.synthesis.b32.torgb.bias += 0.05 / detail.generator.config.output_scale_mm
    follower = EncoderFollower(detail, new, known, offset, SIDE, 4, 4, 1e-3, 0)
    follower.taught = np.zeros(0, int)
    assert next(follower.run()) < 1e-4, "where G moved by the shift, E has nothing to mend"
    torch.manual_seed(5)
    with torch.no_grad():
        for head in new.encoder.heads:
            head.weight += 0.3 * torch.randn_like(head.weight)
    follower = EncoderFollower(detail, new, known, offset, SIDE, 60, 4, 5e-3, 0)
    follower.taught = np.zeros(0, int)
    losses = list(follower.run())
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


def test_command_with_a_folder_of_pictures(tiny_model, weights: Path, tmp_path: Path, capsys):
    tiny_model.save(tmp_path / "tiny.safetensors")
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(1)
    for k in range(5):
        png.write_map(tmp_path / "pictures" / f"{k}.png", stripes() * rng.uniform(0.5, 1.5))
    command = ["finetune", "--maps", str(tmp_path / "pictures"), "--weights", str(weights), "--device", "cpu",
               "--face-model", str(tmp_path / "tiny.safetensors"), "--images", "8", "--batch", "4",
               "--code-steps", "2", "--encoder-steps", "2", "--out", str(tmp_path / "o")]  # fmt: skip
    stored = str(tmp_path / "o" / "discriminator.safetensors")
    assert main([*command, "--dry-run"]) == 0
    assert "images/s" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["before"].keys() == scores["after"].keys() >= {"own_maps_mae_mm", "relief_db"}
    assert "sliders_mae_mm" not in scores["before"], "no sliders are known"
    assert load_detail(tmp_path / "o").card["finetune"]["data"]["maps"] == 5
    # A stored discriminator, and what is wrong said.
    assert main([*command, "--out", str(tmp_path / "p"), "--discriminator", stored]) == 0
    capsys.readouterr()
    for k, (change, message) in enumerate((
        (["--resolution", "24"], "24"),
        (["--out", str(weights)], "is the folder of the weights to start from"),
        (["--discriminator", str(weights / "encoder.safetensors")], "is no discriminator"),
        (["--resolution", "16", "--discriminator", stored], "--resolution 32"),
        (["--encoder-rate", "0"], "rates must be positive"),
    )):  # fmt: skip
        assert main([*command, "--out", str(tmp_path / f"bad{k}"), *change]) == 2, change
        assert message in capsys.readouterr().err


def test_sets_that_do_not_fit(tiny_model, parts, tmp_path: Path):
    about = about_set(tiny_model, "few", SIDE)
    with MapWriter(tmp_path / "few", about, mask_of(tiny_model, SIDE)) as writer:
        writer.add("one", stripes(), split="train")
    with pytest.raises(DnpmError, match="1 maps for training are too few"):
        open_maps(tmp_path / "few", tmp_path / "made", tiny_model, SIDE)
    about = replace(about, face_model={"name": "other", "digest": "0"})
    with MapWriter(tmp_path / "other", about, mask_of(tiny_model, SIDE)) as writer:
        writer.add("one", stripes(), split="train")
    with pytest.raises(DnpmError, match="face model 'other'"):
        open_maps(tmp_path / "other", tmp_path / "made", tiny_model, SIDE)
    with pytest.raises(DnpmError, match="not 64 or a multiple"):
        ArtistMaps.read(parts[1], 64)


def test_weights_of_losses_count(parts):
    detail, data, _ = parts
    with rehearsal(detail, data, recipe(weights=Weights(0.0, 0.0)), torch.device("cpu")) as trainer:
        trainer._only(trainer.generator)
        assert trainer.extra_loss(0).item() == 0
        # The new G is still the old one and the shift: there is nothing to keep it from.
        trainer.weights = Weights(0.0, 4.0)
        assert trainer.extra_loss(0).item() < 1e-4
        trainer.weights = Weights(4.0, 0.0)
        assert trainer.extra_loss(0).item() > 0.1
