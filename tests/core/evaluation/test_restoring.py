"""Tables II to IV on a small face: every method trained alike, kept, and written down; peers' maps; spreads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import restoring, table3
from dnpm.core.evaluation.spread import cell, last_rise, mean_and_spread
from dnpm.core.evaluation.table3 import peer_maps
from dnpm.core.files.displacement_maps import write_exr
from dnpm.core.training.detail.cache import MapCache


def waves(count: int, side: int, seed: int) -> MapCache:
    """Maps of one wave each, of some amount."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 9, side)
    shape = np.outer(np.sin(x), np.cos(2 * x)) * 0.1
    maps = (rng.standard_normal((count, 1, 1)) * shape).astype(np.float16)
    return MapCache(maps, np.zeros((count, 1), np.float32), np.zeros((count, 1), np.float32))


@pytest.fixture
def command(tmp_path: Path, monkeypatch) -> list[str]:
    splits = {"train": 1, "validation": 2, "test": 3}
    monkeypatch.setattr(
        restoring, "fill", lambda folder, path, split, count, size, *_: waves(count, size, splits[split])
    )
    monkeypatch.setattr(restoring, "CHECKED", 2)
    return ["--device", "cpu", "--folder", str(tmp_path / "kept"), "--out", str(tmp_path / "out"), "--samples", "3",
            "--maps", "6", "--resolution", "64", "--perceptual", "efficientnet-lite0", "--batch", "2",
            "--json"]  # fmt: skip


def test_all_methods_take_the_same_steps_and_are_kept(command, tmp_path: Path, capsys) -> None:
    words = ["evaluate", "table2", *command, "--steps", "3", "--seeds", "2", "--pulse-maps", "1"]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    steps = {name: row["steps"] for name, row in result["rows"].items() if "steps" in row}
    assert steps == {"ours": 3, "pSp": 3, "E2Style, 1 stage": 3, "E2Style, 2 stages": 6}
    for name in steps:
        row = result["rows"][name]
        assert row["1/4"]["mask"]["psnr_db"]["sd"] > 0, "two seeds gave one and the same network"
        assert [point[0] for point in row["curves"][0]] == [1, 2, 3]
        assert np.isfinite(row["last_rise_db"])
    assert result["rows"]["PULSE"]["maps"] == 1
    text = (tmp_path / "out" / "table2.md").read_text()
    assert "±" in text
    assert "3 steps of every network, seeds 0, 1" in text
    assert (tmp_path / "out" / "table2.jpg").stat().st_size > 1000
    # Again: nothing is trained twice, and nothing changes.
    assert main(words) == 0
    again = capsys.readouterr()
    assert again.err.count("goes on from step 3 of 3") == 8
    for name in steps:
        assert json.loads(again.out)["rows"][name]["1/8"] == result["rows"][name]["1/8"]
    # Other settings are not mixed in.
    assert main([*words, "--steps", "4"]) == 2
    assert str(tmp_path / "kept") in capsys.readouterr().err


def test_a_loss_left_out_is_another_training(command, tiny_parts: Path, tmp_path: Path, capsys) -> None:
    tiny = ["--face-model", str(tiny_parts / "tiny.safetensors"), "--weights", str(tiny_parts / "weights")]
    assert main(["evaluate", "table4", *command, *tiny, "--steps", "4", "--seeds", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert list(rows) == ["all three", "without L1", "without perceptual", "without identity"]
    assert len({row["1/8"]["perceptual"]["mean"] for row in rows.values()}) > 1
    assert (tmp_path / "out" / "figure11.jpg").stat().st_size > 1000


def test_mistakes_are_named(command, capsys) -> None:
    for option, value in (("--steps", "0"), ("--seeds", "0"), ("--samples", "1"), ("--resolution", "100")):
        assert main(["evaluate", "table2", *command, option, value]) == 2
        assert option in capsys.readouterr().err


def test_rendered_photos_are_corrected_once_and_their_sliders_err(
    command, tmp_path: Path, monkeypatch, capsys
) -> None:  # fmt: skip
    place = command.index("--resolution")
    words = ["evaluate", "table3", *command, "--photos", "4", "--steps", "1", "--seeds", "1"]
    assert main([*words]) == 2
    assert "--resolution 256 or more" in capsys.readouterr().err
    monkeypatch.setattr(table3, "PULSE_STEPS", 2)
    words[2 + place + 1] = "512"
    assert main(words) == 0
    found = capsys.readouterr()
    assert "corrected" in found.err
    rows = json.loads(found.out)["rows"]
    assert {"ours", "pSp", "E2Style, 2 stages", "PULSE", "pix2pixHD alone", "the sliders' map", "mean map"} <= set(rows)
    error = {name: row["photos"]["mask"]["mae_mm"]["mean"] for name, row in rows.items()}
    assert 0.002 < error["the sliders' map"] < 0.1, "sliders that err as a fit's do are neither right nor anybody's"
    assert error["pix2pixHD alone"] != error["the sliders' map"]
    maps, rough = (tmp_path / "kept" / "corrected_test" / f"test_{name}.f16" for name in ("maps", "rough"))
    assert maps.stat().st_size == 4 * rough.stat().st_size, "pix2pixHD's maps have 256 texels"
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept" / "corrected_test").glob("*.done")}
    assert main(words) == 0
    again = capsys.readouterr()
    assert json.loads(again.out)["rows"]["ours"]["photos"] == rows["ours"]["photos"]
    assert kept
    assert "corrected test" not in again.err


def test_a_peers_maps_are_read_and_missing_ones_named(tmp_path: Path) -> None:
    given = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    write_exr(tmp_path / "0000.exr", given)
    assert np.allclose(peer_maps("DECA", tmp_path, 1, 64)[0], given, atol=1e-3)
    with pytest.raises(DnpmError, match=r"0001\.exr.*DECA"):
        peer_maps("DECA", tmp_path, 2, 64)
    write_exr(tmp_path / "0001.exr", given[:32])
    with pytest.raises(DnpmError, match=r"0001\.exr.*square"):
        peer_maps("DECA", tmp_path, 2, 64)


def test_spreads() -> None:
    found = mean_and_spread([{"a": 1.0, "b": {"c": 4.0}}, {"a": 3.0, "b": {"c": 4.0}}])
    assert found == {"a": {"mean": 2.0, "sd": 1.41421}, "b": {"c": {"mean": 4.0, "sd": 0.0}}}
    assert cell(found["a"], 1) == "2.0 ± 1.4"
    assert cell(found["b"]["c"], 1) == "4.0"
    flat, rising = [(k, 30.0) for k in range(1, 11)], [(k, 30.0 + k) for k in range(1, 11)]
    assert last_rise([flat]) == 0
    assert last_rise([rising, rising]) == 2
