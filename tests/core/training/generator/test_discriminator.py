"""Sizes of D against the published ones, its filter, the minibatch deviation's groups, bad input."""

from __future__ import annotations

import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.training.generator.discriminator import (
    Discriminator,
    DiscriminatorConfig,
    lowpass,
    minibatch_deviation,
)
from dnpm.core.training.generator.plan import CONFIGS


def test_paper_has_the_published_size():
    with torch.device("meta"):
        net = Discriminator(CONFIGS["paper"].discriminator)
    # The public config-f D at 1024 has 29,012,513 parameters with three channels: fromrgb has two more columns.
    assert sum(p.numel() for p in net.parameters()) == 29_012_513 - 2 * 32


def test_output_and_gradients_reach_every_parameter():
    torch.manual_seed(0)
    net = Discriminator(DiscriminatorConfig(128, 8, 32))
    logits = net(torch.randn(4, 1, 32, 32))
    assert logits.shape == (4,)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_filter_keeps_constants_and_kills_checkerboards():
    ones = torch.ones(1, 2, 8, 8)
    assert torch.allclose(lowpass(ones, 0), torch.ones(1, 2, 5, 5))
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    board = ((rows + columns) % 2 * 2.0 - 1)[None, None]
    assert lowpass(board, 0).abs().max() < 1e-6


def test_deviation_compares_consecutive_samples():
    x = torch.zeros(4, 1, 4, 4)
    x[2], x[3] = 1.0, 3.0
    found = minibatch_deviation(x, 2)
    assert found.shape == (4, 1, 4, 4)
    assert torch.allclose(found[:2], torch.tensor(1e-4), atol=1e-6)  # The root of its small constant.
    assert torch.allclose(found[2:], torch.tensor(1.0))
    # Parts of a batch give what the batch gives, wherever it is cut between groups.
    y = torch.randn(8, 3, 4, 4)
    assert torch.allclose(minibatch_deviation(y, 4), torch.cat([minibatch_deviation(p, 4) for p in y.split(4)]))
    assert minibatch_deviation(y[:3], 4).shape == (3, 1, 4, 4)


def test_bad_sizes_are_named():
    with pytest.raises(DnpmError, match="needs \\(batch, 1, 32, 32\\)"):
        Discriminator(DiscriminatorConfig(128, 8, 32))(torch.zeros(1, 1, 16, 16))
    with pytest.raises(DnpmError, match="power of two"):
        DiscriminatorConfig(128, 8, 48)
