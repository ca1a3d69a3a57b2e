"""`dnpm transfer`: what it writes, and what it refuses before any work."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.cli import transfer
from dnpm.core.errors import DnpmError
from dnpm.core.files.obj import read_obj
from dnpm.core.transfer.correspondence import Correspondence


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    transfer.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    path = tmp_path / "head.obj"
    path.write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 9 9 9\nv 9 9 8\nv 9 8 9\n"
        "vt 1.1 0.1\nvt 1.9 0.1\nvt 1.9 0.9\nvt 1.1 0.9\n"
        "f 1/1 2/2 3/3 4/4\nf 5/1 6/2 7/3\n"
    )
    return path


def found() -> Correspondence:
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1], *[[0.5, 0.5]] * 3], np.float32)
    return Correspondence(
        uv, np.array([1, 1, 1, 1, 0, 0, 0], np.float32), np.zeros(7, np.float32), np.ones(3, np.float32), 230.0,
        np.eye(3), np.zeros(3), np.zeros((68, 3)), 0.1, 0.2, 1.0, False,
    )  # fmt: skip


def test_it_writes_tiles_places_and_the_fit(mesh, tmp_path, tiny_model_file, monkeypatch, capsys) -> None:
    def correspond(*_: object):
        yield "looking"
        return found()

    monkeypatch.setattr("dnpm.core.transfer.correspondence.correspond", correspond)
    monkeypatch.setattr("dnpm.core.photo.landmarks.networks.LandmarkNetworks.load", lambda path: None)
    monkeypatch.setattr(
        transfer, "_map", lambda model, weights, identity, expression: np.full((16, 16), 0.5, np.float32)
    )
    out = tmp_path / "out"
    args = arguments(str(mesh), "--out", str(out), "--size", "64", "--expression", "e0=1", "--strength", "2",
                     "--face-model", str(tiny_model_file))  # fmt: skip
    assert transfer.run(args) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert sorted(file.name for file in out.iterdir()) == [
        "detail.1002.exr", "detail_uv.obj", "map.exr", "transfer.json", "vertices.csv",
    ]  # fmt: skip
    import OpenEXR

    with OpenEXR.File(str(out / "detail.1002.exr")) as file:
        pixels = file.channels()["Y"].pixels
    assert pixels[32, 32] == pytest.approx(1.0)
    assert len((out / "vertices.csv").read_text().splitlines()) == 8
    assert len(read_obj(out / "detail_uv.obj").faces) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["head.ply", "--out", "x"], "OBJ"),
        (["head.obj", "--out", "x", "--size", "5"], "--size"),
    ],
)
def test_what_it_refuses(words: list[str], message: str) -> None:
    with pytest.raises(DnpmError, match=message):
        transfer.run(arguments(*words))


def test_expressions_are_checked() -> None:
    assert transfer._pairs("jawOpen=.5,browInnerUp=1") == {"jawOpen": 0.5, "browInnerUp": 1.0}
    for text in ("jawOpen", "jawOpen=2", "jawOpen=x"):
        with pytest.raises(DnpmError, match="--expression"):
            transfer._pairs(text)
