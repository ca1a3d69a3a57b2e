"""Finished items are recognised, and only those."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.batch import job, ledger

ITEM = job.parse({"items": [{"name": "a"}]}, Path()).items[0]
IDENTITY, EXPRESSION = np.zeros(50, np.float32), np.zeros(52, np.float32)


def fingerprint(**changes: object) -> str:
    values = {"item": ITEM, "identity": IDENTITY, "expression": EXPRESSION, "made_with": {"weights": "1"}} | changes
    return ledger.fingerprint(**values)  # type: ignore[arg-type]


@pytest.fixture
def done(tmp_path: Path) -> Path:
    (tmp_path / "front.png").write_bytes(b"12345")
    ledger.mark_done(tmp_path, fingerprint(), [tmp_path / "front.png"], {"seconds": 1.5})
    return tmp_path


def test_a_done_item_is_recognised(done: Path) -> None:
    assert ledger.is_done(done, fingerprint())


@pytest.mark.parametrize(
    "changes",
    [
        {"identity": IDENTITY + 0.5},
        {"expression": EXPRESSION + 0.5},
        {"made_with": {"weights": "2"}},
        {"item": replace(ITEM, settings=replace(ITEM.settings, samples=49))},
    ],
)
def test_any_change_makes_it_new(done: Path, changes: dict[str, object]) -> None:
    assert not ledger.is_done(done, fingerprint(**changes))


def test_a_new_name_alone_is_no_change(done: Path) -> None:
    assert ledger.is_done(done, fingerprint(item=replace(ITEM, name="b")))


@pytest.mark.parametrize("content", [None, b"", b"1234"])
def test_a_missing_or_cut_file_is_made_again(done: Path, content: bytes | None) -> None:
    (done / "front.png").unlink()
    if content is not None:
        (done / "front.png").write_bytes(content)
    assert not ledger.is_done(done, fingerprint())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint": 1, "files": 3}', "nonsense"])
def test_a_damaged_marker_is_no_promise(done: Path, text: str) -> None:
    (done / ledger.MARKER).write_text(text)
    assert not ledger.is_done(done, fingerprint())


def test_forgetting(done: Path) -> None:
    ledger.forget(done)
    ledger.forget(done)
    assert not ledger.is_done(done, fingerprint())
