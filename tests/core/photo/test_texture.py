"""From a picture to the detail UV and back."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.geometry.uv_map import mask_at
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.render import Lights, Paint, render
from dnpm.core.photo.texture import Texture, fill_mirrored, joined, normalise, photo_alpha, skin_colour, unwrap

SIZE = 128
FLAT = Lights(np.array([[0.0, 0, -1]]), np.zeros((1, 3)), np.full(3, 1.0), 0.0)


def painted(face_model, yaw: float) -> tuple[Texture, np.ndarray]:
    """A face with a known pattern on its skin, seen turned: what comes back, and the pattern."""
    x, y = np.meshgrid((np.arange(256) + 0.5) / 256, (np.arange(256) + 0.5) / 256)
    pattern = np.stack([0.25 + 0.5 * x, 0.25 + 0.5 * y, 0.5 + 0.2 * np.sin(12 * x)], -1).astype(np.float32)
    paint = Paint(pattern, np.full(3, 0.5, np.float32), np.zeros(3, np.float32))
    front = face_model.neutral[face_model.vertex_groups["face"]]
    camera = Camera.before((400, 400), height=230, fill=0.9, target=front.mean(0), rotation=turned(yaw))
    # Ambient light depends on where a place faces: divide it out with a picture of white skin.
    picture, _ = render(face_model, face_model.neutral, camera, paint, FLAT)
    white = Paint(np.ones_like(pattern), np.ones(3, np.float32), np.zeros(3, np.float32))
    shade, _ = render(face_model, face_model.neutral, camera, white, FLAT)
    linear = lambda a: np.where(a <= 0.04045, a / 12.92, ((a + 0.055) / 1.055) ** 2.4)  # noqa: E731
    flat = np.clip(linear(picture) / np.maximum(linear(shade), 1e-3), 0, 1)
    back = np.where(flat <= 0.0031308, flat * 12.92, 1.055 * flat ** (1 / 2.4) - 0.055).astype(np.float32)
    return unwrap(back, face_model.neutral, camera, face_model, SIZE), pattern[::2, ::2]


def test_another_photo_shows_the_far_side(face_model) -> None:
    """Of another light; the pattern's red grows from side to side, so that a mirrored half is wrong."""
    (first, pattern), (second, _) = (painted(face_model, yaw) for yaw in (45, -45))
    second = Texture(np.clip(0.8 * second.colour, 0, 1), second.visible)
    both = joined(first, [second])
    far = (first.visible < 0.01) & (second.visible > 0.99)
    assert far.sum() > 100
    error = lambda one: np.abs(one.colour - pattern)[far].mean()  # noqa: E731
    assert error(both) < 0.05
    assert error(fill_mirrored(both)) < 0.4 * error(fill_mirrored(first))
    assert (both.visible >= first.visible).all()
    assert (both.visible[far] > 0.9).all()
    well = first.visible > 0.99
    np.testing.assert_allclose(both.colour[well], first.colour[well], atol=0.02)


def test_alone_it_stays(face_model) -> None:
    first, _ = painted(face_model, 45)
    for others in ([], [Texture(first.colour, np.zeros_like(first.visible))]):
        both = joined(first, others)
        np.testing.assert_array_equal(both.colour, first.colour)
        np.testing.assert_array_equal(both.visible, first.visible)


def test_the_pattern_comes_back(face_model) -> None:
    texture, pattern = painted(face_model, 0)
    well = texture.visible > 0.9
    assert well.mean() > 0.2
    assert np.abs(texture.colour - pattern)[well].mean() < 0.01
    inside = mask_at(face_model.detail_mask, SIZE) > 0.02
    assert (texture.visible[~inside] == 0).all()
    # Both sides of a face that looks straight ahead are seen alike.
    assert np.abs(texture.visible - texture.visible[:, ::-1]).mean() < 0.03


def test_the_far_side_is_not_seen_and_gets_filled(face_model) -> None:
    texture, pattern = painted(face_model, 45)
    # The subject turns to its left, which is the picture's right and the map's: that side is hidden.
    left, right = texture.visible[:, : SIZE // 2].sum(), texture.visible[:, SIZE // 2 :].sum()
    assert max(left, right) > 1.7 * min(left, right)
    filled = fill_mirrored(texture)
    np.testing.assert_array_equal(filled.visible, texture.visible)
    well = texture.visible > 0.99
    np.testing.assert_allclose(filled.colour[well], texture.colour[well], atol=0.02)
    lent = (texture.visible < 0.01) & (texture.visible[:, ::-1] > 0.99)
    assert lent.sum() > 100
    # Green only depends on the height, so that the other side is right.
    assert np.abs(filled.colour - pattern)[lent][:, 1].mean() < 0.06
    assert np.isfinite(filled.colour).all()


def test_filling_brings_light_together() -> None:
    """Half of a face lit twice as strongly: what it lends is darkened."""
    n = 64
    rows = np.linspace(0.3, 0.5, n)[:, None, None]
    colour = np.tile(rows, (1, n, 3)).astype(np.float32)
    colour[:, n // 2 :] *= 0.5
    visible = np.ones((n, n), np.float32)
    visible[20:40, 50:60] = 0
    spoilt = colour.copy()
    spoilt[20:40, 50:60] = 1
    filled = fill_mirrored(Texture(spoilt, visible)).colour
    assert np.abs(filled - colour)[20:40, 50:60].mean() < 0.03


def test_nothing_seen_is_no_error() -> None:
    filled = fill_mirrored(Texture(np.zeros((32, 32, 3), np.float32), np.zeros((32, 32), np.float32)))
    assert np.isfinite(filled.colour).all()


def test_normalised_colours_are_comparable() -> None:
    rng = np.random.default_rng(0)
    pattern = rng.normal(0, 0.05, (32, 32, 1))
    mask = np.ones((32, 32), np.float32)
    mask[:4] = 0
    seen = np.ones((32, 32), np.float32)
    one, two = (
        normalise(Texture((np.array(base) + gain * pattern).astype(np.float32), seen), mask)
        for base, gain in (((0.7, 0.5, 0.4), 1.0), ((0.3, 0.25, 0.3), 0.5))
    )
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert (one[:4] == 0).all()
    np.testing.assert_allclose(one[4:].mean((0, 1)), 0, atol=1e-5)
    assert one[4:].std() == pytest.approx(0.25, rel=0.02)


def test_sizes_must_fit(face_model) -> None:
    with pytest.raises(DnpmError, match="20 x 10"):
        unwrap(np.zeros((10, 20, 3), np.float32), face_model.neutral, Camera.before((30, 30)), face_model, 64)


def test_colours_go_out_where_nothing_was_seen(face_model) -> None:
    texture, _ = painted(face_model, 45)
    alpha = photo_alpha(texture, face_model)
    either = np.maximum(texture.visible, texture.visible[:, ::-1])
    assert alpha[either > 0.95].mean() > 0.85
    assert alpha[:4].max() == 0
    steps = max(np.abs(np.diff(alpha, axis=k)).max() for k in (0, 1))
    assert steps < 0.35, "no hard edge"
    hidden = Texture(texture.colour, np.zeros_like(texture.visible))
    mask = mask_at(face_model.detail_mask, SIZE)
    assert photo_alpha(hidden, face_model)[mask > 0.9].mean() < 0.2
    seen = Texture(texture.colour, (mask > 0.02).astype(np.float32))
    assert photo_alpha(seen, face_model)[SIZE // 4 : SIZE // 2, SIZE // 4 : -SIZE // 4].min() > 0.99


def test_the_usual_colour_is_the_skins(face_model) -> None:
    colour = np.full((SIZE, SIZE, 3), [0.7, 0.5, 0.4], np.float32)
    colour[: SIZE // 3] = 0.05  # Hair.
    texture = Texture(colour, np.ones((SIZE, SIZE), np.float32))
    assert skin_colour(texture, face_model) == pytest.approx([0.7, 0.5, 0.4], abs=1e-3)


def test_the_usual_colour_is_that_of_lit_skin(face_model) -> None:
    """More than half of the skin in shadow, which is darker and warmer: the head gets the colour of the rest."""
    lit, shade = np.array([0.75, 0.58, 0.5], np.float32), np.array([0.55, 0.38, 0.29], np.float32)
    seen = np.argwhere(mask_at(face_model.detail_mask, SIZE) > 0.9)
    border = int(np.quantile(seen[:, 1], 0.62))
    colour = np.tile(lit, (SIZE, SIZE, 1))
    colour[:, :border] = shade
    colour += np.random.default_rng(0).normal(0, 0.01, (SIZE, SIZE, 1)).astype(np.float32)
    texture = Texture(colour, np.ones((SIZE, SIZE), np.float32))
    assert skin_colour(texture, face_model) == pytest.approx(lit, abs=0.03)
