"""Bake Detail Sequence: a map a frame, nothing twice, what a farm sees without us, back to the live map."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.backend.requests import MapsRequest
from dnpm.operators.scene import session
from dnpm.operators.scene.detail import live, map_image
from dnpm.operators.scene.face import slider_values
from dnpm.operators.scene.look import materials


@pytest.fixture
def group(face, tmp_path: Path):
    """The jaw opens over frames 3 to 8 and then stays; maps of 256 into a folder."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 3, 10
    jaw = face.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((3, 0.0), (8, 1.0)):
        jaw.value = value
        jaw.keyframe_insert("value", frame=frame)
    settings = face.dnpm_sequence
    settings.folder, settings.size = str(tmp_path / "maps"), "256"
    scene.frame_set(5)
    return settings


def bake() -> set[str]:
    return bpy.ops.dnpm.bake_sequence()


def asked(backend) -> int:
    return sum(isinstance(request, MapsRequest) for request in backend.submitted)


def heights(face) -> np.ndarray:
    """How far Displace lifts every vertex, in mm."""
    graph = bpy.context.evaluated_depsgraph_get()
    modifier = map_image.displace_modifier(face)
    points = []
    for shown in (True, False):
        modifier.show_viewport = shown
        graph.update()
        mesh = face.evaluated_get(graph).data
        flat = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", flat)
        points.append(flat.reshape(-1, 3))
    modifier.show_viewport = True
    return 1000 * np.linalg.norm(points[0] - points[1], axis=1)


def expected(backend, face, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    from dnpm.operators.scene.face import models

    values = slider_values.expression_vector(face, models.model_of(face), graph)
    return backend.map_of(slider_values.identity_vector(face), values, 256)


@pytest.mark.parametrize(("form", "close"), [("EXR16", 2e-3), ("EXR32", 1e-5), ("PNG16", 2e-4)])
def test_the_face_shows_every_frames_map(backend, face, group, form: str, close: float):
    group.form = form
    live_image = map_image.find_image(face)
    assert bake() == {"FINISHED"}
    assert bpy.context.scene.frame_current == 5
    files = sorted(path.name for path in Path(group.folder).iterdir() if path.suffix in {".exr", ".png"})
    assert len(files) == 8
    assert files[0].endswith("_0003.exr" if form != "PNG16" else "_0003.png")
    session.use(None)  # as on a farm
    live.forget()
    for frame in (3, 6, 10):
        bpy.context.scene.frame_set(frame)
        wanted = expected(backend, face, frame)
        assert heights(face).max() == pytest.approx(np.abs(wanted).max(), rel=0.02, abs=close)
    image = map_image.shown_image(face)
    assert image.source == "SEQUENCE"
    assert image != live_image
    for material in materials.own(face):
        for node in material.node_tree.nodes:
            if node.type == "TEX_IMAGE" and node.name.startswith("DNPM Map"):
                assert node.image == image
                assert (node.image_user.frame_start, node.image_user.frame_duration) == (3, 8)
                assert node.image_user.use_auto_refresh


def test_nothing_is_made_twice(backend, face, group):
    assert bake() == {"FINISHED"}
    maps = {path: path.stat().st_mtime_ns for path in Path(group.folder).glob("*.exr")}
    # Six different ones, two a request on a processor: the jaw rests from frame 8 on.
    assert asked(backend) == 3
    assert bake() == {"FINISHED"}
    assert asked(backend) == 3, "all was there"
    victim = sorted(maps)[2]
    victim.unlink()
    assert bake() == {"FINISHED"}
    assert asked(backend) == 4
    assert victim.is_file()
    backend.weights = "b"
    assert bake() == {"FINISHED"}
    assert asked(backend) == 7, "other weights make other maps"
    face.data.shape_keys.key_blocks["browInnerUp"].value = 0.5
    assert bake() == {"FINISHED"}
    assert asked(backend) == 10


def test_drivers_are_followed(backend, face, group):
    smile = face.data.shape_keys.key_blocks["mouthSmileLeft"]
    driver = smile.driver_add("value").driver
    driver.type, driver.expression = "SCRIPTED", "0.1 * frame"
    group.frames, group.first, group.last = "RANGE", 3, 4
    assert bake() == {"FINISHED"}
    bpy.context.scene.frame_set(4)
    assert heights(face).max() == pytest.approx(np.abs(expected(backend, face, 4)).max(), rel=0.02)


def test_back_to_live(backend, face, group, window):
    live_image, texture = map_image.find_image(face), map_image.displace_modifier(face).texture
    counts = len(bpy.data.images), len(bpy.data.textures)
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert not live.follows(face)
    for action in ("update_detail", "freeze", "save_map"):
        with pytest.raises(RuntimeError, match="Back to Live"):
            getattr(bpy.ops.dnpm, action)("EXEC_DEFAULT")
    assert bpy.ops.dnpm.live_detail() == {"FINISHED"}
    assert map_image.shown_image(face) == live_image
    assert map_image.displace_modifier(face).texture == texture
    assert map_image.levels(face) == (1.0, 0.0)
    assert (len(bpy.data.images), len(bpy.data.textures)) == counts
    assert live.follows(face)
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="live map already"):
        bpy.ops.dnpm.live_detail()


def test_saved_and_loaded_it_is_still_baked(backend, face, group, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    group = face.dnpm_sequence
    group.folder = "//maps"
    assert bake() == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    face = next(obj for obj in bpy.data.objects if slider_values.is_face(obj))
    assert map_image.is_baked(face)
    assert map_image.shown_image(face).filepath.startswith("//maps")
    bpy.context.scene.frame_set(8)
    assert heights(face).max() == pytest.approx(np.abs(expected(backend, face, 8)).max(), rel=0.02)


def test_a_duplicate_shares_the_files_and_has_a_live_map_of_its_own(backend, face, group, window):
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    copy = face.copy()
    copy.data = face.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    bpy.context.view_layer.update()
    live.own_data(copy)
    assert map_image.shown_image(copy) == map_image.shown_image(face)
    assert map_image.find_image(copy) != map_image.find_image(face)
    from dnpm.operators.scene.face import duplicates

    assert not duplicates.needs_own_data(copy)


def test_repair_when_the_live_map_is_gone(backend, face, group, window):
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    bpy.data.textures.remove(map_image.live_texture(face))
    assert map_image.find_image(face) is None, "the baked sequence is nothing to write to"
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert map_image.find_image(face).source != "SEQUENCE"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folder": "//maps"}, "save the .blend first"),
        ({"folder": " "}, "choose a folder"),
        ({"frames": "RANGE", "first": 9, "last": 4}, "must not come before"),
    ],
)
def test_wrong_settings(backend, face, group, settings: dict, message: str):
    for name, value in settings.items():
        setattr(group, name, value)
    with pytest.raises(RuntimeError, match=message):
        bake()
    assert not map_image.is_baked(face)
    assert not backend.submitted


def test_nothing_is_shown_when_it_fails(backend, face, group):
    backend.error = "not enough memory"
    with pytest.raises(RuntimeError, match="not enough memory"):
        bake()
    assert not map_image.is_baked(face)
    assert bpy.context.scene.frame_current == 5
    assert all(modifier.show_viewport for modifier in face.modifiers)


def test_given_up_on_the_way(backend, face, group, monkeypatch):
    """Closed while it goes through the frames, the scene is where it was; closed later, the files stay."""
    from dnpm.operators.bake_sequence import DNPM_OT_bake_sequence
    from dnpm.operators.scene.detail import baked

    class Bare:
        work = DNPM_OT_bake_sequence.work
        _facts = DNPM_OT_bake_sequence._facts
        _hold = DNPM_OT_bake_sequence._hold

    monkeypatch.setattr(baked, "SLICE_S", 0.0)
    work = Bare().work(bpy.context, face)
    for _ in range(4):
        next(work)
    assert bpy.context.scene.frame_current != 5
    assert slider_values.frame_updates_suppressed()
    work.close()
    assert bpy.context.scene.frame_current == 5
    assert not slider_values.frame_updates_suppressed()
    assert all(modifier.show_viewport for modifier in face.modifiers)
    assert not map_image.is_baked(face)


@pytest.mark.parametrize("part", ["modifier", "texture", "image"])
def test_what_is_deleted_while_it_bakes_ends_it_cleanly(backend, face, group, part, monkeypatch):
    """The report names the part, and nothing is left in the scene; what was computed stays on disk."""
    counts, submit = [], backend.submit

    def deleting(channel, request, **options):
        if isinstance(request, MapsRequest) and not counts:
            modifier = map_image.displace_modifier(face)
            if part == "modifier":
                face.modifiers.remove(modifier)
            elif part == "texture":
                bpy.data.textures.remove(modifier.texture)
            else:
                bpy.data.images.remove(modifier.texture.image)
            counts.append((len(bpy.data.images), len(bpy.data.textures)))
        return submit(channel, request, **options)

    monkeypatch.setattr(backend, "submit", deleting)
    with pytest.raises(RuntimeError, match=f"{part} was deleted: press Repair Face"):
        bake()
    assert [(len(bpy.data.images), len(bpy.data.textures))] == counts
    assert not map_image.is_baked(face)
    assert len(list(Path(group.folder).glob("*.exr"))) == 8
    before = asked(backend)
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert bake() == {"FINISHED"}
    assert asked(backend) == before


def files_of(face) -> list[Path]:
    image = map_image.shown_image(face)
    file = Path(bpy.path.abspath(image.filepath))
    return sorted(file.parent.glob(f"{file.stem.rsplit('_', 1)[0]}_*.exr"))


@pytest.mark.parametrize("names", [("Лицо", "顔"), ("Face 1", "Face_1"), ("FACE", "face"), ("a.", "a"), ("con", "Con")])
def test_faces_in_one_folder_never_share_a_file(backend, face, group, window, names):
    """As objects whose names the first version took for one: each kept the other's maps."""
    folder = group.folder
    face.name = names[0]
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    before = {path: path.read_bytes() for path in Path(folder).iterdir()}
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    other = bpy.context.object
    other.name = names[1]
    other.dnpm_sequence.folder, other.dnpm_sequence.size = folder, "256"
    other.data.shape_keys.key_blocks["browInnerUp"].value = 1.0
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert not set(files_of(face)) & set(files_of(other))
    assert len(files_of(face)) == len(files_of(other)) == 8
    assert all(path.read_bytes() == data for path, data in before.items())


def test_two_files_that_bake_into_one_folder_never_share_one(backend, face, group, window, tmp_path, tmp_path_factory):
    """Both have a face of the same name; the second is the first, saved under another name and animated further."""
    found = []
    for name in ("shot_1.blend", "shot_2.blend"):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / name))
        group.folder = "//maps"
        before = asked(backend)
        bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
        found.append({path: path.read_bytes() for path in files_of(face)})
        # What has not changed is copied, not computed.
        assert asked(backend) - before == (3 if name == "shot_1.blend" else 0)
    assert not set(found[0]) & set(found[1])
    face.data.shape_keys.key_blocks["browInnerUp"].value = 1.0
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert set(files_of(face)) == set(found[1])
    assert all(path.read_bytes() == data for path, data in found[0].items())
    # Moved together, they are found again.
    bpy.ops.wm.save_mainfile()
    moved = shutil.copytree(tmp_path, tmp_path_factory.mktemp("moved"), dirs_exist_ok=True)
    before = asked(backend)
    bpy.ops.wm.open_mainfile(filepath=str(moved / "shot_2.blend"))
    face = next(obj for obj in bpy.data.objects if slider_values.is_face(obj))
    bpy.context.view_layer.objects.active = face
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert asked(backend) == before
    assert [path.name for path in files_of(face)] == [path.name for path in found[1]]


def test_a_renamed_face_and_a_new_one_of_its_name_do_not_share(backend, face, group, window, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    first, name = {path: path.read_bytes() for path in files_of(face)}, face.name
    face.name = "Anna"
    bpy.ops.dnpm.add_face()
    other = bpy.context.object
    other.name = name
    assert other.name == name
    other.dnpm_sequence.folder, other.dnpm_sequence.size = group.folder, "256"
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert not set(files_of(other)) & set(first)
    assert all(path.read_bytes() == data for path, data in first.items())


def test_what_the_first_version_baked_is_found(backend, face, group, window):
    """Its stem was the name alone: it goes on being shown, its maps count, and they are never overwritten."""
    from dnpm.core.batch import sequence
    from dnpm.operators.scene.detail import baked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baked.files, "stem_of", lambda name, owner, taken=(): sequence.first_stem(name))
        bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    old = {path: path.read_bytes() for path in files_of(face)}
    assert {path.name for path in old} == {f"DNPM_Face_{frame:04d}.exr" for frame in range(3, 11)}
    before = asked(backend)
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert asked(backend) == before
    assert not set(files_of(face)) & set(old)
    face.data.shape_keys.key_blocks["browInnerUp"].value = 1.0
    bpy.ops.dnpm.bake_sequence("EXEC_DEFAULT")
    assert all(path.read_bytes() == data for path, data in old.items())
