"""The engine refuses to give out a map that is not one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dnpm.core.backend.worker.engine import Engine
from dnpm.core.detail.controls import Controls
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
