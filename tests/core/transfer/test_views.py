"""The face on a mesh whichever way round it is, and what is said where there is none. Needs the built networks."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.remesh import Foreign, foreign
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import turned
from dnpm.core.photo.fit.calibrate import load_offsets
from dnpm.core.photo.fit.points import mediapipe_points
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.transfer.target import Target
from dnpm.core.transfer.views import POSES, Found, find_face


@pytest.fixture(scope="module")
def parts() -> tuple[FaceModel, LandmarkNetworks, Foreign]:
    try:
        model = FaceModel.load(face_model_path(None))
        return model, LandmarkNetworks.load(), foreign(model, model.neutral.astype(float))
    except DnpmError:
        pytest.skip("no face model and landmark networks are built")


def found(parts: tuple[FaceModel, LandmarkNetworks, Foreign], target: Target) -> Found:
    model, networks, _ = parts
    points = mediapipe_points(model, networks.canonical, load_offsets()).of(model.neutral)
    work = find_face(target, points, networks)
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value


def test_every_side_may_be_up() -> None:
    """24 ways round, none of them mirrored and no two alike."""
    assert len({tuple(np.round(pose, 6).ravel() + 0.0) for pose in POSES}) == 24
    assert all(np.linalg.det(pose) == pytest.approx(1.0) for pose in POSES)


@pytest.mark.parametrize("turn", [{"roll": 180.0}, {"roll": 90.0}, {"pitch": -90.0, "roll": 180.0}])
def test_a_head_that_stands_on_its_head_is_found(
    parts: tuple[FaceModel, LandmarkNetworks, Foreign], turn: dict[str, float]
) -> None:
    """As scanners leave them. Places come to lie where the upright mesh's are."""
    _, _, mesh = parts
    upright = Target((mesh.target.vertices - mesh.shift) @ mesh.matrix, mesh.target.triangles)  # y up, in millimetres
    plain = found(parts, upright)
    other = found(parts, Target(upright.vertices @ turned(**turn).T, upright.triangles))
    apart = np.linalg.norm(plain.places - other.places, axis=1)
    assert np.nanmedian(apart) < 2.0


def test_normals_that_point_inwards_are_told(parts: tuple[FaceModel, LandmarkNetworks, Foreign]) -> None:
    """From behind, the hollow of a mask is a face as well: it is not taken for one."""
    target = parts[2].target
    with pytest.raises(DnpmError, match="normals point inwards: turn them outwards first"):
        found(parts, Target(target.vertices, target.triangles[:, ::-1]))


def test_what_shows_no_face_is_told(parts: tuple[FaceModel, LandmarkNetworks, Foreign]) -> None:
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(300, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    from scipy.spatial import ConvexHull

    with pytest.raises(DnpmError, match="no face was found"):
        found(parts, Target(ball, ConvexHull(ball).simplices))
