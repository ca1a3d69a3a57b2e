"""The script for graphics cards runs, with the processor in the card's place."""

from __future__ import annotations

import pytest
import torch

from dnpm.benchmarks import gpu

CPU = torch.device("cpu")


def test_forward_passes_are_the_textbooks_and_have_times():
    rows = gpu.forward(gpu.GENERATORS["default"], CPU, 64, 2)
    for precision in gpu.PRECISIONS:
        assert rows[precision]["ours_ms"] > 0
        assert rows[precision]["textbook_ms"] > 0
        assert "ours_cuda_graph_ms" not in rows[precision], "there is no card"
    assert rows["memory_mib"] is None


@pytest.mark.parametrize(
    "train", [lambda: gpu.train_generator(CPU, "tiny"), lambda: gpu.train_pix2pix(CPU, small=True)]
)
def test_training_steps_are_taken(train):
    rows = train()["fp32"]
    assert rows["step_s"] > 0
    assert rows["images_a_second"] == pytest.approx(rows["batch"] / rows["step_s"], rel=0.1)


def test_what_has_no_time_left_is_named(monkeypatch):
    monkeypatch.setattr(gpu, "load_detail", lambda _: None)
    monkeypatch.setattr(gpu, "weights_dir", lambda _: None)
    monkeypatch.setattr(gpu, "face_model_path", lambda _: None)
    monkeypatch.setattr(gpu.FaceModel, "load", lambda _: None)
    result = gpu.measure(CPU, -1.0, small=True)
    assert result["parity"] == {"skipped": "the -1 minutes were over"}
