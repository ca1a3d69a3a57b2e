"""Several ways lead to the same numbers: the quick ones against those that training takes."""

from __future__ import annotations

import pytest
import torch

from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.upsampling import upsample, upsampling_conv
from dnpm.tests.core.detail.networks import SMALL, fill
from dnpm.tests.core.detail.test_generator import merged


@pytest.mark.parametrize(("n_out", "side"), [(1, 4), (2, 16), (3, 6), (8, 32)])
def test_rows_first_is_the_same_upsampling(n_out, side):
    """Few output channels without gradients take another way than with them."""
    x, weight, bias = torch.randn(2, 5, side, side), torch.randn(n_out, 5, 3, 3), torch.randn(n_out)
    for layout in (torch.contiguous_format, torch.channels_last):
        x = x.contiguous(memory_format=layout)
        wanted = upsampling_conv(x, weight, bias)
        with torch.inference_mode():
            found = upsampling_conv(x, weight, bias)
        assert (found - wanted).abs().max() < 1e-5 * wanted.std()


def test_a_large_picture_is_doubled_as_a_small_one():
    x = torch.randn(1, 2, 256, 264)
    wanted = upsample(x)
    with torch.inference_mode():
        found = upsample(x)
    assert (found - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("layout", ["as made", "all planar", "channels last"])
def test_where_registered_maps_lie_in_memory_changes_nothing(generator, layout):
    w_plus = torch.randn(1, SMALL.w_layers, SMALL.w_dim)
    wanted = generator.synthesis(w_plus).detach()
    blocks = [generator.synthesis.block(r) for r in SMALL.resolutions]
    for block in (b for b in blocks if b.has_registered and layout != "as made"):
        maps = block.registered.detach()
        last = maps.permute(1, 2, 0).contiguous().permute(2, 0, 1)
        block.registered = torch.nn.Parameter(maps.contiguous() if layout == "all planar" else last)
    with torch.inference_mode():
        assert torch.allclose(generator.synthesis(w_plus), wanted, atol=1e-5 * float(wanted.std()))


def test_maps_are_settled_as_they_are_read(generator):
    """Without features that are read no map is laid beside any."""
    finest = SMALL.registered[-1][0]
    assert generator.synthesis.block(finest).registered.is_contiguous() == (finest == SMALL.resolution)
    with torch.no_grad():
        for r in SMALL.resolutions:
            generator.synthesis.block(r).torgb.weight[:, : SMALL.channels(r)] = 0
    generator.eval().synthesis.settle()
    assert all(generator.synthesis.block(r).registered.is_contiguous() for r, _ in SMALL.registered)


def test_what_is_kept_of_a_kernel_follows_the_kernel():
    """...however it is written to: a picture of old kernels would be a wrong one."""
    config = GeneratorConfig(resolution=16, channel_base=1024, channel_max=64, w_dim=16, z_dim=8)
    made = Generator(config).eval()
    fill(made, 6)
    w_plus = torch.randn(1, config.w_layers, 16)
    other = {name: value + 0.5 * torch.randn_like(value) for name, value in made.state_dict().items()}

    def same_as_with_gradients() -> bool:
        wanted = made.synthesis(w_plus).detach()
        with torch.inference_mode():
            return bool((made.synthesis(w_plus) - wanted).abs().max() < 1e-4 * wanted.std())

    assert same_as_with_gradients()
    made.load_state_dict(other)
    assert same_as_with_gradients()
    made.load_state_dict({name: value.clone() for name, value in other.items()}, assign=True)
    assert same_as_with_gradients()
    with torch.no_grad():
        made.synthesis.block(16).conv1.weight.mul_(torch.rand(64, 64, 1, 1))
    assert same_as_with_gradients()


def test_the_image_so_far_may_have_several_channels():
    config = GeneratorConfig(
        resolution=16, channel_base=128, channel_max=16, w_dim=16, z_dim=8, img_channels=3, registered=((16, 2),)
    )
    made = Generator(config).eval()
    fill(made, 7)
    w_plus = torch.randn(2, config.w_layers, 16)
    wanted = merged(made.synthesis.skips(w_plus)).detach()
    for found in (made.synthesis(w_plus).detach(), torch.cat([made.synthesis(one[None]).detach() for one in w_plus])):
        assert torch.allclose(found, wanted, atol=1e-4 * float(wanted.std()))
