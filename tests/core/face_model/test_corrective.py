"""Corrective shapes as text: there and back, in presets, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import corrective
from dnpm.core.face_model.presets import from_text, preset_of, to_text
from tests.tiny_face import tiny_face_model


def shape(count: int = 169) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 0.5, (count, 3)).astype(np.float32)


def test_there_and_back() -> None:
    given = shape()
    found = corrective.from_text(corrective.to_text(given))
    assert found is not None
    assert np.abs(found - given).max() <= np.abs(given).max() / 127 / 2 + 1e-6
    assert corrective.to_text(None) == corrective.to_text(0 * given) == ""
    assert corrective.from_text("") is None


def test_a_preset_carries_it() -> None:
    text = corrective.to_text(shape())
    preset = preset_of(tiny_face_model(), corrective=text)
    assert from_text(to_text(preset), "a").corrective == text
    assert from_text('{"format": "dnpm-preset-1", "strength": 1}', "a").corrective is None


@pytest.mark.parametrize(
    "text", ["x", "3 0.1", "3 0.1 !!", "0 0.1 eJwDAAAAAAE=", "3 9 eJwDAAAAAAE=", "3 nan eJwDAAAAAAE="]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a corrective shape"):
        corrective.from_text(text)
    with pytest.raises(DnpmError, match="corrective is not a corrective shape"):
        from_text(json.dumps({"format": "dnpm-preset-1", "corrective": text}), "a")
