"""FaceScape's two editions, as small files of their format."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.readers import read_facescape, read_facescape_pair
from dnpm.core.face_model.readers.facescape import DETAIL_RECTANGLE, EXPRESSIONS
from dnpm.tests.core.face_model.readers.format_files import SIDE, grid, write_obj

N_ID = 4


def _arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """As v1.6: absolute shapes (3V, 52, n), polygons from 1, texture corners of a 4096 map, identity statistics."""
    vertices, uv, faces = grid()
    core = rng.normal(0, 0.5, (vertices.size, 52, N_ID))
    core[..., 0] += (vertices * 10).ravel()[:, None] * 20
    return {
        "shape_bm_core": core.astype(np.float32),
        "fv_indices": np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]]) + 1,
        "ft_indices": np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]]) + 1,
        "texcoords": uv,
        "id_mean": np.array([0.05, 0.001, -0.002, 0.0], np.float32),
        "id_var": np.array([1e-6, 4e-4, 9e-4, 1e-4], np.float32),
        "lm_list_v16": np.arange(68) % (SIDE * SIDE),
        "v_indices_front": np.arange(10),
        "vert_num": np.array(SIDE * SIDE),
        "vc_dict_front": np.array({1: 2}, dtype=object),
    }


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return _arrays(np.random.default_rng(0))


def test_every_expression_has_one_name():
    assert len(EXPRESSIONS) == 51
    assert set(EXPRESSIONS) == set(ARKIT_NAMES) - {"tongueOut"}
    # Spot checks of the published order.
    assert [EXPRESSIONS[i - 1] for i in (1, 17, 20, 22, 29, 32, 41, 49, 51)] == [
        "eyeBlinkLeft", "browInnerUp", "jawOpen", "jawLeft", "mouthRollUpper", "mouthSmileRight", "mouthPucker",
        "cheekPuff", "cheekSquintRight",
    ]  # fmt: skip


def test_v16_gives_the_vertices_of_its_own_formula(arrays, tmp_path):
    np.savez(tmp_path / "bm.npz", **arrays)
    model = read_facescape(tmp_path / "bm.npz")
    assert (model.n_id, model.n_exp) == (N_ID, 51)
    core, mean, std = arrays["shape_bm_core"].astype(float), arrays["id_mean"].astype(float), np.sqrt(arrays["id_var"])
    moved = np.linalg.norm(core[:, 0] * std, axis=0)
    order = np.argsort(-moved)
    sliders = np.array([0.7, -1.2, 0.4, 2.0], np.float32)
    factors = mean.copy()
    factors[order] += std[order] * sliders
    weights = np.zeros(52)
    weights[0] = 1
    weights[[20, 1]] = 0.8, 0.3
    residual = core.copy()
    residual[:, 1:] -= core[:, :1]
    expected = (residual @ factors @ weights).reshape(-1, 3)
    got = model.vertices(sliders, model.expression(jawOpen=0.8, eyeBlinkLeft=0.3))
    np.testing.assert_allclose(got, expected, atol=0.02)
    assert model.landmarks68.tolist() == arrays["lm_list_v16"].tolist()
    assert model.vertex_groups["face"].tolist() == list(range(10))
    assert read_facescape(tmp_path / "bm.npz", identities=2).n_id == 2


def test_the_detail_layer_is_the_published_crop(arrays, tmp_path):
    np.savez(tmp_path / "bm.npz", **arrays)
    model = read_facescape(tmp_path / "bm.npz")
    inside = model.faces_detail_uv[:, 0] >= 0
    assert 0 < inside.sum() < len(inside)
    u0, v0, u1, v1 = DETAIL_RECTANGLE
    texture = arrays["texcoords"][arrays["ft_indices"] - 1]
    within = ((texture >= [u0, v0]) & (texture <= [u1, v1])).all((1, 2))
    assert np.array_equal(inside, within)
    # Texel (row 600, column 1100) of 4096 is the crop's upper left corner.
    corner = texture[inside][0, 0]
    row, column = 4096 * (1 - corner[1]), 4096 * corner[0]
    detail = model.detail_uv[model.faces_detail_uv[inside][0, 0]]
    np.testing.assert_allclose(detail, [(column - 1100) / 1900, 1 - (row - 600) / 1900], atol=1e-5)


def test_without_statistics_factors_must_be_given(arrays, tmp_path):
    del arrays["id_mean"]
    np.savez(tmp_path / "bm.npz", **arrays)
    with pytest.raises(DnpmError, match="--factors"):
        read_facescape(tmp_path / "bm.npz")
    factors = np.random.default_rng(1).normal(0.02, 0.03, (9, N_ID))
    np.save(tmp_path / "factors.npy", factors)
    model = read_facescape(tmp_path / "bm.npz", factors=tmp_path / "factors.npy")
    expected = (arrays["shape_bm_core"][:, 0].astype(float) @ factors.mean(0)).reshape(-1, 3)
    np.testing.assert_allclose(model.neutral, expected, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shape_bm_core", np.zeros((7, 52, 4)), "must be numbers"),
        ("shape_bm_core", np.zeros((3 * SIDE * SIDE, 10, 4)), "10 expressions"),
        ("shape_bm_core", np.full((3 * SIDE * SIDE, 52, 4), np.nan), "not finite"),
        ("fv_indices", np.zeros((5, 3), int), "count from 1"),
        ("fv_indices", np.ones((5, 2), int), "3 or 4 corners"),
        ("fv_indices", np.ones((5, 3), int), "do not belong together"),
        ("id_mean", np.zeros(3), "4 numbers"),
        ("lm_list_v16", np.arange(5), "68 landmarks"),
        ("texcoords", np.zeros((36, 1)), "2 columns"),
        ("v_indices_front", np.array([-1]), "indices"),
    ],
)
def test_wrong_arrays_are_named(arrays, tmp_path, name, value, message):
    np.savez(tmp_path / "bm.npz", **(arrays | {name: value}))
    with pytest.raises(DnpmError, match=message):
        read_facescape(tmp_path / "bm.npz")


def test_polygons_that_were_pickled_are_read(arrays, tmp_path):
    np.savez(tmp_path / "plain.npz", **arrays)
    arrays["fv_indices"] = np.array(arrays["fv_indices"].tolist(), dtype=object)
    arrays["lm_list_v16"] = np.array([int(i) for i in arrays["lm_list_v16"]], dtype=object)
    np.savez(tmp_path / "pickled.npz", **arrays)
    model, same = read_facescape(tmp_path / "pickled.npz"), read_facescape(tmp_path / "plain.npz")
    assert np.array_equal(model.faces, same.faces)
    assert np.array_equal(model.landmarks68, same.landmarks68)


def test_v13_pair_and_mesh(arrays, tmp_path):
    vertices, uv, faces = grid()
    np.save(tmp_path / "core.npy", arrays["shape_bm_core"].transpose(2, 1, 0))
    factors = np.random.default_rng(1).normal(0.02, 0.03, (9, N_ID)).astype(np.float32)
    np.save(tmp_path / "factors.npy", factors)
    write_obj(tmp_path / "1_neutral.obj", vertices, uv, [("m", faces, faces)])
    model = read_facescape_pair(tmp_path / "core.npy", tmp_path / "factors.npy", tmp_path / "1_neutral.obj")
    core = arrays["shape_bm_core"].astype(float)
    smile = model.vertices(np.zeros(N_ID), model.expression(mouthSmileLeft=1))
    expected = (core[:, 31] @ factors.mean(0, dtype=float)).reshape(-1, 3)
    np.testing.assert_allclose(smile, expected, atol=0.02)
    write_obj(tmp_path / "other.obj", vertices[:-1], uv, [("m", faces[:3], faces[:3])])
    with pytest.raises(DnpmError, match="same version"):
        read_facescape_pair(tmp_path / "core.npy", tmp_path / "factors.npy", tmp_path / "other.obj")
    np.save(tmp_path / "wrong.npy", factors[:, :2])
    with pytest.raises(DnpmError, match="identity factors"):
        read_facescape_pair(tmp_path / "core.npy", tmp_path / "wrong.npy", tmp_path / "1_neutral.obj")


def test_command_line(arrays, tmp_path, capsys):
    np.savez(tmp_path / "bm.npz", **arrays)
    np.save(tmp_path / "core.npy", arrays["shape_bm_core"].transpose(2, 1, 0))
    np.save(tmp_path / "factors.npy", np.random.default_rng(1).normal(0.02, 0.03, (9, N_ID)))
    vertices, uv, faces = grid()
    write_obj(tmp_path / "1_neutral.obj", vertices, uv, [("m", faces, faces)])
    out = ["--out", str(tmp_path / "o.safetensors")]

    def convert(*rest: object) -> int:
        return main(["build", "convert", "facescape", *map(str, rest), *out])

    assert convert(tmp_path / "bm.npz", "--identities", 2) == 0
    model = FaceModel.load(tmp_path / "o.safetensors")
    assert (model.n_id, model.name) == (2, "FaceScape v1.6")
    assert "not to be passed on" in model.metadata["licence"]
    pair = ("--factors", tmp_path / "factors.npy", "--mesh", tmp_path / "1_neutral.obj")
    assert convert(tmp_path / "core.npy", *pair) == 0
    assert FaceModel.load(tmp_path / "o.safetensors").name == "FaceScape v1.3"
    capsys.readouterr()
    assert convert(tmp_path / "core.npy") == 2
    assert "--factors" in capsys.readouterr().err
    assert convert(tmp_path / "bm.npz", *pair[2:]) == 2
    assert "carries its faces itself" in capsys.readouterr().err
