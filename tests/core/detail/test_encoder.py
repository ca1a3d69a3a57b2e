"""The encoder: the paper's counts, and how its input reaches its output."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.detail.config import ENCODERS, EncoderConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.errors import DnpmError
from dnpm.tests.core.detail.networks import SMALL_ENCODER

G_ONE_CHANNEL, G_THREE_CHANNELS = 30_363_962, 30_370_060


@pytest.mark.parametrize(
    ("name", "alone", "published_millions"),
    [("paper", 82_854_912, 113.22), ("paper_1700", 396_188_672, 426.56), ("paper_5000", 966_684_672, 997.05)],
)
def test_the_papers_parameter_counts(name, alone, published_millions):
    with torch.device("meta"):
        count = sum(p.numel() for p in Encoder(ENCODERS[name]).parameters())
    assert count == alone
    assert round((count + G_THREE_CHANNELS) / 1e6, 2) == published_millions
    assert abs((count + G_ONE_CHANNEL) / 1e6 - published_millions) < 0.01


def test_the_default_is_small_and_fits_the_default_generator():
    config = ENCODERS["default"]
    made = Encoder(config).eval()
    assert sum(p.numel() for p in made.parameters()) < 7_000_000
    assert made(torch.zeros(2, config.n_id), torch.zeros(2, config.n_exp)).shape == (2, 18, 512)


@settings(max_examples=30, deadline=None)
@given(
    n_id=st.integers(0, 8), n_exp=st.integers(1, 8), widths=st.tuples(*[st.integers(1, 12)] * 5),
    batch_norm=st.booleans(), w_dim=st.integers(1, 9), groups=st.tuples(*[st.integers(1, 9)] * 3),
    batch=st.integers(1, 4),
)  # fmt: skip
def test_shapes_and_independence_of_the_batch(n_id, n_exp, widths, batch_norm, w_dim, groups, batch):
    config = EncoderConfig(n_id, n_exp, widths, batch_norm, w_dim, groups)
    made = Encoder(config).eval()
    identity, expression = torch.randn(batch, n_id), torch.rand(batch, n_exp)
    together = made(identity, expression)
    assert together.shape == (batch, sum(groups), w_dim)
    for k in range(batch):
        single = made(identity[k : k + 1], expression[k : k + 1])
        assert torch.allclose(single[0], together[k], atol=1e-5)


def test_layers_feed_their_own_rows(encoder):
    """The heads stand on the layers 3, 4 and 5: a change in layer 4 leaves the coarse rows as they are."""
    identity, expression = torch.randn(1, 6), torch.rand(1, 4)
    before = encoder(identity, expression)
    with torch.no_grad():
        encoder.layers[3][0].bias += 1
    changed = (encoder(identity, expression) - before).abs().amax(2)[0] > 1e-6
    coarse, middle, _ = SMALL_ENCODER.groups
    assert not changed[:coarse].any()
    assert changed[coarse : coarse + middle].all()
    assert changed[coarse + middle :].all()


def test_expression_enters_again_after_the_first_layer(encoder):
    with torch.no_grad():
        encoder.layers[0][0].weight.zero_()
    identity = torch.randn(1, 6)
    one, other = (encoder(identity, torch.full((1, 4), value)) for value in (0.0, 1.0))
    assert not torch.allclose(one, other)
    assert torch.equal(one, encoder(identity + 1, torch.zeros(1, 4)))


def test_gradients_reach_both_inputs(encoder):
    identity = torch.randn(2, 6, requires_grad=True)
    expression = torch.rand(2, 4, requires_grad=True)
    encoder(identity, expression).square().sum().backward()
    assert identity.grad.abs().sum() > 0
    assert expression.grad.abs().sum() > 0


@pytest.mark.parametrize(("n_id", "n_exp", "says"), [(5, 4, "identity"), (6, 3, "expression")])
def test_bad_input_is_named(encoder, n_id, n_exp, says):
    with pytest.raises(DnpmError, match=says):
        encoder(torch.zeros(1, n_id), torch.zeros(1, n_exp))
    with pytest.raises(DnpmError, match="identity"):
        encoder(torch.zeros(6), torch.zeros(4))


@pytest.mark.parametrize(
    "change", [{"n_id": -1}, {"widths": (1, 2, 3)}, {"widths": (1, 2, 3, 4, 0)}, {"groups": (9, 9)}, {"w_dim": 0}]
)
def test_bad_configurations_are_refused(change):
    with pytest.raises(DnpmError, match="encoder configuration"):
        EncoderConfig(**{**SMALL_ENCODER.__dict__, **change})
