"""Which Python runs the worker, and what is said when there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dnpm.core import programs
from dnpm.core.backend.client import interpreters
from dnpm.core.backend.requests import InfoRequest
from dnpm.core.errors import DnpmError

posix = pytest.mark.skipif(os.name == "nt", reason="shell scripts stand in for Pythons")


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_this_python_is_found():
    found = interpreters.find()
    assert found.path == sys.executable
    assert found.torch_version
    assert found.version == ".".join(map(str, sys.version_info[:3]))


def test_explicit_and_environment(monkeypatch):
    monkeypatch.setenv("DNPM_PYTHON", "/none/python")
    with pytest.raises(DnpmError, match="/none/python: no such program"):
        interpreters.find()
    assert interpreters.find(sys.executable).path == sys.executable, "the explicit one comes first"


@posix
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo 'unknown command' >&2; exit 3", r"is not a working Python \(exit code 3: unknown command\)"),
        ("echo hello", "is not a working Python"),
        ("""echo '{"version": [3, 9, 2]}'""", "is Python 3.9.2; the backend needs 3.11 or newer"),
        ("""echo '{"version": [3, 12, 0], "numpy": "2.0", "torch": null}'""", r"\(Python 3.12.0\) has no torch"),
        ("""echo '{"version": [3, 12, 0], "numpy": null, "torch": null}'""", "has no torch and no numpy"),
    ],
)
def test_pythons_that_will_not_do(tmp_path, text, message):
    path = script(tmp_path / "python", text)
    with pytest.raises(DnpmError, match=message) as caught:
        interpreters.probe(path)
    assert "pip install torch numpy" in str(caught.value)
    assert path in str(caught.value)


@posix
def test_torch_in_the_users_own_folder_is_named_but_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, "NEEDED", ("torch_of_the_user",))
    monkeypatch.setenv("HOME", str(tmp_path))
    site = tmp_path / ".local" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    (site / "torch_of_the_user.py").write_text("")
    with pytest.raises(DnpmError, match=f"has no torch_of_the_user but in {site}, which is not used"):
        interpreters.probe(sys.executable)


@posix
def test_python_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, "PROBE_LIMIT_S", 0.3)
    with pytest.raises(DnpmError, match="gave no answer within"):
        interpreters.probe(script(tmp_path / "python", "exec sleep 60"))


def test_without_torch_the_face_still_works_and_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(interpreters, "NEEDED", ("torch_of_another_world",))
    with pytest.raises(DnpmError, match=r"no detail \(the face itself works\).*has no torch_of_another_world"):
        interpreters.find()


def test_folders_of_bundled_wheels_are_handed_on(tmp_path, monkeypatch):
    """A package that only this process's sys.path knows (of bundled wheels) is found by the other Python as well."""
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert interpreters.torch_folders([str(tmp_path), str(tmp_path / "none"), ""]) == (str(tmp_path),)
    (tmp_path / "bundled_thing.py").write_text("")
    monkeypatch.setattr(interpreters, "NEEDED", ("torch", "bundled_thing"))
    with pytest.raises(DnpmError, match="has no bundled_thing"):
        interpreters.probe(sys.executable)
    found = interpreters.probe(sys.executable, [str(tmp_path)])
    assert found.paths == (str(tmp_path),)
    assert found.torch_version != ""
    assert found.command("core.worker")[1:] == [
        "-I", "-X", "utf8", "-u", str(programs.MODULE_MAIN), "--path", str(tmp_path), "core.worker"
    ]  # fmt: skip


def test_what_blender_sets_for_its_own_python_does_not_lead_the_worker_astray(make_client, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/none")
    monkeypatch.setenv("PYTHONPATH", "/none")
    assert make_client().call(InfoRequest()).answer.device == "cpu"


def test_embedded_interpreter(monkeypatch):
    own = Path(interpreters.own_python())
    monkeypatch.setattr(sys, "executable", "/opt/blender/blender")
    monkeypatch.setattr(sys, "prefix", str(own.parent.parent))
    found = Path(interpreters.own_python())
    assert found.parent == own.parent
    assert found.name.startswith("python3")
    monkeypatch.setattr(sys, "prefix", "/none")
    with pytest.raises(DnpmError, match="there is no Python program in /none"):
        interpreters.own_python()


@pytest.mark.parametrize("pasted", ['"{}"', "{} ", ' "{}" ', "'{}'\n", '"{} "'])
def test_a_path_pasted_with_quotes_or_spaces(monkeypatch, pasted):
    """As Explorer's *Copy as path* gives it."""
    assert interpreters.find(pasted.format(sys.executable)).path == sys.executable
    monkeypatch.setenv("DNPM_PYTHON", pasted.format(sys.executable))
    assert interpreters.find('""' if '"' in pasted else " ").path == sys.executable


def test_only_quotes_around_the_whole_path_are_taken_off():
    assert programs.pasted("/opt/Anna's Python/bin/python") == "/opt/Anna's Python/bin/python"
    assert programs.pasted('"') == '"'
