"""Shut lids have no holes: the lining of the sockets stays behind them, whosever eyes they are."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.face_model.sockets import UnseenSockets
from dnpm.core.geometry.rasteriser import all_triangles, rasterise

PIXELS = 3.0


def holes(model: FaceModel, vertices: np.ndarray) -> float:
    """Square millimetres of skin around the eyes whose back is seen from the front."""
    triangles = all_triangles(model.faces)
    eyes = vertices[model.landmarks68[36:48]]
    low, high = eyes.min(0)[:2] - 12, eyes.max(0)[:2] + 12
    names, quad = np.array(model.material_names), model.faces[:, 3] >= 0
    kind = np.concatenate([names[model.face_material], names[model.face_material[quad]]])
    triangles = triangles[kind != "lashes"]
    kind = kind[kind != "lashes"]
    size = (int((high[0] - low[0]) * PIXELS), int((high[1] - low[1]) * PIXELS))
    shown, _ = rasterise((vertices[:, :2] - low) * PIXELS, 1000.0 - vertices[:, 2], triangles, size)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    back = np.cross(b - a, c - a)[:, 2] < 0
    return float(((shown >= 0) & back[shown] & (kind[shown] == "skin")).sum()) / PIXELS**2


def blink(model: FaceModel, amount: float) -> np.ndarray:
    expression = np.zeros(model.n_exp, np.float32)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        expression[model.expression_names.index(name)] = amount
    return expression


@pytest.fixture(scope="module")
def pierced(face_model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """(n_id,) of somebody whose shut lids have holes, with lids that a corrective shape has moved (V, 3) besides."""
    rng = np.random.default_rng(0)
    identity = np.zeros(face_model.n_id, np.float32)
    identity[: face_model.n_shape] = rng.normal(size=face_model.n_shape)
    lids = np.zeros_like(face_model.neutral, dtype=np.float32)
    for side in ("left", "right"):
        middle = face_model.neutral[face_model.vertex_groups[f"eye_{side}"]].mean(0) + np.array([0, 0, 12])
        lids[:, 2] -= 3.0 * np.exp(-((face_model.neutral - middle) ** 2).sum(1) / 12**2)
    # The lids alone go back, and their lining stays where it is.
    inside = np.setdiff1d(np.arange(len(lids)), face_model.faces[(face_model.faces_detail_uv >= 0).any(1)])
    lids[inside] = 0
    lids[face_model.vertex_groups["eye_left"]] = lids[face_model.vertex_groups["eye_right"]] = 0
    return identity, lids


def test_shut_lids_are_whole(face_model: FaceModel, pierced: tuple[np.ndarray, np.ndarray]) -> None:
    identity, lids = pierced
    moved = UnseenSockets(face_model).of(identity, lids)
    for amount in (0.8, 1.0):
        vertices = face_model.vertices(identity, blink(face_model, amount)) + lids
        if amount == 1.0:
            assert holes(face_model, vertices) > 4
        assert holes(face_model, vertices + moved) < 1


def test_only_the_lining_moves_back(face_model: FaceModel, pierced: tuple[np.ndarray, np.ndarray]) -> None:
    identity, lids = pierced
    moved = UnseenSockets(face_model).of(identity, lids)
    assert not moved[:, :2].any()
    assert moved[:, 2].max() <= 0
    assert moved[:, 2].min() > -6.001
    painted = np.unique(face_model.faces[(face_model.faces_detail_uv >= 0).any(1)])
    assert not moved[painted[painted >= 0]].any()
    assert not moved[face_model.vertex_groups["eye_left"]].any()


@pytest.mark.parametrize("seed", range(12))
def test_random_people_have_no_holes_to_mend(face_model: FaceModel, seed: int) -> None:
    identity = random_identity(face_model, seed)
    assert holes(face_model, face_model.vertices(identity, blink(face_model, 1.0))) < 0.5


def test_the_mean_person_needs_little(face_model: FaceModel) -> None:
    nobody = np.zeros(face_model.n_id, np.float32)
    moved = UnseenSockets(face_model).of(nobody, np.zeros_like(face_model.neutral))
    assert -moved.min() < 1.5


def test_a_model_without_blinks_keeps_all(tiny_model: FaceModel) -> None:
    moved = UnseenSockets(tiny_model).of(np.zeros(tiny_model.n_id, np.float32), np.zeros_like(tiny_model.neutral))
    assert not moved.any()
