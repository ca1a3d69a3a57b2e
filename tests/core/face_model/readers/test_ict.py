"""ICT-FaceKit's folder: a small one of its format, and the real one written out of the reference data where it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.readers import read_ict
from dnpm.core.face_model.readers.ict import arkit_name
from dnpm.tests.core.face_model.readers.format_files import SIDE, grid, write_obj

EXPRESSIONS = ("browInnerUp_L", "browInnerUp_R", "eyeBlink_L", "jawOpen", "cheekRaiser_L")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A face of 6 x 6 vertices, and behind it a tear (left out) and a ball for an eye."""
    vertices, uv, faces = grid()
    n = len(vertices)
    ball = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]) * 1.2 + [3, 4, 2.0]
    ball_faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [5, 2, 1], [5, 3, 2], [5, 4, 3], [5, 1, 4]])
    tear = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
    # The tear comes first, so that leaving it out renumbers everything.
    points = np.concatenate([tear, vertices, ball])
    triangle = lambda f: np.concatenate([f, np.full((len(f), 1), -1)], 1)  # noqa: E731
    zero = np.array([[0, 1, 2, -1]])
    # A face tile is [0, 1]; the last row of quads belongs to the back of the head's tile.
    texture = np.concatenate([uv, uv + np.array([1, 0])])
    front, back = faces[: -(SIDE - 1)], faces[-(SIDE - 1) :]
    parts = [
        ("M_LacrimalFluid", zero, zero),
        ("M_Face", front + 3, front),
        ("M_BackHead", back + 3, back + n),
        ("M_ScleraLeft", triangle(ball_faces + 3 + n).clip(-1), triangle(ball_faces)),
        ("M_Teeth", np.array([[3, 4, 5, -1]]), np.array([[0, 1, 2, -1]])),
    ]
    folder = tmp_path / "FaceXModel"
    write_obj(folder / "generic_neutral_mesh.obj", points, texture, parts)
    rng = np.random.default_rng(0)
    for k in range(3):
        write_obj(folder / f"identity{k:03d}.obj", points + rng.normal(0, 0.1, points.shape), texture, parts)
    for e, name in enumerate(EXPRESSIONS):
        write_obj(folder / f"{name}.obj", points + np.array([0, 0, 0.1 * (e + 1)]), texture, parts)
    landmarks = [(3 + k) % (3 + n) for k in range(68)]
    config = {"expressions": list(EXPRESSIONS), "idx_to_landmark_verts": landmarks}
    (folder / "vertex_indices.json").write_text(json.dumps(config))
    return folder


def test_names():
    assert arkit_name("browDown_L") == "browDownLeft"
    assert arkit_name("browInnerUp_R") == "browInnerUp"
    assert arkit_name("jawLeft") == "jawLeft"
    assert arkit_name("cheekRaiser_R") == "cheekRaiserRight"


def test_a_folder_becomes_a_model(folder, tmp_path):
    model = read_ict(folder)
    assert model.n_id == 3
    assert model.expression_names == ("eyeBlinkLeft", "jawOpen", "browInnerUp", "cheekRaiserLeft")
    assert len(model.neutral) == SIDE * SIDE + 6
    vertices, uv, _ = grid()
    np.testing.assert_allclose(model.neutral[: SIDE * SIDE], vertices * 10, atol=1e-4)
    # Left and right are summed: .1 + .2 cm, in millimetres.
    core = model.core.astype(np.float32)
    moved = core[0, model.expression_index["browInnerUp"] + 1]
    np.testing.assert_allclose(moved, np.broadcast_to([0, 0, 3.0], moved.shape), atol=1e-2)
    assert not core[1:, 1:].any()
    moves = model.vertices(np.array([0, 1, 0], np.float32), model.expression(jawOpen=0.5)) - model.neutral
    expected = (core[2, 0] + 0.5 * np.array([0, 0, 4.0])).astype(np.float32)
    np.testing.assert_allclose(moves, expected, atol=1e-2)

    assert model.material_names == ("skin", "eye", "teeth")
    front = (SIDE - 1) * (SIDE - 2)
    assert (model.faces_detail_uv[:, 0] >= 0).sum() == front
    np.testing.assert_allclose(model.detail_uv[model.faces_detail_uv[0]], uv[model.faces[0]], atol=1e-6)
    assert model.detail_mask.shape == (512, 512)
    assert model.detail_mask.max() == 1
    assert model.landmarks68[0] == 0
    assert set(model.vertex_groups) == {"face", "eye_left", "teeth"}
    path = tmp_path / "ict.safetensors"
    model.save(path)
    assert FaceModel.load(path).expression_names == model.expression_names


def test_landmarks_on_what_was_left_out_are_missing(folder):
    config = json.loads((folder / "vertex_indices.json").read_text())
    config["idx_to_landmark_verts"] = [0] + [3] * 67
    (folder / "vertex_indices.json").write_text(json.dumps(config))
    assert read_ict(folder).landmarks68.tolist() == [-1] + [0] * 67


def test_the_eye_gets_the_layout_of_our_eye_material(folder):
    model = read_ict(folder)
    eye = model.face_material == model.material_names.index("eye")
    place = dict(zip(model.faces[eye].ravel().tolist(), model.uv[model.faces_uv[eye]].reshape(-1, 2), strict=True))
    first = SIDE * SIDE
    np.testing.assert_allclose(place[first], [0.5, 0.5], atol=1e-5)  # the pole that looks ahead
    np.testing.assert_allclose(place[first + 1], [0.75, 0.5], atol=1e-5)  # 90 degrees to the side
    np.testing.assert_allclose(place[first + 2], [0.5, 0.75], atol=1e-5)


def test_fewer_identities_can_be_taken_but_not_more_than_there_are(folder):
    assert read_ict(folder, identities=2).n_id == 2
    with pytest.raises(DnpmError, match="1 to 3"):
        read_ict(folder, identities=4)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "vertex_indices.json").unlink(), r"vertex_indices\.json"),
        (lambda f: (f / "vertex_indices.json").write_text("[1"), "not valid JSON"),
        (lambda f: (f / "vertex_indices.json").write_text('{"expressions": []}'), "expressions"),
        (lambda f: (f / "vertex_indices.json").write_text('{"expressions": ["../x"]}'), "not a plain file name"),
        (lambda f: (f / "jawOpen.obj").unlink(), r"jawOpen\.obj"),
        (lambda f: (f / "jawOpen.obj").write_text("v 0 0 0\nf 1 1 1\n"), "one topology"),
        (lambda f: [p.unlink() for p in f.glob("identity*.obj")], "identity000"),
        (lambda f: (f / "generic_neutral_mesh.obj").unlink(), "generic_neutral_mesh"),
    ],
)
def test_broken_folders_are_reported(folder, break_it, message):
    break_it(folder)
    with pytest.raises(DnpmError, match=message):
        read_ict(folder)


def test_the_real_model(shared_data, tmp_path):
    """26,719 vertices: written out as the folder is, read, and compared with the arrays."""
    file = shared_data / "ict_facekit.npz"
    if not file.is_file():
        pytest.skip(f"no {file}")
    with np.load(file, allow_pickle=False) as data:
        neutral, uv = data["neutral"].astype(np.float64), data["uv"]
        faces, faces_uv = data["faces"].astype(np.int64), data["faces_uv"].astype(np.int64)
        material = [str(n) for n in data["material_names"]]
        of_face, names, step = data["face_material"], [str(n) for n in data["exp_names"]], float(data["step"])
        landmarks = data["landmarks68"].tolist()

        def unpack(key: str, i: int) -> np.ndarray:
            return ((data[key + "_hi"][i].astype(np.uint16) << 8) | data[key + "_lo"][i]).view(np.int16) * step

        identities = [unpack("id", i) for i in range(2)]
        wanted = ("jawOpen", "browInnerUp_L", "browInnerUp_R", "mouthSmile_L")
        shapes = {name: unpack("exp", names.index(name)) for name in wanted}
    parts = [(name, faces[of_face == k], faces_uv[of_face == k]) for k, name in enumerate(material)]
    write_obj(tmp_path / "generic_neutral_mesh.obj", neutral, uv, parts)
    for k, shape in enumerate(identities):
        write_obj(tmp_path / f"identity{k:03d}.obj", neutral + shape, uv[:0], [])
    for name, shape in shapes.items():
        write_obj(tmp_path / f"{name}.obj", neutral + shape, uv[:0], [])
    config = {"expressions": list(wanted), "idx_to_landmark_verts": landmarks}
    (tmp_path / "vertex_indices.json").write_text(json.dumps(config))

    model = read_ict(tmp_path)
    assert model.expression_names == tuple(n for n in ARKIT_NAMES if n in ("jawOpen", "browInnerUp", "mouthSmileLeft"))
    # The face comes first in the file and nothing of it is left out.
    np.testing.assert_allclose(model.neutral[:9409], neutral[:9409] * 10, atol=1e-3)
    at = {name: model.expression_index[name] + 1 for name in model.expression_names}
    delta = model.core[0, at["browInnerUp"]][:9409].astype(np.float32)
    np.testing.assert_allclose(delta, (shapes["browInnerUp_L"] + shapes["browInnerUp_R"])[:9409] * 10, atol=0.02)
    np.testing.assert_allclose(model.core[2, 0][:9409], identities[1][:9409] * 10, atol=0.02)
    assert model.landmarks68.tolist() == landmarks
    assert {"skin", "eye", "teeth", "gums", "lashes", "mouth"} == set(model.material_names)
    covered = (model.detail_mask > 0).mean()
    assert covered > 0.85
    assert len(model.vertex_groups["eye_left"]) == len(model.vertex_groups["eye_right"]) > 500
