"""FaceScape's files and folders of pictures, made small; what is wrong with them is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dnpm.core.dataset import facescape, pictures, sets
from dnpm.core.dataset.dataset import MapDataset
from dnpm.core.dataset.fit import Fitter
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.readers.facescape import DETAIL_RECTANGLE
from dnpm.core.files.displacement_maps import write_exr, write_png


@pytest.fixture(scope="module")
def model(tiny_model):
    """The tiny model with FaceScape's detail layer: its square of the texture."""
    u0, v0, u1, v1 = DETAIL_RECTANGLE
    detail = (tiny_model.uv - [u0, v0]) / [u1 - u0, v1 - v0]
    return replace(tiny_model, name="small FaceScape", detail_uv=detail.astype(np.float32))


def write_obj(path, vertices):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in vertices))


def scan(folder, model, who, name, identity, expression, level=16384):
    grey = np.full((4096, 4096), 32768, np.uint16)
    grey[600:2500, 1100:3000] += np.uint16(level)
    (folder / who / "dpmap").mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(folder / who / "dpmap" / f"{name}.png", compress_level=1)
    write_obj(folder / who / "models_reg" / f"{name}.obj", model.vertices(identity, expression))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000))
def test_a_fit_recovers_the_sliders_also_of_a_turned_mesh(tiny_model, seed):
    rng = np.random.default_rng(seed)
    identity = rng.normal(0, 1, tiny_model.n_id)
    expressions = rng.random((3, tiny_model.n_exp)) * (rng.random((3, tiny_model.n_exp)) < 0.6)
    angle = rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    meshes = np.stack([tiny_model.vertices(identity, x) @ turn + rng.normal(0, 3, 3) for x in expressions])
    fit = Fitter(tiny_model).fit(meshes)
    assert fit.errors_mm.max() < 0.2
    np.testing.assert_allclose(fit.identity, identity, atol=0.1)
    np.testing.assert_allclose(fit.expressions, expressions, atol=0.05)
    assert fit.expressions.min() >= 0
    assert fit.expressions.max() <= 1


def test_meshes_of_another_topology_are_refused(tiny_model):
    with pytest.raises(DnpmError, match="same edition"):
        Fitter(tiny_model).fit(np.zeros((1, 7, 3)))


def test_scans_become_samples_and_a_second_run_adds_what_is_new(tmp_path, model):
    identity, smile = np.array([1.0, -0.5, 0.2], np.float32), model.expression(mouthSmileLeft=0.8)
    scan(tmp_path / "tu", model, "2", "1_neutral", identity, np.zeros(model.n_exp, np.float32))
    scan(tmp_path / "tu", model, "2", "2_smile", identity, smile, level=0)
    assert sets.facescape_set(tmp_path / "set", tmp_path / "tu", model, 64) == 2
    scan(tmp_path / "tu", model, "10", "1_neutral", -identity, np.zeros(model.n_exp, np.float32))
    assert sets.facescape_set(tmp_path / "set", tmp_path / "tu", model, 64) == 3
    data = MapDataset.open(tmp_path / "set")
    data.check()
    assert data.keys == ["2/1_neutral", "2/2_smile", "10/1_neutral"]
    np.testing.assert_allclose(data.maps(np.arange(3)).mean((1, 2)), [0.457, 0, 0.457], atol=1e-3)
    np.testing.assert_allclose(data.identity(np.array([1]))[0], identity, atol=0.1)
    np.testing.assert_allclose(data.expression(np.array([1]))[0], smile, atol=0.05)
    assert data.about.people == 2


def test_the_crop_starts_where_the_paper_says(tmp_path):
    grey = np.full((4096, 4096), 32768, np.uint16)
    grey[600, 1100] = 65535
    grey[2499, 2999] = 0
    Image.fromarray(grey).save(tmp_path / "a.png", compress_level=1)
    heights = facescape.read_facescape_map(tmp_path / "a.png", 1900)
    assert heights[0, 0] == pytest.approx(0.914 * 32767 / 32768)
    assert heights[-1, -1] == pytest.approx(-0.914)
    assert np.abs(heights).sum() == pytest.approx(2 * 0.914, abs=1e-3)


def test_another_models_layout_is_refused(tmp_path, tiny_model):
    with pytest.raises(DnpmError, match="build convert facescape"):
        sets.facescape_set(tmp_path / "set", tmp_path, tiny_model, 64)


def test_what_is_wrong_with_scans_is_named(tmp_path, model):
    with pytest.raises(DnpmError, match="holds no"):
        facescape.people(tmp_path / "nowhere")
    path = tmp_path / "tu" / "1" / "dpmap" / "1_neutral.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(np.zeros((64, 64), np.uint16)).save(path)
    with pytest.raises(DnpmError, match=r"1_neutral\.obj: is missing"):
        facescape.people(tmp_path / "tu")
    with pytest.raises(DnpmError, match="4096 x 4096"):
        facescape.read_facescape_map(path)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    with pytest.raises(DnpmError, match="8 bits"):
        facescape.read_facescape_map(path)
    noise = np.random.default_rng(0).integers(0, 65535, (256, 256), dtype=np.uint16)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(DnpmError, match="cannot be read"):
        facescape.read_facescape_map(path)


def test_a_folder_with_a_table(tmp_path, tiny_model):
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 0.1, (2, 64, 64)).astype(np.float32)
    write_exr(tmp_path / "a.exr", first)
    write_png(tmp_path / "b.png", second)
    table = tmp_path / "sliders.csv"
    table.write_text("file,person,id_0,id_2,jawOpen\na.exr,ann,1.5,,0.25\nb.png,bob,0,-1,1\n")
    assert sets.folder_set(tmp_path / "set", tmp_path, tiny_model, 64, table, None, "CC0") == 2
    data = MapDataset.open(tmp_path / "set")
    np.testing.assert_allclose(data.maps(np.arange(2)), [first, second], atol=2e-4)
    np.testing.assert_array_equal(data.identity(np.arange(2)), [[1.5, 0, 0], [0, 0, -1]])
    np.testing.assert_array_equal(data.expression(np.arange(2))[:, 0], [0.25, 1])


def test_a_folder_without_a_table_has_unknown_sliders(tmp_path, tiny_model):
    write_exr(tmp_path / "a.exr", np.zeros((64, 64), np.float32))
    sets.folder_set(tmp_path / "set", tmp_path, tiny_model, 32, None, None, "CC0")
    assert MapDataset.open(tmp_path / "set").identity(np.array([0])) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,id_0\na.exr,much\n", "line 2: id_0"),
        ("file,eyebrow\na.exr,1\n", "unknown: eyebrow"),
        ("id_0\n1\n", "column `file`"),
        ("file,id_0\nb.exr,1\n", "do not name the same files"),
        ("file,jawOpen\na.exr,2\n", "0 to 1"),
        ("file,id_0\na.exr,nan\n", "not a number"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, tiny_model, text, says):
    write_exr(tmp_path / "a.exr", np.zeros((64, 64), np.float32))
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DnpmError, match=says):
        sets.folder_set(tmp_path / "set", tmp_path, tiny_model, 64, tmp_path / "t.csv", None, "CC0")


def test_maps_that_are_not_finite_or_not_square_are_refused(tmp_path):
    write_exr(tmp_path / "a.exr", np.full((8, 8), np.nan, np.float32))
    with pytest.raises(DnpmError, match="not finite"):
        pictures.read_map(tmp_path / "a.exr")
    Image.fromarray(np.zeros((8, 9), np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(DnpmError, match="must be square"):
        pictures.read_map(tmp_path / "b.png")


@given(st.integers(1, 8), st.floats(-1, 1))
def test_resizing_keeps_a_flat_map_and_the_mean(times, height):
    flat = np.full((8 * times, 8 * times), height, np.float32)
    np.testing.assert_allclose(pictures.resized(flat, 8), height, atol=1e-6)
