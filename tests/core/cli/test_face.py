"""`dnpm face`: sliders in, files out, through the backend process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from PIL import Image

from dnpm.core.cli.main import main
from dnpm.core.detail.card import face_model_entry
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.mesh import masked
from dnpm.core.detail.weights import load_detail, save_detail
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.face_model.w_offset import to_text
from dnpm.tests.core.detail.networks import SMALL, SMALL_ENCODER, tiny_face_model

MODEL = tiny_face_model()
FILES = {
    "displacement.exr", "displacement.png", "displacement_relief.png", "coarse.obj", "coarse.ply", "face.obj",
    "face.ply", "face.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> list[str]:
    """A small face model with weights for it, as arguments."""
    folder = tmp_path_factory.mktemp("parts")
    MODEL.save(folder / "sheet.safetensors")
    torch.manual_seed(0)
    _save(folder / "weights", MODEL, Generator(SMALL), Encoder(SMALL_ENCODER).eval())
    return [f"--face-model={folder / 'sheet.safetensors'}", f"--weights={folder / 'weights'}", "--device=cpu"]


def _face(parts: list[str], out: Path, *words: str) -> int:
    return main(["face", f"--out={out}", "--resolution=64", "--levels=1", "--no-picture", *parts, *words])


def _map(out: Path) -> np.ndarray:
    return OpenEXR.File(str(out / "displacement.exr"), separate_channels=True).channels()["Y"].pixels


def test_files_and_what_is_in_them(parts, tmp_path, capsys):
    assert _face(parts, tmp_path, "--seed=3", "--identity=2=-1.5", "--expression=jawOpen=.5", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["files"]) == {p.name for p in tmp_path.iterdir()} == FILES
    assert result["resolution"] == 64
    assert result["device"] == "cpu"
    identity = random_identity(MODEL, 3)
    identity[1] = -1.5
    expression = MODEL.expression(jawOpen=0.5)
    detail = load_detail(parts[1].split("=")[1])
    with torch.inference_mode():
        raw = detail.displacement(torch.tensor(identity)[None], torch.tensor(expression)[None])
    assert np.allclose(_map(tmp_path), masked(MODEL, raw[0, 0].numpy()), atol=1e-4)
    preset = json.loads((tmp_path / "face.json").read_text())
    assert preset["expression"] == {"jawOpen": 0.5}
    vertices = np.array(
        [
            [float(x) for x in line.split()[1:]]
            for line in (tmp_path / "coarse.obj").read_text().splitlines()
            if line[:2] == "v "
        ]
    )
    assert np.allclose(vertices, MODEL.vertices(identity, expression), atol=1e-3)
    with Image.open(tmp_path / "displacement.png") as image:
        assert image.size == (64, 64)


def test_the_same_words_give_the_same_bytes_and_the_preset_the_same_face(parts, tmp_path):
    words = ["--seed=5", "--expression=jawOpen=.3,browInnerUp=1", "--scale=1.5"]
    for name in ("a", "again"):
        assert _face(parts, tmp_path / name, *words) == 0
    assert _face(parts, tmp_path / "preset", f"--preset={tmp_path / 'a' / 'face.json'}") == 0
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    # A preset's numbers are rounded for people to read.
    assert np.allclose(_map(tmp_path / "a"), _map(tmp_path / "preset"), atol=1e-3)
    assert (tmp_path / "a" / "face.json").read_bytes() == (tmp_path / "preset" / "face.json").read_bytes()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_folder_of_any_script_is_told_in_any_encoding(parts, tmp_path, encoding):
    """Redirected, the files were written and the command then ended in an encoding error."""
    words = ["face", "--out=лицо", "--resolution=64", "--levels=0", "--no-picture", *parts]
    done = subprocess.run(
        [sys.executable, "-m", "dnpm", *words], cwd=tmp_path, capture_output=True, timeout=300,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert {path.name for path in (tmp_path / "лицо").iterdir()} == FILES
    told = done.stdout.decode(encoding).split()
    assert len(told) == len(FILES)
    assert all(line.startswith(r"\u043b\u0438\u0446\u043e") for line in told)


def test_the_preset_that_is_read_is_never_replaced_by_another_face(parts, tmp_path, capsys):
    assert _face(parts, tmp_path, "--expression=jawOpen=0.5") == 0
    preset, before = f"--preset={tmp_path / 'face.json'}", (tmp_path / "face.json").read_bytes()
    assert _face(parts, tmp_path, preset, "--expression=jawOpen=1") == 2
    assert "face.json: this face's preset would replace it; choose another --out" in capsys.readouterr().err
    assert (tmp_path / "face.json").read_bytes() == before
    # The same face again is what was there.
    assert _face(parts, tmp_path, preset) == 0
    assert (tmp_path / "face.json").read_bytes() == before


def test_a_photos_step_is_added_and_travels_on(parts, tmp_path):
    assert _face(parts, tmp_path / "a", "--expression=jawOpen=0.5") == 0
    preset = json.loads((tmp_path / "a" / "face.json").read_text())
    preset["w_offset"] = to_text(np.full((SMALL.w_layers, SMALL.w_dim), 0.5, np.float32))
    (tmp_path / "photo.json").write_text(json.dumps(preset))
    assert _face(parts, tmp_path / "b", f"--preset={tmp_path / 'photo.json'}") == 0
    assert not np.allclose(_map(tmp_path / "a"), _map(tmp_path / "b"), atol=1e-3)
    assert json.loads((tmp_path / "b" / "face.json").read_text())["w_offset"] == preset["w_offset"]


def test_the_look_travels_in_the_preset(parts, tmp_path):
    assert _face(parts, tmp_path / "a", "--look=tone=brown,stubble=.5,iris=green") == 0
    assert json.loads((tmp_path / "a" / "face.json").read_text())["look"]["tone"] == "brown"
    assert _face(parts, tmp_path / "b", f"--preset={tmp_path / 'a' / 'face.json'}", "--look=stubble=1") == 0
    look = json.loads((tmp_path / "b" / "face.json").read_text())["look"]
    assert (look["tone"], look["stubble"], look["iris"]) == ("brown", 1.0, [0.085, 0.095, 0.052])


def test_scale_0_is_the_smooth_face(parts, tmp_path):
    for scale in ("0", "2"):
        assert _face(parts, tmp_path / scale, "--seed=5", f"--scale={scale}") == 0
    assert (tmp_path / "0" / "displacement.exr").read_bytes() == (tmp_path / "2" / "displacement.exr").read_bytes()
    assert (tmp_path / "0" / "coarse.ply").read_bytes() == (tmp_path / "2" / "coarse.ply").read_bytes()
    assert (tmp_path / "0" / "face.ply").read_bytes() != (tmp_path / "2" / "face.ply").read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--expression=smirk=1"], "smirk"),
        (["--expression=jawOpen"], "--expression jawOpen"),
        (["--identity=99=1"], "'99'"),
        (["--identity=1=nan"], "--identity 1=nan"),
        (["--preset=gone.json"], "gone.json"),
        (["--levels=9"], "--levels 9"),
        (["--scale=-1"], "--scale -1"),
        (["--look=tone=purple"], "--look tone=purple"),
        (["--look=stubble"], "'stubble'"),
        (["--seed=-1"], "--seed -1"),
        (["--resolution=1024"], "resolution"),
        (["--weights=nowhere"], "nowhere"),
        (["--face-model=nowhere"], "nowhere"),
        (["--device=warp"], "warp"),
    ],
)
def test_bad_input_is_one_clear_line(parts, tmp_path, capsys, words, says):
    assert _face(parts, tmp_path, *words) == 2
    error = capsys.readouterr().err
    line = next(line for line in error.splitlines() if line.startswith("error: "))
    assert says in line
    assert "Traceback" not in error


def test_weights_of_another_face_are_refused(parts, tmp_path, capsys):
    other = tiny_face_model(n_exp=3)
    other.save(tmp_path / "other.safetensors")
    assert _face(parts, tmp_path / "out", f"--face-model={tmp_path / 'other.safetensors'}") == 2
    assert "were trained on the face model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_out_that_is_a_file_is_named(parts, tmp_path, capsys):
    (tmp_path / "out").write_text("in the way")
    assert _face(parts, tmp_path / "out") == 2
    assert "out: cannot be written (a file stands where a folder is wanted)" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")
def test_the_picture(face_model, face_model_file, tmp_path):
    """The built face, rendered with weights made here: a face, not a flat grey."""
    generator = replace(SMALL, output_scale_mm=0.02)
    encoder = replace(SMALL_ENCODER, n_id=face_model.n_id, n_exp=face_model.n_exp)
    _save(tmp_path / "weights", face_model, Generator(generator), Encoder(encoder).eval())
    words = ["--seed=1", "--expression=jawOpen=.4", "--resolution=64", "--levels=1", "--size=160x192"]
    words += [f"--face-model={face_model_file}", f"--weights={tmp_path / 'weights'}", "--device=cpu"]
    assert main(["face", f"--out={tmp_path / 'out'}", *words]) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES | {"face.png"}
    with Image.open(tmp_path / "out" / "face.png") as image:
        assert image.size == (160, 192)
        assert np.asarray(image.convert("L")).std() > 10


def _save(folder: Path, model: FaceModel, generator: Generator, encoder: Encoder) -> None:
    about = {
        "name": "small", "face_model": face_model_entry(model), "data": "made here", "licence": "CC0-1.0",
        "command": "a test", "seed": 0, "hours": 0.0, "scores": {},
    }  # fmt: skip
    save_detail(folder, generator, encoder, torch.randn(SMALL.w_dim), about)
