"""A performance that every test knows, and files as the programs write them that captures come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.capture.track import ROTATION_NAMES
from dnpm.core.capture.write import live_link_order
from dnpm.core.face_model.arkit import ARKIT_NAMES

JAW, SMILE = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthSmileLeft")
BLINKS = [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]


def performance(times: np.ndarray) -> np.ndarray:
    """(T,) seconds -> (T, 52): a jaw that opens and closes once a second between 0 and 1, blinks, a smile of .3."""
    values = np.zeros((len(times), 52))
    values[:, JAW] = np.sin(np.pi * times) ** 2
    values[:, BLINKS] = np.clip(np.sin(2 * np.pi * times / 1.7), 0, 1)[:, None]
    values[:, [SMILE, SMILE + 1]] = 0.3
    return values


def timecode(number: int, base: int, mark: str = ":", fraction: str = "", dropped: int = 0) -> str:
    """The label of a frame, counted from midnight: HH:MM:SS:FF. dropped: the numbers that SMPTE ST 12-1 leaves out."""
    if dropped:
        tens, rest = divmod(number, 600 * base - 9 * dropped)
        number += 9 * dropped * tens + dropped * max(0, (rest - dropped) // (60 * base - dropped))
    seconds, frame = divmod(number, base)
    hours, minutes = seconds // 3600 % 24, seconds // 60 % 60
    return f"{hours:02d}:{minutes:02d}:{seconds % 60:02d}{mark}{frame:02d}{fraction}"


def live_link(labels: Iterable[str], values: np.ndarray) -> list[list[str]]:
    """Cells of a Live Link Face CSV, the titles first."""
    order = live_link_order()
    names = [*(ARKIT_NAMES[k] for k in order), *ROTATION_NAMES]
    rows = [["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in names)]]
    for label, row in zip(labels, values, strict=True):
        rows.append([label, "61", *(f"{value:.6f}" for value in row[order]), *["0.100000"] * 9])
    return rows


def plain(title: str, labels: Iterable[str], values: np.ndarray) -> list[list[str]]:
    """Cells of a CSV with one column of time and ARKit's names."""
    rows = [[title, *ARKIT_NAMES]]
    rows += [[label, *(f"{value:.6f}" for value in row)] for label, row in zip(labels, values, strict=True)]
    return rows


def text(rows: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    return end.join(separator.join(row) for row in rows) + end


class Forms:
    """The functions above, for tests: their modules are not packages."""

    jaw, smile = JAW, SMILE
    performance = staticmethod(performance)
    timecode = staticmethod(timecode)
    live_link = staticmethod(live_link)
    plain = staticmethod(plain)
    text = staticmethod(text)


@pytest.fixture(scope="session")
def forms() -> type[Forms]:
    return Forms


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Puts cells, text or bytes into a file of that name."""

    def write(content: list[list[str]] | str | bytes, name: str = "take.csv") -> Path:
        path = tmp_path_factory.mktemp("captures") / name
        content = text(content) if isinstance(content, list) else content
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
