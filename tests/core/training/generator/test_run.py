"""`dnpm train generator` from the command line: files, going on, stopping on a signal, dry run, mistakes."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.detail.generator_files import load_generator
from dnpm.core.files import tensor_file
from dnpm.core.training.generator import trainer as trainer_module


def options(set_folder: Path, out: Path, images: int = 32) -> list[str]:
    return ["train", "generator", "--data", str(set_folder), "--out", str(out), "--config", "tiny",
            "--resolution", "32", "--batch", "8", "--images", str(images), "--device", "cpu", "--metric-maps", "8",
            "--metrics-every", "16", "--features", "random", "--pictures-every", "32"]  # fmt: skip


def test_files_and_figures(set_folder: Path, tmp_path: Path, capsys):
    out = tmp_path / "g"
    assert main(options(set_folder, out)) == 0
    assert capsys.readouterr().out.strip() == str(out)
    generator, card = load_generator(out)
    assert card["images"] == 32
    assert card["data"]["name"] == "waves"
    assert card["licence"] == "CC0-1.0"
    assert card["scores"]["frechet"] > 0
    assert card["scores"]["features"].startswith("random")
    # The average of w is that of the mapping network as it is written.
    z = torch.randn(4096, 32, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        mean = generator.mapping(z).mean(0)
    assert torch.allclose(generator.mapping.w_avg, mean, atol=0.1)
    assert generator.mapping.w_avg.abs().max() > 0.1
    assert load_generator(out / "best")[1]["scores"]["frechet"] <= card["scores"]["frechet"]
    assert tensor_file.read_metadata(out / "discriminator.safetensors")["resolution"] == "32"
    for images in (0, 32):
        assert (out / f"samples_{images:08d}.png").stat().st_size > 10_000
    with (out / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "2", "4"]
    assert float(rows[0]["frechet"]) > 0
    assert rows[0]["discriminator"] == ""
    assert float(rows[2]["frechet"]) == pytest.approx(card["scores"]["frechet"], rel=1e-4)
    assert list(out.glob("events.out.tfevents.*"))


def test_stopped_by_a_signal_it_goes_on_exactly(set_folder: Path, tmp_path: Path, capsys, monkeypatch):
    assert main(options(set_folder, tmp_path / "through", 48)) == 0
    real_step = trainer_module.GeneratorTrainer.train_step

    def interrupted(self):
        losses = real_step(self)
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return losses

    with monkeypatch.context() as patch:
        patch.setattr(trainer_module.GeneratorTrainer, "train_step", interrupted)
        assert main(options(set_folder, tmp_path / "stopped", 48)) == 130
    assert "stopped at step 3 of 6; the same command goes on" in capsys.readouterr().err
    assert tensor_file.load(tmp_path / "stopped" / "state.safetensors")[0]["step"] == 3
    assert main(options(set_folder, tmp_path / "stopped", 48)) == 0
    assert "goes on from step 3 of 6" in capsys.readouterr().err
    through, stopped = (tensor_file.load(tmp_path / n / "state.safetensors")[0] for n in ("through", "stopped"))
    different = [k for k in through if k != "hours" and not np.array_equal(through[k], stopped[k])]
    assert not different
    rows = (tmp_path / "stopped" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "0", "2", "4", "6"]
    assert main([*options(set_folder, tmp_path / "stopped", 48), "--gamma", "3"]) == 2
    assert "begun with other settings (gamma)" in capsys.readouterr().err


def test_dry_run_says_what_it_would_be(capsys, tmp_path: Path):
    command = ["train", "generator", "--config", "tiny", "--resolution", "32", "--dry-run", "--device", "cpu"]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["generator_parameters"] > 10_000
    assert result["images_per_second"] > 0
    assert 4 < result["memory_mib"] < 50, "of the tensors alone"
    assert set(result["seconds"]) == {"generator", "path_length", "discriminator", "r1"}
    assert result["hours"] >= 0
    assert main([*command, "--path-weight", "0"]) == 0
    said = capsys.readouterr().out
    assert "images/s" in said
    assert "path length 0" not in said.split("images/s")[0].split("s a step")[1]
    assert not list(tmp_path.iterdir())


def test_mistakes_are_named(set_folder: Path, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    for change, message in (
        (["--resolution", "48"], "--resolution 48"),
        (["--microbatch", "3"], "--microbatch 3 must divide"),
        (["--config", "paper", "--resolution", "64"], "cannot be averaged to 64"),
        (["--config", "paper", "--resolution", "32", "--start", "components"], "registered maps"),
        (["--precision", "bf16"], "does not compute with bfloat16"),
        (["--precision", "fp16"], "this training allows fp32, bf16 only"),
        (["--data", str(tmp_path)], "is not a data set"),
    ):
        assert main([*options(set_folder, tmp_path / "g"), *change]) == 2
        assert message in capsys.readouterr().err
    assert main(["train", "generator"]) == 2
    assert "--data SET and --out DIR" in capsys.readouterr().err
