"""The shipped networks on pictures of known maps: lines that the sliders do not know are read, false ones go, and
without anything to be seen little moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from dnpm.core.detail.weights import Detail, load_detail
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.regions import region_gain
from dnpm.core.face_model.skin_settings import SkinSettings
from dnpm.core.geometry.uv_map import mask_at
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.reconstruct import Restored, with_gain, with_relief
from dnpm.core.photo.render import Lights, Paint, render
from dnpm.core.photo.restore.pipeline import PhotoRestorer
from dnpm.core.photo.restore.skin_input import CHANNELS, WINDOW, Seen
from dnpm.core.photo.restore.weights import load_photo
from dnpm.core.photo.skin_view import SkinView, SkinViewer
from dnpm.core.photo.texture import Texture

SIDE, PIXELS = 512, 560
TEXTURE = Texture(np.full((256, 256, 3), 0.5, np.float32), np.zeros((256, 256), np.float32))


@pytest.fixture(scope="module")
def viewer(face_model: FaceModel) -> SkinViewer:
    return SkinViewer(face_model)


@pytest.fixture(scope="module")
def detail(repository) -> Detail:
    return load_detail(repository / "weights")


@pytest.fixture(scope="module")
def restorer(face_model: FaceModel, detail: Detail, repository) -> PhotoRestorer:
    return PhotoRestorer(face_model, detail, load_photo(repository / "weights"))


@pytest.fixture(scope="module")
def known(face_model: FaceModel, detail: Detail) -> np.ndarray:
    """(SIDE, SIDE) mm: the sliders' map of the mean person at rest."""
    rows = torch.zeros(1, face_model.n_id), torch.zeros(1, face_model.n_exp)
    with torch.inference_mode():
        return detail.displacement(*rows, resolution=SIDE)[0, 0].numpy() * mask_at(face_model.detail_mask, SIDE)


def forehead(viewer: SkinViewer) -> np.ndarray:
    """(SIDE, SIDE) mm: three level grooves of .3 mm."""
    places, centre = landmark_uv(viewer.model), (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(centre, 1 - centre)
    unit, brow = viewer.mm * SIDE, places[17:27, 1].max()
    level = sum(np.exp(-0.5 * (((v - brow) * unit - k) / 1.2) ** 2) for k in (14, 22, 30))
    return np.asarray(-0.3 * level * np.clip(2 - np.abs(u - 0.5) * unit / 22, 0, 1))


def seen(viewer: SkinViewer, heights: np.ndarray) -> SkinView:
    """The neutral face's skin in a picture, evenly painted but for the room that grooves do not see."""
    model, tone = viewer.model, np.array([0.78, 0.6, 0.5], np.float32)
    camera = Camera.before((PIXELS, PIXELS), 900, 0.72, 200.0)
    room = np.exp(0.4 * np.minimum(heights, 0))[..., None]
    lights = Lights(np.array([(-0.3, -0.8, -0.6)]), np.full((1, 3), 0.6), np.full(3, 0.35), 0.0)
    paint = Paint((tone * room).astype(np.float32), tone, np.array([0.1, 0.08, 0.05]))
    image, _ = render(model, model.neutral, camera, paint, lights, heights)
    image = image + np.random.default_rng(0).normal(0, 0.004, image.shape)
    return viewer.look(np.clip(image, 0, 1).astype(np.float32), model.neutral, camera)


def whole(model: FaceModel, made: Restored) -> np.ndarray:
    """(SIDE, SIDE) mm: all that a photo gave, put together as a reconstruction does it."""
    assert made.relief is not None
    heights = with_relief(made.displacement, made.relief)
    return with_gain(heights, SkinSettings(0.0, made.regions).gain(model)) * mask_at(model.detail_mask, SIDE)


def restored(restorer: PhotoRestorer, view: SkinView) -> np.ndarray:
    model = restorer.model
    given = np.zeros(model.n_id, np.float32), np.zeros(model.n_exp, np.float32)
    return whole(model, restorer(TEXTURE, view, *given, SIDE))


def test_lines_that_the_sliders_do_not_know_are_read(
    viewer: SkinViewer, restorer: PhotoRestorer, known: np.ndarray
) -> None:
    drawn = forehead(viewer)
    change = restored(restorer, seen(viewer, known + drawn)) - known
    plain = restored(restorer, seen(viewer, known)) - known
    there = drawn < -0.15
    beside = ndimage.binary_dilation(there, iterations=8) & (drawn > -0.02)
    depth = change[beside].mean() - change[there].mean()
    assert depth > 0.03
    assert depth > 2 * abs(plain[beside].mean() - plain[there].mean())
    area = ndimage.binary_dilation(there, iterations=10)
    assert np.corrcoef(change[area], drawn[area])[0, 1] > 0.4


def test_what_shows_nothing_moves_little(viewer: SkinViewer, restorer: PhotoRestorer, known: np.ndarray) -> None:
    view = seen(viewer, known)
    nothing = np.zeros_like(view.flat)
    for hidden in (
        SkinView(nothing, nothing, view.slope, view.blur_mm, view.texel_mm),
        replace(view, flat=nothing, blur_mm=8.0),
    ):
        change = restored(restorer, hidden) - known
        assert np.isfinite(change).all()
        assert np.abs(change).mean() < 0.35 * np.abs(known).mean()


def test_it_is_the_same_map_whatever_is_trusted(
    face_model: FaceModel, viewer: SkinViewer, restorer: PhotoRestorer, known: np.ndarray
) -> None:
    """What the code does not say at the usual trust is in the wrinkles: Blender asks for the whole offset."""
    view = seen(viewer, known + forehead(viewer))
    given = TEXTURE, view, np.zeros(face_model.n_id, np.float32), np.zeros(face_model.n_exp, np.float32), SIDE
    usual, asked = restorer(*given), replace(restorer, trust=1.0)(*given)
    assert usual.relief is not None
    assert asked.relief is not None
    np.testing.assert_allclose(usual.relief, asked.relief, atol=1e-4)
    np.testing.assert_allclose(usual.w_offset, restorer.trust * np.asarray(asked.w_offset), atol=1e-3)
    assert usual.regions == asked.regions
    assert usual.relief.shape == (512, 512)


def test_expressions_crease_what_the_photo_does_not_show(
    viewer: SkinViewer, restorer: PhotoRestorer, known: np.ndarray
) -> None:
    """A region that rests in the photo has lines of some strength, and one that is hidden has the sliders'."""
    model, view = viewer.model, seen(viewer, known)
    given = np.zeros(model.n_id, np.float32), np.zeros(model.n_exp, np.float32), SIDE
    nothing = np.zeros_like(view.flat)
    hidden = restorer(TEXTURE, SkinView(nothing, nothing, view.slope, view.blur_mm, view.texel_mm), *given).regions
    assert all(strength > 0.9 for strength in hidden.values())
    assert all(strength > 0.5 for strength in restorer(TEXTURE, view, *given).regions.values())


def test_strengths_of_expressions_are_taken_off_at_rest(face_model: FaceModel, restorer: PhotoRestorer) -> None:
    rng = np.random.default_rng(1)
    own, rest = rng.normal(0, 0.05, (2, SIDE, SIDE)).astype(np.float32)
    left, expressed = {"forehead": 0.4, "chin": 0.5}, {"forehead": 0.9, "chin": 0.5}
    places = landmark_uv(face_model)
    made = restorer.at_rest(own, rest, left, expressed)
    before, after = (region_gain(places, strengths, SIDE) for strengths in (left, expressed))
    np.testing.assert_allclose(after * (rest + made), before * (rest + own), atol=1e-5)


def test_channels_show_the_map_as_the_photo_would(viewer: SkinViewer, known: np.ndarray) -> None:
    view, small = seen(viewer, known + forehead(viewer)), (known + forehead(viewer)).reshape(256, 2, 256, 2)
    given = Seen.of(view).channels(small.mean((1, 3))[WINDOW].astype(np.float32))
    assert given.shape[0] == CHANNELS
    use = given[1] > 0.8
    assert np.corrcoef(given[0][use], given[6][use])[0, 1] > 0.5, "the photo, and the true map in its place"
    other = Seen.of(view).channels(np.zeros_like(given[0]))
    assert (other[6] == 0).all()
