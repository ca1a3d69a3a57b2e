"""A recognition network from a graph: its levels, gradients to the maps, and what is no such network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.measures.identity import IdentityNetwork
from dnpm.core.measures.perceptual import perceptual
from dnpm.core.tflite.graph import Graph, Step
from dnpm.core.training.photo.restoration import identity_distance

SIDE = 16


def small_graph(last: int = 32) -> Graph:
    """16 x 16 x 3 -> 8 x 8 x 4 -> 4 x 4 x 8 -> (1, last), with an ABS between."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator) * 0.3  # noqa: E731
    halve = {"stride": (2, 2), "dilation": (1, 1), "padding": "SAME", "activation": "NONE"}
    constants = {1: draw(4, 3, 3, 3), 2: draw(4), 3: draw(8, 3, 3, 4), 4: draw(8), 5: draw(last, 128), 6: draw(last)}
    steps = [
        Step("CONV_2D", [0, 1, 2], [10], dict(halve)),
        Step("ABS", [10], [11]),
        Step("CONV_2D", [11, 3, 4], [12], dict(halve)),
        Step("RESHAPE", [12], [13], {"shape": [-1, 128]}),
        Step("FULLY_CONNECTED", [13, 5, 6], [14], {"activation": "NONE"}),
    ]
    return Graph(steps, constants, [0], [14])


def test_levels_are_the_last_of_each_size_and_the_embedding() -> None:
    network = IdentityNetwork(small_graph(), SIDE, "small")
    levels = network.layers(torch.randn(2, 3, 40, 40))
    assert [tuple(x.shape) for x in levels] == [(2, 4, 8, 8), (2, 8, 4, 4), (2, 32, 1, 1)]
    assert (levels[0] >= 0).all(), "the last one of its size is the ABS"
    assert not any(p.requires_grad for p in network.parameters())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), size=st.sampled_from([16, 24, 64]))
def test_distance_is_nought_for_the_same_and_grows_gradients(seed: int, size: int) -> None:
    network = IdentityNetwork(small_graph(), SIDE, "small")
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(2, 1, size, size, generator=generator) * 0.2 for _ in range(2))
    a.requires_grad_(True)
    assert abs(identity_distance(network, a, a).item()) < 1e-5
    distance = identity_distance(network, a, b)
    assert 0 < distance.item() <= 2 * 3, "three levels here"
    distance.backward()
    assert a.grad is not None
    assert a.grad.abs().sum() > 0


def test_it_is_the_sum_over_levels() -> None:
    """Eq. 14; a mean would weigh each of ArcFace's five levels by .02 where the paper has .1."""
    network = IdentityNetwork(small_graph(), SIDE, "small")
    a, b = (torch.randn(2, 1, 24, 24, generator=torch.Generator().manual_seed(k)) * 0.2 for k in (1, 2))
    parts = [identity_distance(network, a, b, k).item() for k in (1, 2, 3)]
    levels = [
        1 - torch.nn.functional.cosine_similarity(
            *(torch.nn.functional.adaptive_avg_pool2d(f, 4).flatten(1) for f in pair), dim=1
        ).mean().item()
        for pair in zip(*(network.layers((x / network.range_mm).clamp(-1, 1).expand(-1, 3, -1, -1)) for x in (a, b)),
                        strict=True)
    ]  # fmt: skip
    assert parts == pytest.approx([levels[2], levels[1] + levels[2], sum(levels)], rel=1e-4)
    assert identity_distance(network, a, b).item() == pytest.approx(parts[2])
    five = perceptual("efficientnet-lite0")
    assert len(five.layers(torch.zeros(1, 3, 64, 64))) == 5, "as many as ArcFace's"


def test_several_pictures_are_as_each_alone() -> None:
    network = IdentityNetwork(small_graph(), SIDE, "small")
    pictures = torch.randn(3, 3, 20, 20)
    together, alone = network.layers(pictures), [network.layers(p[None]) for p in pictures]
    for k, level in enumerate(together):
        assert torch.allclose(level, torch.cat([one[k] for one in alone]), atol=1e-5)


def test_other_networks_are_refused() -> None:
    with pytest.raises(DnpmError, match="not a face recognition network"):
        IdentityNetwork(small_graph(last=5), SIDE, "small")
    with pytest.raises(DnpmError, match="does not take pictures of 24"):
        IdentityNetwork(small_graph(), 24, "small")


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_bad_files_are_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "face.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DnpmError, match=r"face\.tflite"):
        IdentityNetwork.load(path)


def test_the_command_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "train",
        "restoration",
        f"--folder={tmp_path}",
        f"--identity-network={tmp_path / 'gone.tflite'}",
        "--out=x",
    ]
    assert main(words) == 2
    assert "gone.tflite: no such file" in capsys.readouterr().err
