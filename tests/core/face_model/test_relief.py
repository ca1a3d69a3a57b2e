"""Wrinkles as text: what goes in comes out, small texts are small, and nothing crafted is unpacked."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets
from dnpm.core.face_model.relief import from_text, scaled, to_text


def wrinkles(side: int = 256) -> np.ndarray:
    rows = np.arange(side)[:, None] - side / 2 + 6 * np.sin(np.arange(side) / 20)[None]
    return (-0.4 * np.exp(-0.5 * (rows / 2) ** 2)).astype(np.float32)


def test_there_and_back() -> None:
    relief = wrinkles()
    text = to_text(relief)
    assert np.abs(from_text(text) - relief).max() <= 0.5 * 0.4 / 127 + 1e-6
    assert len(text) < relief.size / 2
    assert to_text(from_text(text)) == text


def test_nothing_is_the_empty_text() -> None:
    assert to_text(None) == to_text(np.zeros((8, 8))) == ""
    assert from_text("") is None


def test_scaled() -> None:
    text = to_text(wrinkles(64))
    assert np.allclose(from_text(scaled(text, 0.5)), 0.5 * from_text(text), atol=0.002)
    assert scaled(text, 0.0) == ""
    assert scaled(text, 1.0) == text


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "x", "8 0.01", "8 0.01 ???", f"8 nan {packed(bytes(64))}", f"8 0 {packed(bytes(64))}",
        f"8 5 {packed(bytes(64))}",
        f"9 0.01 {packed(bytes(64))}", f"8 0.01 {packed(bytes(10_000_000))}", f"99999 0.01 {packed(bytes(64))}",
        f"8 0.01 {base64.b64encode(b'no').decode()}",
    ],
)  # fmt: skip
def test_damaged(text: str) -> None:
    with pytest.raises(ValueError, match="not a relief"):
        from_text(text)
    with pytest.raises(DnpmError, match="relief is not"):
        presets.from_text(
            '{"format": "dnpm-preset-1", "model": "m", "relief": "' + text.replace('"', "") + '"}', "a preset"
        )


def test_in_a_preset() -> None:
    text = to_text(wrinkles(64))
    written = presets.to_text(presets.Preset("m", relief=text))
    assert presets.from_text(written, "a preset").relief == text
    older = presets.from_text('{"format": "dnpm-preset-1", "model": "m", "strength": 1}', "an older preset")
    assert older.relief is None
