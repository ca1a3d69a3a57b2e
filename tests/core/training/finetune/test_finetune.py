"""Fine-tuning a tiny G: the whole way, exact continuation, and the command from maps to weights."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.dataset.dataset import MapDataset
from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.files import displacement_maps
from dnpm.core.training.finetune import maps as maps_module
from dnpm.core.training.finetune.maps import random_sliders
from dnpm.core.training.finetune.run import finetune
from dnpm.core.training.finetune.trainers import EncoderFollower, FinetuneTrainer

SIDE, COUNT = 32, 8


def test_the_whole_way(parts, tmp_path: Path, stripes, make_recipe):
    detail, data, artist = parts
    before = {k: v.clone() for k, v in detail.generator.state_dict().items()}
    longer = make_recipe(images=80)
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
    wanted = old + torch.from_numpy(stripes) * artist.masks[:1]
    assert (new - wanted).abs().mean() < 0.4 * (old - wanted).abs().mean()
    assert (tmp_path / "before_after.png").stat().st_size > 10_000
    assert (tmp_path / "discriminator.safetensors").is_file()


def test_stopped_in_each_stage_it_goes_on_exactly(
    weights, artist_set, tmp_path: Path, monkeypatch, capsys, make_recipe
):
    device, data = torch.device("cpu"), MapDataset.open(artist_set)
    finetune(load_detail(weights), data, tmp_path / "through", make_recipe(), device, "test")

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
        (EncoderFollower, "train_step", EncoderFollower.train_step),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, ask_after(3, inner))
            assert finetune(load_detail(weights), data, tmp_path / "stopped", make_recipe(), device, "test") is None
        assert "the same command goes on" in capsys.readouterr().err
    finetune(load_detail(weights), data, tmp_path / "stopped", make_recipe(), device, "test")
    for name in ("generator.safetensors", "encoder.safetensors", "discriminator.safetensors"):
        assert (tmp_path / "through" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes(), name
    with pytest.raises(DnpmError, match="other settings"):
        finetune(load_detail(weights), data, tmp_path / "stopped", make_recipe(seed=1), device, "test")


def test_command_with_a_folder_of_pictures(tiny_model, weights: Path, tmp_path: Path, capsys, stripes):
    tiny_model.save(tmp_path / "tiny.safetensors")
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(1)
    for k in range(5):
        displacement_maps.write_png(tmp_path / "pictures" / f"{k}.png", stripes * rng.uniform(0.5, 1.5))
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
        (["--discriminator", str(weights / "encoder.safetensors")], "give a discriminator"),
        (["--resolution", "16", "--discriminator", stored], "--resolution 32"),
        (["--encoder-rate", "0"], "rates must be positive"),
    )):  # fmt: skip
        assert main([*command, "--out", str(tmp_path / f"bad{k}"), *change]) == 2, change
        assert message in capsys.readouterr().err
