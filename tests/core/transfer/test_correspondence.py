"""The face model over somebody's head: nearest places, the template, the registration, MakeHuman's numbering."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.remesh import bent, foreign
from dnpm.core.face_model.build.data import BaseData
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.geometry.closest import Surface
from dnpm.core.geometry.rasteriser import all_triangles
from dnpm.core.photo.fit.points import SurfacePoints, similarity
from dnpm.core.transfer import makehuman
from dnpm.core.transfer import register as registering
from dnpm.core.transfer.correspondence import Correspondence, correspond, read_off
from dnpm.core.transfer.register import Registration, register, unregistered
from dnpm.core.transfer.target import Target
from dnpm.core.transfer.template import Template
from dnpm.core.transfer.views import LANDMARKS, Found


def run(work):
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value


@pytest.fixture(scope="module")
def model() -> FaceModel:
    try:
        return FaceModel.load(face_model_path(None))
    except DnpmError:
        pytest.skip("no face model is built")


@pytest.fixture(scope="module")
def template(model: FaceModel) -> Template:
    return Template.of(model)


def test_nearest_places_are_the_nearest() -> None:
    """Also in the middle of triangles that are large beside their neighbours."""
    rng = np.random.default_rng(0)
    vertices = np.concatenate([rng.normal(size=(60, 3)), [[-9, 0, -4], [9, 0, -4], [0, 9, -4]]])
    triangles = np.concatenate([rng.integers(0, 60, (50, 3)), [[60, 61, 62]]])
    triangles = triangles[[len(set(row)) == 3 for row in triangles.tolist()]]
    points = np.concatenate([rng.normal(size=(40, 3)), [[0.0, 3.0, -5.0]]])
    found = Surface(vertices, triangles, spacing=0.2).nearest(points)
    grid = np.array([(a, b, 1 - a - b) for a in np.linspace(0, 1, 41) for b in np.linspace(0, 1 - a, 41)])
    dense = np.einsum("gk,tkc->tgc", grid, vertices[triangles]).reshape(-1, 3)
    best = np.linalg.norm(points[:, None] - dense[None], axis=2).min(1)
    ours = np.linalg.norm(points - found.point, axis=1)
    assert (ours <= best + 1e-9).all()
    assert found.triangle[-1] == len(triangles) - 1


def test_the_template_keeps_the_detail_layer(tiny_model: FaceModel) -> None:
    template = Template.of(tiny_model)
    # On the tiny model the layer is linear in x and y, so that every new vertex has to lie where its place says.
    flat = template.finer @ np.c_[template.detail[: len(template.vertices)], np.zeros(len(template.vertices))]
    inner = ~template.rim
    assert np.abs(flat[inner, :2] - template.detail[inner]).max() < 1e-6
    edge = (template.detail < 1e-6).any(1) | (template.detail > 1 - 1e-6).any(1)
    assert (template.rim == edge).all()


def own_person(model: FaceModel, template: Template, seed: int, *, is_bent: bool = False):
    """A person of ours as a foreign mesh, landmarks with the networks' error, and the truth."""
    vertices = model.neutral_of(random_identity(model, seed)).astype(float)
    if is_bent:
        vertices = bent(vertices, seed)
    mesh = foreign(model, vertices)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(template.vertices[~template.rim[: len(template.vertices)]], LANDMARKS)
    points = SurfacePoints(np.repeat(chosen[:, None], 3, 1), np.tile([1.0, 0, 0], (LANDMARKS, 1)))
    seen = vertices[chosen] + rng.normal(0, 2.0, (LANDMARKS, 3))
    scale, rotation, shift = similarity(mesh.carried(seen), model.neutral[chosen].astype(float))
    places = scale * mesh.carried(seen) @ rotation.T + shift
    found = Found(scale, rotation, shift, places, np.ones(LANDMARKS), np.zeros(LANDMARKS, int))
    corner = np.full(len(model.neutral), -1)
    corner[template.vertices] = np.arange(len(template.vertices))
    inside = (corner[mesh.corners] >= 0).all(1)
    truth = np.einsum("nk,nkc->nc", mesh.weights[inside], template.detail[corner[mesh.corners[inside]]])
    return mesh, found, points, inside, truth


def test_a_person_of_ours_in_another_topology_is_recognised(model: FaceModel, template: Template) -> None:
    """Places in the detail layer come within half a millimetre; the alignment alone is several times worse."""
    mesh, found, points, inside, truth = own_person(model, template, 501)

    def off(made: Registration) -> tuple[float, Correspondence]:
        read = read_off(template, mesh.target, made)
        return float(np.median(np.linalg.norm(read.detail_uv[inside] - truth, axis=1))), read

    ours, read = off(run(register(template, mesh.target, found, points)))
    plain, _ = off(unregistered(template, mesh.target, found))
    # The layer is about 230 mm wide.
    assert ours < 0.7 / 230
    assert plain > 2.5 * ours
    assert abs(read.scale / 1000 - 1) < 0.05
    assert read.covered > 0.85  # the mesh ends below the chin
    assert not read.problem
    back = read.weight[~inside]
    assert (back == 0).mean() > 0.7


def test_a_person_that_the_model_explains_is_solved_for_to_the_end(
    model: FaceModel, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the shape explains the head, what people are like on average no longer holds it back."""
    mesh, found, points, inside, truth = own_person(model, template, 502)

    def off() -> float:
        read = read_off(template, mesh.target, run(register(template, mesh.target, found, points)))
        return 230 * float(np.median(np.linalg.norm(read.detail_uv[inside] - truth, axis=1)))

    ours = off()
    monkeypatch.setattr(registering, "_MORE_ROUNDS", 0)
    assert ours < 0.7 * off()


def test_a_person_beyond_the_model_is_followed_more_freely(
    model: FaceModel, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sheet gives as the person's residual says; held as stiff as for people of ours, it lies farther off."""
    mesh, found, points, inside, truth = own_person(model, template, 504, is_bent=True)

    def off() -> float:
        read = read_off(template, mesh.target, run(register(template, mesh.target, found, points)))
        return 230 * float(np.median(np.linalg.norm(read.detail_uv[inside] - truth, axis=1)))

    ours = off()
    monkeypatch.setattr(registering, "_FREEST", 1.0)
    assert ours < 0.9 * off()


def test_a_pinned_landmark_is_obeyed(model: FaceModel, template: Template) -> None:
    from dnpm.core.transfer.correspondence import _pinned, with_landmarks

    mesh, found, points, _, _ = own_person(model, template, 501)
    number = 48  # a corner of the mouth
    vertices = model.neutral_of(random_identity(model, 501)).astype(float)
    wanted = mesh.carried(vertices[model.landmarks68[number]] + [0.0, 6.0, 0.0])
    pinned = _pinned(found, [(number, wanted)], model)
    made = run(register(template, mesh.target, pinned, with_landmarks(points, model)))
    free = run(register(template, mesh.target, _pinned(found, [], model), with_landmarks(points, model)))
    place = np.flatnonzero(template.vertices == model.landmarks68[number])[0]

    def off(one: Registration) -> float:
        return float(np.linalg.norm(one.scale * one.rotation @ wanted + one.shift - one.sheet[place]))

    assert off(made) < 0.5 * off(free)
    with pytest.raises(DnpmError, match="landmark 99"):
        _pinned(found, [(99, wanted)], model)


def test_makehumans_mesh_is_known_exactly(model: FaceModel, template: Template) -> None:
    try:
        base = BaseData().base_mesh()
    except DnpmError:
        pytest.skip("the CC0 data are not installed")
    target = Target(base.vertices, all_triangles(base.faces))
    known = makehuman.vertices_of(model, target)
    assert known is not None
    found = run(correspond(model, target))
    assert found.exact
    assert np.allclose(found.detail_uv[known], template.detail[: len(known)], atol=1e-6)
    assert set(np.flatnonzero(found.weight)) <= set(known)
    # The same number of vertices in another order is another mesh.
    order = np.random.default_rng(0).permutation(len(base.vertices))
    other = Target(base.vertices[np.argsort(order)], order[target.triangles])
    assert makehuman.vertices_of(model, other) is None


@pytest.mark.parametrize(
    ("vertices", "triangles", "message"),
    [
        (np.zeros((3, 3)), np.array([[0, 1, 2]]), "no size"),
        (np.eye(3), np.array([[0, 1, 3]]), "does not have"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "not finite"),
        (np.eye(3), np.zeros((0, 3), int), "0 triangles"),
    ],
)
def test_what_is_no_mesh_is_refused(vertices: np.ndarray, triangles: np.ndarray, message: str) -> None:
    with pytest.raises(DnpmError, match=message):
        Target(vertices, triangles)


def test_a_head_in_any_unit_is_sampled_alike(model: FaceModel, template: Template) -> None:
    """A head made in metres that is a hundred metres tall would be sampled a million times."""
    mesh, found, points, _, _ = own_person(model, template, 501)
    counts = []
    for factor in (1.0, 100.0):
        large = Target(factor * mesh.target.vertices, mesh.target.triangles)
        there = Found(found.scale / factor, found.rotation, found.shift, found.places, found.trust, found.triangle)
        counts.append(len(registering._State(template, large, there, points).surface._of))
    assert counts[0] == counts[1]


def test_normals_that_point_in_and_out_are_told(model: FaceModel) -> None:
    mesh = foreign(model, model.neutral.astype(float)).target
    assert mesh.disorder == 0
    assert Target(mesh.vertices, mesh.triangles[:, ::-1]).disorder == 0
    turned = mesh.triangles.copy()
    turned[::2] = turned[::2, ::-1]
    with pytest.raises(DnpmError, match="Recalculate Outside"):
        run(correspond(model, Target(mesh.vertices, turned)))


def test_what_is_found_says_first_how_much_is_missing(model: FaceModel) -> None:
    zero = np.zeros((1, 2), np.float32)
    rest = (zero, zero[0, :1], zero[0, :1], zero[0], 1.0, np.eye(3), np.zeros(3), np.zeros((68, 3)), 0.1)
    assert "only 50 %" in Correspondence(*rest, 6.0, 0.5, False).problem
    assert "6.0 mm off" in Correspondence(*rest, 6.0, 0.9, False).problem
    assert not Correspondence(*rest, 1.0, 0.9, False).problem
