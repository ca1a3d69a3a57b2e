"""The photo trainings from the command line: the smallest configuration runs to the end beside the shipped G."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.evaluation import restoration as evaluation
from dnpm.core.photo.restore.pix2pix import CONFIGS
from dnpm.core.photo.restore.weights import CARD, load_photo
from dnpm.core.training.checkpoint import save_state
from dnpm.core.training.photo.pairs import Pairs, open_pairs
from dnpm.core.training.photo.pix2pix import Pix2PixPlan, Pix2PixTrainer
from dnpm.core.training.photo.run import STATE

SIDE = CONFIGS["tiny"].resolution


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pairs and a pix2pixHD as `train pix2pix --config tiny` leaves them; nothing is rendered for it."""
    rng = np.random.default_rng(0)
    (tmp_path / "pairs").mkdir()
    for split, count in (("train", 6), ("validation", 4)):
        stem = tmp_path / "pairs" / split
        stem.with_suffix(".json").write_text(json.dumps({"resolution": SIDE}))
        np.ones(count, np.uint8).tofile(stem.with_suffix(".done"))
        rng.normal(0, 0.5, (count, 4, SIDE, SIDE)).astype(np.float16).tofile(f"{stem}_t.f16")
        rng.normal(0, 0.1, (count, SIDE, SIDE)).astype(np.float16).tofile(f"{stem}_m.f16")
    pairs: Pairs = open_pairs(tmp_path / "pairs", "train")
    trainer = Pix2PixTrainer(pairs, np.ones((SIDE, SIDE)), Pix2PixPlan(CONFIGS["tiny"], 1, 2, scales=1))
    (tmp_path / "pix2pix").mkdir()
    save_state(tmp_path / "pix2pix" / STATE, trainer.state(), "pix2pix", {})
    note = {"scores": {}, "command": "dnpm train pix2pix", "pairs": 6, "hours": 0}
    (tmp_path / "pix2pix" / "scores.json").write_text(json.dumps(note))
    return tmp_path


def test_the_smallest_restoration_fits_the_shipped_generator(folder: Path, monkeypatch, capsys) -> None:
    """Its own w_dim of 8 met the generator's 512 in a traceback."""
    told = []
    monkeypatch.setattr(evaluation, "measure", lambda *given: told.append(given[3:]) or {"faces": given[3]})
    command = ["train", "restoration", "--config", "tiny", "--folder", str(folder), "--out", str(folder / "w"),
               "--steps", "2", "--batch", "2", "--device", "cpu", "--perceptual", "efficientnet-lite0"]  # fmt: skip
    assert main(command) == 0, capsys.readouterr().err
    made = load_photo(folder / "w")
    assert made.restoration.config.w_dim == 512
    assert np.flatnonzero(made.rows).tolist() == list(range(8)), "32 texels reach eight rows"
    card = json.loads((folder / "w" / CARD).read_text())
    assert card["trained"] == {"restoration": [{"resolution": 32, "rows": [0, 8], "steps": 2}]}
    assert card["losses"] == {"l1": 10.0, "perceptual": 0.2, "identity": 0.1}
    assert card["identity"].startswith("sum over the levels of EfficientNet")
    assert told == [(4, 1024)], "measured at the size in which it is used"
    assert card["scores"]["in_use"] == {"faces": 4}
    # A state that was begun with other terms is not gone on with.
    capsys.readouterr()
    assert main([*command, "--identity", "0.2"]) == 2
    assert "other settings (plan)" in capsys.readouterr().err


def test_weights_of_the_same_generator_and_rows_go_on_as_they_are(folder: Path, monkeypatch, capsys) -> None:
    """Their heads are not fitted anew, as they are for another G."""
    monkeypatch.setattr(evaluation, "measure", lambda *given: {"faces": given[3]})
    command = ["train", "restoration", "--config", "tiny", "--folder", str(folder), "--batch", "2", "--device", "cpu",
               "--perceptual-weight", "0", "--identity", "0"]  # fmt: skip
    assert main([*command, "--out", str(folder / "a"), "--steps", "2"]) == 0, capsys.readouterr().err
    shutil.rmtree(folder / "restoration")
    more = ["--begin", str(folder / "a"), "--out", str(folder / "b"), "--steps", "1", "--rate", "1e-9"]
    assert main([*command, *more]) == 0, capsys.readouterr().err
    before, after = (load_photo(folder / name).restoration for name in "ab")
    for one, two in zip(before.heads, after.heads, strict=True):
        assert torch.allclose(one[-1].weight, two[-1].weight, atol=1e-5)


def test_what_photos_and_sides_contradict_is_told(folder: Path, repository: Path, capsys) -> None:
    command = ["train", "restoration", "--folder", str(folder), "--out", str(folder / "w"), "--device", "cpu"]
    for more, told in (
        (["--fine", "512"], "--photos"), (["--config", "tiny", "--photos", str(folder)], "does not correct maps"),
        (["--photos", str(folder), "--fine", "300"], "256 to 1024"),
        (["--photos", str(folder), "--fine", "128"], "256 to 1024"),
        (["--config", "tiny", "--pix2pix", str(repository / "weights")], "other sizes"),
    ):  # fmt: skip
        assert main([*command, *more]) == 2
        assert told in capsys.readouterr().err


def test_a_dry_run_needs_no_trained_pix2pix(tmp_path: Path, capsys) -> None:
    for name, more in (("pix2pix", []), ("restoration", ["--out", str(tmp_path / "w")])):
        folder = ["--folder", str(tmp_path / "none")]
        assert main(["train", name, "--config", "tiny", *folder, *more, "--dry-run", "--device", "cpu"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["parameters"] > 1000
        assert told["images_a_second"] > 0
        assert told["memory_mib"] > 0
    assert not list(tmp_path.iterdir())
    assert main(["train", "restoration", "--folder", str(tmp_path), "--out", str(tmp_path / "w")]) == 2
    assert "pix2pixHD has not been trained there yet" in capsys.readouterr().err
