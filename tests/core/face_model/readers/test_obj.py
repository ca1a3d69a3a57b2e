"""The OBJ reader: what real files hold, and what broken ones do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.readers.obj import read_obj, read_positions


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mesh.obj"
    path.write_text(text)
    return path


def test_reads_quads_triangles_polygons_materials_and_negative_indices(tmp_path):
    path = _write(
        tmp_path,
        "mtllib a.mtl\nv 0 0 0 0.5 0.5 0.5\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv .5 1.5 1e-1\nvt 0 0\nvt 1 0 0\nvt 1 1\n"
        "vn 0 0 1\nusemtl skin\nf 1/1/1 2/2/1 3/3/1\ng x\nusemtl lips of mine\nf 1//1 2//1 3//1 4//1\n"
        "f -5/-3 -4/-2 -3/-1\nf 1 2 3 4 5\n",
    )
    mesh = read_obj(path)
    assert mesh.vertices.shape == (5, 3)
    assert mesh.vertices[4, 2] == pytest.approx(0.1)
    assert mesh.uv.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert mesh.faces.tolist() == [
        [0, 1, 2, -1],
        [0, 1, 2, 3],
        [0, 1, 2, -1],
        [0, 1, 2, -1],
        [0, 2, 3, -1],
        [0, 3, 4, -1],
    ]
    assert mesh.faces_uv[[0, 1, 2]].tolist() == [[0, 1, 2, -1], [-1] * 4, [0, 1, 2, -1]]
    assert mesh.material.tolist() == [0, 1, 1, 1, 1, 1]
    assert mesh.material_names == ("skin", "lips of mine")
    assert np.array_equal(read_positions(path, 5), mesh.vertices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0\nf 1 1 1\n", "three numbers"),
        ("v 0 0 zero\nf 1 1 1\n", "line 1"),
        ("v 0 0 nan\nf 1 1 1\n", "finite"),
        ("v 0 0 0\nvt 0 nan\nf 1/1 1/1 1/1\n", "finite"),
        ("v 0 0 0\n", "no polygons"),
        ("v 0 0 0\nf 1 1 2\n", "not there"),
        ("v 0 0 0\nf 1/1 1/1 1/1\n", "not there"),
        ("v 0 0 0\nf 0 1 1\n", "line 2"),
        ("v 0 0 0\nf -2 1 1\n", "line 2"),
        ("v 0 0 0\nf 1 1\n", "at least 3"),
    ],
)
def test_broken_files_are_reported_with_the_file(tmp_path, text, message):
    path = _write(tmp_path, text)
    with pytest.raises(DnpmError, match=message) as error:
        read_obj(path)
    assert str(path) in str(error.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(DnpmError, match="cannot be read"):
        read_obj(tmp_path / "none.obj")
    (tmp_path / "binary.obj").write_bytes(bytes(range(256)))
    with pytest.raises(DnpmError, match="no text"):
        read_obj(tmp_path / "binary.obj")


def test_another_topology_is_refused(tmp_path):
    path = _write(tmp_path, "v 0 0 0\nv 1 0 0\nf 1 2 1\n")
    with pytest.raises(DnpmError, match="2 vertices, the neutral mesh has 3"):
        read_positions(path, 3)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="vf tn/-0123456789.e\n#usemtl", max_size=120))
def test_any_text_is_read_or_reported(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "mesh.obj"
    path.write_text(text)
    try:
        mesh = read_obj(path)
    except DnpmError:
        return
    assert mesh.faces.max() < len(mesh.vertices)
    assert mesh.faces[:, :3].min() >= 0
