"""A photo's lines: those of a map are told where they are, blur says nothing; the regression's file comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.line_features import LineFilter
from dnpm.core.photo.render import Lights, Paint, render
from dnpm.core.photo.skin_age import SkinAge
from dnpm.core.photo.skin_lines import (
    LEVELS_MM,
    TARGETS,
    SkinLineReader,
    SkinRegression,
    at_level,
    blurred_to,
    features,
)
from dnpm.core.photo.skin_view import SkinView, SkinViewer

SIDE = 512
PIXELS = 560


@pytest.fixture(scope="module")
def viewer(face_model: FaceModel) -> SkinViewer:
    return SkinViewer(face_model)


@pytest.fixture(scope="module")
def lines(viewer: SkinViewer) -> LineFilter:
    return LineFilter(viewer)


def frown(viewer: SkinViewer, depth: float) -> np.ndarray:
    """(SIDE, SIDE) mm: two upright grooves between the brows, and level ones on the forehead half as deep."""
    places = landmark_uv(viewer.model)
    centre = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(centre, 1 - centre)
    unit = viewer.mm * SIDE
    brow = places[[21, 22], 1].mean()
    upright = np.exp(-0.5 * ((np.abs(u - 0.5) * unit - 5) / 1.2) ** 2)
    upright *= np.clip(1.5 - np.abs(v - brow) * unit / 9, 0, 1)
    level = np.exp(-0.5 * (((v - brow) * unit - 26) / 1.2) ** 2) * np.clip(2 - np.abs(u - 0.5) * unit / 22, 0, 1)
    return np.asarray(-depth * (upright + 0.5 * level))


def seen(viewer: SkinViewer, heights: np.ndarray | None, blur: float = 0.0) -> SkinView:
    """The neutral face's skin in a picture, evenly painted but for the room that grooves do not see."""
    from scipy import ndimage

    model, tone = viewer.model, np.array([0.78, 0.6, 0.5], np.float32)
    camera = Camera.before((PIXELS, PIXELS), 900, 0.72, 200.0)
    room = np.ones((SIDE, SIDE, 1)) if heights is None else np.exp(0.45 * heights / 1.2)[..., None]
    lights = Lights(np.array([(-0.3, -0.8, -0.6)]), np.full((1, 3), 0.6), np.full(3, 0.35), 0.0)
    paint = Paint((tone * room).astype(np.float32), tone, np.array([0.1, 0.08, 0.05]))
    image, _ = render(model, model.neutral, camera, paint, lights, heights)
    image = image + np.random.default_rng(0).normal(0, 0.004, image.shape)
    if blur:
        image = ndimage.gaussian_filter(image, (blur, blur, 0))
    return viewer.look(np.clip(image, 0, 1).astype(np.float32), model.neutral, camera)


def test_a_map_looks_like_its_photo(viewer: SkinViewer, lines: LineFilter) -> None:
    heights = frown(viewer, 0.3)
    view = seen(viewer, heights)
    shown, predicted, plain = lines.of_photo(view), lines.of_map(heights, view), lines.of_photo(seen(viewer, None))
    use = shown.seen > 0.5
    found = np.corrcoef(shown.energy[use].ravel(), predicted.energy[use].ravel())[0, 1]
    assert found > 0.7
    assert np.corrcoef(plain.energy[use].ravel(), predicted.energy[use].ravel())[0, 1] < 0.5 * found
    assert np.isfinite(features(shown)).any()
    assert not np.isfinite(features(lines.nothing())).any()


def test_what_is_blurred_says_nothing(viewer: SkinViewer, lines: LineFilter) -> None:
    blurred = seen(viewer, None, 6.0)
    assert at_level(blurred) is None
    reader = SkinLineReader(viewer, regression(viewer.model, len(features(lines.nothing()))))
    identity = np.full(viewer.model.n_id, 0.3, np.float32)
    same, years = reader.skin(identity, [blurred], [np.zeros(viewer.model.n_exp)])
    assert (same == identity).all()
    assert years == 0


def test_levels_only_blur(viewer: SkinViewer) -> None:
    view = seen(viewer, frown(viewer, 0.3))
    found = at_level(view)
    assert found is not None
    assert found[0].blur_mm == LEVELS_MM[found[1]] >= view.blur_mm
    softer = blurred_to(view, LEVELS_MM[-1])
    assert softer.flat.std() < found[0].flat.std() < view.flat.std() * 1.01


def regression(model: FaceModel, count: int) -> SkinRegression:
    rng, targets = np.random.default_rng(3), len(TARGETS)
    shape = (len(LEVELS_MM), count)
    return SkinRegression(
        rng.normal(size=shape), rng.uniform(0.5, 1, shape),
        rng.normal(0, 0.01, (len(LEVELS_MM), count + model.n_exp, targets)),
        rng.uniform(0, 1, (len(LEVELS_MM), targets)), np.zeros(targets), np.ones(targets), np.zeros(model.n_exp),
    )  # fmt: skip


def test_the_file_comes_back(face_model: FaceModel, lines: LineFilter, tmp_path: Path) -> None:
    made, path = regression(face_model, len(features(lines.nothing()))), tmp_path / "lines.safetensors"
    made.save(path, face_model, {"licence": "none"})
    again = SkinRegression.load(face_model, path)
    assert again is not None
    np.testing.assert_allclose(again.weights, made.weights, atol=1e-3)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DnpmError, match="lines"):
        SkinRegression.load(face_model, path)
    with pytest.raises(DnpmError, match="skin-lines"):
        SkinRegression.load(face_model, tmp_path / "none.safetensors")


def test_kept_components_stay(viewer: SkinViewer, lines: LineFilter) -> None:
    model = viewer.model
    made = regression(model, len(features(lines.nothing())))
    reader = SkinLineReader(viewer, made, SkinAge.load(model))
    view, still = seen(viewer, frown(viewer, 0.3)), np.zeros(model.n_exp)
    identity = np.zeros(model.n_id, np.float32)
    assert reader.places is not None
    first = int(reader.places[0])
    found, years = reader.skin(identity, [view], [still], {first})
    assert found[first] == 0
    assert np.abs(found[reader.places[1:]]).max() > 0
    assert (found[: model.n_shape] == 0).all()
    assert years != 0
    assert reader.skin(identity, [view], [still], {0})[1] == 0


def test_the_shipped_regression_knows_this_model(face_model: FaceModel) -> None:
    shipped = SkinRegression.load(face_model)
    assert shipped is not None
    assert shipped.told[0][-1] > 0.3
    assert shipped.told[-1][-1] <= shipped.told[0][-1]
