"""How deep the mouth's parts lie, and what is left of the light there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

from dnpm.core.face_model.mouth import MOUTH_KINDS, THROAT_LIGHT, light_at, mouth_depths, tooth_depths
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.geometry.mesh import vertex_normals
from dnpm.core.geometry.rasteriser import rasterise
from dnpm.core.photo.camera import Camera, turned


def test_light_falls_off_and_reddens():
    light = light_at(np.array([0.0, 0.5, 1.0, 2.0]))
    np.testing.assert_allclose(light[0], 1.0)
    np.testing.assert_allclose(light[2], THROAT_LIGHT, rtol=1e-6)
    assert (np.diff(light, axis=0) < 0).all()
    assert light.min() > 0.005, "never black"
    assert light[2, 0] > light[2, 1] >= light[2, 2]


def test_a_tooth_is_as_deep_as_a_whole(face_model, tiny_model):
    depth = tooth_depths(face_model)
    teeth = face_model.face_material == face_model.material_names.index("teeth")
    assert not depth[~teeth].any()
    assert len(np.unique(depth[teeth].round(5))) <= 28
    assert depth[teeth].min() < 0.25
    assert depth[teeth].max() > 0.7
    outer = depth[teeth & (depth < 1)]
    values, count = np.unique(outer.round(5), return_counts=True)
    assert count[values > 0].min() >= 4, "the outer faces of a tooth go together"
    assert not tooth_depths(tiny_model).any()


def test_inner_sides_of_side_teeth_lie_in_the_dark(face_model):
    """Seen along the row they were one bright wall."""
    teeth = face_model.face_material == face_model.material_names.index("teeth")
    faces = face_model.faces[teeth]
    middle = face_model.neutral[faces].mean(1)
    normals = vertex_normals(face_model.neutral, face_model.faces)[faces].mean(1)
    side = np.abs(middle[:, 0]) > 17
    inner, outer = (side & (sign * np.sign(middle[:, 0]) * normals[:, 0] > 0.8) for sign in (-1, 1))
    assert min(inner.sum(), outer.sum()) > 20
    light = light_at(mouth_depths(face_model)[faces].mean(1))[:, 0]
    assert np.median(light[inner]) < 0.75 * np.median(light[outer])
    assert (tooth_depths(face_model)[teeth][inner] > 0.9).all()


def test_teeth_of_all_kinds_meet(face_model):
    """Each is a sheet of six rows and four columns; canine and premolar are rounded differently, and yet meet."""
    for jaw in ("upper", "lower"):
        sheets = face_model.neutral[face_model.vertex_groups[f"teeth_{jaw}"]][: 14 * 24].reshape(14, 6, 4, 3)
        apart = np.linalg.norm(sheets[:-1, :, 3] - sheets[1:, :, 0], axis=-1)
        assert apart.max() < 0.45
        flat = np.linalg.norm(sheets[:, 2, 2] - sheets[:, 2, 1], axis=-1) / np.linalg.norm(
            sheets[:, 2, 3] - sheets[:, 2, 0], axis=-1
        )
        assert flat[[0, 1, 2, 3, -4, -3, -2, -1]].min() > 0.6, "teeth that chew are square"
        assert flat[4:10].max() < 0.5, "incisors and canines are rounded"


@pytest.mark.parametrize("seed", [120, 189])
@pytest.mark.parametrize("moved", [{"jawOpen": 1.0}, {"jawOpen": 0.4, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}])
def test_nothing_in_the_mouth_comes_through_the_skin(face_model, seed, moved):
    """Gums came through the chin of people with little of it."""
    expression = np.zeros(face_model.n_exp, np.float32)
    for name, value in moved.items():
        expression[face_model.expression_names.index(name)] = value
    vertices = face_model.vertices(random_identity(face_model, seed), expression)
    quad = face_model.faces[:, 3] >= 0
    triangles = np.concatenate([face_model.faces[:, :3], face_model.faces[quad][:, [0, 2, 3]]])
    kind = np.concatenate([face_model.face_material, face_model.face_material[quad]])
    within = np.isin(kind, [face_model.material_names.index(name) for name in MOUTH_KINDS])
    lips = vertices[face_model.landmarks68[48:60]]
    for yaw in (-30.0, 0.0, 30.0):
        camera = Camera.before((300, 300), 600.0, 1.0, 110.0, lips.mean(0), turned(yaw))
        pixels, depth = camera.project(vertices)
        shown, _ = rasterise(pixels, depth, triangles, camera.size)
        outline = Image.new("L", camera.size)
        ImageDraw.Draw(outline).polygon(
            [tuple(map(float, point)) for point in pixels[face_model.landmarks68[48:60]]], 1
        )
        between = ndimage.binary_dilation(np.asarray(outline) > 0, iterations=4)
        outside = (shown >= 0) & within[shown] & ~between
        assert not outside.any(), f"{outside.sum()} pixels, turned by {yaw:g} degrees"


def test_a_smile_lies_on_the_teeth(face_model):
    """From the side there was a hole between the teeth and the far corner: the lips stayed 10 mm before them."""
    expression = np.zeros(face_model.n_exp, np.float32)
    for name in ("mouthSmile", "mouthUpperUp"):
        for side in ("Left", "Right"):
            expression[face_model.expression_names.index(name + side)] = 0.8 if name == "mouthSmile" else 0.4
    teeth = np.unique(face_model.faces[face_model.face_material == face_model.material_names.index("teeth")])
    upper, lips = np.intersect1d(teeth, face_model.vertex_groups["teeth_upper"]), face_model.landmarks68
    for identity in (np.zeros(face_model.n_id, np.float32), random_identity(face_model, 189)):
        rest, smiling = (face_model.vertices(identity, e) for e in (0 * expression, expression))
        for vertices, most in ((rest, 8.8), (smiling, 8.4)):
            assert cKDTree(vertices[upper]).query(vertices[lips[61:64]])[0].max() < most
        assert smiling[lips[62], 1] - smiling[lips[66], 1] > -1.0, "the lower lip stays below the upper"
        assert 5.0 < rest[lips[54], 2] - smiling[lips[54], 2] < 9.0, "the corner goes back"
