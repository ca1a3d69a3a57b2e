"""Output in any encoding: names of any script are printed under cp1252 and ASCII, redirected, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(encoding: str, cwd: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`dnpm` with both streams redirected under this encoding."""
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "dnpm", *words], cwd=cwd, env=environment, capture_output=True, timeout=120
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_names_of_any_script_are_printed(encoding: str, tmp_path: Path) -> None:
    items = [{"name": name} for name in ("лицо", "顔", "café")]
    (tmp_path / "лицо.json").write_text(json.dumps({"items": items}))
    done = run(encoding, tmp_path, "batch", "лицо.json", "--out", "лицо", "--dry-run")
    assert done.returncode == 0, done.stderr.decode(encoding)
    shown = done.stdout.decode(encoding).splitlines()
    assert len(shown) == 4
    for line, item in zip(shown, items, strict=False):
        assert line.startswith(item["name"].encode(encoding, "backslashreplace").decode(encoding))


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_an_error_is_one_line_that_names_the_file(encoding: str, tmp_path: Path) -> None:
    done = run(encoding, tmp_path, "batch", "нет.json", "--out", "a")
    assert done.returncode == 2
    told = done.stderr.decode(encoding)
    assert told.startswith("error: ")
    assert "нет.json".encode(encoding, "backslashreplace").decode(encoding) in told
    assert "Traceback" not in told


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode there")
def test_a_name_that_is_no_text_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dnpm", "batch", b"\xff\xfe.json", "--out", "a"], cwd=tmp_path, capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert rb"\udcff\udcfe.json" in done.stderr
    assert b"Traceback" not in done.stderr
