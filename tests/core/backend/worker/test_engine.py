"""The engine refuses to give out a map that is not one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dnpm.core import devices
from dnpm.core.backend.worker.engine import Engine, trouble_with_a_map
from dnpm.core.detail.controls import Controls
from dnpm.core.detail.weights import Detail, load_detail
from dnpm.core.errors import DnpmError


def test_weights_that_overflow_are_named(tiny_parts):
    engine = Engine.load("cpu", str(tiny_parts / "weights"), str(tiny_parts / "tiny.safetensors"))
    encoder = engine.detail.encoder.config
    given = np.zeros((1, encoder.n_id), np.float32), np.zeros((1, encoder.n_exp), np.float32), None, None, Controls()
    assert np.isfinite(engine.displacement(*given)).all()
    with torch.no_grad():
        engine.detail.generator.synthesis.b4.torgb.weight.fill_(3e38)
    with pytest.raises(DnpmError, match="weights: these weights make a map of numbers that are not finite"):
        engine.displacement(*given)


@pytest.fixture
def apple(monkeypatch):
    """A machine whose GPU stands a small convolution."""
    monkeypatch.setattr(devices, "available", lambda: ["mps", "cpu"])
    monkeypatch.setattr(devices, "trouble", lambda device: None)
    monkeypatch.delenv("LOCAL_RANK", raising=False)


def load(parts, device: str) -> Engine:
    return Engine.load(device, str(parts / "weights"), str(parts / "tiny.safetensors"))


def test_a_device_that_cannot_make_a_map_is_not_used(tiny_parts, apple, caplog):
    """A small convolution proves little; this machine's torch has no MPS, and says so when a network goes there."""
    assert devices.choose("auto").type == "mps"
    assert load(tiny_parts, "auto").device.type == "cpu"
    assert "the device mps is not used" in caplog.text
    with pytest.raises(DnpmError, match=r"device 'mps' does not work: .*choose another one of: auto, mps, cpu"):
        load(tiny_parts, "mps")


def test_a_device_that_makes_another_map_than_the_cpu_is_not_used(tiny_parts, monkeypatch):
    detail, cpu = load_detail(tiny_parts / "weights"), torch.device("cpu")
    assert trouble_with_a_map(detail, cpu) is None
    there = Detail.to

    def moved(factor: float):
        def to(self: Detail, device: torch.device) -> Detail:
            other = there(self, device)
            with torch.no_grad():
                for resolution in other.generator.config.resolutions:
                    other.generator.synthesis.block(resolution).torgb.weight.mul_(factor)
                    other.generator.synthesis.block(resolution).torgb.bias.mul_(factor)
            return other

        return to

    monkeypatch.setattr(Detail, "to", moved(1.001))
    assert trouble_with_a_map(detail, cpu) is None, "rounding is no fault"
    for factor in (1.2, 0.0, float("nan")):
        monkeypatch.setattr(Detail, "to", moved(factor))
        assert "differs from the processor's" in (trouble_with_a_map(detail, cpu) or "")
    monkeypatch.setattr(Detail, "to", there)
    assert trouble_with_a_map(detail, cpu) is None, "the networks themselves were left alone"


def test_a_device_that_lacks_an_operator_is_not_used(tiny_parts, monkeypatch):
    detail = load_detail(tiny_parts / "weights")

    def lacking(*_: object, **__: object) -> None:
        raise NotImplementedError("The operator 'aten::x' is not implemented for this device.\nMore of it")

    monkeypatch.setattr(Detail, "to", lambda self, device: replace(self, encoder=lacking))
    assert trouble_with_a_map(detail, torch.device("cpu")) == (
        "The operator 'aten::x' is not implemented for this device."
    )
