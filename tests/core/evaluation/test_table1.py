"""Table I on a small face: three encoders trained alike, kept, and written down; parameter counts of the paper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.detail.config import ENCODERS, GENERATORS
from dnpm.core.evaluation.table1 import PUBLISHED_M, parameter_count, table
from dnpm.core.training.encoder import sources


class Waves:
    """Maps that the sliders decide: one wave each of a few identities and expressions."""

    def __init__(self, model, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._identity = rng.standard_normal((count, model.n_id)).astype(np.float32)
        self._expression = rng.random((count, model.n_exp)).astype(np.float32)
        x = np.linspace(0, 9, 64)
        self._shapes = np.stack([np.outer(np.sin(x), np.cos(2 * x)), np.outer(np.cos(3 * x), np.sin(x))]) * 0.1
        self.resolution, self.mask = 64, np.ones((64, 64), np.float32)
        self.mask[:, :20] = 0

    def __len__(self) -> int:
        return len(self._identity)

    def maps(self, indices):
        amounts = np.stack([self._identity[indices, 0], self._expression[indices, 0]], 1)
        return np.einsum("nk,kij->nij", amounts, self._shapes).astype(np.float32)

    def identity(self, indices):
        return self._identity[indices]

    def expression(self, indices):
        return self._expression[indices]


@pytest.fixture
def command(tiny_model, tiny_parts: Path, tmp_path: Path, monkeypatch) -> list[str]:
    made = [Waves(tiny_model, 24, 0), Waves(tiny_model, 8, 1), Waves(tiny_model, 8, 2)], "waves"
    monkeypatch.setattr(sources, "open_samples", lambda *_: made)
    return ["evaluate", "table1", "--face-model", str(tiny_parts / "tiny.safetensors"), "--device", "cpu", "--weights",
            str(tiny_parts / "weights"), "--folder", str(tmp_path / "state"), "--out", str(tmp_path / "out"),
            "--resolution", "32", "--points", "10,20", "--samples", "8", "--perceptual", "efficientnet-lite0",
            "--steps", "6", "--seeds", "2", "--json"]  # fmt: skip


def test_the_table(command, tmp_path: Path, capsys):
    assert main(command) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert list(result["rows"]) == ["id-exp", "10", "20"]
    assert result == json.loads((tmp_path / "out" / "table1.json").read_text())
    assert {row["steps"] for row in result["rows"].values()} == {6}
    for row in result["rows"].values():
        assert set(row["mask"]) == set(row["square"]) == {"r2", "psnr_db", "ssim", "mae_mm"}
        # Outside of the mask both are 0: the square flatters.
        assert row["square"]["psnr_db"]["mean"] > row["mask"]["psnr_db"]["mean"]
        assert row["mask"]["psnr_db"]["sd"] > 0  # Two seeds are two trainings.
    assert abs(result["mean_map"]["mask"]["r2"]["mean"]) < 0.3
    assert (tmp_path / "out" / "figure5.jpg").stat().st_size > 1000
    text = (tmp_path / "out" / "table1.md").read_text()
    assert text.strip() == table(result).strip()
    assert "E_id,exp" in text
    assert "not LPIPS" in text
    # Again: what is trained is loaded, and the figures are the same.
    assert main(command) == 0
    again = capsys.readouterr()
    assert "goes on from step 6" in again.err
    for kind, row in json.loads(again.out)["rows"].items():
        assert row["mask"] == result["rows"][kind]["mask"]
    assert main([*command, "--seed", "1"]) == 2
    assert "other settings (seed)" in capsys.readouterr().err


def test_mistakes_are_named(command, capsys):
    for options, says in ((["--steps", "0"], "--steps"), (["--points", "mesh"], "id-exp"),
                          (["--resolution", "256"], "--resolution 256")):  # fmt: skip
        assert main([*command, *options]) == 2
        assert says in capsys.readouterr().err


def test_the_papers_counts():
    generator = parameter_count(GENERATORS["paper"])
    assert generator == 30_363_962
    for kind, name in (("id-exp", "paper"), ("1700", "paper_1700"), ("5000", "paper_5000")):
        total = (parameter_count(ENCODERS[name]) + generator) / 1e6
        assert round(total, 2) == pytest.approx(PUBLISHED_M[kind], abs=0.0101)
