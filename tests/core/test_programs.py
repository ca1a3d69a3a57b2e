"""Programs, libraries and Pythons are found and started without a look into the working directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dnpm.core import programs
from dnpm.core.errors import DnpmError

posix = pytest.mark.skipif(os.name == "nt", reason="scripts stand in for programs")


def script(path: Path, text: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@posix
@pytest.mark.parametrize("entries", ["", ".", "bin", ":", ".:bin:", "./bin"])
def test_a_program_of_the_working_directory_is_not_found_by_its_name(tmp_path, monkeypatch, entries):
    script(tmp_path / "no_program_of_the_system")
    script(tmp_path / "bin" / "no_program_of_the_system")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", entries)
    assert programs.find_program("no_program_of_the_system") is None
    good = script(tmp_path / "good" / "no_program_of_the_system")
    monkeypatch.setenv("PATH", f"{entries}:{good.parent}:{entries}")
    assert programs.find_program("no_program_of_the_system") == str(good)


@posix
def test_what_may_not_be_run_is_passed_over(tmp_path, monkeypatch):
    first, second = tmp_path / "a" / "tool", script(tmp_path / "b" / "tool")
    first.parent.mkdir()
    first.write_text("")
    (tmp_path / "c" / "tool").mkdir(parents=True)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in "cab"))
    assert programs.find_program("tool") == str(second)


@posix
def test_a_path_is_that_very_file(tmp_path, monkeypatch):
    tool = script(tmp_path / "tools" / "blender")
    monkeypatch.chdir(tmp_path)
    assert programs.find_program("tools/blender") == str(tool)
    assert programs.find_program("./tools/blender") == str(tool)
    assert programs.find_program(tool) == str(tool)
    assert programs.find_program("./blender") is None
    with pytest.raises(DnpmError, match=r"blender: no such program in the folders of PATH; name it"):
        programs.program("blender", "name it")
    with pytest.raises(DnpmError, match=r"\./blender: no such program; name it"):
        programs.program("./blender", "name it")
    with pytest.raises(DnpmError, match="a program without a name"):
        programs.program("", "name it")


def test_windows_looks_in_the_folders_of_path_alone_and_tries_the_endings(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_WINDOWS", True)
    monkeypatch.setenv("PATHEXT", ".EXE;.CMD")
    folder = tmp_path / "tools"
    script(folder / "blender.EXE")
    script(tmp_path / "blender.EXE")
    script(folder / "plain")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", f'"{folder}"']))
    assert programs.find_program("blender") == str(folder / "blender.EXE")
    assert programs.find_program("blender.EXE") == str(folder / "blender.EXE")
    assert programs.find_program("plain") is None, "without an ending it is not a program there"
    assert programs.environment({})["NoDefaultCurrentDirectoryInExePath"] == "1"


@posix
def test_a_library_is_found_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ending = "dylib" if sys.platform == "darwin" else "so"
    Path(f"libespeak-ng.{ending}").touch()
    monkeypatch.setattr(programs, "_library_folders", lambda: [str(tmp_path / "lib")])
    assert programs.find_library("espeak-ng") is None
    (tmp_path / "lib").mkdir()
    library = tmp_path / "lib" / ("libespeak-ng.1.dylib" if sys.platform == "darwin" else "libespeak-ng.so.1")
    library.touch()
    assert programs.find_library("espeak-ng") == str(library)
    assert all(Path(folder).is_absolute() for folder in programs._library_folders())


def test_the_environment_for_others_has_nothing_of_this_python_or_folder():
    here = os.pathsep
    base = {
        "PYTHONPATH": "/x", "PYTHONHOME": "/x", "PYTHONSTARTUP": "a.py", "PYTHONPYCACHEPREFIX": "/x", "HOME": "/home/a",
        "__PYVENV_LAUNCHER__": "/x", "PATH": f"{here}.{here}{Path.cwd()}{here}bin", "LD_LIBRARY_PATH": f".{here}lib",
    }  # fmt: skip
    clean = programs.environment(base)
    clean.pop("NoDefaultCurrentDirectoryInExePath", None)
    assert clean == {"HOME": "/home/a", "PATH": str(Path.cwd())}


def test_an_isolated_python_sees_neither_folder_variables_nor_the_users_packages(tmp_path):
    """What `module_command` and the probe start Pythons with."""
    user = tmp_path / ".local" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    user.mkdir(parents=True)
    for folder in (tmp_path, user):
        for name in ("json", "sitecustomize", "usercustomize"):
            (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})")
    code = "import json, sys; print(json.dumps(sys.path))"
    # The system's Python, because one of a virtual environment has no user's packages anyway.
    python = Path(sys.base_prefix, "bin", "python3") if os.name != "nt" else Path(sys.executable)
    command = [str(python), *programs.ISOLATED, "-c", code]
    env = os.environ | {"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONSTARTUP": "json.py"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert not {str(tmp_path), str(user), ""} & set(json.loads(done.stdout))
    assert not (tmp_path / "ran").exists()


def test_the_working_directory_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    library = next(entry for entry in sys.path if entry.endswith("site-packages"))
    monkeypatch.setattr(sys, "path", ["", ".", "lib", str(tmp_path), str(tmp_path / "other"), library])
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", str(tmp_path)]))
    programs.leave_working_directory()
    assert sys.path == [str(tmp_path / "other"), library]
    assert os.environ["PATH"] == str(tmp_path)


def test_standing_in_the_packages_themselves_loses_none(monkeypatch):
    own = sysconfig.get_paths()["purelib"]
    monkeypatch.chdir(own)
    monkeypatch.setattr(sys, "path", [own])
    monkeypatch.setenv("PATH", os.environ["PATH"])
    programs.leave_working_directory()
    assert sys.path == [own]
