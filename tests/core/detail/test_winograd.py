"""core/detail/winograd.py against the plain convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from dnpm.core.detail import winograd
from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.tests.core.detail.networks import fill


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(1, 8, 4, 4), (2, 130, 16, 8), (1, 5, 23, 12), (1, 16, 1, 4)])
def test_it_is_the_convolution(shape, layout, threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    batch, n_in, height, _ = shape
    x = torch.randn(shape).contiguous(memory_format=layout)
    weight, bias = torch.randn(7, n_in, 3, 3), torch.randn(7)
    style, factor = torch.randn(batch, n_in, 1, 1), torch.randn(batch, 7, 1, 1)
    rows: list[int] = []

    def finish(y: Tensor, first: int) -> None:
        rows.extend(range(first, first + y.shape[2]))
        y.mul_(2)

    with torch.inference_mode():
        found = winograd.convolve(x, winograd.transformed(weight), style, factor, bias, finish)
    wanted = 2 * (F.conv2d(x * style, weight, padding=1) * factor + bias[:, None, None])
    assert (found - wanted).abs().max() < 1e-4 * wanted.std()
    assert rows == list(range(height)) * batch


def test_where_it_pays(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    with torch.inference_mode():
        assert winograd.pays(torch.empty(1, 512, 64, 64), 512)
        assert not winograd.pays(torch.empty(1, 32, 1024, 1024), 32)  # too many pixels for the channels
        assert not winograd.pays(torch.empty(1, 512, 4, 4), 512)  # too few
        assert not winograd.pays(torch.empty(1, 512, 64, 62), 512)
        assert winograd.pays(torch.empty(1, 64, 512, 512), 64)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
        assert not winograd.pays(torch.empty(1, 64, 512, 512), 64)  # too many meetings of the threads
        assert not winograd.pays(torch.empty(1, 512, 64, 64, dtype=torch.float64), 512)
    assert not winograd.pays(torch.empty(1, 512, 64, 64), 512)  # gradients


def test_a_generator_that_uses_it_paints_the_same_map(monkeypatch):
    config = GeneratorConfig(resolution=32, channel_base=4096, channel_max=64, w_dim=16, z_dim=8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    made = Generator(config).eval()
    fill(made, 3)
    w_plus = torch.randn(1, config.w_layers, 16)
    calls = []
    before = winograd.convolve
    monkeypatch.setattr(winograd, "convolve", lambda *a: calls.append(a[0].shape) or before(*a))
    wanted = made.synthesis(w_plus).detach()
    assert calls == []
    with torch.inference_mode():
        found = made.synthesis(w_plus)
    assert [shape[2] for shape in calls] == [16, 32]
    assert (found - wanted).abs().max() < 1e-4 * wanted.std()
