"""The OBJ reader: what real files hold, and what broken ones do."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.files.obj import read_obj, read_positions


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
        ("v 0 0 0\n\nf 1 1 2\n", "line 3: a polygon names vertices that are not there"),
        ("v 0 0 0\nf 1 1 1\nf 1/1 1/1 1/1\n", "line 3: a polygon names texture corners that are not there"),
        (f"v 0 0 0\nf 1 1 {'9' * 20}\n", "line 2.*larger than any mesh"),
        (f"v 0 0 0\nf 1 1 {'9' * 5000}\n", "line 2"),
        ("v 0 0 0\nf 1 1 -2147483649\n", "line 2"),
        ("v 0 0 0\nvt\nf 1 1 1\n", "line 2: a `vt` line"),
        ("# one\n\nv 0 0 1e999\nf 1 1 1\n", "line 3: a `v` line has numbers that are not finite"),
        ("v 0,5 0 0\nf 1 1 1\n", "line 1"),
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


SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xef\xbb\xbf" + (SQUARE + "f 1 2 3 4\n").encode(), ""),
        (codecs.BOM_UTF16_LE + (SQUARE + "f 1 2 3 4\n").encode("utf-16-le"), ""),
        ((SQUARE + "f 1 2 \\\n3 \\  \n 4\n").encode(), ""),
        ((SQUARE + "f 1 2 3\\\n\\\n4").encode(), ""),
        ((SQUARE + "f 1 2 3 4 # a square").encode(), ""),
        ((SQUARE.replace("\n", " # C:\\\n") + "f 1 2 3 4#").encode(), ""),
        ((SQUARE + "usemtl Gesicht_\u00fc\nf 1 2 3 4\n").encode("latin-1"), "Gesicht_\u00fc"),
        ((SQUARE + "usemtl Gesicht_\u00fc\nf 1 2 3 4\n").encode(), "Gesicht_\u00fc"),
        ((SQUARE + "# \u0085\nusemtl a\u0085b\nf 1 2 3 4\n").encode("latin-1"), "a b"),
        ((SQUARE + "usemtl Material #27\nf 1 2 3 4\n").encode(), "Material #27"),
        ((SQUARE + "usemtl skin # of the face\nf 1 2 3 4\n").encode(), "skin"),
        ((SQUARE + "mtllib C:\\scans\\\nf 1 2 3 4\n").encode(), ""),
        ((SQUARE.replace("v", " \tv") + "\tf 1 2 3 4\n").encode(), ""),
        ((SQUARE + "f 1 2 3 4\n").replace("\n", "\r\n").encode(), ""),
        ((SQUARE + "f 1 2 3 4\n").replace("\n", "\r").encode(), ""),
        ((SQUARE.replace("0\n", "0 .5 .5 .5\n") + "f -4// -3// -2// -1//\n").encode(), ""),
        ((SQUARE.replace("0\n", "0 1.0\n") + "vn 0 0 1\nf 1//1 2//1 3//1 4//1\n").encode(), ""),
        ((SQUARE + "vt 0\nf 1/1 2/ 3 4\n").encode(), ""),
    ],
)
def test_what_programs_write(tmp_path, data, name):
    path = tmp_path / "mesh.obj"
    path.write_bytes(data)
    mesh = read_obj(path)
    assert mesh.faces.tolist() == [[0, 1, 2, 3]]
    assert mesh.faces_uv.tolist() == [[-1] * 4]
    assert mesh.material_names == (name,)
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert np.array_equal(read_positions(path, 4), mesh.vertices)


def test_groups_and_flat_textures(tmp_path):
    mesh = read_obj(_write(tmp_path, SQUARE + "vt .5\nf 1/1 2/1 3/1\ng head eye\nf 1 2 3 4 1\ng\nf 2 3 4\n"))
    assert mesh.group_names == ("", "head eye")
    assert mesh.group.tolist() == [0, 1, 1, 1, 0]
    assert mesh.uv.tolist() == [[0.5, 0]]


def test_many_continued_lines_take_no_longer(tmp_path):
    path = _write(tmp_path, SQUARE + "f 1 2 3 4 \\\n" + "1 \\\n" * 200_000)
    assert len(read_obj(path).faces) == 200_002


@pytest.mark.parametrize("name", ["f_with_trailing_comment", "leading_space", "latin1_material", "continuation"])
def test_files_that_were_refused(shared_cases, name):
    assert read_obj(shared_cases / "meshes" / f"{name}.obj").faces.tolist() == [[0, 1, 2, 3]]


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(DnpmError, match="no such file"):
        read_obj(tmp_path / "none.obj")
    (tmp_path / "binary.obj").write_bytes(bytes(range(256)))
    with pytest.raises(DnpmError, match="not a text file"):
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
