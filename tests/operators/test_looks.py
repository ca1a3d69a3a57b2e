"""A face's look: properties, paint and materials; and the bump that shows the pores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.face_model.locate import BUILT
from dnpm.core.face_model.looks import HAIRS, TONES, Look
from dnpm.core.face_model.model import FaceModel
from dnpm.operators.scene import compat, names
from dnpm.operators.scene.detail import map_image
from dnpm.operators.scene.face import create
from dnpm.operators.scene.look import looks, materials, skin_material


@pytest.fixture
def painted(backend, tiny_model, tmp_path, monkeypatch):
    """A face whose model has landmarks, so that it has paint (small, and quick to make here)."""
    model = replace(tiny_model, landmarks68=np.full(68, 40, np.int32))
    model.save(tmp_path / "landmarks.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "landmarks.safetensors"))

    def paint(_: object, look: Look) -> np.ndarray:
        return np.full((4, 4, 4), (0.2 + 0.1 * look.stubble, 0.2, 0.2, 1.0), np.float32)

    monkeypatch.setattr(looks, "skin_paint", paint)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.object


def skin(face):
    return next(m for m in face.data.materials if m[names.MATERIAL_KIND] == "skin")


def node(face, name):
    return skin(face).node_tree.nodes[name]


def paint_of(face):
    return node(face, skin_material.PAINT).image


def test_properties_and_look_are_one(face):
    look = Look("brown", 0.5, 0.25, 1.0, 0.75, (0.1, 0.2, 0.4))
    looks.set_look(face, look)
    found = looks.look_of(face)
    assert (found.tone, found.flush, found.brows, found.freckles, found.stubble) == ("brown", 0.5, 0.25, 1.0, 0.75)
    np.testing.assert_allclose(found.iris, look.iris, atol=1e-6)
    more = Look(brow_width=0.5, brow_arch=1.5, hair=0.75, hair_colour="white")
    looks.set_look(face, more)
    found = looks.look_of(face)
    assert (found.brow_width, found.brow_arch, found.hair, found.hair_colour) == (0.5, 1.5, 0.75, "white")


@pytest.mark.parametrize("tone", TONES)
def test_the_skin_takes_its_tone(face, tone):
    face.dnpm_face.tone = tone
    base = node(face, skin_material.BASE).outputs[0].default_value
    r, g, b, a = base
    assert a == 1
    srgb = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in (r, g, b)]
    np.testing.assert_allclose(srgb, TONES[tone].base, atol=1e-4)
    solid = np.array(skin(face).diffuse_color[:3])
    np.testing.assert_allclose(solid, np.minimum(1.8 * np.array(base[:3]), 1), atol=1e-6)


def test_the_same_look_shares_its_paint_and_another_has_its_own(painted):
    first = paint_of(painted)
    assert first.packed_file is not None
    bpy.ops.dnpm.add_face()
    other = bpy.context.object
    assert paint_of(other) == first
    other.dnpm_face.stubble = 1.0
    assert paint_of(other) != first
    assert paint_of(painted) == first
    np.testing.assert_allclose(paint_of(other).pixels[0], 0.3, atol=0.01)
    other.dnpm_face.stubble = 0.0
    assert paint_of(other) == first
    assert [image for image in bpy.data.images if looks.KEY in image] == [first], "what nobody shows is gone"


def test_a_model_with_other_landmarks_gets_another_paint(painted, tiny_model, tmp_path, monkeypatch):
    moved = replace(tiny_model, landmarks68=np.full(68, 41, np.int32))
    moved.save(tmp_path / "moved.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "moved.safetensors"))
    bpy.ops.dnpm.add_face()
    assert paint_of(bpy.context.object) != paint_of(painted)


def test_what_an_artist_painted_stays_in_the_file(painted):
    image = paint_of(painted)
    image.pixels[0] = 0.9
    image.update()
    name = image.name
    painted.dnpm_face.freckles = 1.0
    assert paint_of(painted) != image
    assert bpy.data.images[name].use_fake_user
    painted.dnpm_face.freckles = Look().freckles
    assert paint_of(painted).pixels[0] == pytest.approx(0.9, abs=0.01), "and comes back with its look"


def test_with_a_window_a_slider_is_painted_once_it_rests(painted, monkeypatch):
    monkeypatch.setattr(compat, "in_background", lambda: False)
    before = paint_of(painted)
    for value in (0.1, 0.4, 0.8):
        painted.dnpm_face.stubble = value
        assert looks.tick() is not None
        assert paint_of(painted) == before
    monkeypatch.setattr(looks, "QUIET_S", 0.0)
    assert looks.tick() is None
    assert paint_of(painted) != before
    looks.forget()


def test_preset_and_clipboard_carry_the_look(painted):
    painted.dnpm_face.tone, painted.dnpm_face.stubble = "deep", 0.5
    bpy.ops.dnpm.copy()
    painted.dnpm_face.tone, painted.dnpm_face.stubble = "fair", 0.0
    bpy.ops.dnpm.paste()
    assert (painted.dnpm_face.tone, painted.dnpm_face.stubble) == ("deep", 0.5)


def lookups(face):
    return [n for n in skin(face).node_tree.nodes if n.type == "TEX_IMAGE" and n.name.startswith(skin_material.MAP)]


@pytest.mark.parametrize("unit_scale", [1.0, 0.01])
def test_the_bump_is_as_high_as_the_modifier_lifts(backend, unit_scale):
    bpy.context.scene.unit_settings.scale_length = unit_scale
    bpy.ops.dnpm.add_face()
    face = bpy.context.object
    for strength in (1.0, 0.5, 0.0):
        face.dnpm_face.strength = strength
        modifier = map_image.displace_modifier(face)
        distance = node(face, skin_material.PORES).inputs["Distance"].default_value
        assert distance == pytest.approx(modifier.strength)
        assert distance == pytest.approx(strength / 1000 / unit_scale)


def test_the_bump_reads_the_faces_own_map(face, backend):
    assert len(lookups(face)) == 5
    assert {n.image for n in lookups(face)} == {map_image.find_image(face)}
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    bpy.context.view_layer.update()
    from dnpm.operators.scene.detail import live

    live.own_data(copy)
    assert map_image.find_image(copy) != map_image.find_image(face)
    assert {n.image for n in lookups(copy)} == {map_image.find_image(copy)}
    assert {n.image for n in lookups(face)} == {map_image.find_image(face)}


def test_repair_and_freeze_keep_the_bump_at_the_map(face, backend):
    bpy.data.images.remove(map_image.find_image(face))
    bpy.ops.dnpm.repair()
    assert map_image.find_image(face) is not None
    assert {n.image for n in lookups(face)} == {map_image.find_image(face)}
    bpy.ops.dnpm.freeze()
    assert {n.image for n in lookups(face)} == {map_image.find_image(face)}
    lookups(face)[0].image = None
    bpy.ops.dnpm.repair()
    assert {n.image for n in lookups(face)} == {map_image.find_image(face)}


def test_repair_brings_the_paint_back(painted):
    bpy.data.images.remove(paint_of(painted))
    bpy.ops.dnpm.repair()
    assert paint_of(painted) is not None
    painted.data.materials.clear()
    painted.dnpm_face.tone = "olive"
    bpy.ops.dnpm.repair()
    np.testing.assert_allclose(
        node(painted, skin_material.BASE).outputs[0].default_value, skin_material.linear(TONES["olive"].base), atol=1e-6
    )
    assert paint_of(painted) is not None


def test_the_pores_are_what_the_mesh_cannot_follow(face, backend):
    """The node tree's high-pass, worked out on waves: nothing of what is long, all of what vertices cannot follow."""
    offsets = [tuple(v.inputs[1].default_value)[:2] for v in skin(face).node_tree.nodes
               if v.type == "VECT_MATH" and v.operation == "ADD"]  # fmt: skip
    assert len(offsets) == 4
    reach = 1.75 / 1024

    def kept(length: float) -> float:
        x = np.linspace(0, length, 64, endpoint=False)
        wave = lambda u: np.cos(2 * np.pi * u / length)  # noqa: E731
        height = 0.5 * wave(x) - 0.125 * sum(wave(x + du) for du, _ in offsets)
        return float(np.abs(height).max())

    assert kept(2 * reach) == pytest.approx(0.5, abs=0.01)  # along u; the lookups along v see no change
    assert kept(8 * reach) < 0.08
    assert kept(40 * reach) < 0.005


def test_the_bump_shows_what_a_coarser_mesh_leaves(face):
    """Its lookups lie as far away as vertices do, on every side."""
    tree = skin(face).node_tree
    steps = lambda: sorted(  # noqa: E731
        tuple(round(1e6 * part) for part in node.inputs[1].default_value)
        for node in tree.nodes
        if node.name.startswith(skin_material.REACH)
    )
    at_three = steps()
    far = round(1e6 * skin_material.REACH_UV)
    assert at_three == [(-far, 0, 0), (0, -far, 0), (0, far, 0), (far, 0, 0)]
    create.set_levels(face, 1)
    np.testing.assert_allclose(steps(), 4 * np.array(at_three), atol=3)
    assert face.modifiers[names.SUBDIVISION].render_levels == 1
    create.set_levels(face, 3)
    assert steps() == at_three


def test_lips_are_the_group_and_not_the_rims_alone(tiny_model):
    with_group = replace(
        tiny_model,
        vertex_groups=tiny_model.vertex_groups
        | {"lips": np.array([3, 4, 5], np.int32), "lips_upper": np.array([4, 9], np.int32)},
    )
    np.testing.assert_array_equal(np.flatnonzero(materials.lip_weights(with_group)), [3, 4, 5])
    rims = replace(tiny_model, vertex_groups={"lips_upper": np.array([4, 9], np.int32)})
    np.testing.assert_array_equal(np.flatnonzero(materials.lip_weights(rims)), [4, 9])


def test_pores_end_before_the_detail_layer_does(tiny_model):
    weights = materials.pore_weights(tiny_model)
    inside = tiny_model.faces_detail_uv >= 0
    border = np.abs(tiny_model.detail_uv - 0.5).max(1) > 0.49
    on_border = np.unique(tiny_model.faces[inside][border[tiny_model.faces_detail_uv[inside]]])
    assert len(on_border)
    np.testing.assert_allclose(weights[on_border], 0, atol=0.05)
    assert weights.max() == pytest.approx(1.0, abs=0.01)
    outside = np.setdiff1d(tiny_model.faces[tiny_model.faces >= 0], tiny_model.faces[inside])
    assert not weights[outside].any()


def test_materials_made_anew_find_what_they_read(face, tiny_model):
    mesh = face.data
    mesh.attributes.remove(mesh.attributes[skin_material.PORED])  # as in files of earlier versions
    kept = np.zeros(len(mesh.vertices), np.float32)
    mesh.attributes[skin_material.LIPS].data.foreach_get("value", kept)
    mesh.materials[0] = None
    assert materials.refill(face, tiny_model)
    values, lips = np.zeros_like(kept), np.zeros_like(kept)
    mesh.attributes[skin_material.PORED].data.foreach_get("value", values)
    mesh.attributes[skin_material.LIPS].data.foreach_get("value", lips)
    assert values.max() > 0.9
    np.testing.assert_array_equal(lips, kept)


def test_cropped_hair_covers_the_scalp_alone(face):
    """Rendered on two squares, of which one is scalp."""
    looks.set_look(face, Look("porcelain", hair=1.0, hair_colour="black"))
    hair, amount = node(face, skin_material.HAIR), node(face, skin_material.HAIR_AMOUNT)
    assert tuple(hair.outputs[0].default_value) == pytest.approx(skin_material.linear(HAIRS["black"]), abs=1e-6)
    with_hair, bare = _squares(skin(face))
    amount.outputs[0].default_value = 0.0
    no_hair, _ = _squares(skin(face))
    assert with_hair < 0.42 * bare  # skin shows between the hairs
    assert no_hair == pytest.approx(bare, rel=0.1)


def _squares(material: bpy.types.Material) -> tuple[float, float]:
    """How light (linear) the material is on scalp, and off it."""
    scene = bpy.data.scenes.new("squares")
    corners = [(x, y, 0) for x0 in (-1, 0) for x, y in ((x0, -1), (x0 + 1, -1), (x0 + 1, 1), (x0, 1))]
    mesh = bpy.data.meshes.new("squares")
    mesh.from_pydata(corners, [], [(0, 1, 2, 3), (4, 5, 6, 7)])
    mesh.attributes.new(skin_material.SCALP, "FLOAT", "POINT").data.foreach_set("value", [1.0] * 4 + [0.0] * 4)
    mesh.materials.append(material)
    camera = bpy.data.cameras.new("squares")
    camera.type, camera.ortho_scale = "ORTHO", 2.0
    eye = bpy.data.objects.new("squares", camera)
    eye.location = (0, 0, 3)
    sun = bpy.data.objects.new("squares", bpy.data.lights.new("squares", "SUN"))
    for obj in (bpy.data.objects.new("squares", mesh), eye, sun):
        scene.collection.objects.link(obj)
    scene.camera = eye
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.filepath = str(Path(bpy.app.tempdir) / "squares.exr")
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = map_image.raw_pixels(image).reshape(32, 32, image.channels)[..., :3].mean((0, 2))
    bpy.data.images.remove(image)
    bpy.data.scenes.remove(scene)
    return float(pixels[2:14].mean()), float(pixels[18:30].mean())


def test_the_mouth_is_darker_in_eevee_alone(face):
    material = materials._new("teeth", 1.0, None)
    try:
        tree = material.node_tree
        shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
        assert tree.get_output_node("CYCLES").inputs["Surface"].links[0].from_node == shader
        mixed = tree.get_output_node("EEVEE").inputs["Surface"].links[0].from_node
        assert mixed.type == "MIX_SHADER"
        assert mixed.inputs[2].links[0].from_node == shader
        assert any(node.type == "AMBIENT_OCCLUSION" for node in tree.nodes)
        assert material[names.MATERIAL_KIND] == "teeth"
    finally:
        bpy.data.materials.remove(material)


@pytest.mark.skipif(not BUILT.is_file(), reason="the default face model is not built")
def test_teeth_further_back_are_darker_in_solid():
    face_model = FaceModel.load(BUILT)
    kinds, places = materials.slots(face_model)
    teeth, back = kinds.index("teeth"), kinds.index(materials.BACK_TEETH)
    z = face_model.neutral[face_model.faces[:, :3], 2].mean(1)
    assert z[places == back].mean() < z[places == teeth].mean() - 15
    assert (places == back).sum() > 60
    front, behind = (materials._new(kinds[k], 1.0, face_model) for k in (teeth, back))
    try:
        assert max(behind.diffuse_color[:3]) < 0.75 * min(front.diffuse_color[:3])
        assert min(behind.diffuse_color[:3]) > 0.1
    finally:
        for material in (front, behind):
            bpy.data.materials.remove(material)


@pytest.mark.parametrize("tone", ["porcelain", "deep"])
def test_lashes_in_solid_lie_between_black_and_the_skin(face, tone):
    """...where no pixel is shared; the shader's own stay black."""
    material = bpy.data.materials.new("lashes")
    compat.use_nodes(material)
    material[names.MATERIAL_KIND] = "lashes"
    face.data.materials.append(material)
    face.dnpm_face.tone = tone
    lash, under = (np.array(one.diffuse_color[:3]) for one in (material, skin(face)))
    assert (lash > 0.1 * under).all()
    assert (lash < 0.5 * under).all()


def upstream(socket):
    """The nodes that a socket depends on."""
    found, waiting = set(), [link.from_node for link in socket.links]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [link.from_node for entry in one.inputs for link in entry.links]
    return found


def test_pores_are_dull_pits_and_lips_have_none(face):
    tree = skin(face).node_tree
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    bump = node(face, skin_material.PORES)
    assert shader.inputs["Normal"].links[0].from_node == bump
    reached = upstream(bump.inputs["Height"])
    assert {n for n in reached if n.type == "TEX_IMAGE"} == set(lookups(face)), "the map's relief is still there"
    pits = [n for n in tree.nodes if n.type == "TEX_VORONOI"]
    assert len(pits) == 1
    assert pits[0] in reached
    assert pits[0] in upstream(shader.inputs["Roughness"])
    products = [
        n for n in reached if n.type == "MATH" and n.operation == "MULTIPLY" and pits[0] in upstream(n.inputs[0])
    ]
    factors = {n.attribute_name for product in products for n in upstream(product.inputs[1]) if n.type == "ATTRIBUTE"}
    assert factors == {skin_material.LIPS, skin_material.PORED}
