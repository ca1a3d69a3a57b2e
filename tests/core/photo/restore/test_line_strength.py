"""How deep lines have to be drawn: as deep as the photo shows them, fainter where it shows none, and unchanged where it
tells nothing."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.photo.line_features import light_of, shown
from dnpm.core.photo.restore.line_strength import line_strength
from dnpm.core.photo.restore.skin_input import Seen

SHAPE, MM, BLUR = (128, 128), 0.9, 0.7
MIDDLE = (slice(40, 88), slice(40, 88))


def furrows(depth: float) -> np.ndarray:
    """Lines across a forehead, 9 mm apart."""
    rows = np.arange(SHAPE[0])[:, None] * MM + np.zeros(SHAPE)
    return (depth * np.cos(2 * np.pi * rows / 9)).astype(np.float32)


def photo(depth: float, trust: float = 1.0, noise: float = 0.01) -> Seen:
    slope = (np.full(SHAPE, 0.1), np.full(SHAPE, 0.4))
    known = np.full(SHAPE, trust)
    light = light_of(furrows(depth), slope, BLUR, MM) + np.random.default_rng(0).normal(0, noise, SHAPE)
    return Seen(shown(light, known, MM), known, slope, BLUR, MM)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.6, 2.2])
def test_lines_become_as_deep_as_the_photo_has_them(factor: float) -> None:
    found = line_strength(photo(0.1 * factor), furrows(0.1))[MIDDLE]
    assert np.median(found) == pytest.approx(factor, rel=0.08)


def test_lines_that_the_photo_lacks_fade() -> None:
    assert np.median(line_strength(photo(0.0), furrows(0.1))[MIDDLE]) < 0.5


def test_a_photo_that_shows_nothing_changes_nothing() -> None:
    assert line_strength(photo(0.2, trust=0.0), furrows(0.1)) == pytest.approx(1.0)


def test_noise_is_no_evidence() -> None:
    loud = line_strength(photo(0.2, noise=0.5), furrows(0.1))[MIDDLE]
    assert np.median(np.abs(loud - 1)) < np.median(np.abs(line_strength(photo(0.2), furrows(0.1))[MIDDLE] - 1)) / 2


def test_faint_lines_become_fainter() -> None:
    faint, deep = (np.median(line_strength(photo(d), furrows(d))[MIDDLE]) for d in (0.015, 0.1))
    assert faint < 0.7 < 0.95 < deep
