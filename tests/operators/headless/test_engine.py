"""`dnpm export` with Blender: on tiny weights; and on the default ones the imported face against the original."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnpm.core.cli import export
from dnpm.core.cli.main import main
from dnpm.core.detail.card import weights_dir
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import corrective, relief
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.photo_colours import encoded
from dnpm.core.face_model.presets import Preset, read_preset, write_preset

USES_BLENDER = True  # in the processes that it starts: tests/run.py runs it with every version
needs_blender = pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")


@needs_blender
def test_a_face_of_tiny_weights(tiny_parts: Path, tmp_path: Path, capfd) -> None:
    words = [f"--face-model={tiny_parts / 'tiny.safetensors'}", f"--weights={tiny_parts / 'weights'}", "--device=cpu"]
    out = tmp_path / "out"
    assert main(["export", "--seed=2", "--size=512", f"--out={out}", *words]) == 0, capfd.readouterr()
    about = json.loads((out / "wrinkles.json").read_text())
    assert {"face.glb", "face.fbx"} <= set(about["files"])
    assert all((out / name).is_file() for name in about["files"])
    assert about["visemes"] == {}
    # The preset that was written gives the same face again.
    assert main(["export", f"--preset={out / 'face.json'}", "--size=512", f"--out={tmp_path / 'again'}", *words]) == 0
    assert (tmp_path / "again" / "face.json").read_text() == (out / "face.json").read_text()
    again = json.loads((tmp_path / "again" / "wrinkles.json").read_text())
    assert again["wrinkles"] == about["wrinkles"]


def test_what_a_photo_gave_is_exported(tiny_parts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(export, "start_blender", lambda *_, **__: 0)
    photo = encoded(np.full((64, 64, 3), 0.5), np.ones((64, 64)), np.full(3, 0.5))
    shape = corrective.to_text(np.full((13 * 13, 3), 0.5, np.float32))
    preset = Preset("", relief=relief.to_text(np.eye(8)), corrective=shape, photo=photo)
    write_preset(tmp_path / "ann.json", preset)
    words = [f"--face-model={tiny_parts / 'tiny.safetensors'}", f"--preset={tmp_path / 'ann.json'}"]
    assert main(["export", *words, f"--out={tmp_path / 'out'}"]) == 0
    kept = read_preset(tmp_path / "out" / "face.json")
    assert (kept.relief, kept.corrective) == (preset.relief, preset.corrective)
    assert kept.photo.as_json() == photo.as_json()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--formats=obj"], "--formats obj: must be one or more of glb, fbx"),
        (["--formats="], "must be one or more of glb, fbx"),
        (["--scale=9"], "--scale 9.0: must be 0"),
        (["--seed=-1"], "--seed -1: must be 0 or more"),
    ],
)
def test_mistakes_are_told_before_blender_starts(words, said, tiny_parts, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(export, "start_blender", lambda *_, **__: pytest.fail("Blender was started"))
    model = f"--face-model={tiny_parts / 'tiny.safetensors'}"
    assert main(["export", model, f"--out={tmp_path}", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_preset_that_is_read_is_not_replaced(tiny_parts, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(export, "start_blender", lambda *_, **__: 0)
    model = f"--face-model={tiny_parts / 'tiny.safetensors'}"
    assert main(["export", model, "--seed=1", f"--out={tmp_path}"]) == 0
    before = (tmp_path / "face.json").read_text()
    assert main(["export", model, f"--preset={tmp_path / 'face.json'}", "--seed=4", f"--out={tmp_path}"]) == 2
    assert "would replace it" in capsys.readouterr().err
    assert (tmp_path / "face.json").read_text() == before


def test_likeness_falls_with_what_differs(tmp_path) -> None:
    rng = np.random.default_rng(0)
    one = np.kron(rng.uniform(60, 200, (16, 16)), np.ones((8, 8)))
    for name, pixels in (("one", one), ("near", one + rng.normal(0, 2, one.shape)), ("other", one[::-1])):
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    alike = [export.likeness(tmp_path / "one.png", tmp_path / f"{name}.png") for name in ("one", "near", "other")]
    assert alike[0] == pytest.approx(1)
    assert 0.9 < alike[1] < 1
    assert alike[2] < 0.5


@needs_blender
def test_the_default_face_imported_again_is_like_the_original(tmp_path, capfd, monkeypatch) -> None:
    """At rest and in three expressions, in a close-up; and the wrinkle maps beat one map for everything."""
    try:
        face_model_path(None), weights_dir(None)
    except DnpmError as absent:
        pytest.skip(str(absent))
    monkeypatch.setattr(export, "PICTURES", ("--size=256", "--samples=12"))
    words = ["--seed=3", "--formats=glb", "--size=512", "--device=cpu", "--compare", f"--out={tmp_path}"]
    assert main(["export", *words]) == 0, capfd.readouterr()
    found = [float(line.split()[-1]) for line in capfd.readouterr().out.splitlines() if "SSIM" in line]
    assert len(found) == 4
    assert min(found) >= 0.9
    fidelity = json.loads((tmp_path / "wrinkles.json").read_text())["wrinkles"]["fidelity"]
    assert len(fidelity["expressions"]) >= 12
    assert fidelity["explained"] > 0.75
    assert fidelity["explained"] > fidelity["one_map_explained"] + 0.1
