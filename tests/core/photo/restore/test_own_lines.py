"""A sharp photo's own lines: dark ones become grooves; spots, blur and what the map shows already do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from dnpm.core.photo.line_features import light_of, shown
from dnpm.core.photo.restore.own_lines import own_lines
from dnpm.core.photo.skin_view import SkinView

SIDE, MM = 256, 0.46
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] * MM
NOWHERE = np.zeros((SIDE, SIDE))


def view(light: np.ndarray, blur: float = 0.3, seed: int = 0) -> SkinView:
    """Skin of that logarithm of light, with some noise, lit from above."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 0.01, light.shape), 0.7)
    trust = np.ones(light.shape)
    trust[:, :20] = 0
    flat = shown(light + noise, trust, MM)
    return SkinView(flat, trust, (NOWHERE, NOWHERE - 0.3), blur, MM)


def groove(upright: bool = False, depth: float = 0.2) -> np.ndarray:
    """(SIDE, SIDE) a line of some 40 mm."""
    across, along = (COLUMNS, ROWS) if upright else (ROWS, COLUMNS)
    middle = SIDE * MM / 2
    return np.asarray(
        depth * np.exp(-0.5 * ((across - middle) / 1.3) ** 2) * np.clip((22 - np.abs(along - middle)) / 4, 0, 1)
    )


INSIDE = groove(depth=1) > 0.6


def test_a_dark_line_is_a_groove() -> None:
    made = own_lines(view(-groove()), NOWHERE, NOWHERE)
    assert made[INSIDE].mean() < -0.05
    assert np.abs(made[:60]).max() < 0.2 * np.abs(made[INSIDE]).mean(), "nothing elsewhere"
    assert not made[:, :20].any(), "nor where the skin is not trusted"
    # What would then be seen is nearer to what was.
    photo = view(-groove())
    left = photo.flat - shown(light_of(made, photo.slope, photo.blur_mm, MM), photo.trust, MM)
    assert np.abs(left[INSIDE]).mean() < 0.8 * np.abs(photo.flat[INSIDE]).mean()


def test_spots_are_fainter_than_lines() -> None:
    spots, places = np.zeros((SIDE, SIDE)), np.random.default_rng(1).integers(30, SIDE - 30, (40, 2))
    spots[places[:, 0], places[:, 1]] = 1
    spots = ndimage.gaussian_filter(spots, 1.3 / MM)
    spots *= 0.2 / spots.max()
    lines, dots = own_lines(view(-groove()), NOWHERE, NOWHERE), own_lines(view(-spots), NOWHERE, NOWHERE)
    here = spots > 0.12
    assert np.abs(dots[here]).mean() < 0.4 * np.abs(lines[INSIDE]).mean()


def test_what_the_map_shows_is_not_drawn_again() -> None:
    heights = -groove()
    photo = view(light_of(heights, (NOWHERE, NOWHERE - 0.3), 0.3, MM))
    alone, beyond = (own_lines(photo, known, NOWHERE) for known in (NOWHERE, heights))
    assert np.abs(beyond[INSIDE]).mean() < 0.2 * np.abs(alone[INSIDE]).mean()


def test_blurred_photos_say_nothing() -> None:
    assert not own_lines(view(-groove(), blur=2.0), NOWHERE, NOWHERE).any()
    nothing = view(-groove())
    assert not own_lines(replace(nothing, trust=NOWHERE, flat=NOWHERE), NOWHERE, NOWHERE).any()


@pytest.mark.parametrize("upright", [False, True])
def test_a_forehead_creases_across(upright: bool) -> None:
    light, inside = -groove(upright), groove(upright, 1) > 0.6
    cheek, forehead = (own_lines(view(light), NOWHERE, NOWHERE + place) for place in (0, 1))
    ratio = np.abs(forehead[inside]).mean() / np.abs(cheek[inside]).mean()
    assert ratio < 0.8 if upright else ratio > 0.9
