"""scripts/dev.py, for developers without bash, does what the Makefile and make_venv.sh do; simulated for Windows."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest


@pytest.fixture
def dev(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", repository / "scripts" / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fresh(dev, monkeypatch, tmp_path):
    """On Windows, with no environment yet: the commands that are run, which all succeed but `failing`."""
    ran = SimpleNamespace(commands=[], failing="none")

    def run(command: list[str], **_: object) -> SimpleNamespace:
        ran.commands.append(command)
        return SimpleNamespace(returncode=3 * (ran.failing in command))

    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(dev, "VENV", tmp_path / "venv")
    monkeypatch.setattr(dev, "venv_python", lambda: tmp_path / "venv" / "Scripts" / "python.exe")
    monkeypatch.setattr(
        dev, "sys", SimpleNamespace(platform="win32", version_info=(3, 11, 9), executable="py", stderr=None)
    )
    monkeypatch.setattr(dev.subprocess, "run", run)
    return ran


def of_make(repository: Path, target: str) -> list[list[str]]:
    """The commands of a Makefile's target and of what it needs, in order."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{target}:([^#\n]*)##[^\n]*\n((?:\t.*\n)*)", makefile, re.MULTILINE)
    assert found is not None, target
    lines = [line.strip().removeprefix("@") for line in found[2].splitlines()]
    lines = [re.sub(r"\$\(if .*\)", "", line) for line in lines]
    own = [shlex.split(line.replace("$(PY)", "PY")) for line in lines if "$(PY) " in line]
    own = [[word for word in words if "=" not in word] for words in own]
    needed = [command for name in found[1].split() if name != "venv" for command in of_make(repository, name)]
    return needed + own


@pytest.mark.parametrize("target", ["demo", "test", "docs", "extension"])
def test_a_target_is_that_of_make(dev, repository, target):
    assert dev.commands(target, "PY", []) == of_make(repository, target)
    assert len(dev.commands(target, "PY", [])) >= 2


def test_the_environment_is_that_of_make_venv(dev, repository):
    text = (repository / "scripts" / "make_venv.sh").read_text(encoding="utf-8")
    pins = re.compile(r"\b[\w.-]+==[\w.]+")
    ours = [word for command in dev.install_commands("PY") for word in command]
    assert sorted(set(pins.findall(text))) == sorted(word for word in ours if pins.fullmatch(word))
    for part in (".[dev,blender,docs]", "constraints.txt", "--no-deps", ours[-1]):
        assert part in ours
        assert part in text


def test_on_windows_an_environment_is_made_once(dev, fresh):
    assert dev.main(["venv"]) == 0
    assert fresh.commands[0] == ["py", "-m", "venv", str(dev.VENV)]
    assert fresh.commands[1][0].endswith("python.exe")
    assert not [command for command in fresh.commands if "bash" in command]
    before = len(fresh.commands)
    assert dev.main(["test", "tests/test_docs.py"]) == 0
    assert [command[1:] for command in fresh.commands[before:]][-1] == ["tests/run.py", "tests/test_docs.py"]
    assert not [command for command in fresh.commands[before:] if "pip" in command]


def test_a_step_that_fails_ends_it_and_is_tried_again(dev, fresh, capsys):
    fresh.failing = dev.TORCH
    assert dev.main(["demo"]) == 3
    assert fresh.commands[-1][-1] == dev.TORCH, "nothing after it"
    fresh.failing = "none"
    assert dev.main(["venv"]) == 0
    assert [command for command in fresh.commands if command[-1] == dev.TORCH] == [fresh.commands[1]] * 2


def test_a_dry_run_runs_nothing(dev, fresh, capsys):
    assert dev.main(["docs", "--dry-run"]) == 0
    assert not fresh.commands
    assert "-m mkdocs build --strict" in capsys.readouterr().out
    assert not list(dev.VENV.iterdir())
    for words in (["test", "--dry-run", "a.py"], ["--dry-run", "test", "a.py"], ["test", "a.py", "--dry-run"]):
        assert dev.main(words) == 0
        assert capsys.readouterr().out.rstrip().endswith("tests/run.py a.py")
    assert dev.main(["extension", "--wheels", "--dry-run"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("build_extension.py --out build/extension --wheels")
    for words in (["demo", "a.py"], ["test", "--wheels"]):
        with pytest.raises(SystemExit, match="2"):
            dev.main(words)


def test_another_python_is_told(dev, fresh, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(dev.sys, "version_info", (3, 13, 1))
    monkeypatch.setattr(dev.sys, "stderr", SimpleNamespace(write=told.append))
    assert dev.main(["venv"]) == 2
    assert "py -3.11 scripts/dev.py" in "".join(told)
    assert not fresh.commands


def test_where_windows_keeps_the_python_of_an_environment(dev):
    assert dev.venv_python(Path("v"), "nt") == Path("v/Scripts/python.exe")
    assert dev.venv_python(Path("v"), "posix") == Path("v/bin/python")


def test_line_ends_are_lf_and_what_is_no_text_stays(repository):
    """On Windows git would else write CRLF: shell scripts break, and so do checksums of files."""

    def attributes(*names: str) -> dict[str, dict[str, str]]:
        done = subprocess.run(["git", "check-attr", "text", "eol", "--", *names], cwd=repository, capture_output=True,
                              text=True, check=True)  # fmt: skip
        found: dict[str, dict[str, str]] = {}
        for line in done.stdout.splitlines():
            name, attribute, value = line.rsplit(": ", 2)
            found.setdefault(name, {})[attribute] = value
        return found

    texts = attributes("core/errors.py", "scripts/make_venv.sh", "Makefile", "weights/detail.json", "README.md")
    assert {tuple(value.items()) for value in texts.values()} == {(("text", "auto"), ("eol", "lf"))}
    tracked = subprocess.run(["git", "ls-files", "--eol"], cwd=repository, capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=3) for line in tracked.stdout.splitlines()]
    binary = [words[-1].strip('"') for words in lines if words[0] == "i/-text"]
    assert len(binary) > 10
    assert {value["text"] for value in attributes(*binary).values()} == {"unset"}
    assert not [words[-1] for words in lines if words[0] in ("i/crlf", "i/mixed")]
