"""What a request needs: missing and unloadable packages are told apart, each with its reason and its way out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dnpm.core.backend import needs
from dnpm.core.errors import DnpmError


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages of the test's own; what is loaded from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def add(folder: Path, name: str, code: str, version: str = "1.17.1") -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)
    (folder / f"{name}-{version}.dist-info").mkdir()
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


def test_what_is_here_is_accepted() -> None:
    needs.require("read sound", needs.SOUND)
    needs.require("read photos", needs.PHOTOS)


def test_every_missing_package_is_named_once() -> None:
    wanted = {"json": "json", "no_such_a": "a-package", "no_such_a.b": "a-package", "no_such_c": "c-package"}
    with pytest.raises(DnpmError, match="cannot hum, it has no a-package and no c-package: ") as caught:
        needs.require("hum", wanted)
    assert "`python -m pip install a-package c-package`" in str(caught.value)
    assert "carries PyTorch" in str(caught.value)
    assert sys.executable in str(caught.value)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import numpy.no_such_part", r"ModuleNotFoundError: No module named 'numpy\.no_such_part'"),
        ("from math import no_such_name", r"ImportError: cannot import name 'no_such_name'"),
        ("raise RuntimeError('module compiled against\\nABI version 9')", "RuntimeError: module compiled against ABI"),
        ("raise OSError('libsndfile.so: cannot open')", "OSError: libsndfile.so: cannot open"),
    ],
)
def test_a_package_that_does_not_load_gives_the_real_reason(packages: Path, code: str, reason: str) -> None:
    """As scipy 1.17 beside Blender 4.2's numpy 1.24, where no edition of the extension would help."""
    add(packages, "hummer", code)
    with pytest.raises(DnpmError, match=reason) as caught:
        needs.require("hum", {"hummer": "hummer"})
    told = str(caught.value)
    assert f"hummer 1.17.1 in {packages} is there but hummer cannot be loaded beside numpy " in told
    assert "carries PyTorch" not in told
    assert "\n" not in told


def test_what_is_missing_is_known_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs.lacking() == ()
    find = needs.importlib.util.find_spec
    monkeypatch.setattr(needs.importlib.util, "find_spec", lambda name: None if name in {"av", "PIL"} else find(name))
    lacked = needs.lacking()
    assert lacked == ("av", "pillow")
    assert needs.advice("read sound", needs.SOUND, lacked, "/usr/bin/python3") == ""
    told = needs.advice("read videos", needs.VIDEOS, lacked, "/usr/bin/python3")
    assert told.startswith("the backend's Python (/usr/bin/python3) cannot read videos, it has no pillow and no av: ")
    assert "`python -m pip install pillow av`" in told
