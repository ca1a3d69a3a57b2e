"""Generators as projects wrap them: the right one is found, whatever lies around it, and gives the same images."""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.foreign import read_generator
from dnpm.core.detail.foreign.safe_pickle import load_pickle
from dnpm.core.detail.generator import Generator
from dnpm.core.errors import DnpmError
from dnpm.core.files.sealed import DamagedError, RefusedError
from dnpm.tests.core.detail.foreign.files import (
    Raw,
    network,
    official_modules,
    rosinality,
    write_official,
)

SCALAR = np.float64(1).__reduce__()[0]
SMALL = GeneratorConfig(resolution=16, channel_base=128, channel_max=16, z_dim=10, w_dim=10, img_channels=3)
W_LAYERS = 6


@pytest.fixture(scope="module")
def small() -> Generator:
    torch.manual_seed(4)
    made = Generator(SMALL).eval()
    with torch.no_grad():
        made.mapping.w_avg.normal_()
        for name, parameter in made.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return made


def basicsr(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names -> BasicSR's, which has rosinality's factors and no filters."""
    names = (
        (r"style\.(\d)", r"style_mlp.\1"), (r"input\.input", "constant_input.weight"), (r"noise_(\d)", r"noise\1"),
        (r"^conv(1|s\.\d)\.noise\.weight", r"style_conv\1.weight"),
        (r"^conv(1|s\.\d)\.conv", r"style_conv\1.modulated_conv"),
        (r"^conv(1|s\.\d)\.activate", r"style_conv\1.activate"),
        (r"^to_rgb(1|s\.\d)\.conv", r"to_rgb\1.modulated_conv"),
    )  # fmt: skip
    result = {}
    for name, value in rosinality(state).items():
        for old, new in names:
            name = re.sub(old, new, name)
        if not name.endswith(".kernel"):
            result[name] = value
    return result


def under(prefix: str, state: dict[str, torch.Tensor]) -> OrderedDict[str, torch.Tensor]:
    return OrderedDict((f"{prefix}{name}", value) for name, value in state.items())


def half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value * 0.5 for name, value in state.items()}


ENCODER = {"encoder.input_layer.0.weight": torch.ones(4, 3, 3, 3), "encoder.body.0.bias": torch.ones(4)}
CASES = {
    "rosinality's own": ("g_ema", lambda s: {
        "g_ema": rosinality(s), "g": half(rosinality(s)), "d": {"convs.0": torch.ones(1)},
        "latent_avg": s["mapping.w_avg"]}),
    "pSp": ("state_dict/decoder", lambda s: {
        "state_dict": {**ENCODER, **under("decoder.", rosinality(s))}, "opts": {"device": "cuda:0", "lr": 1e-4},
        "latent_avg": s["mapping.w_avg"].repeat(W_LAYERS, 1)}),
    "e4e": ("state_dict/decoder", lambda s: {
        "state_dict": {**ENCODER, **under("decoder.", rosinality(s)), "latent_avg": s["mapping.w_avg"][None]},
        "opts": {"start_from_latent_avg": True}, "best_val_loss": np.float64(0.3), "global_step": 5,
        "discriminator_state_dict": {"convs.0.weight": torch.ones(2)}}),
    "a decoder in DataParallel": ("module.decoder", lambda s: {
        **under("module.encoder.", ENCODER), **under("module.decoder.", rosinality(s)),
        "module.latent_avg": s["mapping.w_avg"]}),
    "nothing around it": ("", rosinality),
    "params_ema with rosinality's names": ("params_ema", lambda s: {
        "params": half(rosinality(s)), "params_ema": rosinality(s), "latent_avg": s["mapping.w_avg"]}),
    "BasicSR": ("params_ema", lambda s: {
        "params": half(basicsr(s)), "params_ema": basicsr(s), "latent_avg": s["mapping.w_avg"]}),
    "GFPGAN": ("params_ema/stylegan_decoder", lambda s: {
        "params_ema": {"conv_body_first.0.weight": torch.ones(2), **under("stylegan_decoder.", basicsr(s))},
        "latent_avg": s["mapping.w_avg"]}),
    "official names, a state dict": ("", dict),
    "official names, G_ema": ("G_ema", lambda s: {"G": half(s), "G_ema": s}),
    "official names, Lightning": ("state_dict/netG_ema", lambda s: {
        "state_dict": {**under("netG.", half(s)), **under("netG_ema.", s), "netD.b4.bias": torch.ones(2)}}),
    "official names, module": ("G_ema/module", lambda s: {"G_ema": under("module.", s)}),
}  # fmt: skip


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_generator_is_found(small: Generator, tmp_path: Path, case: str, old: bool):
    label, wrap = CASES[case]
    path = tmp_path / "any_name.pth"
    torch.save(wrap(dict(small.state_dict())), path, _use_new_zipfile_serialization=not old)
    found = read_generator(path)
    assert found.network == label
    if case == "nothing around it":
        assert "The file had no average of w" in found.notes[-1]
        found.generator.mapping.w_avg.copy_(small.mapping.w_avg)
    assert torch.equal(found.generator.mapping.w_avg, small.mapping.w_avg)
    z = torch.randn(2, 10)
    with torch.no_grad():
        expected = small(z, 0.7)
        assert torch.allclose(found.generator(z, 0.7), expected, atol=1e-4 * float(expected.std()))


def test_a_pickle_of_a_state_dict_and_of_a_network_alone(small: Generator, tmp_path: Path):
    with official_modules():
        contents = (network(dict(small.state_dict())), dict(small.state_dict()), {"G": dict(small.state_dict())})
        for k, content in enumerate(contents):
            (tmp_path / f"{k}.pkl").write_bytes(pickle.dumps(content))
    for k in range(3):
        assert torch.equal(read_generator(tmp_path / f"{k}.pkl").generator.synthesis.b4.const, small.synthesis.b4.const)


def test_several_are_named(small: Generator, tmp_path: Path):
    state = dict(small.state_dict())
    torch.save({"netA": state, "netB": half(state)}, tmp_path / "two.pt")
    with pytest.raises(DnpmError, match=r"several generators \(netA, netB\); name one with --key"):
        read_generator(tmp_path / "two.pt")
    found = read_generator(tmp_path / "two.pt", key="netB")
    assert torch.equal(found.generator.synthesis.b4.const, 0.5 * small.synthesis.b4.const)
    with pytest.raises(DnpmError, match="no network 'netC', but netA, netB"):
        read_generator(tmp_path / "two.pt", key="netC")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: {"G_ema": {**s, "mapping.embed.weight": torch.ones(10, 3)}}, "conditional generator"),
        (lambda s: under("module.", {**s, "mapping.embed.bias": torch.ones(10)}), "conditional generator"),
        (lambda s: {"g_ema": {**rosinality(s), "embed.weight": torch.ones(10, 3)}}, "conditional generator"),
        (lambda s: {"g_ema": {**rosinality(s), "label_embedding.weight": torch.ones(10, 3)}}, "conditional generator"),
        (lambda s: {"params_ema": {**basicsr(s), "style_convs.0.bias": torch.ones(1, 16, 1, 1)}}, "simplified"),
        (lambda s: {"state_dict": ENCODER}, r"is not a StyleGAN2 generator .* it holds state_dict"),
        (lambda s: {"G_ema": {"synthesis.input.weight": torch.ones(2)}}, "Networks of StyleGAN3"),
        (lambda s: {"g_ema": {**rosinality(s), "conv1.conv.weight": torch.ones(0, 1, 1, 1, 1)}}, "conv1.conv.weight"),
        (lambda s: {"g_ema": {**rosinality(s), "noises.noise_0": torch.ones(3)}}, "noise_0 must have 4 dimensions"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_named(small: Generator, tmp_path: Path, capsys, change, says):
    torch.save(change(dict(small.state_dict())), tmp_path / "g.pt")
    assert main(["convert", str(tmp_path / "g.pt"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path}/g.pt: ")
    assert said.count("\n") == 1
    assert re.search(says, said)
    assert not (tmp_path / "out").exists()


def test_an_average_of_each_layer_is_not_taken_for_one(small: Generator, tmp_path: Path):
    state = dict(small.state_dict())
    torch.save({"g_ema": rosinality(state), "latent_avg": torch.randn(W_LAYERS, 10)}, tmp_path / "g.pt")
    notes = read_generator(tmp_path / "g.pt").notes
    assert any("another one in each layer" in note for note in notes)
    assert any("no average of w" in note for note in notes)


def written(path: Path, small: Generator, change) -> Path:
    """An official pickle whose network `change` has seen."""
    with official_modules():
        made = network(dict(small.state_dict()))
        change(made)
        return write_official(path, dict(small.state_dict()), G_ema=made)


def test_what_official_layers_say_is_followed(small: Generator, tmp_path: Path):
    def slower(made):
        for k in range(8):
            layer = made._modules["mapping"]._modules[f"fc{k}"]
            layer.weight.data *= 0.5
            layer.bias.data *= 0.5
            layer.bias_gain = np.float64(0.02)
        made._modules["synthesis"]._modules["b8"]._modules["conv1"].conv_clamp = 256

    found = read_generator(written(tmp_path / "g.pkl", small, slower))
    z = torch.randn(2, 10)
    with torch.no_grad():
        assert torch.allclose(found.generator(z, 0.7), small(z, 0.7), rtol=1e-4, atol=1e-4)
    assert any("factor is 0.02, not 0.01" in note for note in found.notes)
    assert any("+-256" in note for note in found.notes)

    def swish(made):
        made._modules["mapping"]._modules["fc3"].activation = "swish"

    with pytest.raises(DnpmError, match=r"mapping.fc3 is activated by 'swish'"):
        read_generator(written(tmp_path / "g.pkl", small, swish))
    with pytest.raises(DnpmError, match="conditional generator"):
        read_generator(written(tmp_path / "g.pkl", small, lambda made: setattr(made, "c_dim", 3)))


def test_the_official_form_with_numpy_numbers(shared_cases: Path):
    found = read_generator(shared_cases / "checkpoints" / "case_numpy.pkl")
    assert found.network == "G_ema"
    for name in ("rosi_conv.pt", "rosi_noise0.pt"):
        with pytest.raises(DnpmError, match=rf"{name}: is not a StyleGAN2 generator"):
            read_generator(shared_cases / "checkpoints" / name)


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_numpy_values(protocol: int):
    values = [
        np.float64(0.1), np.float32(-2.5), np.int64(-7), np.uint8(200), np.bool_(True), np.complex64(1 + 2j),
        np.str_("lrelu"), np.bytes_(b"ab"), np.float64("nan"), np.array(3.5, ">f8")[()], np.str_(""),
    ]  # fmt: skip
    got = load_pickle(pickle.dumps(values, protocol))
    assert [type(v) for v in got] == [float, float, int, int, bool, complex, str, bytes, float, float, str]
    np.testing.assert_array_equal(got[:6], [v.item() for v in values[:6]])
    assert got[6:8] == ["lrelu", b"ab"]
    assert got[8] != got[8]
    assert got[9] == 3.5
    kept = load_pickle(
        pickle.dumps({"size": np.array([16, 16]), "rates": np.zeros((2, 0, 3)), "type": np.float32}, protocol)
    )
    assert set(kept) == {"size", "rates", "type"}


@pytest.mark.parametrize(
    "evil",
    [
        np.array([object], object), np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), np.array(["2020"], "M8[D]"),
        Raw(SCALAR, np.dtype("f8"), b"1234567"), Raw(SCALAR, np.dtype("f8"), None), Raw(SCALAR, "f8", b"12345678"),
        Raw(SCALAR, np.dtype("V2000000000"), None), Raw(np.dtype, "f8,f8"), Raw(np.dtype, "O"),
        Raw(np.dtype, [("a", "f8")]), np.rec.array([(1, 2)]),
    ],
)  # fmt: skip
def test_numpy_values_that_are_not_numbers(evil):
    with pytest.raises((DamagedError, RefusedError)):
        load_pickle(pickle.dumps([evil]))


def test_bfloat16_and_old_tensorflow(tmp_path: Path):
    value = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    made = load_pickle(pickle.dumps(torch.nn.Parameter(value)))
    assert torch.equal(made.tensor(), value)
    text = b"cdnnlib.tflib.network\nNetwork\n."
    (tmp_path / "ffhq.pkl").write_bytes(text)
    with pytest.raises(DnpmError, match=r"ffhq.pkl: is not opened.*TensorFlow.*legacy.py"):
        read_generator(tmp_path / "ffhq.pkl")
