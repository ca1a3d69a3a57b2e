"""`dnpm data`: from the command line to a data set and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dnpm.core.cli.main import main
from dnpm.core.dataset.dataset import MapDataset
from dnpm.core.detail.mesh import detailed_mesh
from dnpm.core.files.displacement_maps import write_exr
from dnpm.core.files.meshes import write_obj


@pytest.fixture
def model_file(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def folder(tmp_path, model_file):
    maps = tmp_path / "maps"
    maps.mkdir()
    rng = np.random.default_rng(0)
    for k in range(5):
        write_exr(maps / f"m{k}.exr", rng.normal(0, 0.1, (64, 64)).astype(np.float32))
    arguments = ["data", "folder", str(maps), "--out", str(tmp_path / "set"), "--resolution", "64"]
    assert main([*arguments, "--face-model", str(model_file)]) == 0
    return tmp_path / "set"


def test_inspect_tells_and_shows(folder, tmp_path, capsys):
    capsys.readouterr()
    assert main(["data", "inspect", str(folder), "--json", "--sheet", str(tmp_path / "sheet.png")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["samples"] == 5
    assert told["with_sliders"] == 0
    assert told["statistics"]["std_mm"] == pytest.approx(0.1, rel=0.05)
    assert sum(told["histogram"]["share"]) == pytest.approx(1, abs=1e-3)
    # White noise of .1 mm: .01 mm^2 texel^2 at every frequency.
    assert np.median(told["spectrum"]["power"]) == pytest.approx(0.01, rel=0.3)
    with Image.open(tmp_path / "sheet.png") as picture:
        assert min(picture.size) > 384
    assert main(["data", "inspect", str(folder)]) == 0
    assert "5 maps of 64 x 64" in capsys.readouterr().out


def test_check_finds_damage(folder, capsys):
    assert main(["data", "check", str(folder)]) == 0
    path = folder / "shard_00000.safetensors"
    data = bytearray(path.read_bytes())
    data[-100] ^= 255
    path.write_bytes(data)
    assert main(["data", "check", str(folder)]) == 2
    assert "SHA-256" in capsys.readouterr().err


def test_a_sculpt_becomes_a_sample(tiny_model, model_file, tmp_path, capsys):
    expression = tiny_model.expression(jawOpen=0.5)
    high = detailed_mesh(
        tiny_model, np.zeros(tiny_model.n_id), expression, np.full((64, 64), 0.3, np.float32), levels=4
    )
    write_obj(tmp_path / "high.obj", high, tiny_model.material_names)
    arguments = ["data", "sculpt", "--out", str(tmp_path / "set"), "--mesh", str(tmp_path / "high.obj"), "--json"]
    arguments += ["--face-model", str(model_file), "--resolution", "64"]
    assert main([*arguments, "--expression", "jawOpen=.5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["round_trip_mm"] < 0.05
    data = MapDataset.open(tmp_path / "set")
    inside = data.masks(np.array([0]))[0] > 0.9
    assert np.median(data.maps(np.array([0]))[0][inside]) == pytest.approx(0.3, abs=0.02)
    assert data.expression(np.array([0]))[0, 0] == 0.5
    coarse = detailed_mesh(tiny_model, np.zeros(tiny_model.n_id), expression, None, levels=0)
    write_obj(tmp_path / "mine.obj", coarse, tiny_model.material_names)
    assert main([*arguments, "--fitted", str(tmp_path / "mine.obj"), "--name", "again"]) == 0
    assert MapDataset.open(tmp_path / "set").identity(np.array([1])) is None


def test_wrong_input_ends_with_2(tmp_path, capsys):
    assert main(["data", "inspect", str(tmp_path)]) == 2
    assert "is not a data set" in capsys.readouterr().err
