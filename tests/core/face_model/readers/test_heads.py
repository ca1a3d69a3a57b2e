"""GNM, FLAME and FaceVerse, as small files of their format (`head_files.py` says which loaders it follows)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.readers.faceverse import read_faceverse
from dnpm.core.face_model.readers.flame import read_flame
from dnpm.core.face_model.readers.gnm import read_gnm
from dnpm.core.face_model.readers.head import ForeignHead
from dnpm.tests.core.face_model.readers.format_files import write_obj
from dnpm.tests.core.face_model.readers.head_files import (
    Head,
    faceverse_dictionary,
    flame_arrays,
    flame_pickle,
    gnm_arrays,
    gnm_mode_names,
    small_head,
    triangles_of,
)


@pytest.fixture
def head() -> Head:
    return small_head()


def skinned(
    rest: np.ndarray, joints: np.ndarray, parents: list[int], weights: np.ndarray, turns: np.ndarray
) -> np.ndarray:
    """Linear blend skinning by 4 x 4 matrices, as the papers write it; weights (V, J), turns (J, 3)."""
    world = []
    for k, turn in enumerate(turns):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
        local[:3, 3] = joints[k] - (joints[parents[k]] if k else 0)
        world.append(local if k == 0 else world[parents[k]] @ local)
    for k, joint in enumerate(joints):
        away = np.eye(4)
        away[:3, 3] = -joint
        world[k] = world[k] @ away
    points = np.c_[rest, np.ones(len(rest))]
    return np.einsum("vj,jab,vb->va", weights, np.stack(world), points)[:, :3]


def test_gnm_holds_what_its_formula_says(head: Head, tmp_path: Path) -> None:
    names = gnm_mode_names(1, 1, 4, 1)
    arrays = gnm_arrays(head, names)
    arrays["pose_correctives_regressor"] += np.random.default_rng(1).normal(0, 1e-4, (36, 3 * len(head.vertices)))
    np.savez(tmp_path / "gnm_head.npz", **arrays)
    read = read_gnm(tmp_path / "gnm_head.npz")
    assert read.mode_names == tuple(names)
    assert read.kinds == ("skin", "eye")
    assert (read.kind == 1).sum() == 4
    assert read.metadata["licence"] == "Apache-2.0"
    values, turns = np.linspace(-1, 1, 9), np.zeros((4, 3))
    turns[2] = 0.1, 0.3, 0.0
    turns[1] = 0.0, 0.2, 0.1
    matrices = Rotation.from_rotvec(turns).as_matrix() - np.eye(3)
    rest = head.vertices + np.tensordot(values, head.modes, 1)
    rest = rest + (matrices.ravel() @ arrays["pose_correctives_regressor"]).reshape(-1, 3)
    expected = skinned(rest, arrays["template_joint_positions"], [0, 0, 1, 1], arrays["skinning_weights"].T, turns)
    got = read.skin().posed(values, {1: turns[1], 2: turns[2]})
    np.testing.assert_allclose(got, expected, atol=1e-6)
    texture = read.uv[read.faces_uv]
    np.testing.assert_allclose(texture, head.corner_uv, atol=1e-6)


def test_gnm_parts_are_told_by_the_groups_that_overlap(tmp_path: Path) -> None:
    """As in v3.0: mouth_sock and the lips are parts of the skin, teeth of upper_teeth_and_gums."""
    head = small_head(side=8)
    face = head.vertices[:-16, :2]
    band = lambda low, high: np.r_[(face[:, 1] >= low) & (face[:, 1] <= high), np.zeros(16, bool)]  # noqa: E731
    rows = np.unique(face[:, 1].round(6))
    head.groups |= {
        "mouth_sock": band(rows[0] - 1e-6, rows[1] + 1e-6), "upper_lip": band(rows[2] - 1e-6, rows[3] + 1e-6),
        "teeth": band(rows[4] - 1e-6, rows[5] + 1e-6), "upper_teeth_and_gums": band(rows[4] - 1e-6, rows[7] + 1e-6),
    }  # fmt: skip
    np.savez(tmp_path / "gnm_head.npz", **gnm_arrays(head))
    read = read_gnm(tmp_path / "gnm_head.npz")
    heights = read.vertices[read.faces[:, :4], 1].mean(1)
    for kind, low, high in (("mouth", 0, 1), ("lips", 2, 3), ("teeth", 4, 5), ("gums", 6, 7), ("skin", 1, 2)):
        between = (heights > rows[low]) & (heights < rows[high]) & (read.faces.max(1) < len(face))
        assert between.any()
        assert {read.kinds[k] for k in read.kind[between]} == {kind}


def test_gnm_leaves_the_inside_of_the_eyes_out(head: Head, tmp_path: Path) -> None:
    inside = np.zeros(len(head.vertices), bool)
    inside[-12:-8] = True
    inside[-4:] = True
    head.groups["eye_interiors"] = inside
    np.savez(tmp_path / "gnm_head.npz", **gnm_arrays(head))
    read = read_gnm(tmp_path / "gnm_head.npz")
    assert len(read.vertices) == len(head.vertices) - 8
    assert (read.kind == 1).sum() == 2
    assert read.modes.shape[1] == len(read.vertices)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("version", np.array("2.0"), "give Head v3"), ("variant", np.array("body"), "give Head v3"),
        ("expression_basis", np.zeros((9, 5, 3)), r"numbers of shape \(9, 52, 3\)"),
        ("vertex_identity_basis", np.full((7, 52, 3), np.nan), "not finite"),
        ("joint_names", np.array(["a", "b", "c", "d"]), "no joint left_eye"),
        ("quads", np.full((9, 4), 99), "whole numbers from 0 to 51"),
        ("quads", np.zeros((9, 5), int), "3 or 4 corners"),
        ("expression_names", np.zeros(9), "list of names"),
        ("joint_parent_indices", np.array([0, 0, 3, 1]), "parent must come before"),
        ("skinning_weights", np.zeros((4, 3)), "skinning_weights"),
    ],
)  # fmt: skip
def test_wrong_arrays_of_gnm_are_named(head: Head, tmp_path: Path, name: str, value: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "gnm_head.npz", **(gnm_arrays(head) | {name: value}))
    with pytest.raises(DnpmError, match=message) as caught:
        read_gnm(tmp_path / "gnm_head.npz")
    assert "\n" not in str(caught.value)
    assert "gnm_head.npz" in str(caught.value) or "GNM" in str(caught.value)


def test_flame_holds_what_its_formula_says(head: Head, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    arrays = flame_arrays(head, rng.random(len(head.vertices)), rng)
    flame_pickle(tmp_path / "generic_model.pkl", arrays)
    read = read_flame(tmp_path / "generic_model.pkl")
    assert (len(read.identity), len(read.modes), read.jaw) == (300, 9, 2)
    assert read.kind.sum() == 8
    values, turns = np.linspace(-1, 1, 9), np.zeros((5, 3))
    turns[2], turns[3] = (0.3, 0.05, 0), (0.0, 0.2, 0)
    matrices = Rotation.from_rotvec(turns).as_matrix() - np.eye(3)
    rest = head.vertices + np.tensordot(values, head.modes, 1) + arrays["posedirs"] @ matrices[1:].ravel()
    expected = skinned(rest, arrays["J"], [0, 0, 1, 1, 1], arrays["weights"], turns)
    np.testing.assert_allclose(read.skin().posed(values, {2: turns[2], 3: turns[3]}), expected, atol=1e-6)
    np.savez(tmp_path / "flame.npz", **arrays)
    same = read_flame(tmp_path / "flame.npz")
    for name in ("vertices", "identity", "modes", "joints", "joint_identity", "skinning", "correctives", "faces"):
        assert np.array_equal(getattr(read, name), getattr(same, name)), name


def test_flame_takes_its_texture_from_the_mesh(head: Head, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    flame_pickle(tmp_path / "generic_model.pkl", flame_arrays(head, np.zeros(len(head.vertices)), rng))
    faces = np.pad(triangles_of(head.quads), ((0, 0), (0, 1)), constant_values=-1)
    uv = rng.random((len(head.vertices), 2))
    turned = faces[::-1][:, [1, 2, 0, 3]]
    write_obj(tmp_path / "head_template.obj", head.vertices, uv, [("m", turned, turned)])
    read = read_flame(tmp_path / "generic_model.pkl", tmp_path / "head_template.obj")
    np.testing.assert_allclose(read.uv[read.faces_uv[:, :3]], uv[read.faces[:, :3]], atol=1e-6)
    write_obj(tmp_path / "other.obj", head.vertices[:-1], uv, [("m", faces[:3], faces[:3])])
    with pytest.raises(DnpmError, match=r"give head_template\.obj"):
        read_flame(tmp_path / "generic_model.pkl", tmp_path / "other.obj")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shapedirs", np.zeros((52, 3, 300)), "300 components"), ("v_template", np.zeros((52, 2)), "any, 3"),
        ("J_regressor", np.zeros((4, 52)), r"\(5, 52\)"), ("kintree_table", np.zeros((2, 4), np.uint32), "kintree"),
        ("f", np.zeros((3, 3)) - 1, "whole numbers"), ("posedirs", None, "no 'posedirs'"),
    ],
)  # fmt: skip
def test_wrong_arrays_of_flame_are_named(head: Head, tmp_path: Path, name: str, value: object, message: str) -> None:
    arrays = flame_arrays(head, np.zeros(len(head.vertices)), np.random.default_rng(0)) | {name: value}
    flame_pickle(tmp_path / "a.pkl", {key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(DnpmError, match=message) as caught:
        read_flame(tmp_path / "a.pkl")
    assert "\n" not in str(caught.value)


def test_faceverse_v3_brings_names_and_turning_eyes(head: Head, tmp_path: Path) -> None:
    names = list(ARKIT_NAMES[:9])
    np.save(tmp_path / "v3.npy", faceverse_dictionary(head, names))
    read = read_faceverse(tmp_path / "v3.npy")
    assert (read.are_named, read.mode_names, read.unit_mm) == (True, tuple(names), None)
    np.testing.assert_allclose(read.modes, head.modes, atol=1e-7)
    ball = head.groups["left_eye"]
    centre = (head.vertices + head.identity[3])[ball].mean(0)
    shaped = replace(
        read, vertices=read.vertices + read.identity[3], joints=read.joints + read.joint_identity[3]
    ).skin().posed(np.zeros(9), {read.eyes["left"]: np.array([0, 0.5, 0])})  # fmt: skip
    turned = (head.vertices + head.identity[3])[ball] - centre
    expected = turned @ Rotation.from_rotvec([0, 0.5, 0]).as_matrix().T + centre
    np.testing.assert_allclose(shaped[ball], expected, atol=1e-6)
    np.testing.assert_allclose(shaped[~ball], (head.vertices + head.identity[3])[~ball], atol=1e-6)


def test_faceverse_v4_has_modes_and_landmarks(head: Head, tmp_path: Path) -> None:
    np.save(tmp_path / "v4.npy", faceverse_dictionary(head, None, version=4))
    read = read_faceverse(tmp_path / "v4.npy")
    assert not read.are_named
    assert read.landmarks68 is not None
    assert read.landmarks68.tolist() == (np.arange(68) % 36).tolist()


@pytest.mark.parametrize("shape", [(-1,), (1, -1)])
def test_faceverse_arrays_may_have_any_shape_that_its_loaders_take(
    head: Head, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    """They reshape: meanshape to (V, 3), bases to (V, 3, n)."""
    data = faceverse_dictionary(head, None, version=4)
    np.save(tmp_path / "a.npy", data)
    n = len(head.vertices)
    bases = {name: data[name].reshape(n, 3, -1) for name in ("idBase", "exBase")}
    np.save(tmp_path / "b.npy", data | bases | {"meanshape": data["meanshape"].reshape(shape)})
    one, other = read_faceverse(tmp_path / "a.npy"), read_faceverse(tmp_path / "b.npy")
    for name in ("vertices", "identity", "modes", "joints"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("turned", [False, True])
def test_faceverse_normals_point_out(head: Head, tmp_path: Path, turned: bool) -> None:
    data = faceverse_dictionary(head, None, eyes_last=False)
    if turned:
        data["tri"] = data["tri"][:, [0, 2, 1]]
    np.save(tmp_path / "v2.npy", data)
    read = read_faceverse(tmp_path / "v2.npy")
    a, b, c = (read.vertices[read.faces[:50, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].mean() > 0


@pytest.mark.parametrize("turn", [[1, -1, -1], [-1, 1, -1], [1, 1, 1]])
@pytest.mark.parametrize("name", ["keypoints", "mediapipe_keypoints"])
def test_faceverse_is_turned_upright_by_its_landmarks(head: Head, tmp_path: Path, turn: list[int], name: str) -> None:
    """Versions differ: v2 has y down."""
    near = lambda x, y: int(np.linalg.norm(head.vertices[:36, :2] - [x, y], axis=1).argmin())  # noqa: E731
    chin, right, left = near(0, -0.1), near(-0.03, 0.06), near(0.03, 0.06)
    marks = np.zeros(66 if name == "keypoints" else 478, np.int64)
    if name == "keypoints":
        marks[8], marks[36:42], marks[42:48] = chin, right, left
    else:
        marks[152], marks[[33, 133]], marks[[263, 362]] = chin, right, left
    turned = replace(head, **{k: getattr(head, k) * np.array(turn) for k in ("vertices", "identity", "modes")})
    np.save(tmp_path / "v3.npy", faceverse_dictionary(turned, None) | {name: marks})
    read = read_faceverse(tmp_path / "v3.npy")
    np.testing.assert_allclose(read.vertices, head.vertices, atol=1e-7)
    np.testing.assert_allclose(read.modes, head.modes, atol=1e-7)
    assert read.unit_mm is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"idBase": np.zeros((10, 2))}, r"numbers of shape \(156, any\)"), ({"tri": None}, "no 'tri'"),
        ({"exp_name_list_52": ["jawOpen"]}, "1 names for 9"), ({"ver_inds": [36, 52]}, "must say where"),
        ({"exp_name_list_52": ["a"] * 9}, "1 names for 9"), ({"meanshape": "no"}, "meanshape must be numbers"),
    ],
)  # fmt: skip
def test_wrong_arrays_of_faceverse_are_named(head: Head, tmp_path: Path, change: dict, message: str) -> None:
    data = faceverse_dictionary(head, list(ARKIT_NAMES[:9])) | change
    np.save(tmp_path / "v3.npy", {key: value for key, value in data.items() if value is not None})
    with pytest.raises(DnpmError, match=message):
        read_faceverse(tmp_path / "v3.npy")


def test_an_expression_is_exact_on_every_identity(head: Head, tmp_path: Path) -> None:
    """What the bilinear form keeps of a joint's turn: it goes through other joints on another person."""
    rng = np.random.default_rng(3)
    flame_pickle(tmp_path / "a.pkl", flame_arrays(head, rng.random(len(head.vertices)), rng))
    read: ForeignHead = read_flame(tmp_path / "a.pkl").placed(1000.0, np.eye(3), np.array([1.0, 2.0, 3.0]))
    values, turns = rng.normal(size=9), {2: np.array([0.4, 0.1, 0.0])}
    rows = read.expression(values, turns)
    person = replace(
        read, vertices=read.vertices + 2 * read.identity[4], joints=read.joints + 2 * read.joint_identity[4]
    )
    expected = person.skin().posed(values, turns)
    got = read.vertices + 2 * read.identity[4] + rows[0] + 2 * rows[5]
    np.testing.assert_allclose(got, expected, atol=2e-3)
    assert np.abs(rows[5]).max() > 0.01


def test_command_line_says_what_is_wrong_in_one_line(head: Head, tmp_path: Path, capsys) -> None:
    out = ["--out", str(tmp_path / "o.safetensors")]
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    np.savez(tmp_path / "old.npz", **(gnm_arrays(head) | {"version": np.array("2.0")}))
    for words, message in (
        (["gnm", str(tmp_path / "old.npz")], "give Head v3"),
        (["gnm", str(tmp_path / "none.npz")], "no such file"),
        (["flame", str(tmp_path / "evil.pkl")], "could run code"),
        (["faceverse", str(tmp_path / "old.npz")], "no 'meanshape'"),
    ):
        assert main(["build", "convert", *words, *out]) == 2
        said = capsys.readouterr().err.strip()
        assert message in said
        assert "\n" not in said
    assert not (tmp_path / "o.safetensors").exists()
