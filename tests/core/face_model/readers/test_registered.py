"""A folder of registered meshes: HOSVD recovers the model that the meshes were made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.readers import read_registered
from dnpm.tests.core.face_model.readers.format_files import grid, write_obj

PEOPLE, MODES = 7, 2
NAMES = ("jawOpen", "my_wink", "mouthSmileLeft")


def _truth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (people, 2), rests (people, V, 3), deltas (people, 3, V, 3) in cm: a truly bilinear population."""
    rng = np.random.default_rng(0)
    vertices, _, _ = grid()
    coefficients = rng.normal(size=(PEOPLE, MODES))
    modes = rng.normal(0, 0.3, (MODES, *vertices.shape)) * np.array([2.0, 1.0])[:, None, None]
    core = rng.normal(0, 0.4, (MODES + 1, len(NAMES), *vertices.shape))
    rests = vertices + np.tensordot(coefficients, modes, 1)
    deltas = np.tensordot(np.concatenate([np.ones((PEOPLE, 1)), coefficients], 1), core, 1)
    return coefficients, rests, deltas


def _write(folder: Path, facescape: bool = False) -> tuple[np.ndarray, np.ndarray]:
    _, rests, deltas = _truth()
    _, uv, faces = grid()
    for s in range(PEOPLE):
        inner = folder / str(s + 1) / ("models_reg" if facescape else "")
        for e, name in enumerate(("neutral", *NAMES)):
            points = rests[s] + (deltas[s, e - 1] if e else 0)
            write_obj(
                inner / (f"{e + 1}_{name}.obj" if facescape else f"{name}.obj"), points, uv, [("m", faces, faces)]
            )
    return rests, deltas


@pytest.mark.parametrize("facescape", [False, True])
def test_people_come_back(tmp_path, facescape):
    rests, deltas = _write(tmp_path, facescape)
    model = read_registered(tmp_path, unit="cm", identities=MODES)
    assert model.expression_names == ("jawOpen", "mouthSmileLeft", "my_wink")
    assert model.n_id == MODES
    basis = model.core[1:, 0].astype(np.float64).reshape(MODES, -1)
    for s in range(PEOPLE):
        offset = (rests[s] * 10 - model.neutral).ravel()
        sliders, *_ = np.linalg.lstsq(basis.T, offset, rcond=None)
        assert np.abs(sliders).max() < 3.5, "sliders are in standard deviations"
        for e, name in enumerate(NAMES):
            got = model.vertices(sliders.astype(np.float32), model.expression(**{name: 1.0}))
            np.testing.assert_allclose(got, (rests[s] + deltas[s, e]) * 10, atol=0.08)
    moved = np.linalg.norm(basis, axis=1)
    assert moved[0] >= moved[1]


def test_all_components_but_one_by_default(tmp_path):
    _write(tmp_path)
    with pytest.raises(DnpmError, match=r"fewer than 6 ways"):
        read_registered(tmp_path)  # only two ways of seven people are real


def test_command_line(tmp_path, capsys):
    _write(tmp_path / "people")
    (tmp_path / "lm.txt").write_text(" ".join(["-1"] * 8 + [str(k % 36) for k in range(60)]))
    out = tmp_path / "model.safetensors"
    arguments = [
        "build",
        "convert",
        "meshes",
        str(tmp_path / "people"),
        "--out",
        str(out),
        "--unit",
        "cm",
        "--identities",
    ]
    assert main([*arguments, "2", "--landmarks", str(tmp_path / "lm.txt"), "--detail-uv", "0,0,.8,.8"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    model = FaceModel.load(out)
    assert model.landmarks68[:9].tolist() == [-1] * 8 + [0]
    assert 0 < (model.faces_detail_uv[:, 0] >= 0).sum() < len(model.faces)
    assert main([*arguments, "0"]) == 2
    assert main([*arguments, "2", "--detail-uv", "everything"]) == 2
    assert "U0,V0,U1,V1" in capsys.readouterr().err
    assert main([*arguments[:-3], "--unit", "cm", "--detail-uv", ".9,.9,.1,.1", "--identities", "2"]) == 2
    assert main(["build", "convert", "ict", str(tmp_path), "--out", str(tmp_path / "x.obj")]) == 2


def _unlink(name: str):
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (_unlink("3/jawOpen.obj"), r"missing: 3/jawOpen\.obj"),
        (_unlink("2/neutral.obj"), r"missing: 2/neutral\.obj"),
        (lambda f: (f / "1" / "jawOpen.obj").write_text("v 0 0 0\nf 1 1 1\n"), "one topology"),
        (lambda f: [p.unlink() for p in f.rglob("*.obj") if p.stem != "neutral"], "at least one expression"),
        (lambda f: [p.unlink() for p in f.rglob("*.obj")], "at least 2 people"),
    ],
)
def test_incomplete_folders_are_reported(tmp_path, break_it, message):
    _write(tmp_path)
    break_it(tmp_path)
    with pytest.raises(DnpmError, match=message):
        read_registered(tmp_path, identities=2)


def test_other_bad_input(tmp_path):
    with pytest.raises(DnpmError, match="no such folder"):
        read_registered(tmp_path / "none")
    _write(tmp_path)
    with pytest.raises(DnpmError, match="unit"):
        read_registered(tmp_path, unit="inch")
    (tmp_path / "lm.txt").write_text("1 2 3")
    with pytest.raises(DnpmError, match="68 indices"):
        read_registered(tmp_path, identities=2, landmarks=tmp_path / "lm.txt")
    for person in tmp_path.iterdir():
        neutral = person / "neutral.obj"
        if neutral.is_file():
            text = neutral.read_text()
            lines = [line.split("/")[0] if line.startswith("f ") else line for line in text.split("\n")]
            vertices = [line for line in lines if line.startswith("v ")]
            neutral.write_text("\n".join([*vertices, "f 1 2 3"]) + "\n")
    with pytest.raises(DnpmError, match="no texture coordinates"):
        read_registered(tmp_path, identities=2)
