"""R1 and path length against finite differences, the logistic losses against their formulas, lazy settings."""

from __future__ import annotations

import math

import pytest
import torch

from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.core.training.generator import losses
from dnpm.core.training.generator.discriminator import Discriminator, DiscriminatorConfig

STEP = 1e-6


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(DiscriminatorConfig(64, 6, 16, group=2)).double()


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(1)
    return Generator(
        GeneratorConfig(64, 6, resolution=16, z_dim=8, w_dim=8, mapping_layers=2, registered=((8, 3), (16, 2)))
    ).double()


def difference(value, parameter: torch.Tensor, index: tuple[int, ...]) -> float:
    """Central difference of value() by one number of a parameter."""
    data = parameter.detach()
    before = data[index].item()
    data[index] = before + STEP
    above = value().item()
    data[index] = before - STEP
    below = value().item()
    data[index] = before
    return (above - below) / (2 * STEP)


def test_r1_is_the_squared_slope(discriminator):
    real = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    penalty = losses.r1_penalty(discriminator, real)
    slope = torch.zeros_like(real)
    for index in torch.cartesian_prod(torch.tensor([0]), torch.arange(16), torch.arange(16)):
        at = tuple(index.tolist())
        for k in range(2):
            slope[(k, *at)] = difference(lambda: discriminator(real).sum(), real, (k, *at))
    assert torch.allclose(penalty, slope.square().sum((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "index"),
    [("fromrgb.weight", (2, 0, 0, 0)), ("b16.conv1.weight", (1, 3, 2, 0)), ("b8.skip.weight", (0, 1, 0, 0)),
     ("b16.conv0.bias", (2,)), ("b4.fc.weight", (3, 17)), ("b4.out.weight", (0, 4))],
)  # fmt: skip
def test_r1_gradient(discriminator, name, index):
    real = torch.randn(4, 1, 16, 16, dtype=torch.float64)
    parameter = discriminator.get_parameter(name)
    losses.r1_penalty(discriminator, real).mean().backward()
    expected = difference(lambda: losses.r1_penalty(discriminator, real).mean(), parameter.data, index)
    assert abs(expected) > 1e-9
    assert parameter.grad[index].item() == pytest.approx(expected, rel=1e-4)


def test_path_length_is_the_norm_of_the_slope(generator):
    w = torch.randn(1, 6, 8, dtype=torch.float64)
    noise = torch.randn(1, 1, 16, 16, dtype=torch.float64)
    (length,) = losses.path_lengths(generator.synthesis, w, noise)
    slope = torch.zeros_like(w)
    for index in torch.cartesian_prod(torch.arange(6), torch.arange(8)).tolist():
        slope[(0, *index)] = difference(lambda: (generator.synthesis(w) * noise / 16).sum(), w, (0, *index))
    assert length.item() == pytest.approx(slope.square().sum(2).mean(1).sqrt().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "index"),
    [("mapping.fc0.weight", (1, 2)), ("synthesis.b4.const", (0, 1, 2)), ("synthesis.b8.conv0.weight", (2, 1, 0, 1)),
     ("synthesis.b16.conv1.affine.weight", (1, 5)), ("synthesis.b16.registered", (1, 4, 4)),
     ("synthesis.b16.torgb.weight", (0, 3, 0, 0))],
)  # fmt: skip
def test_path_length_gradient(generator, name, index):
    z, noise = torch.randn(3, 8, dtype=torch.float64), torch.randn(3, 1, 16, 16, dtype=torch.float64)
    mean = torch.tensor(0.3, dtype=torch.float64)

    def value() -> torch.Tensor:
        w = generator.mapping(z)[:, None].expand(-1, 6, -1)
        return losses.path_penalty(losses.path_lengths(generator.synthesis, w, noise), mean)

    value().backward()
    parameter = generator.get_parameter(name)
    expected = difference(value, parameter.data, index)
    assert abs(expected) > 1e-9
    assert parameter.grad[index].item() == pytest.approx(expected, rel=1e-4)


def test_logistic_losses():
    fake, real = torch.tensor([0.3, -2.0]), torch.tensor([1.5, 0.0])
    sigmoid = torch.sigmoid
    assert losses.generator_loss(fake).item() == pytest.approx(-sigmoid(fake).log().mean().item())
    expected = -(1 - sigmoid(fake)).log().mean() - sigmoid(real).log().mean()
    assert losses.discriminator_loss(fake, real).item() == pytest.approx(expected.item())


def test_lazy_settings_and_gamma():
    settings = losses.lazy(0.002, 0.99, 16)
    assert settings["lr"] == pytest.approx(0.002 * 16 / 17)
    assert settings["betas"] == (0.0, pytest.approx(0.99 ** (16 / 17)))
    assert losses.lazy(0.002, 0.99, 0)["lr"] == 0.002
    assert losses.r1_gamma(1024, 32) == pytest.approx(6.5536)
    assert math.isclose(losses.r1_gamma(512, 32) * 4, losses.r1_gamma(1024, 32))
