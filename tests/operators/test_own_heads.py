"""Detail on a mesh of another program: what it is given, what drives it, and that all of it goes away again."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def head(backend):
    """A grid of 10 cm with keys that are expressions, one that makes the person, a material and UVs of its own."""
    import bpy

    bpy.ops.mesh.primitive_grid_add(x_subdivisions=12, y_subdivisions=12, size=0.2)
    obj = bpy.context.object
    obj.rotation_euler = (np.pi / 2, 0, 0)
    for name in ("Basis", "jawOpen", "mouthSmile_L", "Fat"):
        obj.shape_key_add(name=name, from_mix=False).value = 0.0
    obj.data.shape_keys.key_blocks["Fat"].points[0].co.z = 0.05
    obj.data.shape_keys.key_blocks["jawOpen"].points[0].co.z = -0.07
    material = bpy.data.materials.new("skin of somebody")
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    normal = tree.nodes.new("ShaderNodeNormalMap")
    tree.links.new(normal.outputs["Normal"], shader.inputs["Normal"])
    obj.data.materials.append(material)
    bpy.context.view_layer.update()
    return obj


def add(obj) -> None:
    import bpy

    assert bpy.ops.dnpm.add_detail() == {"FINISHED"}, obj.name


def state_of(obj) -> dict:
    """All that adding detail touches."""
    tree = obj.data.materials[0].node_tree
    points = np.empty(3 * len(obj.data.vertices), np.float32)
    obj.data.vertices.foreach_get("co", points)
    return {
        "points": points.tobytes(),
        "layers": [(layer.name, layer.active_render) for layer in obj.data.uv_layers],
        "active": obj.data.uv_layers.active.name,
        "groups": obj.vertex_groups.keys(),
        "modifiers": obj.modifiers.keys(),
        "attributes": sorted(one.name for one in obj.data.attributes if not one.name.startswith(".")),
        "keys": obj.data.shape_keys.key_blocks.keys(),
        "nodes": sorted(node.name for node in tree.nodes),
        "links": sorted((link.from_node.name, link.to_node.name, link.to_socket.name) for link in tree.links),
        "children": len(obj.children),
    }


def test_it_is_given_detail_and_nothing_of_its_own_changes(head, backend):
    import bpy

    from dnpm.operators.scene.detail import live

    before = state_of(head)
    add(head)
    after = state_of(head)
    assert after["points"] == before["points"]
    assert after["layers"] == [*before["layers"], ("DNPM Detail", False)]
    assert after["active"] == before["active"]
    assert "DNPM Detail Region" in after["groups"]
    assert after["modifiers"][-1] == "DNPM Detail"
    assert after["keys"] == before["keys"]
    face = head.dnpm_face
    assert face.detail_only
    assert [item.value for item in face.identity] == pytest.approx([0.5, -1.0, 0.25])
    sent = backend.transfer
    # The grid lies in x and y of the object, turned upright: core's x and y.
    assert np.ptp(sent.vertices, axis=0) == pytest.approx([200, 200, 0], abs=1e-3)
    assert sent.triangles.shape == (288, 3)
    live.update_now(head)
    image = head.modifiers["DNPM Detail"].texture.image
    assert tuple(image.size) == (1024, 1024)
    assert bpy.context.object == head


def test_heights_are_millimetres_whatever_the_scale(head, backend):
    """An object scaled by 2 needs half the strength; a head in another unit the size of its own."""
    import bpy

    add(head)
    assert head.modifiers["DNPM Detail"].strength == pytest.approx(0.001)
    head.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    add(head)
    assert head.modifiers["DNPM Detail"].strength == pytest.approx(0.0005)
    backend.transfer_scale = 0.1  # a head ten times as large as people's
    add(head)
    assert head.modifiers["DNPM Detail"].strength == pytest.approx(0.005)
    assert "another unit" in head.dnpm_face.fit_report


def test_faces_without_detail_lie_on_the_corner(head):
    add(head)
    layer = head.data.uv_layers["DNPM Detail"]
    group = head.vertex_groups["DNPM Detail Region"].index
    weights = {v.index: any(entry.group == group for entry in v.groups) for v in head.data.vertices}
    outside = inside = 0
    for polygon in head.data.polygons:
        corners = [tuple(layer.uv[i].vector) for i in polygon.loop_indices]
        if any(weights[v] for v in polygon.vertices):
            inside += 1
            assert max(c[0] for c in corners) - min(c[0] for c in corners) < 0.2  # it does not wrap
        else:
            outside += 1
            assert corners == [(0.0, 0.0)] * len(corners)
    assert inside > 20
    assert outside > 20


def test_its_own_keys_drive_the_map(head, backend, window):
    import bpy

    from dnpm.operators.scene.detail import live
    from dnpm.operators.scene.face import models, slider_values

    add(head)
    model = models.model_of(head)
    found = {(item.name, item.expression) for item in head.dnpm_face.sources}
    assert found == {("jawOpen", "jawOpen"), ("mouthSmile_L", "mouthSmileLeft")}
    live.on_sliders_changed(head)
    asked = len(backend.asked)
    head.data.shape_keys.key_blocks["jawOpen"].value = 0.5
    bpy.context.view_layer.update()
    assert len(backend.asked) > asked
    assert backend.asked[-1]["expression"][model.expression_index["jawOpen"]] == pytest.approx(0.5)
    # A key that makes the person does not, and is part of the head that is registered.
    head.data.shape_keys.key_blocks["Fat"].value = 1.0
    assert slider_values.expression_vector(head, model).sum() == pytest.approx(0.5)
    add(head)
    corner = backend.transfer.vertices[0]
    # Fat lifts the first vertex by 50 mm along the object's z, which is core's +z; an open jaw is not the person's.
    assert corner[2] == pytest.approx(50.0, abs=1e-3)


def test_a_property_or_a_bone_drives_it_too(head, backend, window):
    import bpy

    from dnpm.core.errors import DnpmError
    from dnpm.operators.scene.face import models, slider_values

    add(head)
    assert bpy.ops.dnpm.add_source() == {"FINISHED"}
    item = head.dnpm_face.sources[head.dnpm_face.active_source]
    item.expression, item.weight, item.data_path = "browInnerUp", 2.0, '["worry"]'
    head["worry"] = 0.25
    head.update_tag()
    bpy.context.view_layer.update()
    model = models.model_of(head)
    assert slider_values.expression_vector(head, model)[model.expression_index["browInnerUp"]] == pytest.approx(0.5)
    assert backend.asked[-1]["expression"][model.expression_index["browInnerUp"]] == pytest.approx(0.5)
    del head["worry"]
    with pytest.raises(DnpmError, match="worry"):
        slider_values.expression_vector(head, model)


def test_identity_sliders_change_the_map_and_not_the_mesh(head, backend, window):
    add(head)
    before = state_of(head)["points"]
    asked = len(backend.asked)
    head.dnpm_face.identity[0].value = 2.0
    assert len(backend.asked) > asked
    assert backend.asked[-1]["identity"][0] == pytest.approx(2.0)
    assert state_of(head)["points"] == before


@pytest.mark.parametrize("has_keys", [True, False])
def test_a_person_is_pasted_from_one_of_our_faces(head, backend, has_keys):
    """Identity and what keys of its own stand for; the mesh stays as it is."""
    import bpy

    if not has_keys:
        head.shape_key_clear()
    add(head)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    face = bpy.context.object
    assert bpy.ops.dnpm.random(part="IDENTITY", seed=3) == {"FINISHED"}
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.75
    assert bpy.ops.dnpm.copy() == {"FINISHED"}
    bpy.context.view_layer.objects.active = head
    points = np.empty(3 * len(head.data.vertices), np.float32)
    head.data.vertices.foreach_get("co", points)
    assert bpy.ops.dnpm.paste() == {"FINISHED"}
    pasted = [item.value for item in head.dnpm_face.identity]
    assert pasted == pytest.approx([item.value for item in face.dnpm_face.identity], abs=1e-4)
    after = np.empty_like(points)
    head.data.vertices.foreach_get("co", after)
    assert np.array_equal(points, after)
    if has_keys:
        assert head.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.75)
        assert head.data.shape_keys.key_blocks["Fat"].value == 0


def test_removing_it_leaves_everything_as_it_was(head, backend):
    import bpy

    from dnpm.operators.scene.face import slider_values

    before = state_of(head)
    images, textures = len(bpy.data.images), len(bpy.data.textures)
    assert bpy.ops.dnpm.add_detail(points=True) == {"FINISHED"}
    assert len(head.children) == 68
    assert bpy.ops.dnpm.remove_detail() == {"FINISHED"}
    assert state_of(head) == before
    assert (len(bpy.data.images), len(bpy.data.textures)) == (images, textures)
    assert not slider_values.is_face(head)
    assert not bpy.ops.dnpm.remove_detail.poll()


def test_a_point_that_was_dragged_is_sent(head, backend):
    import bpy

    assert bpy.ops.dnpm.add_detail(points=True) == {"FINISHED"}
    assert backend.transfer.pins is None
    bpy.context.view_layer.update()
    moved = next(child for child in head.children if child["dnpm_landmark"] == 30)
    moved.location.x += 0.01
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = head
    add(head)
    assert backend.transfer.pins.shape == (1, 4)
    assert backend.transfer.pins[0, 0] == 30
    place = backend.transfer.vertices[30] + [10.0, 0, 0]
    assert backend.transfer.pins[0, 1:] == pytest.approx(place, abs=1e-2)


def test_maps_in_its_own_uvs(head, backend, tmp_path):
    import bpy

    from dnpm.operators.own_heads import own_maps
    from dnpm.operators.scene.detail import live

    add(head)
    live.update_now(head)
    tiles = own_maps(head, "", 128)
    assert set(tiles) == {1001}
    # The grid's own UVs are the square, and so is the fake layer: the same map where the weights are 1.
    from dnpm.operators.scene.detail import map_image

    shown = map_image.read_map(head).reshape(128, 8, 128, 8).mean((1, 3))
    assert np.abs(tiles[1001] - shown)[40:88, 40:88].max() < 0.01
    assert not tiles[1001][:10].any()
    assert bpy.ops.dnpm.save_own_maps(filepath=str(tmp_path / "own.exr"), size=64) == {"FINISHED"}
    assert (tmp_path / "own.exr").is_file()


def test_what_works_on_our_faces_alone_refuses_it(head, backend):
    import bpy

    add(head)
    for name in ("repair", "face_from_image", "animate_from_audio", "bake_sculpt"):
        assert not getattr(bpy.ops.dnpm, name).poll(), name
    for name in ("update_detail", "freeze", "bake_sequence", "save_map"):
        assert getattr(bpy.ops.dnpm, name).poll(), name


def test_what_has_no_face_is_told_apart(backend, face):
    import bpy

    assert not bpy.ops.dnpm.add_detail.poll()  # a DNPM face has its detail
    bpy.ops.object.light_add()
    assert not bpy.ops.dnpm.add_detail.poll()


def split(obj) -> None:
    """Tear it apart along its edges, as exporters do at seams: every face has vertices of its own."""
    import bmesh

    mesh = bmesh.new()
    mesh.from_mesh(obj.data)
    bmesh.ops.split_edges(mesh, edges=mesh.edges[:])
    mesh.to_mesh(obj.data)
    mesh.free()


def holes(obj) -> int:
    """Edges of the mesh with its modifiers that have one face alone."""
    import bmesh
    import bpy

    made = bmesh.new()
    made.from_object(obj, bpy.context.evaluated_depsgraph_get())
    count = sum(edge.is_boundary for edge in made.edges)
    made.free()
    return count


def test_a_mesh_that_is_split_at_its_seams_is_displaced_in_one_piece(head, backend):
    """Without the weld, subdivision makes an island of every face, and lays bare what is between them."""
    import bpy

    head.shape_key_clear()
    split(head)
    count = len(head.data.vertices)
    add(head)
    order = [m.name for m in head.modifiers]
    assert order.index("DNPM Weld") < order.index("DNPM Detail")
    assert len(head.data.vertices) == count
    joined = holes(head)
    assert joined == 4 * 12 * 2 ** head.modifiers["DNPM Subdivision"].levels  # the grid's own border
    head.modifiers["DNPM Weld"].show_viewport = False
    bpy.context.view_layer.update()
    assert holes(head) > 10 * joined
    assert bpy.ops.dnpm.remove_detail() == {"FINISHED"}
    assert "DNPM Weld" not in head.modifiers


def test_a_whole_mesh_is_not_welded_nor_are_two_that_lie_on_each_other(head, backend):
    import bmesh

    add(head)
    assert "DNPM Weld" not in head.modifiers
    head.shape_key_clear()
    mesh = bmesh.new()
    mesh.from_mesh(head.data)
    bmesh.ops.duplicate(mesh, geom=mesh.verts[:] + mesh.edges[:] + mesh.faces[:])
    mesh.to_mesh(head.data)
    mesh.free()
    add(head)
    assert "DNPM Weld" not in head.modifiers


def test_half_a_face_with_a_mirror_is_refused(head, backend):
    import bpy

    mirror = head.modifiers.new("Mirror", "MIRROR")
    with pytest.raises(RuntimeError, match="Mirror modifier makes half of the face"):
        bpy.ops.dnpm.add_detail()
    assert not head.dnpm_face.is_face
    mirror.show_viewport = False
    add(head)


def test_a_negative_scale_turns_no_normal(head, backend):
    """Triangles are sent the way round that Blender shows them."""
    import bpy

    def normal() -> np.ndarray:
        add(head)
        a, b, c = backend.transfer.vertices[backend.transfer.triangles[0]].astype(float)
        return np.cross(b - a, c - a)

    before = normal()
    head.scale.x = -1.0
    bpy.context.view_layer.update()
    assert np.sign(normal()[2]) == np.sign(before[2])


def test_a_face_that_lies_off_the_mesh_changes_nothing(head, backend):
    import bpy

    before = state_of(head)
    backend.transfer_weight = 0.0
    with pytest.raises(RuntimeError, match="nowhere near"):
        bpy.ops.dnpm.add_detail()
    assert state_of(head) == before
    assert not head.dnpm_face.is_face


def test_a_coarse_mesh_is_subdivided_until_its_lines_are_fine(head, backend):
    """17 mm between vertices want 5 levels; a mesh with more vertices gets no more than its render can hold."""
    from dnpm.operators.scene.face import head_setup

    add(head)
    subdivision = head.modifiers["DNPM Subdivision"]
    assert subdivision.render_levels == 5
    assert len(head.data.vertices) * 4 ** (subdivision.levels - 1) < head_setup._MOST_SHOWN
    head.modifiers.remove(subdivision)
    head_setup._MOST_RENDERED, before = 50_000, head_setup._MOST_RENDERED
    try:
        add(head)
    finally:
        head_setup._MOST_RENDERED = before
    assert head.modifiers["DNPM Subdivision"].render_levels == 4
