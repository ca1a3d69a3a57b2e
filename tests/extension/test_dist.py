"""What `make dist` puts beside the zips: facts, licences, the index that Blender updates from."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def dist(repository: Path) -> ModuleType:
    sys.path.insert(0, str(repository / "scripts"))
    spec = importlib.util.spec_from_file_location("make_dist", repository / "scripts" / "make_dist.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_dist"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(repository / "scripts"))
    return module


def wheel(folder: Path, metadata: str) -> Path:
    path = folder / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing-1.0.dist-info/METADATA", metadata)
    return path


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: BSD-3-Clause\nLicense: something else", "BSD-3-Clause"),
        ("License: MIT", "MIT"),
        (
            "License: A whole text\n of several\n lines\nClassifier: License :: OSI Approved :: MIT License",
            "MIT License",
        ),
        ("Classifier: Topic :: Multimedia", "see its licence text"),
    ],
)
def test_licences_are_as_packages_state_them(dist, tmp_path, lines, licence):
    path = wheel(tmp_path, f"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n{lines}\n\nA description.\n")
    assert f"| thing | 1.0 | {licence} |" in dist.build_extension.third_party([path])


def test_every_blender_has_a_zip_for_the_three_systems(dist):
    names = {dist.name_of(target) for target in dist.TARGETS}
    assert names == {
        f"{platform}-py{python}"
        for platform in ("linux-x64", "windows-x64", "macos-arm64")
        for python in ("311", "313")
    }


def extension(folder: Path, name: str, version: str, **more: str) -> Path:
    """A zip with a manifest alone, as Blender's generator reads it."""
    values = {
        "schema_version": '"1.0.0"', "id": '"dnpm_face"', "version": f'"{version}"', "name": '"DNPM Face"',
        "tagline": '"Faces"', "maintainer": '"Founders"', "type": '"add-on"', "license": '["SPDX:GPL-3.0-or-later"]',
        "blender_version_min": '"4.2.0"', **more,
    }  # fmt: skip
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("blender_manifest.toml", "".join(f"{key} = {value}\n" for key, value in values.items()))
        archive.writestr("__init__.py", "")
        archive.writestr("wheels/thing-1.0-py3-none-any.whl", b"")
    return path


def test_facts_and_the_index_of_a_repository(dist, tmp_path):
    target = dist.TARGETS[0]
    path = extension(tmp_path, "a.zip", "1.2.3", platforms='["linux-x64"]', blender_version_max='"5.1.0"')
    row = dist.facts(path, target)
    assert (row["platforms"], row["blender_max"], row["wheels"]) == (
        ["linux-x64"],
        "5.1.0",
        ["thing-1.0-py3-none-any.whl"],
    )
    dist.index(tmp_path)
    listed = json.loads((tmp_path / "index.json").read_text())["data"]
    assert [(entry["id"], entry["version"], entry["platforms"]) for entry in listed] == [
        ("dnpm_face", "1.2.3", ["linux-x64"])
    ]
    text = dist.table([row, {"name": "small", "problem": "no room"}])
    assert "4.2.0 to <5.1.0" in text
    assert "not built: no room" in text
