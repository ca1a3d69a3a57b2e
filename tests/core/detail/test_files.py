"""Meshes and maps as files: read back by small readers of the formats, and by the packages that others use."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from dnpm.core.detail.mesh import detailed_mesh
from dnpm.core.errors import DnpmError
from dnpm.core.files import displacement_maps, meshes


@pytest.fixture(params=[0, 1])
def made(request, tiny_model):
    rng = np.random.default_rng(0)
    return detailed_mesh(
        tiny_model, rng.standard_normal(6), rng.random(4), rng.random((32, 32)), levels=request.param
    )  # fmt: skip


def _read_obj(path):
    tables = {"v": [], "vt": [], "vn": []}
    faces, groups, group = [], [], None
    for line in path.read_text().splitlines():
        word, *rest = line.split()
        if word in tables:
            tables[word].append([float(x) for x in rest])
        elif word == "f":
            faces.append([[int(i) if i else 0 for i in corner.split("/")] for corner in rest])
            groups.append(group)
        elif word == "usemtl":
            group = rest[0]
    return {k: np.array(v) for k, v in tables.items()}, faces, groups


@pytest.mark.parametrize("layer", ["texture", "detail"])
def test_obj_holds_the_mesh(tmp_path, made, layer):
    path = meshes.write_obj(tmp_path / "a.obj", made, ("skin",), layer)
    tables, faces, groups = _read_obj(path)
    uv, faces_uv = (made.uv, made.faces_uv) if layer == "texture" else (made.detail_uv, made.faces_detail_uv)
    assert np.allclose(tables["v"], made.vertices, atol=1e-5)
    assert np.allclose(tables["vn"], made.normals, atol=1e-4)
    assert np.allclose(tables["vt"], uv, atol=1e-6)
    assert set(groups) == {"skin"}
    expected = {
        tuple((int(v) + 1, int(t) + 1) for v, t in zip(face, places, strict=True) if v >= 0)
        for face, places in zip(made.faces, faces_uv, strict=True)
    }
    assert {tuple((c[0], c[1]) for c in face) for face in faces} == expected
    assert all(corner[0] == corner[2] for face in faces for corner in face)
    assert [p.name for p in tmp_path.iterdir()] == ["a.obj"]


def test_obj_keeps_materials_apart(tmp_path, tiny_model):
    material = np.zeros(len(tiny_model.faces), np.uint8)
    material[:5] = 1
    model = dataclasses.replace(tiny_model, face_material=material, material_names=("skin", "my lips"))
    made = detailed_mesh(model, np.zeros(6), np.zeros(4), levels=1)
    _, _, groups = _read_obj(meshes.write_obj(tmp_path / "a.obj", made, model.material_names))
    assert groups.count("my_lips") == (made.face_material == 1).sum() == 20


@pytest.mark.parametrize("layer", ["texture", "detail"])
def test_ply_holds_the_mesh(tmp_path, made, layer):
    data = meshes.write_ply(tmp_path / "a.ply", made, layer).read_bytes()
    head, body = data.split(b"end_header\n", 1)
    counts = {name: int(n) for name, n in re.findall(r"element (\w+) (\d+)", head.decode())}
    vertices = np.frombuffer(body, "<f4", counts["vertex"] * 8).reshape(-1, 8)
    at, faces = vertices.nbytes, []
    for _ in range(counts["face"]):
        n = body[at]
        faces.append(np.frombuffer(body, "<i4", n, at + 1))
        at += 1 + 4 * n
    assert at == len(body)
    assert counts["face"] == len(made.faces)
    uv, faces_uv = (made.uv, made.faces_uv) if layer == "texture" else (made.detail_uv, made.faces_detail_uv)

    def described(corners):
        return tuple(np.round(corners.astype(np.float64), 4).ravel())

    expected = set()
    for face, places in zip(made.faces, faces_uv, strict=True):
        size = int((face >= 0).sum())
        st = uv[places[:size]] if places[0] >= 0 else np.zeros((size, 2), np.float32)
        corners = np.concatenate([made.vertices[face[:size]], made.normals[face[:size]], st], 1)
        expected.add(described(corners))
    assert {described(vertices[face]) for face in faces} == expected


def test_exr_is_exact_and_says_what_it_is(tmp_path):
    values = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    path = displacement_maps.write_exr(tmp_path / "a.exr", values)
    file = OpenEXR.File(str(path), separate_channels=True)
    assert list(file.channels()) == ["Y"]
    assert np.array_equal(file.channels()["Y"].pixels, values)
    assert file.channels()["Y"].pixels.dtype == np.float32
    assert "millimetres" in file.header()["comments"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.exr"]


def test_png_says_what_grey_means(tmp_path):
    values = np.array([[0.0, 0.5], [-1.0, 9.0]])
    path = displacement_maps.write_png(tmp_path / "a.png", values)
    with Image.open(path) as image:
        grey = np.asarray(image).astype(float)
        meaning = image.text["Description"]
    neutral, step = map(float, re.search(r"grey - (\d+)\) \* ([\d.e-]+)", meaning).groups())
    back = (grey - neutral) * step
    assert np.allclose(back[:1], values[:1], atol=step)
    assert np.allclose(back[1], [-1, 2], atol=step)


def test_a_folder_that_is_not_there_is_named(tmp_path, made):
    gone = tmp_path / "gone"
    with pytest.raises(DnpmError, match=r"a\.obj: cannot be written"):
        meshes.write_obj(gone / "a.obj", made, ("skin",))
    with pytest.raises(DnpmError, match=r"a\.ply: cannot be written"):
        meshes.write_ply(gone / "a.ply", made)
    with pytest.raises(DnpmError, match=r"a\.exr: cannot be written"):
        displacement_maps.write_exr(gone / "a.exr", np.zeros((4, 4)))
    with pytest.raises(DnpmError, match=r"a\.png: cannot be written"):
        displacement_maps.write_png(gone / "a.png", np.zeros((4, 4)))
