"""Arguments that commands share: every command that computes takes the same --device, and old command lines hold."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch

from dnpm.core.cli.main import _parser
from dnpm.core.errors import DnpmError
from dnpm.core.measures.trunks import KINDS, Trunk
from dnpm.core.options import add_perceptual, add_threads, device_of, perceptual_of, perceptual_weight_of, use_threads

SOME = {
    "animate": ["--audio", "a.wav", "--out", "o"], "batch": ["--out", "o"], "face": ["--out", "o"], "bench": [],
    "info": [],
    "finetune": ["--maps", "m", "--out", "o"], "demo": [], "figures": [],
    "train pix2pix": [], "train restoration": ["--out", "o"], "train detail": ["--weights", "w"],
    "train encoder": ["--out", "o"], "train generator": [], "train speech": ["--data", "d", "--out", "o"],
    "data speech": [], "evaluate table1": [], "evaluate table2": [], "evaluate table3": [], "evaluate table4": [],
}  # fmt: skip


@pytest.mark.parametrize("command", SOME)
def test_every_command_that_computes_takes_a_device(command: str) -> None:
    words = command.split()
    args = _parser(words[0]).parse_args([*words, *SOME[command], "--device", "cpu"])
    assert device_of(args) == torch.device("cpu")
    args.device = "abacus"
    with pytest.raises(DnpmError, match="abacus"):
        device_of(args)


def parsed(*words: str, **how) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--perceptual-weight", type=float, default=0.2)
    add_perceptual(parser, **how)
    return parser.parse_args(words)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """torch's download cache, empty."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture(scope="module")
def trunks(tmp_path_factory) -> dict[str, Path]:
    """Trunks with random numbers."""
    folder = tmp_path_factory.mktemp("trunks")
    torch.manual_seed(0)
    for kind, about in KINDS.items():
        torch.save(Trunk(kind).state_dict(), folder / about.file)
    return {kind: folder / about.file for kind, about in KINDS.items()}


def test_restoration_prefers_the_papers_trunk(cache: Path, trunks: dict[str, Path]) -> None:
    name = lambda args: perceptual_of(args).name  # noqa: E731
    assert name(parsed(prefer="vgg")).startswith("EfficientNet")
    (cache / KINDS["alex"].file).symlink_to(trunks["alex"])
    assert name(parsed(prefer="vgg")) == "LPIPS (AlexNet)", "LPIPS on the other trunk is nearer than no LPIPS"
    (cache / KINDS["vgg"].file).symlink_to(trunks["vgg"])
    assert name(parsed(prefer="vgg")) == "LPIPS (VGG16)"
    assert name(parsed()) == "LPIPS (AlexNet)", "where the paper does not say VGG"
    assert name(parsed("--perceptual", "lpips-alex", prefer="vgg")) == "LPIPS (AlexNet)"


def test_a_trunks_file_is_taken_for_the_one_that_is_meant(cache: Path, trunks: dict[str, Path]) -> None:
    assert perceptual_of(parsed("--trunk", str(trunks["vgg"]), prefer="vgg")).name == "LPIPS (VGG16)"
    assert perceptual_of(parsed("--perceptual", "lpips-vgg", "--trunk", str(trunks["vgg"]))).name == "LPIPS (VGG16)"
    with pytest.raises(DnpmError, match=r"alexnet.*has not the layers of vgg16"):
        perceptual_of(parsed("--trunk", str(trunks["alex"]), prefer="vgg"))
    with pytest.raises(DnpmError, match="no such file"):
        perceptual_of(parsed("--trunk", "nowhere.pth"))
    assert perceptual_of(parsed("--perceptual", "none", none=True)) is None


def test_command_lines_of_before_hold(cache: Path) -> None:
    args = parsed("--perceptual", "0.35", "--trunk", "efficientnet-lite0", weight_too=True, prefer="vgg")
    assert perceptual_weight_of(args) == 0.35
    assert perceptual_of(args).name.startswith("EfficientNet")
    assert perceptual_weight_of(parsed(weight_too=True)) == 0.2


@pytest.mark.parametrize("word", ["vgg", "0.3", "nan"])
def test_other_distances_are_refused(word: str, capsys) -> None:
    with pytest.raises(SystemExit):
        parsed("--perceptual", word)
    assert "lpips-alex" in capsys.readouterr().err


def test_threads(monkeypatch) -> None:
    told = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    parser = argparse.ArgumentParser()
    add_threads(parser)
    use_threads(parser.parse_args([]))
    use_threads(parser.parse_args(["--threads", "3"]))
    assert told == [3]
    with pytest.raises(DnpmError, match="--threads 0"):
        use_threads(parser.parse_args(["--threads", "0"]))
