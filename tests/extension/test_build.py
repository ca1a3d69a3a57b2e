"""The zip that `make extension` builds holds what an artist needs and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest


def build(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "scripts" / "build_extension.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def archive(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built with stand-ins for the large files, whose content the builder does not look into."""
    folder = tmp_path_factory.mktemp("extension")
    (folder / "weights").mkdir()
    (folder / "weights" / "detail.safetensors").write_bytes(b"weights")
    (folder / "weights" / "detail.json").write_text("{}")
    (folder / "weights" / "scratch.log").write_text("not shipped")
    assets = []
    for option in ("face-model", "speech-encoder", "landmarks"):
        (folder / option).write_bytes(option.encode())
        assets += [f"--{option}", str(folder / option)]
    done = build(repository, "--out", str(folder / "out"), "--weights", str(folder / "weights"), *assets)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (folder / "out").iterdir()
    assert str(file) in done.stdout
    return zipfile.ZipFile(file)


def test_everything_needed_is_inside(archive: zipfile.ZipFile, repository: Path) -> None:
    names = set(archive.namelist())
    code = {
        file.relative_to(repository).as_posix()
        for room in ("core", "operators", "panels")
        for file in (repository / room).rglob("*.py")
    }
    assert code - names == set()
    assert {
        "blender_manifest.toml",
        "__init__.py",
        "LICENSE",
        "weights/detail.safetensors",
        "weights/detail.json",
    } <= names
    assert archive.read("assets/face_model.safetensors") == b"face-model"
    assert archive.read("assets/speech_encoder.safetensors") == b"speech-encoder"
    assert archive.read("assets/face_landmarker.safetensors") == b"landmarks"


def test_nothing_else_is_inside(archive: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops <= {
        "blender_manifest.toml",
        "__init__.py",
        "LICENSE",
        "assets",
        "core",
        "operators",
        "panels",
        "weights",
    }
    assert not [name for name in archive.namelist() if name.endswith((".pyc", ".log", ".partial"))]


def test_no_path_is_longer_than_windows_can_unpack(archive: zipfile.ZipFile) -> None:
    """In Blender's folder of a user with the longest name; Python keeps a compiled copy beside every module."""
    place = "C:/Users/twenty_letters_of_it/AppData/Roaming/Blender Foundation/Blender/4.2/extensions/user_default/"
    place += "dnpm_face/"
    compiled = len("__pycache__/") + len(".cpython-311.pyc.139712345678912") - len(".py")
    for name in archive.namelist():
        assert len(place) + len(name) + compiled * name.endswith(".py") <= 259, name


def test_every_module_inside_is_python_that_blender_reads(archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if name.endswith(".py"):
            ast.parse(archive.read(name), name, feature_version=(3, 11))


def test_the_manifest_follows_the_rules(archive: zipfile.ZipFile) -> None:
    manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["blender_version_min"] == "4.2.0"
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert "blender" not in manifest["name"].lower()
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64
        assert text[-1].isalnum() or text[-1] in ")]"
    assert set(manifest["permissions"]) == {"files", "network", "clipboard"}
    assert not any("numpy" in wheel for wheel in manifest.get("wheels", []))


def test_what_is_missing_is_told(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    out = ["--out", str(tmp_path / "out")]
    assets = []
    for option in ("face-model", "speech-encoder", "landmarks"):
        done = build(repository, *out, *assets, f"--{option}", str(tmp_path / "none"))
        assert (done.returncode, f"run `make {option}`" in done.stderr) == (2, True)
        (tmp_path / option).write_bytes(b"there")
        assets += [f"--{option}", str(tmp_path / option)]
    done = build(repository, *out, *assets, "--weights", str(tmp_path / "weights"))
    assert (done.returncode, "no weights" in done.stderr) == (2, True)
    assert not list((tmp_path / "out").glob("*.zip"))
