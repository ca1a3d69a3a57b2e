"""The adversarial stage on small networks: its penalty is the gradient's, it moves what it should and nothing else."""

from __future__ import annotations

import itertools
from copy import deepcopy

import numpy as np
import torch

from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.training.detail.adversarial import (
    BLUR,
    SPREAD_MM,
    AdversarialTrainer,
    PatchDiscriminator,
    condition_of,
    patches,
    r1_penalty,
)
from dnpm.core.training.detail.cache import MapCache


def test_r1_is_the_squared_gradient():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(4).double()
    real, condition = (torch.randn(1, 1, 16, 16, dtype=torch.float64) * SPREAD_MM for _ in range(2))
    total, step = 0.0, 1e-6
    with torch.no_grad():
        for k in range(real.numel()):
            moved = real.clone()
            moved.view(-1)[k] += step
            other = real.clone()
            other.view(-1)[k] -= step
            slope = (discriminator(moved, condition).sum() - discriminator(other, condition).sum()) / (2 * step)
            total += float(slope) ** 2
    assert abs(r1_penalty(discriminator, real, condition).item() / (total * SPREAD_MM**2) - 1) < 1e-4


def test_patches_and_their_condition():
    maps = torch.arange(2 * 32 * 32, dtype=torch.float32).reshape(2, 1, 32, 32)
    corners = np.array([[[0, 0], [3, 5]], [[16, 16], [1, 2]]])
    cut = patches(maps, corners, 8)
    assert cut.shape == (4, 1, 8, 8)
    assert torch.equal(cut[1], maps[0, :, 3:11, 5:13])
    assert torch.equal(cut[2], maps[1, :, 16:24, 16:24])
    stripes = (torch.arange(32) % 2).float().expand(1, 1, 32, 32)
    assert condition_of(stripes).std() < 1e-6, f"relief finer than {BLUR} texels is hidden from the condition"


def test_only_the_fine_blocks_move():
    torch.manual_seed(0)
    config = GeneratorConfig(
        channel_base=512, channel_max=8, resolution=128, w_dim=16, z_dim=16, registered=((128, 2),)
    )
    generator = Generator(config).eval().requires_grad_(False)
    encoder = Encoder(EncoderConfig(3, 4, (8,) * 5, False, w_dim=16, groups=(4, 4, 4))).eval().requires_grad_(False)
    rng = np.random.default_rng(0)
    data = MapCache(
        rng.normal(0, 0.05, (6, 128, 128)).astype(np.float16), rng.normal(size=(6, 3)).astype(np.float32),
        rng.random((6, 4)).astype(np.float32),
    )  # fmt: skip
    before = deepcopy(generator)
    trainer = AdversarialTrainer(
        generator, encoder, torch.zeros(16), data, 128, 2, 3.0, torch.ones(64, 64), 0, clock=itertools.count().__next__
    )
    assert len(list(trainer.run())) == 3
    result = trainer.mean
    moved = {
        name
        for (name, a), b in zip(before.named_parameters(), result.parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert moved
    assert all(int(name.split(".b")[1].split(".")[0]) >= 16 and "noise" not in name for name in moved)
