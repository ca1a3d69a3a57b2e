"""What an artist can do with a face, in Blender, with a backend that is not one: its maps are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import dnpm
from dnpm.core.backend.types import BackendStatus, Reply
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import units
from dnpm.core.face_model.model import FaceModel
from dnpm.operators.scene import create, detail_image, identity, live, models, names, repair, session, settings, state
from dnpm.tests.tiny_face import tiny_face_model


class KnownMaps:
    """Stands in for the client: a map is a function of the sliders, so that a wrong one shows."""

    status = BackendStatus(state="ready", device="cpu")

    def __init__(self) -> None:
        self.calls = 0

    def call(self, kind: str, *, arrays=None, params=None, timeout: float = 60) -> Reply:
        self.calls += 1
        return Reply(1, "", kind, {"displacement": self.map(arrays["identity"], arrays["expression"])}, ms=1.0)

    @staticmethod
    def map(person: np.ndarray, expression: np.ndarray, size: int = 1024) -> np.ndarray:
        rows = np.linspace(0, 1, size, dtype=np.float32)[:, None] * np.ones((1, size), np.float32)
        return 0.1 + 0.3 * float(expression.sum()) + 0.05 * float(person.sum()) - 0.4 * rows

    def poll(self) -> list[Reply]:
        return []

    def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    tiny_face_model().save(path)
    return path


@pytest.fixture
def backend(model_file: Path, tmp_path: Path) -> Iterator[KnownMaps]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    dnpm.register()
    settings.override(settings.Settings(face_model=str(model_file), presets=str(tmp_path / "presets")))
    client = KnownMaps()
    session.use(client)
    yield client
    settings.override(None)
    dnpm.unregister()


@pytest.fixture
def face(backend: KnownMaps) -> bpy.types.Object:
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.active_object


@pytest.fixture
def model(model_file: Path) -> FaceModel:
    return FaceModel.load(model_file)


def rest_points(obj: bpy.types.Object, key: str) -> np.ndarray:
    points = np.empty((len(obj.data.vertices), 3), np.float32)
    obj.data.shape_keys.key_blocks[key].points.foreach_get("co", points.ravel())
    return points


def test_a_new_face_is_the_models(face: bpy.types.Object, model: FaceModel) -> None:
    assert [b.name for b in face.data.shape_keys.key_blocks] == ["Basis", *model.expression_names]
    assert np.allclose(rest_points(face, "Basis"), units.to_blender(model.neutral), atol=1e-6)
    assert {layer.name for layer in face.data.uv_layers} == {names.UV, names.DETAIL}
    assert [m.type for m in face.modifiers] == ["SUBSURF", "DISPLACE"]
    assert face.modifiers[names.SUBDIVISION].levels < face.modifiers[names.SUBDIVISION].render_levels
    assert [item.name for item in face.dnpm_face.identity] == list(model.identity_labels)


def test_identity_sliders_write_the_bilinear_model(face: bpy.types.Object, model: FaceModel) -> None:
    """Eq. 3: an expression belongs to the person, so every key is written anew."""
    person = np.array([1.0, -0.5, 2.0], np.float32)
    for item, value in zip(face.dnpm_face.identity, person, strict=True):
        item.value = float(value)
    assert np.allclose(rest_points(face, "Basis"), units.to_blender(model.neutral_of(person)), atol=1e-5)
    for name in model.expression_names:
        wanted = units.to_blender(model.vertices(person, model.expression(**{name: 1.0})))
        assert np.allclose(rest_points(face, name), wanted, atol=1e-5), name


def test_the_map_arrives_signed_upright_and_in_millimetres(face: bpy.types.Object, backend: KnownMaps) -> None:
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.5
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    expected = backend.map(np.zeros(3), np.array([0.5]))
    assert np.allclose(detail_image.read_map(face), expected, atol=1e-6)
    assert expected.min() < 0 < expected.max()
    image = detail_image.image_of(face)
    assert image.colorspace_settings.name == "Non-Color"
    assert image.is_float
    pixels = detail_image.raw_pixels(image).reshape(1024, 1024, -1)
    assert np.allclose(pixels[..., 3], 1.0)
    # Blender's first row is the bottom one, where v = 0.
    assert np.allclose(pixels[0, :, 0], expected[-1])


def test_the_modifier_moves_by_the_map(face: bpy.types.Object, backend: KnownMaps) -> None:
    """A flat map of 1 mm lifts the middle of the face by 1 mm at strength 1, by 2 mm at strength 2."""
    face.modifiers[names.SUBDIVISION].show_viewport = False
    middle = len(face.data.vertices) // 2

    def height() -> np.ndarray:
        bpy.context.view_layer.update()
        return np.array(face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices[middle].co)

    live.set_shown(face, np.zeros((1024, 1024), np.float32))
    flat = height()
    live.set_shown(face, np.ones((1024, 1024), np.float32))
    assert np.linalg.norm(height() - flat) == pytest.approx(0.001, rel=0.02)
    face.dnpm_face.strength = 2.0
    assert np.linalg.norm(height() - flat) == pytest.approx(0.002, rel=0.02)


def test_two_faces_have_their_own_sliders_and_maps(face: bpy.types.Object, backend: KnownMaps) -> None:
    bpy.ops.dnpm.add_face()
    other = bpy.context.active_object
    other.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    live.update_now(face)
    live.update_now(other)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == 0.0
    assert not np.allclose(detail_image.read_map(face), detail_image.read_map(other))


def test_a_duplicate_becomes_its_own_face(face: bpy.types.Object, backend: KnownMaps) -> None:
    live.update_now(face)
    bpy.ops.object.duplicate()
    copy = bpy.context.active_object
    live.own_data(copy)
    copy.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    live.update_now(copy)
    assert copy.data != face.data
    assert detail_image.image_of(copy) != detail_image.image_of(face)
    assert np.allclose(detail_image.read_map(face), backend.map(np.zeros(3), np.zeros(4)))


def test_random_reset_mirror_copy_paste(face: bpy.types.Object, model: FaceModel) -> None:
    bpy.ops.dnpm.random(part="ALL", seed=4)
    person = state.identity_vector(face)
    assert np.abs(person).max() > 0.1
    expression = model.expression(mouthSmileLeft=0.8, jawOpen=0.2)
    state.set_expression(face, model, expression)
    bpy.ops.dnpm.mirror()
    mirrored = state.expression_vector(face, model)
    assert np.allclose(mirrored, model.expression(mouthSmileRight=0.8, jawOpen=0.2), atol=1e-6)
    text = __import__("dnpm.operators.sliders", fromlist=["x"])
    preset = text.preset_of(face)
    bpy.ops.dnpm.reset(part="ALL")
    assert not state.identity_vector(face).any()
    assert not state.expression_vector(face, model).any()
    text.apply_preset(face, preset)
    assert np.allclose(state.identity_vector(face), person, atol=1e-5)
    assert np.allclose(state.expression_vector(face, model), mirrored, atol=1e-5)


def test_presets_go_to_disk_and_back(face: bpy.types.Object, model: FaceModel, tmp_path: Path) -> None:
    state.set_expression(face, model, model.expression(jawOpen=0.7))
    assert bpy.ops.dnpm.save_preset(name="Ann") == {"FINISHED"}
    saved = next((tmp_path / "presets").glob("*.json"))
    bpy.ops.dnpm.reset(part="ALL")
    assert bpy.ops.dnpm.load_preset(filepath=str(saved)) == {"FINISHED"}
    assert state.expression_vector(face, model)[model.expression_index["jawOpen"]] == pytest.approx(0.7)


def test_a_damaged_preset_changes_nothing(face: bpy.types.Object, model: FaceModel, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"format": "dnpm-preset-1", "expression": {"jawOpen": "wide"}}')
    with pytest.raises(RuntimeError, match=r"damaged\.json"):
        bpy.ops.dnpm.load_preset(filepath=str(damaged))
    assert not state.expression_vector(face, model).any()


def test_freeze_keeps_the_map(face: bpy.types.Object, backend: KnownMaps) -> None:
    bpy.ops.dnpm.freeze()
    before = detail_image.read_map(face)
    face.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    with pytest.raises(RuntimeError, match="frozen"):
        bpy.ops.dnpm.update_detail()
    assert np.array_equal(detail_image.read_map(face), before)
    bpy.ops.dnpm.unfreeze()
    bpy.ops.dnpm.update_detail()
    assert not np.allclose(detail_image.read_map(face), before)


def test_saved_and_loaded_it_is_the_same_face(face: bpy.types.Object, model: FaceModel, tmp_path: Path) -> None:
    bpy.ops.dnpm.random(part="ALL", seed=9)
    live.update_now(face)
    person, expression, shown = (
        state.identity_vector(face),
        state.expression_vector(face, model),
        detail_image.read_map(face),
    )
    path = str(tmp_path / "face.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    loaded = state.faces()[0]
    assert np.allclose(state.identity_vector(loaded), person)
    assert np.allclose(state.expression_vector(loaded, model), expression)
    assert np.allclose(detail_image.read_map(loaded), shown, atol=1e-6)


def test_what_was_deleted_is_reported_and_repaired(
    face: bpy.types.Object, backend: KnownMaps, model: FaceModel
) -> None:
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.4
    bpy.data.images.remove(detail_image.image_of(face))
    with pytest.raises(RuntimeError, match="Repair"):
        bpy.ops.dnpm.update_detail()
    face.modifiers.remove(face.modifiers[names.DETAIL])
    face.data.shape_keys.key_blocks["browInnerUp"].name = "eyebrows"
    with pytest.raises(DnpmError, match="browInnerUp"):
        state.expression_vector(face, model)
    done = repair.repair(face)
    assert done
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.4)
    assert "eyebrows" in face.data.shape_keys.key_blocks


def test_an_edited_mesh_is_left_alone(face: bpy.types.Object) -> None:
    face.shape_key_clear()
    face.data.vertices.add(1)
    count = len(face.data.vertices)
    with pytest.raises(RuntimeError, match="vertices"):
        bpy.ops.dnpm.repair()
    assert len(face.data.vertices) == count


def test_without_a_backend_the_coarse_face_works(face: bpy.types.Object, model: FaceModel) -> None:
    class Gone(KnownMaps):
        status = BackendStatus(state="failed", message="no Python with torch")

    session.use(Gone())
    face.dnpm_face.identity[0].value = 1.0
    assert identity.is_applied(face, np.array([1, 0, 0], np.float32))
    with pytest.raises(RuntimeError, match="no Python with torch"):
        bpy.ops.dnpm.update_detail()


def test_deeds_need_a_face(backend: KnownMaps) -> None:
    for deed in (bpy.ops.dnpm.random, bpy.ops.dnpm.mirror, bpy.ops.dnpm.freeze, bpy.ops.dnpm.repair):
        assert not deed.poll()


def test_registering_twice_leaves_nothing_behind(backend: KnownMaps) -> None:
    before = len(bpy.app.handlers.depsgraph_update_post)
    dnpm.unregister()
    assert not hasattr(bpy.types.Object, names.FACE)
    dnpm.register()
    assert len(bpy.app.handlers.depsgraph_update_post) == before


def test_everything_has_a_tooltip(backend: KnownMaps) -> None:
    for name in dir(bpy.ops.dnpm):
        kind = getattr(bpy.ops.dnpm, name).get_rna_type()
        assert kind.description, name
        for prop in kind.properties:
            if prop.identifier not in ("rna_type", "filepath", "filter_glob"):
                assert prop.description, f"{name}.{prop.identifier}"


def test_a_scene_in_other_units_gets_a_face_of_the_same_size(backend: KnownMaps, model: FaceModel) -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    obj = create.new_face(bpy.context.scene)
    assert np.allclose(rest_points(obj, "Basis"), units.to_blender(model.neutral, 0.01), atol=1e-4)
    assert models.model_of(obj).name == model.name
