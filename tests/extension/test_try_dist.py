"""scripts/try_dist.py: a zip in a clean profile, step by step; a step that leaves nothing fails."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

USES_BLENDER = True  # in a process of its own: it starts Blender


def tried(repository: Path, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, str(repository / "scripts" / "try_dist.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def small_zip(repository: Path, tiny_parts: Path) -> Path:
    """The small zip with a tiny face model and tiny weights."""
    out = tiny_parts / "tried"
    command = [sys.executable, str(repository / "scripts" / "build_extension.py"), "--out", str(out)]
    command += ["--weights", str(tiny_parts / "weights"), "--face-model", str(tiny_parts / "tiny.safetensors")]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    (archive,) = out.glob("*.zip")
    return archive


def test_the_small_zip_works_in_a_clean_profile(repository: Path, small_zip: Path) -> None:
    code, out, err = tried(
        repository, str(small_zip), "--backend", sys.executable, "--skip", "bake", "--size", "32", "--json"
    )
    rows = {row["step"]: row for row in json.loads(out)}
    assert {name: row["result"] for name, row in rows.items()} == {
        "install": "worked", "backend": "worked", "face": "worked", "detail": "worked", "photo": "left out",
        "speech": "left out", "video": "left out", "bake": "left out", "render": "worked",
    }, out + err  # fmt: skip
    assert code == 0
    assert "not clean" not in rows["install"]["note"]
    assert rows["photo"]["note"] == "give --photo FILE"


def test_a_zip_without_a_backend_fails_where_it_is_needed(repository: Path, small_zip: Path, tmp_path: Path) -> None:
    missing = ["--backend", str(tmp_path / "no-python")]
    code, out, _ = tried(repository, str(small_zip), *missing, "--skip", "bake", "render", "--json")
    rows = {row["step"]: row["result"] for row in json.loads(out)}
    assert code == 1
    assert (rows["install"], rows["face"], rows["backend"], rows["detail"]) == ("worked", "worked", "failed", "failed")


def test_a_zip_that_cannot_be_installed(repository: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        archive.writestr("blender_manifest.toml", 'id = "dnpm_face"\n')
    code, out, _ = tried(repository, str(tmp_path / "broken.zip"), "--json")
    rows = json.loads(out)
    assert code == 1
    assert rows[0]["step"] == "install"
    assert {row["result"] for row in rows} == {"failed"}


def test_what_is_not_there_is_said_in_one_line(repository: Path, small_zip: Path, tmp_path: Path) -> None:
    for words, message in (
        (["none.zip"], "no such file; build one"),
        ([str(small_zip), "--site", str(tmp_path)], "give --blender, or --site"),
        ([str(small_zip), "--blender", str(tmp_path / "blender")], "give --blender, or --site"),
    ):  # fmt: skip
        code, out, err = tried(repository, *words)
        assert (code, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1


def test_windows_without_the_right_to_make_links_is_told_what_to_do(repository, small_zip, monkeypatch, capsys) -> None:
    """Simulated: error 1314, a privilege that is not held."""
    spec = importlib.util.spec_from_file_location("try_dist", repository / "scripts" / "try_dist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(22, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(sys, "argv", ["try_dist.py", str(small_zip)])
    assert module.main() == 2
    said = capsys.readouterr().err
    assert "privilege is not held" in said
    assert "give --blender" in said
