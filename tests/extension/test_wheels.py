"""Bundled wheels: Blender's name of their platform, and paths that Windows can unpack."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

INFO = "tiny-1.0.dist-info"
DEEP = "third_party/" + "a_part_of_a_part/" * 8
LICENCES = {f"{INFO}/licenses/LICENSE": b"Ours.\n", f"{INFO}/licenses/{DEEP}LICENSE.txt": "Größe\r\n".encode()}
OTHER = {
    "tiny/__init__.py": b"NAME = 'tiny'\n",
    "tiny/tool": b"#!/bin/sh\n",
    "tiny/licenses/data.txt": b"not a licence of the wheel",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
METADATA = (
    b"Metadata-Version: 2.4\nName: tiny\nVersion: 1.0\nLicense-File: LICENSE\nLicense-File: "
    + DEEP.encode()
    + b"LICENSE.txt\n\nLicense-File: this line is of the description.\n"
)


@pytest.fixture(scope="module")
def builder(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_extension", repository / "scripts" / "build_extension.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks for its module there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Shaped as torch's: licences that are nested deeper than Windows can unpack."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    files = OTHER | {f"{INFO}/METADATA": METADATA} | LICENCES
    rows = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in files.items()) + f"{INFO}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {f"{INFO}/RECORD": rows.encode()}).items():
            entry = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            entry.external_attr = (0o755 if name == "tiny/tool" else 0o644) << 16
            archive.writestr(entry, data)
    return path


def test_licences_become_one_file_and_windows_can_unpack_the_wheel(builder, wheel):
    assert max(map(len, zipfile.ZipFile(wheel).namelist())) > 135
    builder.shorten(wheel)
    archive = zipfile.ZipFile(wheel)
    blender = r"C:\Users\somebody.of.a.studio\AppData\Roaming\Blender Foundation\Blender\4.2\extensions\.local\lib"
    assert max(len(rf"{blender}\python3.11\site-packages\{name}") for name in archive.namelist()) < 260
    folded = archive.read(f"{INFO}/licenses/LICENSES.txt")
    for name, text in LICENCES.items():
        assert text in folded
        assert f"\n{name.removeprefix(f'{INFO}/licenses/')}\n".encode() in folded
    assert archive.testzip() is None
    for name, data in OTHER.items():
        assert archive.read(name) == data
    assert archive.getinfo("tiny/tool").external_attr >> 16 == 0o755
    assert archive.getinfo("tiny/__init__.py").date_time == (2026, 1, 2, 3, 4, 6)
    head, body = archive.read(f"{INFO}/METADATA").split(b"\n\n", 1)
    assert [line for line in head.split(b"\n") if b"License-File" in line] == [b"License-File: LICENSES.txt"]
    assert body == METADATA.split(b"\n\n", 1)[1]


def test_the_record_is_true_to_the_last_byte(builder, wheel):
    builder.shorten(wheel)
    archive = zipfile.ZipFile(wheel)
    rows = list(csv.reader(io.StringIO(archive.read(f"{INFO}/RECORD").decode())))
    assert sorted(row[0] for row in rows) == sorted(archive.namelist())
    for name, sha256, size in rows:
        if name.endswith("/RECORD"):
            assert (sha256, size) == ("", "")
        else:
            assert (sha256, int(size)) == (digest(archive.read(name)), len(archive.read(name)))


def test_pip_installs_what_was_folded(builder, wheel, tmp_path):
    builder.shorten(wheel)
    target = tmp_path / "site"
    command = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    done = subprocess.run([*command, str(target), str(wheel)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (target / INFO / "licenses" / "LICENSES.txt").is_file()
    assert (target / "tiny" / "__init__.py").read_bytes() == OTHER["tiny/__init__.py"]


def test_wheels_of_short_paths_stay_as_they_are_and_other_long_paths_are_told(builder, tmp_path):
    short, long = tmp_path / "a-1-py3-none-any.whl", tmp_path / "b-1-py3-none-any.whl"
    for path, name in ((short, "a/b.py"), (long, "b/" + "c" * 150 + ".py")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "")
            archive.writestr(f"{path.name[0]}-1.dist-info/RECORD", "")
    before = short.read_bytes()
    builder.shorten(short)
    assert short.read_bytes() == before
    with pytest.raises(builder.BuildError, match=r"b-1-py3.*has 155 characters"):
        builder.shorten(long)
    builder.shorten(long, windows=False)  # macOS unpacks it.


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64", "linux-x64"),
        ("torch-2.13.0+cpu-cp313-cp313-manylinux_2_28_aarch64", "linux-arm64"),
        ("scipy-1.16.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64", "linux-x64"),
        ("torch-2.13.0-cp311-cp311-win_amd64", "windows-x64"),
        ("torch-2.13.0-cp311-cp311-win_arm64", "windows-arm64"),
        ("torch-2.13.0-cp311-none-macosx_14_0_arm64", "macos-arm64"),
    ],
)
def test_blenders_names_of_platforms(builder, name, platform):
    assert builder.blender_platform(Path(f"{name}.whl")) == platform


@pytest.mark.parametrize("tag", ["macosx_10_9_x86_64", "macosx_14_0_x86_64"])
def test_macs_with_intel_processors_are_told_what_to_do(builder, monkeypatch, tmp_path, tag):
    with pytest.raises(builder.BuildError, match="Intel processors any more: build the zip without PyTorch"):
        builder.blender_platform(Path(f"torch-2.2.2-cp311-none-{tag}.whl"))
    monkeypatch.setattr(builder.sys, "platform", "darwin")
    monkeypatch.setattr(builder.platform, "machine", lambda: "x86_64")
    with pytest.raises(builder.BuildError, match="Intel processors"):
        builder.add_wheels(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_has_no_name_in_blender_is_refused(builder):
    with pytest.raises(builder.BuildError, match="no name for this platform"):
        builder.blender_platform(Path("torch-2.13.0-cp311-cp311-musllinux_1_2_riscv64.whl"))


@pytest.mark.parametrize(("tag", "platform"), [("win_amd64", "windows-x64"), ("macosx_14_0_arm64", "macos-arm64")])
def test_the_manifest_names_the_wheels_and_the_platform(
    builder, repository, wheel, tmp_path, monkeypatch, tag, platform
):
    """What pip downloads is simulated: torch with paths that are too long, and another wheel."""
    stage = tmp_path / "stage"
    (stage / "wheels").mkdir(parents=True)
    shutil.copy(repository / "blender_manifest.toml", stage)
    torch = f"torch-2.13.0-cp311-cp311-{tag}.whl"

    def download(command: list[str]) -> SimpleNamespace:
        assert any(word.startswith("torch==") for word in command)
        shutil.copy(wheel, stage / "wheels" / torch)
        shutil.copy(wheel, stage / "wheels" / "scipy-1.16.0-py3-none-any.whl")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(builder.subprocess, "run", download)
    builder.add_wheels(stage)
    manifest = tomllib.loads((stage / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["platforms"] == [platform]
    assert manifest["wheels"] == ["./wheels/scipy-1.16.0-py3-none-any.whl", f"./wheels/{torch}"]
    before = tomllib.loads((repository / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["permissions"] == before["permissions"]
    for name in manifest["wheels"]:
        assert not builder.fold_licences.too_long(stage / name)


def downloaded(builder, repository, tmp_path, monkeypatch, files: dict[str, str]) -> Path:
    """A stage for which pip "downloads" wheels of these names, each with a need."""
    stage = tmp_path / "stage"
    (stage / "wheels").mkdir(parents=True)
    shutil.copy(repository / "blender_manifest.toml", stage)

    def download(_: list[str]) -> SimpleNamespace:
        for name, needs in files.items():
            with zipfile.ZipFile(stage / "wheels" / name, "w") as archive:
                archive.writestr("a-1.dist-info/METADATA", f"Name: a\nVersion: 1\nRequires-Dist: {needs}\n\n")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(builder.subprocess, "run", download)
    return stage


@pytest.mark.parametrize("tag", ["win_amd64", "macosx_14_0_arm64"])
def test_what_linux_alone_needs_keeps_no_other_wheel_out(builder, repository, tmp_path, monkeypatch, tag) -> None:
    """torch 2.13's text for Windows and macOS names NVIDIA's packages, too, for Linux."""
    need = 'nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"'
    stage = downloaded(builder, repository, tmp_path, monkeypatch, {f"torch-2.13.0-cp311-cp311-{tag}.whl": need})
    builder.add_wheels(stage)
    assert tag in (stage / "blender_manifest.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"torch-2.13.0-cp313-cp313-manylinux_2_28_x86_64.whl": "nvidia-cudnn-cu13==9.2; platform_system == \"Linux\""},
         "is built for CUDA, and loads only with NVIDIA's libraries beside it: point PIP_INDEX_URL"),
        ({"torch-2.13.0-cp313-cp313-win_amd64.whl": "nvidia-cudnn-cu13==9.2"}, "is built for CUDA"),
        ({"torch-2.13.0-cp313-cp313-win_amd64.whl": "sympy", "numpy-2.3.0-cp313-cp313-win_amd64.whl": "none"},
         "numpy-2.3.0-cp313-cp313-win_amd64.whl must not be bundled: point PIP_INDEX_URL"),
    ],
)  # fmt: skip
def test_what_cannot_be_bundled_is_told_with_its_reason(builder, repository, tmp_path, monkeypatch, files, message):
    """pip's own torch for Linux depends on NVIDIA's packages, by its metadata."""
    stage = downloaded(builder, repository, tmp_path, monkeypatch, files)
    with pytest.raises(builder.BuildError, match=message.replace("(", r"\(")):
        builder.add_wheels(stage)
