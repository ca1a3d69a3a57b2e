"""`dnpm train encoder` on a small face: weights and card come out, a dry run writes nothing, mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.generator_files import save_generator
from dnpm.core.detail.weights import load_detail
from dnpm.core.training.encoder import sources
from dnpm.core.training.encoder.store import load_points


class Memory:
    """Random smooth maps of a small face."""

    def __init__(self, model, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._identity = rng.standard_normal((count, model.n_id)).astype(np.float32)
        self._expression = rng.random((count, model.n_exp)).astype(np.float32)
        x = np.linspace(0, 9, 64)
        self._shape = np.outer(np.sin(x), np.cos(2 * x)).astype(np.float32) * 0.1
        self.resolution, self.mask = 64, np.ones((64, 64), np.float32)

    def __len__(self) -> int:
        return len(self._identity)

    def maps(self, indices):
        return self._identity[indices, :1, None] * self._shape

    def identity(self, indices):
        return self._identity[indices]

    def expression(self, indices):
        return self._expression[indices]


@pytest.fixture
def command(tiny_model, tiny_parts: Path, tmp_path: Path, monkeypatch) -> list[str]:
    made = [Memory(tiny_model, 16, 0), Memory(tiny_model, 8, 1)], "memory"
    monkeypatch.setattr(sources, "open_samples", lambda *_: made)
    return ["train", "encoder", "--face-model", str(tiny_parts / "tiny.safetensors"), "--epochs", "2", "--batch", "4",
            "--folder", str(tmp_path / "state"), "--out", str(tmp_path / "out"), "--device", "cpu"]  # fmt: skip


def test_weights_come_out(command, tiny_parts: Path, tmp_path: Path, capsys):
    weights = ["--weights", str(tiny_parts / "weights")]
    assert main([*command, *weights, "--perceptual", "efficientnet-lite0"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "out")
    assert "0.05 x EfficientNet-Lite0 feature distance (not LPIPS)" in said.err
    made = load_detail(tmp_path / "out")
    assert made.card["encoder_training"]["perceptual"] == "EfficientNet-Lite0 feature distance (not LPIPS)"
    assert made.card["encoder_training"]["epochs"] == 2
    assert "memory" in made.card["data"]
    assert set(made.card["scores"]["validation"]) >= {"r2", "psnr_db", "ssim", "mae_mm"}
    before = load_detail(tiny_parts / "weights").generator
    for name, value in made.generator.state_dict().items():
        assert torch.equal(value, before.state_dict()[name]), "G is frozen"
    # Done is done: the same command writes the same again, and no other plan goes on from there.
    assert main([*command, *weights, "--perceptual", "efficientnet-lite0"]) == 0
    assert main([*command, *weights, "--perceptual", "none"]) == 2
    assert "begun with other settings (perceptual)" in capsys.readouterr().err


def test_points_and_a_generator_alone(command, tiny_parts: Path, tmp_path: Path):
    generator = Generator(load_detail(tiny_parts / "weights").generator.config)
    (tmp_path / "g").mkdir()
    save_generator(tmp_path / "g", generator, {"name": "g"})
    options = ["--generator", str(tmp_path / "g"), "--perceptual", "none", "--resolution", "32"]
    assert main([*command, *options, "--inputs", "12"]) == 0
    made = load_points(tmp_path / "out" / "encoder_12.safetensors")
    assert made.encoder.config.n_exp == 36
    assert made.about["scores"]["validation"]["resolution"] == 32
    assert main([*command, *options]) == 0
    assert load_detail(tmp_path / "out").generator.config == generator.config


def test_a_dry_run_writes_nothing(command, tiny_parts: Path, tmp_path: Path, capsys):
    assert main([*command, "--weights", str(tiny_parts / "weights"), "--perceptual", "none", "--dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"] == 2 * (2000 // 4), "nothing is painted for it"
    assert told["images_per_second"] > 0
    assert told["encoder_parameters"] > 0
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--inputs", "mesh"], "id-exp"),
        (["--resolution", "128"], "--resolution 128"),
        (["--epochs", "0"], "--epochs"),
        (["--precision", "fp16"], "this training allows fp32, bf16 only"),
        (["--precision", "bf16"], "cpu does not compute with bfloat16"),
        (["--generator", "nowhere"], "not both"),
        (["--perceptual", "lpips-alex", "--trunk", "none.pth"], "no such file"),
    ],
)
def test_mistakes_are_named(command, tiny_parts: Path, capsys, monkeypatch, options, says):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert main([*command, "--weights", str(tiny_parts / "weights"), "--perceptual", "none", *options]) == 2
    assert says in capsys.readouterr().err
