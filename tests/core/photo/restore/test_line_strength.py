"""How deep lines have to be drawn: as deep as the photo shows them, fainter where it shows none, and unchanged where it
tells nothing."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.photo.line_features import light_of, shown
from dnpm.core.photo.restore.line_strength import Places, line_strength
from dnpm.core.photo.restore.skin_input import Seen

SHAPE, MM, BLUR = (128, 128), 0.9, 0.7
MIDDLE = (slice(40, 88), slice(40, 88))
NOWHERE = np.zeros(SHAPE)
SKIN = Places(np.ones(SHAPE), NOWHERE, NOWHERE)
FOREHEAD = Places(np.ones(SHAPE), np.ones(SHAPE), NOWHERE)


def furrows(depth: float) -> np.ndarray:
    """Lines across a forehead, 9 mm apart."""
    rows = np.arange(SHAPE[0])[:, None] * MM + np.zeros(SHAPE)
    return (depth * np.cos(2 * np.pi * rows / 9)).astype(np.float32)


def photo(depth: float, trust: float = 1.0, noise: float = 0.01) -> Seen:
    return photo_of(furrows(depth), trust, noise)


def photo_of(heights: np.ndarray, trust: float = 1.0, noise: float = 0.01) -> Seen:
    slope = (np.full(SHAPE, 0.1), np.full(SHAPE, 0.4))
    known = np.full(SHAPE, trust)
    light = light_of(heights, slope, BLUR, MM) + np.random.default_rng(0).normal(0, noise, SHAPE)
    return Seen(shown(light, known, MM), known, slope, BLUR, MM)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.6, 2.2])
def test_lines_become_as_deep_as_the_photo_has_them(factor: float) -> None:
    found = line_strength(photo(0.1 * factor), furrows(0.1), SKIN)[MIDDLE]
    assert np.median(found) == pytest.approx(factor, rel=0.08)


def test_lines_that_the_photo_lacks_fade() -> None:
    assert np.median(line_strength(photo(0.0), furrows(0.1), SKIN)[MIDDLE]) < 0.5


def test_a_photo_that_shows_nothing_changes_nothing() -> None:
    assert line_strength(photo(0.2, trust=0.0), furrows(0.1), SKIN) == pytest.approx(1.0)


def test_noise_is_no_evidence() -> None:
    loud, quiet = (line_strength(photo(0.2, noise=n), furrows(0.1), SKIN)[MIDDLE] for n in (0.5, 0.01))
    assert np.median(np.abs(loud - 1)) < np.median(np.abs(quiet - 1)) / 2


def test_faint_lines_become_fainter() -> None:
    faint, deep = (np.median(line_strength(photo(d), furrows(d), SKIN)[MIDDLE]) for d in (0.015, 0.1))
    assert faint < 0.7 < 0.95 < deep


def test_what_is_no_skin_stays() -> None:
    brow = Places(NOWHERE, NOWHERE, NOWHERE)
    assert line_strength(photo(0.0), furrows(0.1), brow) == pytest.approx(1.0)


def test_strands_and_spots_on_a_forehead_become_fainter() -> None:
    """A forehead creases across; elsewhere lines may run as they like."""
    level = np.median(line_strength(photo(0.1), furrows(0.1), FOREHEAD)[MIDDLE])
    assert level == pytest.approx(np.median(line_strength(photo(0.1), furrows(0.1), SKIN)[MIDDLE]), rel=0.05)
    strands, spots = furrows(0.1).T, (furrows(0.2) + furrows(0.2).T) / 2
    for lines in (strands, spots):
        seen = photo_of(lines)
        assert np.median(line_strength(seen, lines, FOREHEAD)[MIDDLE]) < 0.5
        assert np.median(line_strength(seen, lines, SKIN)[MIDDLE]) > 0.8


def test_hidden_frown_lines_are_as_deep_as_they_are_said_to_be() -> None:
    between = Places(NOWHERE, NOWHERE, np.ones(SHAPE))
    assert line_strength(photo(0.1), furrows(0.1), between, 0.3) == pytest.approx(0.3)
