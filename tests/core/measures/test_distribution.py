"""The Fréchet distance against its formula, precision and recall on known clouds, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import linalg

from dnpm.core.cli.main import main
from dnpm.core.dataset import form
from dnpm.core.dataset.dataset import MapDataset, MapWriter
from dnpm.core.detail.config import GeneratorConfig
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.generator_files import save_generator
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import distance
from dnpm.core.measures import distribution


@pytest.mark.parametrize("count", [400, 6])
def test_frechet_distance_is_that_of_normal_distributions(count: int):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((count, 8)) @ rng.standard_normal((8, 8))
    b = rng.standard_normal((count + 1, 8)) @ rng.standard_normal((8, 8)) + 0.5
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert distribution.frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)
    assert distribution.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_tell_which_side_lacks_what():
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((60, 3)) - 20, rng.standard_normal((60, 3)) + 20
    both = np.concatenate([left, right])
    assert distribution.precision_recall(left + 0.01, both) == (1.0, 0.5), "one half is never painted"
    assert distribution.precision_recall(both, left)[0] == 0.5, "half of what is painted is like nothing real"
    assert distribution.precision_recall(left, right) == (0.0, 0.0)


def batches(maps: np.ndarray):
    yield torch.from_numpy(maps[:5, None])
    yield torch.from_numpy(maps[5:, None])


def test_looks_see_the_difference_and_only_inside_the_mask():
    rng = np.random.default_rng(2)
    mask = np.ones((64, 64), np.float32)
    mask[:, :16] = 0
    smooth = torch.nn.functional.avg_pool2d(torch.from_numpy(rng.normal(0, 0.2, (24, 1, 68, 68))), 5, 1)[:, 0]
    smooth = smooth.numpy().astype(np.float32)
    rough = smooth + rng.normal(0, 0.02, smooth.shape).astype(np.float32)
    outside = smooth.copy()
    outside[:, :, :16] += 3
    features, name = distribution.features_named("random")
    assert "random" in name
    first, other, third = (
        distribution.extract_features(batches(m), features, mask, 64) for m in (smooth, rough, outside)
    )
    assert first.features.shape == (24, 448)
    assert distribution.compare(third, first) == distribution.compare(first, first)
    same, far = distribution.compare(first, first), distribution.compare(other, first)
    assert same["frechet"] < 1e-6 < far["frechet"]
    assert same["spectrum_rms_db"] == 0
    assert far["spectrum_worst_db"] > 3
    with pytest.raises(DnpmError, match="more than 3 maps"):
        distribution.extract_features(iter([torch.from_numpy(smooth[:2, None])]), features, mask, 64)
    with pytest.raises(DnpmError, match="at least 32"):
        distribution.extract_features(batches(smooth), features, mask, 16)


def test_efficientnets_features():
    features, name = distribution.features_named("efficientnet-lite0")
    assert name.startswith("EfficientNet-Lite0")
    assert features(torch.zeros(2, 3, 64, 64)).shape == (2, 512)


def test_command(tmp_path: Path, capsys):
    about = form.About("noise", 64, 1, 1, ["a"])
    rng = np.random.default_rng(3)
    with MapWriter(tmp_path / "set", about, np.ones((64, 64), np.float32)) as writer:
        for k in range(20):
            writer.add(str(k), rng.normal(0, 0.1, (64, 64)), split="train" if k < 12 else "test")
    generator = Generator(GeneratorConfig(256, 8, resolution=64, z_dim=16, w_dim=16, mapping_layers=2))
    (tmp_path / "g").mkdir()
    save_generator(tmp_path / "g", generator, {"name": "g"})
    command = ["evaluate", "distance", "--data", str(tmp_path / "set"), "--samples", "10", "--features", "random"]
    assert main([*command, "--weights", str(tmp_path / "g"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["real"] == 10
    assert result["held_out"]["maps"] == 8
    assert result["held_out"]["frechet"] < result["frechet"]
    assert main([*command, "--weights", str(tmp_path / "g")]) == 0
    assert "not FID" in capsys.readouterr().out
    assert len(MapDataset.open(tmp_path / "set")) == 20


def test_command_with_the_teachers_maps(monkeypatch, tmp_path: Path, capsys):
    """Without --data the teacher paints; E's maps of random sliders and the mean map stand beside z's."""
    model = SimpleNamespace(detail_mask=np.ones((64, 64), np.float32))
    rng = np.random.default_rng(5)
    generator = Generator(GeneratorConfig(256, 8, resolution=64, z_dim=16, w_dim=16, mapping_layers=2))

    class Detail(SimpleNamespace):
        def displacement(self, identity, expression, resolution):
            assert identity.shape == expression.shape == (len(identity), 2)
            return torch.from_numpy(rng.normal(0, 0.1, (len(identity), 1, resolution, resolution)).astype(np.float32))

    class Teacher(SimpleNamespace):
        def map(self, identity, expression):
            return rng.normal(0, 0.1, (self.size, self.size)).astype(np.float32)

    detail = Detail(generator=generator, card={"seed": 3})
    monkeypatch.setattr(
        distance, "Painter", SimpleNamespace(of=lambda args: SimpleNamespace(model=model, detail=detail))
    )
    monkeypatch.setattr(distance, "Teacher", lambda model, size, seed: Teacher(size=size, seed=seed))
    monkeypatch.setattr(distance.samples, "draw", lambda *arguments: (np.zeros(2, np.float32), np.zeros(2, np.float32)))
    command = ["evaluate", "distance", "--samples", "20", "--features", "random"]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["data"], result["resolution"], result["real"]) == ("the teacher", 64, 20)
    assert result["sliders"]["maps"] == result["held_out"]["maps"] == 20
    assert result["sliders"]["frechet"] < result["mean_map"]["frechet"]
    assert result["held_out"]["frechet"] < result["frechet"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert all(title in printed for title in ("random z", "random sliders", "held-out real", "mean map"))
