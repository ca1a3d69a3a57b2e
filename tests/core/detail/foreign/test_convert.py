"""Checkpoints of other projects give the same images here; nothing that a file carries is ever run."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnpm.core.cli.main import main
from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.foreign import read_generator
from dnpm.core.detail.foreign.safe_pickle import load_pickle
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.generator_files import load_generator
from dnpm.core.errors import DnpmError
from dnpm.core.files.sealed import DamagedError, RefusedError
from dnpm.tests.core.detail import naive_stylegan2 as naive
from dnpm.tests.core.detail.foreign.files import (
    TAPS,
    Raw,
    network,
    official_modules,
    storage_bytes,
    write_official,
    write_rosinality,
)

SMALL = GeneratorConfig(resolution=16, channel_base=128, channel_max=16, z_dim=12, w_dim=10, img_channels=3)


@pytest.fixture(scope="module")
def small() -> Generator:
    torch.manual_seed(3)
    made = Generator(SMALL).eval()
    with torch.no_grad():
        made.mapping.w_avg.normal_()
        for name, parameter in made.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module", params=["the naive network's", "others'"])
def reference(request: pytest.FixtureRequest) -> dict[str, torch.Tensor]:
    own = request.param == "the naive network's"
    file = naive.FILE if own else request.getfixturevalue("shared_data") / "stylegan2_reference_64.npz"
    with np.load(file) as data:
        return {name: torch.from_numpy(data[name].copy()) for name in data.files}


@pytest.mark.parametrize("kind", ["official", "rosinality"])
def test_the_reference_gives_its_images(reference, tmp_path: Path, kind):
    state = {k.removeprefix("G."): v for k, v in reference.items() if k.startswith("G.")}
    state = {k: v for k, v in state.items() if not k.endswith("resample_filter")}
    file = (
        write_official(tmp_path / "g.pkl", state) if kind == "official" else write_rosinality(tmp_path / "g.pt", state)
    )
    assert main(["convert", str(file), "--out", str(tmp_path / "out")]) == 0
    generator, card = load_generator(tmp_path / "out")
    assert card["parameters"] == sum(p.numel() for p in generator.parameters())
    config, rows = generator.config, reference["w_plus"].shape[1]
    expected = {32: (256, 12), 64: (2048, 64)}[config.resolution]
    assert (config.channel_base, config.channel_max) == expected
    with torch.inference_mode():
        got = {
            "w": generator.mapping(reference["z"])[:, None].expand(-1, rows, -1),
            "w_psi07": generator.mapping(reference["z"], 0.7)[:, None].expand(-1, rows, -1),
            "image_const": generator.synthesis(reference["w_plus"]),
            "image_nonoise": generator.synthesis(reference["w_plus"], noise="none"),
        }
    for name, value in got.items():
        assert (value - reference[name]).abs().max() < 1e-4 * reference[name].std(), name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_and_three_channels(small, tmp_path: Path, protocol):
    file = write_official(tmp_path / "g.pkl", small.state_dict(), protocol)
    found = read_generator(file)
    assert found.generator.config == SMALL
    z = torch.randn(2, 12)
    with torch.no_grad():
        assert torch.equal(found.generator(z, 0.7), small(z, 0.7))


def test_one_channel_is_the_mean_of_the_colours(small, tmp_path: Path):
    file = write_official(tmp_path / "g.pkl", small.state_dict())
    found = read_generator(file, one_channel=True, scale_mm=2.0)
    z = torch.randn(2, 12)
    with torch.no_grad():
        expected = 2 * small(z).mean(1, keepdim=True)
        assert torch.allclose(found.generator(z), expected, atol=1e-4 * float(expected.std()))
    single = read_generator(file, one_channel=True).generator.state_dict()
    with pytest.raises(DnpmError, match="one channel already"):
        read_generator(write_official(tmp_path / "one.pkl", single), one_channel=True)


def test_a_training_checkpoint_of_rosinalitys(small, tmp_path: Path):
    """With its command line in it, and no average of w."""
    found = read_generator(write_rosinality(tmp_path / "g.pt", small.state_dict(), averaged=False, training=True))
    assert any("no average of w" in note for note in found.notes)
    z, w = torch.randn(2, 12), torch.randn(2, SMALL.w_layers, 10)
    with torch.no_grad():
        average = small.mapping(torch.randn(20000, 12)).mean(0)
        assert torch.allclose(found.generator.mapping.w_avg, average, atol=0.15 * float(small.mapping(z).std()))
        expected = small.synthesis(w)
        assert torch.allclose(found.generator.synthesis(w), expected, atol=1e-4 * float(expected.std()))


def test_a_network_without_noise(small, tmp_path: Path):
    state = {k: v for k, v in small.state_dict().items() if ".noise_" not in k}
    found = read_generator(write_official(tmp_path / "g.pkl", state))
    assert "no constant noise" in found.notes[0]
    z = torch.randn(1, 12)
    with torch.no_grad():
        assert torch.allclose(found.generator(z), small(z, noise="none"), atol=1e-6)


def test_another_network_of_the_file(small, tmp_path: Path):
    with official_modules():
        other = network({k: v * 0.5 for k, v in small.state_dict().items()})
        file = write_official(tmp_path / "g.pkl", small.state_dict(), G=other)
    half = read_generator(file, key="G").generator
    assert torch.equal(half.synthesis.b4.const, small.synthesis.b4.const * 0.5)
    with pytest.raises(DnpmError, match=r"no network 'G_avg'.*G_ema.*--key"):
        read_generator(file, key="G_avg")


def call(tmp_path: Path) -> dict[str, object]:
    """What a malicious file may ask for; each would leave a trace, or crash."""
    trace = str(tmp_path / "was_run")
    return {
        "os.system": Raw(os.system, f"touch {trace}"),
        "os.mkdir": Raw(os.mkdir, trace),
        "eval": Raw(builtins.eval, f"__import__('os').mkdir({trace!r})"),
        "getattr": Raw(builtins.getattr, {}, "keys"),
        "numpy.load": Raw(np.load, trace, "r", True),
        "numpy.fromfile": Raw(np.fromfile, "/dev/zero"),
        "torch.load": Raw(torch.load, trace),
        "counter": collections.Counter("aab"),
    }


@pytest.mark.parametrize("where", ["beside", "inside", "instead"])
@pytest.mark.parametrize("what", sorted(call(Path())))
def test_malicious_pickles_do_not_run(small, tmp_path: Path, capsys, what, where):
    evil = call(tmp_path)[what]
    file = tmp_path / "evil.pkl"
    if where == "instead":
        file.write_bytes(pickle.dumps(evil))
    elif where == "beside":
        write_official(file, small.state_dict(), extra=evil)
    else:
        with official_modules():
            made = network(small.state_dict())
            made.init_kwargs = {"evil": evil}
            file.write_bytes(pickle.dumps({"G_ema": made}))
    assert main(["convert", str(file), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "is not opened, because it wants to use" in said
    assert not (tmp_path / "was_run").exists()
    assert not (tmp_path / "out").exists()


def test_malicious_archives_do_not_run(tmp_path: Path, capsys):
    torch.save({"g_ema": Raw(os.mkdir, str(tmp_path / "was_run"))}, tmp_path / "evil.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Raw(os.mkdir, str(tmp_path / "was_run")), 2))
    for name in ("evil.pt", "old.pt"):
        assert main(["convert", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        assert "is not opened" in capsys.readouterr().err
    assert not (tmp_path / "was_run").exists()


def rebuilt(offset: object, size: object, stride: object, data: bytes | None = None) -> bytes:
    storage = Raw(torch.storage._load_from_bytes, storage_bytes(torch.arange(6.0)) if data is None else data)
    return pickle.dumps(Raw(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, None))


def test_a_well_formed_tensor_is_read():
    assert load_pickle(rebuilt(1, (2, 2), (2, 1))).tensor().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert load_pickle(rebuilt(6, (0,), (1,))).tensor().shape == (0,)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)), (1, (6,), (1,)), (0, (2, 3), (6, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (10**18, (1,), (1,)),
        (0, (10**12,), (0,)), (0, (2, 3), (1,)), (0, (2.0,), (1,)), ("0", (2,), (1,)), (0, [2], (1,)),
        (0, (1,) * 9, (1,) * 9), (2**63, (1,), (1,)), (0, (2,), (2**62,)), (True, (1,), (1,)),
    ],
)  # fmt: skip
def test_tensors_that_reach_beyond_their_bytes_are_refused(offset, size, stride):
    with pytest.raises(DamagedError):
        load_pickle(rebuilt(offset, size, stride))


def test_storages_that_lie_are_refused():
    good = storage_bytes(torch.arange(6.0))
    for bad in (
        good[:-4], good + b"1234", b"", b"junk", good.replace(b"FloatStorage", b"BoolStorage\n"),
        good[:-32] + (10**9).to_bytes(8, "little") + good[-24:], pickle.dumps(6), pickle.dumps(Raw(os.getcwd)),
    ):  # fmt: skip
        with pytest.raises((DamagedError, RefusedError)):
            load_pickle(rebuilt(0, (1,), (1,), bad))
    with pytest.raises(DamagedError, match="without a storage"):
        load_pickle(pickle.dumps(Raw(torch._utils._rebuild_tensor_v2, "text", 0, (1,), (1,), False, None)))


def test_what_was_checked_cannot_be_changed():
    """A pickle's BUILD sets attributes: neither of a tensor whose bounds were checked, nor of what stands for names."""
    change = {"offset": 10**9}
    tensor = rebuilt(0, (1,), (1,))[:-1]
    names = [b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"cbuiltins\nset\n"]
    names += [b"ctorch.nn.modules.linear\nLinear\n", b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"]
    state = pickle.dumps((None, change), 2)[2:-1]
    for start in (tensor, *(b"\x80\x04" + name for name in names)):
        with pytest.raises((RefusedError, DamagedError)):
            load_pickle(start + state + b"b.")


def test_networks_that_contain_themselves(tmp_path: Path):
    with official_modules():
        inner = torch.nn.Linear(1, 1)
        outer = torch.nn.Sequential(inner, inner)
        (tmp_path / "twice.pkl").write_bytes(pickle.dumps({"G_ema": outer}))
    with pytest.raises(DnpmError, match="part of two"):
        read_generator(tmp_path / "twice.pkl")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**9), value=st.integers(0, 255), cut=st.booleans())
def test_damage_ends_in_a_message(small_pickle: bytes, place, value, cut):
    damaged = bytearray(small_pickle)
    place %= len(damaged)
    damaged[place] = value
    if cut:
        del damaged[place:]
    try:
        content = load_pickle(bytes(damaged))
        if isinstance(content, dict) and "G_ema" in content and hasattr(content["G_ema"], "tensors"):
            content["G_ema"].tensors()
    except (RefusedError, DamagedError):
        pass


@pytest.fixture(scope="module")
def small_pickle(tmp_path_factory) -> bytes:
    state = {"synthesis.b4.const": torch.ones(2, 4, 4), "mapping.w_avg": torch.ones(3)}
    return write_official(tmp_path_factory.mktemp("p") / "g.pkl", state).read_bytes()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s | {"mapping.embed.weight": torch.ones(2, 2)}, "conditional"),
        (lambda s: {k: v for k, v in s.items() if "torgb" not in k}, "skip connections"),
        (lambda s: {k.replace("synthesis.b", "synthesis.L"): v for k, v in s.items()}, "StyleGAN3"),
        (lambda s: {k: v for k, v in s.items() if k != "synthesis.b8.conv0.bias"}, "b8.conv0.bias is missing"),
        (lambda s: s | {"synthesis.b8.skip.weight": torch.ones(1)}, "residual generator"),
        (lambda s: s | {"synthesis.b8.spare.weight": torch.ones(1)}, "b8.spare.weight is not known"),
        (lambda s: s | {"synthesis.b4.const": s["synthesis.b4.const"] * torch.nan}, "not finite"),
        (lambda s: s | {"synthesis.b8.conv1.weight": torch.ones(5, 16, 3, 3)}, "do not follow"),
    ],
)
def test_other_networks_are_named(small, tmp_path: Path, change, says):
    file = write_official(tmp_path / "g.pkl", change(dict(small.state_dict())))
    with pytest.raises(DnpmError, match=says):
        read_generator(file)


def test_another_filter_is_named(small, tmp_path: Path):
    file = write_rosinality(tmp_path / "g.pt", small.state_dict())
    content = torch.load(file, weights_only=True)
    content["g_ema"]["to_rgbs.0.upsample.kernel"] = torch.ones(4, 4) / 4
    torch.save(content, file)
    with pytest.raises(DnpmError, match=r"to_rgbs.0.upsample.kernel is another filter"):
        read_generator(file)
    content["g_ema"]["to_rgbs.0.upsample.kernel"] = TAPS / 16
    content["g_ema"]["body.0.weight"] = torch.ones(1)
    torch.save(content, file)
    with pytest.raises(DnpmError, match=r"body.0.weight is not part"):
        read_generator(file)
    torch.save({"g_ema": {"body.0.weight": torch.ones(1)}}, file)
    with pytest.raises(DnpmError, match=r"is not a StyleGAN2 generator .* it holds g_ema"):
        read_generator(file)


def test_files_that_are_none(tmp_path: Path, capsys):
    (tmp_path / "text.pkl").write_text("no pickle")
    (tmp_path / "text.pt").write_text("no archive")
    for name in ("text.pkl", "text.pt", "none.pkl"):
        assert main(["convert", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        assert name in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "text.pkl"), "--out", str(tmp_path), "--scale-mm", "0"]) == 2


def test_a_damaged_result_is_named(small, tmp_path: Path):
    file = write_official(tmp_path / "g.pkl", small.state_dict())
    assert main(["convert", str(file), "--out", str(tmp_path / "out")]) == 0
    weights = tmp_path / "out" / "generator.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(DnpmError, match=r"generator.safetensors"):
        load_generator(tmp_path / "out")
    with pytest.raises(DnpmError, match="dnpm convert"):
        load_generator(tmp_path)
