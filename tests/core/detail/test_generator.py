"""The generator: StyleGAN2's own numbers, and the laws that every caller relies on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.benchmarks.generator import textbook
from dnpm.core.detail import generator
from dnpm.core.detail.config import GENERATORS, GeneratorConfig, w_layers
from dnpm.core.detail.foreign.stylegan import infer_config
from dnpm.core.detail.generator import (
    Generator,
    ModulatedConv,
    official_state,
)
from dnpm.core.detail.upsampling import upsample, upsampling_conv
from dnpm.core.errors import DnpmError
from dnpm.tests.core.detail import naive_stylegan2 as naive
from dnpm.tests.core.detail.networks import SMALL, fill


@pytest.fixture(scope="module", params=["the naive network's", "others'"])
def reference(request: pytest.FixtureRequest) -> dict[str, torch.Tensor]:
    """Parameters, inputs and outputs: of naive_stylegan2.py, and, where they are, of another implementation."""
    own = request.param == "the naive network's"
    file = naive.FILE if own else request.getfixturevalue("shared_data") / "stylegan2_reference_64.npz"
    with np.load(file) as data:
        return {name: torch.from_numpy(data[name].copy()) for name in data.files}


def test_the_naive_network_still_gives_its_numbers():
    made = naive.reference()
    with np.load(naive.FILE) as data:
        assert set(made) == set(data.files)
        for name, value in made.items():
            assert np.abs(value - data[name]).max() <= 1e-5 * max(float(np.std(data[name])), 1e-3), name


def test_it_reproduces_the_reference_numbers(reference):
    state = official_state({k: v for k, v in reference.items() if k.startswith("G.")})
    config = infer_config(state, "the reference")
    rows = config.w_layers
    assert reference["w_plus"].shape[1] == rows
    made = Generator(config)
    made.load_state_dict(state)
    with torch.inference_mode():
        got = {
            "w": made.mapping(reference["z"])[:, None].expand(-1, rows, -1),
            "w_psi07": made.mapping(reference["z"], 0.7)[:, None].expand(-1, rows, -1),
            "image_const": made.synthesis(reference["w_plus"]),
            "image_nonoise": made.synthesis(reference["w_plus"], noise="none"),
        }
    for name, value in got.items():
        assert value.shape == reference[name].shape
        assert (value - reference[name]).abs().max() < 1e-4 * reference[name].std(), name


def test_golden_numbers():
    """The same numbers on every machine and every version of torch; they were made by the textbook in benchmarks/."""
    config = GeneratorConfig(resolution=16, channel_base=128, channel_max=8, w_dim=8, z_dim=8, mapping_layers=2)
    made = Generator(config)
    fill(made, 7)
    w_plus = torch.from_numpy(np.random.default_rng(8).standard_normal((1, 6, 8)).astype(np.float32))
    image = made.synthesis(w_plus)[0, 0].detach()
    expected = torch.tensor(GOLDEN)
    assert torch.allclose(image[::5, ::5], expected, atol=1e-4 * float(image.std()))


@pytest.mark.parametrize("registered", [(), SMALL.registered])
@pytest.mark.parametrize("batch", [1, 3])
def test_it_equals_the_textbook(registered, batch):
    config = GeneratorConfig(**{**SMALL.__dict__, "registered": registered})
    made = Generator(config)
    fill(made, 3)
    w_plus = torch.randn(batch, config.w_layers, config.w_dim)
    for resolution in (4, 32, 64):
        expected = textbook(made.state_dict(), config, w_plus, resolution)
        got = made.synthesis(w_plus, resolution)
        assert (got - expected).abs().max() < 1e-5 * expected.std()


def test_the_papers_parameter_counts():
    counts = {
        channels: sum(p.numel() for p in Generator(config).parameters())
        for channels in (1, 3)
        for config in [GeneratorConfig(**{**GENERATORS["paper"].__dict__, "img_channels": channels})]
    }
    assert counts == {1: 30_363_962, 3: 30_370_060}
    made = Generator(GENERATORS["paper"])
    assert sum(p.numel() for p in made.synthesis.parameters()) == 28_262_714
    assert GENERATORS["paper"].w_layers == 18


def test_the_default_gives_maps_of_1024():
    made = Generator(GENERATORS["default"]).eval()
    with torch.inference_mode():
        assert made(torch.randn(1, 512)).shape == (1, 1, 1024, 1024)


@settings(max_examples=20, deadline=None)
@given(
    resolution=st.sampled_from([8, 16, 32]),
    base=st.integers(32, 200),
    top=st.integers(1, 12),
    channels=st.integers(1, 3),
    batch=st.integers(1, 3),
    registered=st.dictionaries(st.sampled_from([4, 8]), st.integers(1, 4)),
)
def test_shapes_whatever_the_configuration(resolution, base, top, channels, batch, registered):
    config = GeneratorConfig(
        resolution=resolution, channel_base=base, channel_max=top, z_dim=5, w_dim=6, mapping_layers=2,
        img_channels=channels, registered=tuple(registered.items()),
    )  # fmt: skip
    made = Generator(config)
    assert made(torch.randn(batch, 5)).shape == (batch, channels, resolution, resolution)
    skips = made.synthesis.skips(torch.randn(batch, config.w_layers, 6))
    assert [tuple(s.shape) for s in skips] == [(batch, channels, r, r) for r in config.resolutions]


def test_a_batch_equals_its_singles(generator):
    w_plus = torch.randn(4, SMALL.w_layers, SMALL.w_dim)
    together = generator.synthesis(w_plus)
    for k in range(4):
        assert torch.allclose(together[k : k + 1], generator.synthesis(w_plus[k : k + 1]), atol=1e-4)
    order = [2, 0, 3, 1]
    assert torch.allclose(generator.synthesis(w_plus[order]), together[order], atol=1e-4)


def test_the_same_code_gives_the_same_pixels(generator):
    w_plus = torch.randn(2, SMALL.w_layers, SMALL.w_dim)
    assert torch.equal(generator.synthesis(w_plus), generator.synthesis(w_plus))


def merged(skips: list[torch.Tensor]) -> torch.Tensor:
    """The sum, each doubled in size before the next is added."""
    total = skips[0]
    for skip in skips[1:]:
        total = upsample(total) + skip
    return total


def test_an_early_resolution_is_the_skip_image_there(generator):
    w_plus = torch.randn(2, SMALL.w_layers, SMALL.w_dim)
    skips = generator.synthesis.skips(w_plus)
    for k, resolution in enumerate(SMALL.resolutions):
        # Rows that it does not need may be left out, and change nothing.
        early = generator.synthesis(w_plus[:, : w_layers(resolution)], resolution)
        # The last block sums its registered maps apart, in another order.
        assert torch.allclose(early, merged(skips[: k + 1]), atol=1e-5 * float(early.detach().std()))
        assert torch.equal(early, generator.synthesis(w_plus, resolution))


def test_registered_maps_are_a_linear_decoder(generator):
    """ToRGB reads registered maps linearly: the change of the image is the change of the maps, gated by the style."""
    w_plus = torch.randn(2, SMALL.w_layers, SMALL.w_dim)
    block = generator.synthesis.block(64)
    before = generator.synthesis.skips(w_plus)[-1]
    delta = torch.randn_like(block.registered)
    with torch.no_grad():
        block.registered += delta
    change = generator.synthesis.skips(w_plus)[-1] - before
    style = block.torgb.affine(w_plus[:, -1])[:, -3:] * block.torgb.weight[0, -3:, 0, 0] * block.torgb.gain
    expected = torch.einsum("bc,chw->bhw", style, delta)[:, None] * SMALL.output_scale_mm
    assert torch.allclose(change, expected, atol=1e-4 * float(expected.detach().std()))


def test_output_scale_is_millimetres(generator):
    other = Generator(GeneratorConfig(**{**SMALL.__dict__, "output_scale_mm": 1.5})).eval()
    other.load_state_dict(generator.state_dict())
    w_plus = torch.randn(1, SMALL.w_layers, SMALL.w_dim)
    assert torch.allclose(other.synthesis(w_plus), generator.synthesis(w_plus) * 3, rtol=1e-5, atol=1e-5)


def test_truncation_pulls_to_the_average(generator):
    z = torch.randn(5, SMALL.z_dim)
    w, average = generator.mapping(z), generator.mapping.w_avg
    assert torch.allclose(generator.mapping(z, 0.0), average.expand(5, -1))
    assert torch.allclose(generator.mapping(z, 0.3), average + 0.3 * (w - average), atol=1e-5)
    assert torch.allclose(generator.mapping(z * 7), w, atol=1e-4), "z is normalised"


def test_noise(generator):
    w_plus = torch.randn(1, SMALL.w_layers, SMALL.w_dim)
    assert not torch.allclose(generator.synthesis(w_plus), generator.synthesis(w_plus, noise="none"))
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.zero_()
    assert torch.equal(generator.synthesis(w_plus), generator.synthesis(w_plus, noise="none"))


def test_upsampling_is_the_filter_of_the_paper():
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    zeros = x.new_zeros(2, 3, 10, 10)
    zeros[:, :, ::2, ::2] = x
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 4
    kernel = torch.outer(taps, taps).expand(3, 1, 4, 4)
    padded = torch.nn.functional.pad(zeros, (2, 1, 2, 1))
    assert torch.allclose(upsample(x), torch.nn.functional.conv2d(padded, kernel, groups=3))


def test_a_constant_stays_a_constant_when_upsampled():
    """Inside of the picture: upsampling neither brightens nor leaves a grid."""
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = 1
    for image in (upsample(torch.ones(1, 1, 8, 8)), upsampling_conv(torch.ones(1, 1, 8, 8), weight)):
        assert torch.allclose(image[:, :, 2:-2, 2:-2], torch.ones(()))


def test_gradients_are_right_and_can_be_differentiated_again():
    config = GeneratorConfig(
        resolution=8, channel_base=16, channel_max=2, w_dim=3, z_dim=3, mapping_layers=1, registered=((4, 2), (8, 1))
    )
    made = Generator(config).double()
    fill(made, 5)
    for batch in (1, 2):
        w_plus = torch.randn(batch, config.w_layers, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(made.synthesis, (w_plus,))
        assert torch.autograd.gradgradcheck(made.synthesis, (w_plus,))


def test_every_parameter_gets_a_gradient(generator):
    generator(torch.randn(3, SMALL.z_dim)).square().sum().backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize(
    ("shape", "resolution", "noise", "says"),
    [
        ((1, 10, 32), 48, "const", "resolution 48"),
        ((1, 10, 32), 128, "const", "resolution 128"),
        ((1, 9, 32), 64, "const", r"needs \(batch, 10"),
        ((1, 10, 31), 64, "const", "shape"),
        ((10, 32), 64, "const", "shape"),
        ((1, 10, 32), 64, "random", "noise 'random'"),
    ],
)
def test_bad_input_is_named(generator, shape, resolution, noise, says):
    with pytest.raises(DnpmError, match=says):
        generator.synthesis(torch.zeros(shape), resolution, noise)


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": 100}, {"resolution": 2}, {"channel_base": 8}, {"channel_max": 0}, {"mapping_layers": 0},
        {"registered": ((128, 3),)}, {"registered": ((16, 3), (16, 4))}, {"registered": ((16, 0),)},
        {"output_scale_mm": 0.0}, {"output_scale_mm": float("nan")},
    ],
)  # fmt: skip
def test_bad_configurations_are_refused(change):
    with pytest.raises(DnpmError, match="generator configuration"):
        GeneratorConfig(**{**SMALL.__dict__, **change})


def test_a_foreign_filter_is_refused():
    with pytest.raises(DnpmError, match="another filter"):
        official_state({"G.synthesis.b8.resample_filter": torch.ones(4, 4) / 16})


GOLDEN = [
    [-0.742507, 1.055979, 0.996162, 0.547016],
    [2.905046, 0.148781, -0.163970, 1.818810],
    [0.689838, 3.644949, 2.695272, 0.920905],
    [1.114179, -2.530092, 2.063706, 0.175458],
]


@pytest.mark.parametrize("read", [(), (16,), (4, 32), (64,)])
def test_features_that_nobody_reads_are_not_computed(generator, read, monkeypatch):
    """...and the map is the same, in every precision of the shipped weights' kind."""
    with torch.no_grad():
        for r in SMALL.resolutions:
            if r not in read:
                generator.synthesis.block(r).torgb.weight[:, : SMALL.channels(r)] = 0
    w_plus = torch.randn(2, SMALL.w_layers, SMALL.w_dim)
    wanted = generator.synthesis(w_plus).detach()  # With gradients everything is computed.
    computed = []
    for r in SMALL.resolutions:
        block = generator.synthesis.block(r)
        monkeypatch.setattr(
            block, "forward", lambda *a, _r=r, _f=block.forward, **k: (computed.append(_r), _f(*a, **k))[1]
        )
    generator.eval()
    with torch.inference_mode():
        found = generator.synthesis(w_plus)
    assert torch.allclose(found, wanted, atol=1e-6 * float(wanted.std()))
    assert computed == [r for r in SMALL.resolutions if read and r <= max(read)]
    with torch.no_grad():  # What is trained further is noticed.
        generator.synthesis.block(64).torgb.weight[:, 0] = 1
    computed.clear()
    with torch.inference_mode():
        generator.synthesis(w_plus)
    assert computed == list(SMALL.resolutions)
    generator.train()
    computed.clear()
    with torch.no_grad():
        generator.synthesis(w_plus)
    assert computed == list(SMALL.resolutions)


def test_through_a_frozen_generator_flows_the_same_gradient_without_them(generator, monkeypatch):
    """Encoders are trained through a frozen G."""
    with torch.no_grad():
        for r in SMALL.resolutions:
            generator.synthesis.block(r).torgb.weight[:, : SMALL.channels(r)] = 0
    generator.eval()
    gradients = []
    for frozen in (False, True):
        generator.requires_grad_(not frozen)
        if frozen:
            monkeypatch.setattr(type(generator.synthesis.b4), "forward", None)
        w_plus = torch.linspace(-1, 1, SMALL.w_layers * SMALL.w_dim).reshape(1, SMALL.w_layers, -1).requires_grad_()
        generator.synthesis(w_plus).square().mean().backward()
        gradients.append(w_plus.grad)
    assert gradients[0].abs().max() > 0
    assert torch.allclose(*gradients, atol=1e-5 * float(gradients[0].abs().max()))


@pytest.mark.parametrize("registered", [(), ((32, 2), (64, 3))])
@pytest.mark.parametrize("floats", [1, 64 * 8 * 12, 10**9])
def test_in_strips_it_is_the_same_picture(monkeypatch, registered, floats):
    """A large block goes by strips of rows: their borders must not show, nor the picture's."""
    config = GeneratorConfig(resolution=64, channel_base=512, channel_max=16, w_dim=16, z_dim=8, registered=registered)
    made = Generator(config).eval()
    fill(made, 3)
    w_plus = torch.from_numpy(np.random.default_rng(5).standard_normal((1, config.w_layers, 16)).astype(np.float32))
    with torch.inference_mode():
        whole = made.synthesis(w_plus)
        rows = []
        before = ModulatedConv.of_rows
        monkeypatch.setattr(generator, "_STRIPS_FROM", 1)
        monkeypatch.setattr(generator, "_STRIP", floats)
        monkeypatch.setattr(ModulatedConv, "of_rows", lambda self, *a: rows.append(len(a[0][0, 0])) or before(self, *a))
        strips = made.synthesis(w_plus)
    assert (strips - whole).abs().max() < 2e-5 * whole.std()
    strips_made = sum(-(-r // max(floats // (config.channels(r) * r), 8)) for r in config.resolutions[1:])
    assert len(rows) == 1 + 2 * strips_made
    # With gradients, and for several samples, it is not used.
    assert made.synthesis(w_plus.clone()).requires_grad


def test_a_style_in_the_kernel_is_a_style_on_the_features():
    """One sample with a small kernel, and several samples: two ways to the same numbers."""
    made = Generator(GeneratorConfig(resolution=64, channel_base=512, channel_max=16, w_dim=16, z_dim=8)).eval()
    fill(made, 4)
    w_plus = torch.randn(2, made.config.w_layers, 16)
    with torch.inference_mode():
        both = made.synthesis(w_plus)
        alone = torch.cat([made.synthesis(one[None]) for one in w_plus])
    assert (both - alone).abs().max() < 1e-4 * both.std()
    conv = made.synthesis.block(64).conv1
    assert conv.modulated(torch.empty(1, 8, 64, 64), w_plus[:1, 0]).demodulation is None
    assert conv.modulated(torch.empty(1, 8, 2, 2), w_plus[:1, 0]).demodulation is not None
