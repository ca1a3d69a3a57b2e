"""Cues of a photo's face: lids and brows come through, the teeth tell the jaw, the irises the gaze; derivatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.fit import cues
from dnpm.core.photo.fit.landmark_errors import LandmarkErrorModel, LandmarkErrorModels
from dnpm.core.photo.fit.part import Part
from dnpm.core.photo.fit.photo_bias import PhotoLandmarkBias
from dnpm.core.photo.fit.problem import CAMERA
from dnpm.core.photo.fit.solve import Fitter, Picture
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.landmarks.teeth import teeth_gap

SIZE = (512, 512)


@pytest.fixture(scope="module")
def fitter(face_model: FaceModel) -> Fitter:
    """Of photos, whose landmarks err by next to nothing."""
    bias = PhotoLandmarkBias(np.full((468, 2), 1e-9))
    return Fitter(face_model, LandmarkNetworks.load().canonical, error_models=LandmarkErrorModels.none(), photos=bias)


def seen(fitter: Fitter, gap: float | None = None, **sliders: float) -> Picture:
    """A picture of such a face, whose scores say nothing."""
    model = fitter.model
    camera = Camera.before(SIZE, 1000, 0.8, 240, fitter.centre, turned(5, 3, 4))
    vertices = model.vertices(random_identity(model, 3, 0.5), model.expression(**sliders))
    points = np.zeros((478, 3))
    points[:468, :2] = camera.project(fitter.points.of(vertices))[0]
    for place, vertex in zip((468, 473), fitter.cues.irises, strict=True):
        points[place, :2] = camera.project(vertices[[vertex]])[0]
    return Picture(Face((0, 0, 1, 1), points, 1.0, {}, teeth_gap=gap), SIZE)


def fitted(fitter: Fitter, picture: Picture) -> dict[str, float]:
    return dict(zip(fitter.model.expression_names, fitter.fit([picture]).expressions[0].tolist(), strict=True))


def test_renders_have_no_cues(fitter: Fitter) -> None:
    assert fitter.cues is not None
    assert Fitter(fitter.model, LandmarkNetworks.load().canonical, photos=PhotoLandmarkBias.none()).cues is None


def test_lids_and_brows_are_asked_for_at_full_size(fitter: Fitter) -> None:
    weights, gain, bias, _ = cues._measures()
    rest, raised = (
        fitter.cues.read(seen(fitter, **sliders).face).targets
        for sliders in ({}, {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "eyeWideLeft": 1.0, "eyeBlinkRight": 1.0})
    )
    change = raised - rest
    assert len(weights) == len(gain) == len(bias) == 21
    assert (change[:3] < -0.04).all(), "the right eye's lids close"
    assert (change[8:11] > 0.02).all(), "the left eye's open"
    assert (change[11:15] > 0.02).all(), "the left brow rises"


def test_closed_teeth_keep_the_jaw_closed(fitter: Fitter) -> None:
    smile = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.25}
    unknown, closed = (fitted(fitter, seen(fitter, gap, **smile)) for gap in (None, 0.0))
    assert unknown["jawOpen"] > 0.15
    assert closed["jawOpen"] < 0.12
    assert closed["mouthLowerDownLeft"] > unknown["mouthLowerDownLeft"]


def test_eyes_look_where_the_irises_are(fitter: Fitter) -> None:
    straight, left = (
        fitted(fitter, seen(fitter, **sliders)) for sliders in ({}, {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5})
    )
    assert left["eyeLookOutLeft"] > straight["eyeLookOutLeft"] + 0.2
    assert left["eyeLookInRight"] > straight["eyeLookInRight"] + 0.2


def test_irises_outside_the_eyes_say_nothing(fitter: Fitter) -> None:
    face = seen(fitter).face
    assert len(fitter.cues.read(face).places) == 2
    points = face.points.copy()
    points[468:, :2] = 0
    assert fitter.cues.read(replace(face, points=points)).places == ()


def test_a_models_cues_are_those_it_has_parts_for(face_model: FaceModel) -> None:
    bare = replace(face_model, vertex_groups={"face": face_model.vertex_groups["face"]})
    reader = cues.CueReader(bare, 83.0)
    assert reader.irises == ()
    assert reader.jaw_drop == 0


def test_derivatives_agree_with_differences(fitter: Fitter) -> None:
    picture = seen(fitter, 0.02, mouthSmileLeft=0.5)
    one = fitter._observed(picture)
    part = Part(fitter.bilinear, one, fitter.centre, LandmarkErrorModel.none(), 0.005, [])
    rng = np.random.default_rng(1)
    identity = rng.normal(0, 0.5, fitter.model.n_id)
    own = np.concatenate([[0.1, 0.2, 0.05, 0.02, 0.03, 0.1, 7.0], rng.uniform(0.1, 0.4, fitter.model.n_exp)])
    start = part.residuals(identity, own)
    by_identity, by_own = part.jacobian(identity, own)
    rows = slice(2 * part.count + 2 * fitter.model.n_exp + 1, None)  # Cues and places; the rest: test_fit.py.
    assert len(start[rows]) == 21 + 4
    for place in (0, 3):
        moved = identity.copy()
        moved[place] += 2e-2
        found = (part.residuals(moved, own) - start)[rows] / 2e-2
        assert np.allclose(found, by_identity[rows, place], atol=3e-2 * np.abs(found).max())
    for place in (1, CAMERA + fitter.model.expression_names.index("browInnerUp")):
        moved = own.copy()
        moved[place] += 1e-3
        found = (part.residuals(identity, moved) - start)[rows] / 1e-3
        assert np.allclose(found, by_own[rows, place], atol=3e-2 * np.abs(found).max())


SKIN, TOOTH, DARK = (0.8, 0.6, 0.5), (0.85, 0.85, 0.8), (0.15, 0.05, 0.05)


def mouth(rows: list[tuple[float, tuple[float, float, float]]], opening: float = 20) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose lips are apart by `opening` pixels, filled from above by shares of colours; its points."""
    image = np.empty((200, 200, 3), np.float32)
    image[:] = SKIN
    points = np.zeros((478, 3))
    points[:, :2] = [100, 40]
    upper = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
    lower = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
    for x, above, below in zip(np.linspace(60, 140, 11), upper, lower, strict=True):
        points[above, :2], points[below, :2] = [x, 100], [x, 100 + opening]
    top = 100
    for share, colour in rows:
        height = round(share * opening)
        image[top : top + height, 60:140] = colour
        top += height
    return image, points


@pytest.mark.parametrize(
    ("rows", "gap"),
    [
        ([(1.0, TOOTH)], 0.0),
        ([(0.4, TOOTH), (0.4, DARK), (0.2, TOOTH)], 0.08),
        ([(1.0, DARK)], None),
        ([(1.0, (0.7, 0.35, 0.35))], None),
    ],
)
def test_the_gap_between_the_teeth(rows: list, gap: float | None) -> None:
    found = teeth_gap(*mouth(rows), 100.0)
    assert (found is None) == (gap is None)
    if gap is not None:
        assert found == pytest.approx(gap, abs=0.015)


def test_a_closed_mouth_tells_nothing() -> None:
    assert teeth_gap(*mouth([(1.0, TOOTH)], opening=3), 100.0) is None
