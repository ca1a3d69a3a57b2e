"""The short form of `make test-faults`, and that its judge can tell good from bad."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dnpm.core.errors import DnpmError
from dnpm.tests.faults import judge
from dnpm.tests.faults.run import wrong

HERE = Path(__file__).resolve().parent


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("part", "least"), [("hostile", 150), ("kills", 10), ("disk", 60), ("resume", 2)])
def test_the_short_form(part: str, least: int) -> None:
    command = [sys.executable, str(HERE / "run.py"), "--short", "--only", part]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1700, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout.splitlines()[-1])[part]
    if "skipped" not in result:
        assert result["tried"] >= least


def _named(path: Path) -> None:
    raise DnpmError(f"{path}: is too short")


def _unnamed(path: Path) -> None:
    raise DnpmError("the file is too short")


def _two_lines(path: Path) -> None:
    raise DnpmError(f"{path}: is\ntoo short")


def _fails(path: Path) -> None:
    raise ValueError("a bug")


def _leaves(path: Path) -> None:
    raise SystemExit(0)


def _crashes(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _fills(path: Path) -> None:
    held = [b"x" * 1_000_000 for _ in range(400)]
    time.sleep(2)
    del held


def _fills_a_little(path: Path) -> None:
    held = [b"x" * 1_000_000 for _ in range(100)]
    time.sleep(0.2)
    del held


def _spins(path: Path) -> None:
    while True:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at as Linux shows them")
@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (str, "accepted"), (_named, "clear"), (_unnamed, "unnamed"), (_two_lines, "unnamed"), (_fails, "traceback"),
        (_leaves, "traceback"), (_crashes, "traceback"), (_spins, "hang"), (_fills, "memory"),
    ],
)  # fmt: skip
def test_the_judge(read, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SECONDS", 0.5 if verdict == "hang" else 20.0)
    monkeypatch.setattr(judge, "BYTES", 300_000_000)
    assert judge.judged(read, tmp_path / "file").kind == verdict


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at as Linux shows them")
@pytest.mark.parametrize(("read", "verdict"), [(_fills, "memory"), (_fills_a_little, "accepted")])
@pytest.mark.parametrize("parent", ["freed", "holds"])
def test_memory_is_what_reading_took_whatever_the_parent_holds(
    parent: str, read, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small blocks between the large ones keep what is freed in the process: the child finds 600 MB there to fill.
    held = [(b"y" * 1_000_000, b"z" * 100_000) for _ in range(600)]
    if parent == "freed":
        held = [(b"", small) for _, small in held]
    monkeypatch.setattr(judge, "BYTES", 300_000_000)
    found = judge.judged(read, tmp_path / "file")
    assert found.kind == verdict
    assert found.bytes > 80_000_000
    assert len(held) == 600


def test_a_part_that_did_not_end_well_is_told() -> None:
    good = {"tried": 3, "clear": 2, "accepted": 1, "traceback": 0, "memory": 0, "hang": 0, "unnamed": 0}
    assert wrong("hostile", good) is None
    assert "2 of 3" in wrong("hostile", good | {"clear": 1, "unnamed": 1})
    assert wrong("kills", {"tried": 4, "recovered": 4}) is None
    assert "3 of 4" in wrong("kills", {"tried": 4, "recovered": 3})
    assert "nothing was tried" in wrong("disk", {"tried": 0})
    assert wrong("kills", {"tried": 0, "skipped": "not on this system"}) is None
