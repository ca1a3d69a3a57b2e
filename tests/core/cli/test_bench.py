"""`dnpm bench` on a small model: every figure is there and its own."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch

from dnpm.benchmarks.timing import clock, summary
from dnpm.core.cli import bench
from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError


def test_figures(tiny_weights, tiny_model_file, tmp_path, capsys, monkeypatch):
    from dnpm.benchmarks import backend, generator, speech

    # The tiny weights make maps of 64, and the textbook's full comparison takes minutes.
    monkeypatch.setattr(backend, "PREVIEW", 32)
    monkeypatch.setattr(backend, "FULL", 64)
    whole = generator.measure
    monkeypatch.setattr(generator, "measure", lambda **options: whole(resolutions=(64,), threads=(1,), **options))
    spoken = speech.measure
    monkeypatch.setattr(speech, "measure", lambda weights, lengths: spoken(weights, (1,)))
    out = tmp_path / "new" / "bench.json"
    words = ["bench", "--quick", "--no-blender", "--json", "--device", "cpu", "--out", str(out)]
    assert main([*words, "--weights", str(tiny_weights), "--face-model", str(tiny_model_file)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert json.loads(out.read_text()) == result
    figures = (
        result["face_model"]["identity_update"],
        result["backend"]["preview_map"],
        result["backend"]["full_map"],
        result["backend"]["full_map"]["worker"],
    )
    for figure in figures:
        assert 0 < figure["median_ms"] <= figure["p95_ms"]
        assert figure["samples"] == 7
    assert result["backend"]["preview_map"]["resolution"] == 32
    assert result["backend"]["full_map"]["worker"]["median_ms"] <= result["backend"]["full_map"]["median_ms"]
    assert result["backend"]["memory_mb"]["peak"] > 50
    timing = result["generator"]["configurations"]["default"]["timings"][0]
    assert timing["largest_difference_in_std"] < 1e-3, "the textbook makes another picture"
    speaking = result["speech"]["seconds"]["1"]
    assert speaking["frames"] == 31
    assert 0 < speaking["real_time_factor"] < 20
    assert "no face was found" in result["photo"]["skipped"]  # The tiny model is a bulged square.
    text = bench.table(result)
    for word in (
        "identity update",
        "preview map, 32",
        "full map, 64",
        "backend's memory",
        "textbook",
        "load average",
        "s of sound",
        "photo to face: left out",
    ):
        assert word in text


def test_blender(tiny_weights, tiny_model_file, monkeypatch):
    monkeypatch.setattr("dnpm.benchmarks.backend.PREVIEW", 32)
    found = bench._blender(tiny_model_file, str(tiny_weights), "cpu", 3)
    if "skipped" in found:
        pytest.skip(found["skipped"])
    assert found["torch_in_blender"] is False
    assert found["vertices"] == 81
    for name in (
        "slider_to_mesh", "identity_slider_to_mesh", "full_map_to_mesh", "slider_to_coarse_mesh",
        "slider_to_mesh_blender_alone", "slider_to_mesh_dragged", "identity_slider_to_mesh_dragged",
    ):  # fmt: skip
        assert 0 < found[name]["median_ms"] <= found[name]["p95_ms"]
        assert found[name]["samples"] == 3
    size = found["scene_size"]
    for name in ("no_face", "other_object", "slider", "timer"):
        assert size[name]["100"]["samples"] == size[name]["3000"]["samples"] == 3
    text = bench._scene_size(size)
    assert "no face in the scene" in text
    assert str(size["slider"]["ratio"]) in text


def test_a_failure_in_blender_is_told(tiny_weights, other_model_file, monkeypatch):
    monkeypatch.setattr("dnpm.benchmarks.backend.PREVIEW", 32)
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("no bpy module in this Python")
    with pytest.raises(DnpmError, match="were trained on the face model"):
        bench._blender(other_model_file, str(tiny_weights), "cpu", 3)


def test_bad_input(tmp_path, capsys):
    assert main(["bench", "--face-model", str(tmp_path / "none")]) == 2
    assert "no such face model" in capsys.readouterr().err


def test_timing():
    assert summary([1.0, 2.0, 3.0, 4.0, 100.0]) == {
        "median_ms": 3.0, "p95_ms": pytest.approx(80.8), "samples": 5
    }  # fmt: skip
    seen = []
    assert len(clock(seen.append, 4)) == 4
    assert seen == [-2, -1, 0, 1, 2, 3]


def test_the_generators_blocks():
    """Where the time goes: each block with its parts, in CPU time."""
    from dnpm.benchmarks import generator
    from dnpm.core.detail.generator import Generator
    from dnpm.tests.core.detail.networks import SMALL

    threads = torch.get_num_threads()
    rows = generator.layers(Generator(SMALL).eval(), 2)
    assert torch.get_num_threads() == threads
    assert [row["resolution"] for row in rows] == [8, 16, 32, 64]
    for row in rows:
        assert 0 <= row["convolution_cpu_ms"] <= 1000
        assert row["block_cpu_ms"] > 0
    text = generator.table({"configurations": {"small": {"timings": [], "layers": rows}}})
    assert len(text.splitlines()) == 2 + len(rows)
    assert "64 px" in text


def test_a_part_alone_writes_its_figures_where_it_is_told(tiny_weights, tmp_path, capsys, monkeypatch):
    from dnpm.benchmarks import speech

    whole = speech.measure
    monkeypatch.setattr(speech, "measure", lambda weights, lengths: whole(weights, (1,)))
    out = tmp_path / "new" / "speech.json"
    assert main(["bench", "speech", "--quick", "--weights", str(tiny_weights), "--out", str(out)]) == 0
    assert f"written to {out}" in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["seconds"]["1"]["frames"] == 31
    assert result["load_average_before"]
    assert result["cores"] > 0
