"""The skin's paint on the built model: where brows, lips and blushes lie, and that it ends softly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.brow_hairs import brow_hairs
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.looks import DEFAULT_TONE, TONES, Look
from dnpm.core.face_model.skin_paint import outer_fade, paint_key, skin_paint


@pytest.fixture(scope="module")
def paint(face_model):
    return skin_paint(face_model, resolution=512)


def _on_skin(paint: np.ndarray, tone: str = DEFAULT_TONE) -> np.ndarray:
    """The paint over the tone's base: what is seen."""
    return paint[..., :3] * paint[..., 3:] + np.array(TONES[tone].base) * (1 - paint[..., 3:])


def _at(image: np.ndarray, uv: np.ndarray, radius: float = 0.008) -> np.ndarray:
    """The mean colour around a place."""
    size = len(image)
    row, column, r = int((1 - uv[1]) * size), int(uv[0] * size), max(1, int(radius * size))
    return image[row - r : row + r + 1, column - r : column + r + 1].mean((0, 1))


def test_shape_range_and_sameness(face_model, paint):
    assert paint.shape == (512, 512, 4)
    assert paint.dtype == np.float32
    assert paint.min() >= 0
    assert paint.max() <= 1
    assert np.array_equal(paint, skin_paint(face_model, resolution=512))
    assert not np.array_equal(paint, skin_paint(face_model, resolution=512, seed=1))


def test_it_ends_softly_where_the_head_goes_on(paint):
    alpha = paint[..., 3]
    for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]):
        assert edge.max() < 0.02
    border = outer_fade(np.pad(np.ones((480, 480), np.float32), 16))
    middle = border[len(border) // 2]
    assert border[0].max() == 0
    assert middle.max() == 1
    assert (np.diff(middle[: len(middle) // 2]) >= 0).all()
    assert np.diff(middle).max() < 0.4
    # Beyond the borders of hairs and lips the paint is a tint, on average of the base's own colour.
    seen = _on_skin(paint)[20:100, 100:400].mean((0, 1))
    np.testing.assert_allclose(seen, TONES[DEFAULT_TONE].base, atol=0.02)


def test_brows_lips_and_blushes_are_where_the_landmarks_say(face_model, paint):
    uv, seen = landmark_uv(face_model), _on_skin(paint)
    forehead = _at(seen, uv[27] + [0, 0.2], 0.03)
    for k in (18, 19, 20, 23, 24, 25):
        assert _at(seen, uv[k] - [0, 0.012]).mean() < 0.8 * forehead.mean(), "a brow is dark"
    redness = lambda colour: colour[0] - colour[1]  # noqa: E731
    for lip in (0.5 * (uv[57] + uv[66]), 0.5 * (uv[51] + uv[62])):
        assert redness(_at(seen, lip)) > redness(forehead) + 0.03
    assert redness(_at(seen, uv[30], 0.02)) > redness(forehead) + 0.02
    # What is not the left brow's or lip's own noise is the same on both sides.
    both = 0.5 * np.abs(seen - seen[:, ::-1]).mean()
    assert both < 0.01


def test_brows_have_hairs_with_skin_between(face_model):
    uv = landmark_uv(face_model)
    alpha = skin_paint(face_model, Look(flush=0, freckles=0))[..., 3]
    row, column = int((1 - uv[24][1] + 0.012) * 1024), int(uv[24][0] * 1024)
    brow = alpha[row - 8 : row + 8, column - 30 : column + 30]
    assert brow.max() > 0.7
    assert np.percentile(brow, 10) < 0.65 * np.percentile(brow, 90)
    none = skin_paint(face_model, Look(flush=0, freckles=0, brows=0))[..., 3]
    assert none[row - 8 : row + 8, column - 30 : column + 30].max() < 0.3


def test_the_alpha_reaches_the_rims_of_eyes_and_lips(face_model):
    fade = outer_fade(face_model.detail_mask)
    uv = landmark_uv(face_model)
    size = len(fade)
    rims = uv[[*range(36, 48), *range(60, 68)]]
    assert all(fade[int((1 - v) * size), int(u * size)] == 1 for u, v in rims)


def test_looks(face_model, paint):
    uv = landmark_uv(face_model)
    plain, shaved, bearded = (
        _on_skin(skin_paint(face_model, Look(stubble=s, freckles=f), 256)) for s, f in ((0, 0), (0, 2), (1, 0))
    )
    chin, cheek = 0.4 * uv[57] + 0.6 * uv[8], 0.5 * (uv[46] + uv[14])
    assert _at(bearded, chin, 0.03).mean() < _at(plain, chin, 0.03).mean() - 0.03
    np.testing.assert_allclose(_at(bearded, uv[27], 0.03), _at(plain, uv[27], 0.03), atol=1e-3)
    assert _at(bearded, cheek, 0.02).mean() > _at(bearded, chin, 0.02).mean()
    assert np.abs(shaved - plain).max() > 0.05


@pytest.mark.parametrize("name", TONES)
def test_every_tone_keeps_its_order_of_colours(face_model, name):
    tone = TONES[name]
    for colour in dataclasses.astuple(tone):
        assert all(0 < c < 1 for c in colour)
        assert colour[0] > colour[1] >= colour[2] - 0.02, "skin is red before green before blue"
    assert sum(tone.base) > sum(tone.deep) > sum(tone.brow)
    seen = _on_skin(skin_paint(face_model, Look(name), 128), name)
    assert np.abs(seen[10:25, 30:100].mean((0, 1)) - tone.base).max() < 0.03


def test_tones_go_from_light_to_dark():
    lightness = [sum(tone.base) for tone in TONES.values()]
    assert lightness == sorted(lightness, reverse=True)
    assert len(TONES) == 6


def test_sizes_agree(face_model, paint):
    large = skin_paint(face_model)
    small = large.reshape(512, 2, 512, 2, 4).mean((1, 3))
    assert np.abs(_on_skin(small) - _on_skin(paint)).mean() < 0.01


def test_without_landmarks_it_says_so(face_model):
    model = dataclasses.replace(face_model, landmarks68=np.full(68, -1, np.int32))
    with pytest.raises(DnpmError, match="landmarks"):
        skin_paint(model)


def test_the_key_names_what_is_painted(face_model):
    key = paint_key(face_model, Look())
    assert key == paint_key(face_model, Look(iris=(0.1, 0.2, 0.3))), "the eyes are not part of the paint"
    others = [Look(tone="deep"), Look(stubble=0.5), Look(freckles=0), Look(brows=0.5), Look(flush=0.5),
              Look(brow_width=1.5), Look(brow_arch=0.5), Look(hair_colour="red")]  # fmt: skip
    moved = dataclasses.replace(face_model, detail_uv=face_model.detail_uv * np.float32(0.99))
    assert len({key, *(paint_key(face_model, look) for look in others), paint_key(moved, Look())}) == len(others) + 2


def test_redness_is_soft_and_lies_on_the_middle_of_the_nose(face_model):
    red, pale = (_on_skin(skin_paint(face_model, Look(flush=f, brows=0, freckles=0), 512)) for f in (1, 0))
    blood = (pale - red)[..., 1]
    assert blood.max() > 0.05
    assert max(np.abs(np.diff(blood, axis=axis)).max() for axis in (0, 1)) < 0.3 * blood.max()
    v = landmark_uv(face_model)[30, 1]
    row, half = int((1 - v) * 512), 20
    nose = blood[row - half : row + half, 256 - half : 256 + half]
    middle = (nose * (np.arange(2 * half) + 0.5)).sum() / nose.sum()
    assert abs(middle - half) < 1.0


def test_a_small_paint_is_as_dark_as_a_large_one(face_model):
    """Hairs are thinner than a texel: on a small map each counts for what it covers."""
    uv = landmark_uv(face_model)
    e = float(np.linalg.norm(uv[45] - uv[36]))
    ink = {size: brow_hairs(uv, e, size, 0)[1].sum() / size**2 for size in (256, 1024)}
    assert ink[256] == pytest.approx(ink[1024], rel=0.15)
    beard = {
        size: _on_skin(skin_paint(face_model, Look(stubble=1, freckles=0, brows=0), size)).mean()
        - _on_skin(skin_paint(face_model, Look(freckles=0, brows=0), size)).mean()
        for size in (256, 1024)
    }
    assert beard[1024] < -0.005
    assert beard[256] == pytest.approx(beard[1024], rel=0.05)


def test_brows_begin_where_those_of_people_do(face_model):
    """Between dlib's mean brows lie .62 of the distance of the inner eye corners; the ridges' landmarks are nearer."""
    uv = landmark_uv(face_model)
    (_, columns), ink = brow_hairs(uv, float(np.linalg.norm(uv[45] - uv[36])), 1024, 0)
    u = (columns.start + np.arange(ink.shape[1]) + 0.5) / 1024
    dark = u[ink.sum(0) > 0.2 * ink.sum(0).max()]
    gap = dark[dark > 0.5].min() - dark[dark < 0.5].max()
    assert 0.35 < gap / (uv[42, 0] - uv[39, 0]) < 0.75
    assert uv[22, 0] - uv[21, 0] < 0.3 * (uv[42, 0] - uv[39, 0])


def test_wide_brows_cover_more_and_arched_ones_stand_higher_in_the_middle(face_model):
    uv = landmark_uv(face_model)
    e = float(np.linalg.norm(uv[45] - uv[36]))

    def brow(**shape: float) -> np.ndarray:
        (_, columns), ink = brow_hairs(uv, e, 512, 0, **shape)
        return ink[:, : round(0.5 * 512) - columns.start]  # the right one

    usual, wide, narrow = brow(), brow(width=1.8), brow(width=0.3)
    assert wide.sum() > 1.15 * usual.sum() > 1.3 * narrow.sum()
    rows = np.arange(len(usual))
    height = lambda ink, part: -(ink[:, part].sum(1) @ rows) / ink[:, part].sum()  # noqa: E731
    arched, straight = brow(arch=2.0), brow(arch=0.0)
    there = np.flatnonzero(usual.sum(0) > 0)
    middle, inner = there[round(0.4 * len(there))], there[-4:]
    bow = {name: height(ink, [middle]) - height(ink, inner) for name, ink in (("a", arched), ("s", straight))}
    assert bow["a"] > bow["s"] + 0.02 * e * 512
