"""Export for Engine: what is written, imported again; and that the artist's scene is as it was."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.export import fidelity, manifest, slopes, wrinkles
from dnpm.core.export.visemes import VISEMES
from dnpm.core.files import tensor_file
from dnpm.operators.headless import engine_compare
from dnpm.operators.scene import names
from dnpm.operators.scene.export import colours, engine, parts, rig, snapshot
from dnpm.operators.scene.export.stage import stage
from dnpm.operators.scene.face import create, slider_values


@pytest.fixture(scope="module")
def model_with_eyes(tiny_model):
    """The tiny face with its upper corners for eyeballs: thirty points on a sphere each."""
    rng = np.random.default_rng(0)
    points, groups = tiny_model.neutral.copy(), dict(tiny_model.vertex_groups)
    core = tiny_model.core.copy()
    for name, place, rows in (("eye_left", (31.0, 40.0, 60.0), range(100, 130)),
                              ("eye_right", (-31.0, 40.0, 60.0), range(131, 161))):  # fmt: skip
        ball = rng.normal(size=(len(rows), 3))
        points[list(rows)] = np.array(place) + 12.0 * ball / np.linalg.norm(ball, axis=1, keepdims=True)
        groups[name] = np.array(rows, np.int32)
        core[1:, 0, list(rows)] = 0
    return replace(tiny_model, neutral=points.astype(np.float32), core=core, vertex_groups=groups)


@pytest.fixture
def seen(backend, model_with_eyes, tmp_path, monkeypatch):
    """A face with eyes, its sliders moved."""
    model_with_eyes.save(tmp_path / "eyes.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "eyes.safetensors"))
    monkeypatch.setattr(engine, "_FULL", 64)
    monkeypatch.setattr(engine, "_SMALL", 64)
    # The shipped expressions have keys that this face lacks.
    monkeypatch.setattr(fidelity, "held_out", lambda model: {"some": np.full(model.n_exp, 0.4, np.float32)})
    face = create.new_face(bpy.context.scene, np.array([0.5, -1.0, 1.0], np.float32), np.array([0.3, 0, 0, 0.2]))
    bpy.context.view_layer.objects.active = face
    face.select_set(True)
    return face


def state() -> dict[str, list[str]]:
    kinds = ("objects", "meshes", "materials", "images", "armatures", "scenes", "shape_keys")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def run(face, out: Path, options: engine.Options) -> str:
    work = engine.export(snapshot.take(face, visemes=options.visemes), out, options)
    shares = []
    try:
        while True:
            share, text = next(work)
            assert text
            shares.append(share)
    except StopIteration as end:
        assert shares == sorted(shares)
        return end.value


@pytest.fixture
def exported(seen, tmp_path):
    """The folder, and what the face's own keys are: name -> (V, 3) metres."""
    before = state()
    expression = slider_values.key_values(seen)
    told = run(seen, tmp_path / "out", engine.Options(visemes=True, size=512))
    assert "wrinkle maps explain" in told
    assert state() == before, "nothing is left behind"
    np.testing.assert_array_equal(slider_values.key_values(seen), expression)
    assert bpy.context.view_layer.objects.active == seen
    assert seen.select_get()
    taken = snapshot.take(seen, visemes=True)
    return tmp_path / "out", taken


def world(obj: bpy.types.Object, block: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(3 * len(block.data), np.float32)
    block.data.foreach_get("co", points)
    matrix = np.array(obj.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_imported_again_it_is_the_face(exported, kind: str) -> None:
    folder, taken = exported
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    back = engine_compare.load(folder / f"face.{kind}")
    bpy.context.view_layer.update()
    blocks = back.data.shape_keys.key_blocks
    shapes = taken.keys | taken.visemes
    assert [block.name for block in blocks[1:]] == list(shapes)
    rest = world(back, blocks[0])
    # glTF stores a vertex once for each UV of it.
    nearest = np.linalg.norm(rest[:, None] - taken.rest[None], axis=2).argmin(1)
    assert set(nearest) == set(range(len(taken.rest)))
    np.testing.assert_allclose(rest, taken.rest[nearest], atol=2e-6)
    for name, points in shapes.items():
        np.testing.assert_allclose(world(back, blocks[name]), points[nearest], atol=2e-6, err_msg=name)
    assert {slot.material.name for slot in back.material_slots} == {"dnpm_skin", "dnpm_skin_rest"}
    armature = next(one for one in bpy.context.scene.objects if one.type == "ARMATURE")
    bones = {bone.name: np.array(armature.matrix_world @ bone.head_local) for bone in armature.data.bones}
    assert set(bones) == {"head", "eye_left", "eye_right"}
    for name, place in (("eye_left", (0.031, -0.06, 0.04)), ("eye_right", (-0.031, -0.06, 0.04))):
        np.testing.assert_allclose(bones[name], place, atol=1e-3)
        assert armature.data.bones[name].parent.name == "head"
    groups = {group.name: group.index for group in back.vertex_groups}
    for place, vertex in zip(nearest, back.data.vertices, strict=True):
        expected = next((n for n in ("eye_left", "eye_right") if place in taken.model.vertex_groups[n]), "head")
        weights = {entry.group: entry.weight for entry in vertex.groups if entry.weight > 0}
        assert weights == {groups[expected]: 1.0}


def test_the_file_of_weights_describes_the_files(exported) -> None:
    folder, taken = exported
    about = json.loads((folder / manifest.NAME).read_text())
    assert about["keys"] == list(taken.model.expression_names)
    assert set(about["visemes"]) == set(VISEMES)
    assert about["units"] == "metres"
    assert set(about["files"]) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {manifest.NAME}  # fmt: skip
    for name, digest in about["files"].items():
        assert tensor_file.sha256(folder / name) == digest
    wrinkles = about["wrinkles"]
    assert [group["name"] for group in wrinkles["groups"]] == ["brows_up", "smile"]
    called = wrinkles["groups"][0]["left"]
    assert max(called, key=called.__getitem__) == "browInnerUp", "the key of which the map is made calls most for it"
    np.testing.assert_allclose(about["joints"]["eye_left"], [0.031, 0.04, 0.06], atol=1e-3)


def test_the_written_formula_is_the_fitted_one(tmp_path) -> None:
    rng = np.random.default_rng(0)
    keys, groups = ("x", "y", "z"), ("a", "b")
    damping = rng.uniform(0, 1, (2, 2, 2)) * (1 - np.eye(2))[:, None]
    table = wrinkles.Weights(groups, keys, rng.uniform(0, 1, (2, 2, 3)).astype(np.float32), damping.astype(np.float32))
    exported = manifest.Exported(
        files=[], keys=keys, visemes={}, joints={}, materials={}, groups={"a": "a.png", "b": "b.png"}, rest="", mask="",
        weights=table, fidelity={},
    )  # fmt: skip
    read = json.loads(manifest.text_of(exported, tmp_path))["wrinkles"]["groups"]
    for expression in rng.uniform(0, 1, (5, 3)):
        found = engine_compare.group_weights(read, dict(zip(keys, expression, strict=True)))
        np.testing.assert_allclose(found, table.of(expression), atol=2e-3)
    assert np.abs(table.of(np.ones(3)) - np.clip(table.coefficients.sum(-1), 0, 1)).max() > 0.1, "damping shows"


def test_the_formula_gives_a_groups_map_back(exported) -> None:
    """Through the written pictures: a key that alone calls for a whole group must bring the group's slopes."""
    folder, _ = exported
    about = json.loads((folder / manifest.NAME).read_text())["wrinkles"]
    for k, group in enumerate(about["groups"]):
        group |= {side: {"browInnerUp": 1.0 - k} for side in ("left", "right")}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    back = engine_compare.load(folder / "face.glb")
    engine_compare.pose(back, {"browInnerUp": 1.0}, about, folder)
    assert back.data.shape_keys.key_blocks["browInnerUp"].value == 1
    node = next(
        node for slot in back.material_slots if slot.material.name.startswith("dnpm_skin")
        for node in slot.material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image.name == "wrinkled"
    )  # fmt: skip
    pixels = np.array(node.image.pixels).reshape(64, 64, 4)[::-1, :, :3] * 255
    expected = slopes.decode(engine_compare._texture(folder / about["groups"][0]["normal"]))
    np.testing.assert_allclose(slopes.decode(pixels), expected, atol=0.03)
    rest = slopes.decode(engine_compare._texture(folder / about["rest"]))
    assert np.abs(expected - rest).max() > 0.01


def test_the_glb_holds_one_normal_map_and_all_colours(exported) -> None:
    folder, _ = exported
    data = (folder / "face.glb").read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    content = json.loads(data[20 : 20 + length])
    materials = {material["name"]: material for material in content["materials"]}
    assert set(materials) == {"dnpm_skin", "dnpm_skin_rest"}
    assert "normalTexture" in materials["dnpm_skin"]
    assert "normalTexture" not in materials["dnpm_skin_rest"]
    assert all("baseColorTexture" in one["pbrMetallicRoughness"] for one in materials.values())
    skin = list(materials).index("dnpm_skin")
    primitive = next(p for mesh in content["meshes"] for p in mesh["primitives"] if p["material"] == skin)
    assert {"TANGENT", "NORMAL", "JOINTS_0", "WEIGHTS_0", "TEXCOORD_0"} <= set(primitive["attributes"])


def test_baked_colours_are_those_of_the_materials(seen) -> None:
    tree = next(m for m in seen.data.materials if m[names.MATERIAL_KIND] == "skin").node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    for link in list(shader.inputs["Base Color"].links):
        tree.links.remove(link)
    shader.inputs["Base Color"].default_value = (0.5, 0.1, 0.02, 1.0)
    taken = snapshot.take(seen, visemes=False)
    with stage() as one:
        baked = colours.bake(one, rig.mesh_copy(one, seen, taken), taken.model, 64)
    assert set(baked) == {parts.SKIN, parts.SKIN_REST}
    pixels = baked[parts.SKIN_REST].pixels
    srgb = 255 * np.array([0.735, 0.349, 0.152])
    assert (np.abs(pixels - srgb).max(-1) < 3).mean() > 0.15, "the border's ring of faces"
    assert seen.data.materials[0].node_tree.nodes.get("Emission") is None


def test_a_face_without_detail_has_no_wrinkle_maps(seen, tmp_path) -> None:
    getattr(seen, names.FACE).strength = 0.0
    told = run(seen, tmp_path / "plain", engine.Options(("glb",), size=512))
    assert "no wrinkle maps" in told
    about = json.loads((tmp_path / "plain" / manifest.NAME).read_text())
    assert about["wrinkles"] == {}
    assert not (tmp_path / "plain" / "face.fbx").exists()


def test_the_operator(seen, tmp_path) -> None:
    assert bpy.ops.dnpm.export_engine(directory=str(tmp_path / "op"), formats={"glb"}, size="512") == {"FINISHED"}
    assert (tmp_path / "op" / "face.glb").stat().st_size > 10_000
    with pytest.raises(RuntimeError, match="choose a folder"):
        bpy.ops.dnpm.export_engine(formats={"glb"})


def test_lost_keys_are_told(seen) -> None:
    seen.shape_key_remove(seen.data.shape_keys.key_blocks["jawOpen"])
    with pytest.raises(DnpmError, match="jawOpen"):
        snapshot.take(seen, visemes=False)


def test_nothing_is_left_when_it_is_stopped(seen, tmp_path) -> None:
    before = state()
    work = engine.export(snapshot.take(seen, visemes=False), tmp_path / "stopped", engine.Options(size=512))
    while next(work)[1] != "baking colours":
        pass
    work.close()
    assert state() == before
    assert not (tmp_path / "stopped" / "face.glb").exists()


def test_a_sphere_is_found_under_a_bulge() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(400, 3))
    points = 12 * points / np.linalg.norm(points, axis=1, keepdims=True)
    points[points[:, 2] > 11.3, 2] += 2.0
    np.testing.assert_allclose(snapshot.sphere_centre(points + np.array([5, 6, 7])), [5, 6, 7], atol=0.1)
