"""`dnpm scene` inside Blender: which files a .blend needs, which frames are made, and what is refused with a reason."""

from __future__ import annotations

import argparse
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from dnpm.core.errors import DnpmError
from dnpm.core.files.path_mapping import PathMapping
from dnpm.operators.headless import files_of_scene, scene


def words(blend: Path, **changes: object) -> argparse.Namespace:
    plain = {"blend": blend, "action": "render", "scripts": False, "path_mapping": None, "frames": None, "chunk": None}
    return argparse.Namespace(**(plain | changes))


def picture(path: Path) -> Path:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def saved(backend, tmp_path: Path) -> Path:
    """An empty file, saved and open."""
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def test_every_frame_and_tile_is_a_file(saved: Path, tmp_path: Path) -> None:
    wanted = {picture(tmp_path / f"bg_{n:03d}.png") for n in (1, 2, 10)}
    wanted |= {picture(tmp_path / f"skin.{tile}.png") for tile in (1001, 1002)}
    wanted.add(picture(tmp_path / "one.png"))
    for name in ("bg_notes.png", "skin.png"):
        picture(tmp_path / name)
    for name, source in (("bg_001.png", "SEQUENCE"), ("skin.1001.png", "TILED"), ("one.png", "FILE")):
        image = bpy.data.images.load(str(tmp_path / name))
        image.source = source
    packed = bpy.data.images.load(str(picture(tmp_path / "packed.png")))
    packed.pack()
    bpy.data.images.new("made", 4, 4)
    lost = bpy.data.images.load(str(tmp_path / "one.png"), check_existing=False)
    lost.filepath = "//lost.png"
    found = set(files_of_scene.others())
    assert {path for path in found if path.exists()} == {path.resolve() for path in wanted}
    assert files_of_scene.missing() == [tmp_path.resolve() / "lost.png"]


def test_absolute_paths_are_mapped_and_relative_ones_stay(saved: Path, tmp_path: Path) -> None:
    moved = tmp_path / "there"
    moved.mkdir()
    picture(moved / "a.png")
    image = bpy.data.images.load(str(moved / "a.png"))
    beside = bpy.data.images.load(str(picture(tmp_path / "b.png")))
    image.filepath, beside.filepath = "/home/ann/a.png", "//b.png"
    from pathlib import PurePosixPath

    files_of_scene.map_paths(PathMapping(((PurePosixPath("/home/ann"), str(moved)),)))
    assert image.filepath == str(moved / "a.png")
    assert beside.filepath == "//b.png"
    assert not files_of_scene.missing()


@pytest.mark.parametrize(
    ("frames", "chunk", "made"),
    [
        (None, None, range(3, 9)),
        ("1-4", None, range(1, 5)),
        ("1-24", "9:4", range(9, 13)),
        ("1-10", "9:4", range(9, 11)),
    ],
)
def test_frames_of_a_chunk(saved: Path, frames: str | None, chunk: str | None, made: range) -> None:
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 3, 8
    assert scene.frames_of(words(saved, frames=frames, chunk=chunk)) == made


def test_a_chunk_beyond_the_frames_is_told(saved: Path) -> None:
    with pytest.raises(DnpmError, match="no frame is both in"):
        scene.frames_of(words(saved, frames="1-10", chunk="11:5"))


def test_python_drivers_need_a_word(saved: Path) -> None:
    """Else its pictures would be wrong without a sign of it."""
    empty = bpy.data.objects.new("empty", None)
    bpy.context.scene.collection.objects.link(empty)
    curve = empty.driver_add("location", 0)
    curve.driver.type, curve.driver.expression = "SCRIPTED", "len(bpy.data.objects) * 2.0"
    bpy.ops.wm.save_mainfile()
    with pytest.raises(DnpmError, match="add --scripts if you trust the file"):
        scene.open_scene(words(saved))
    scene.open_scene(words(saved, scripts=True))
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    assert bpy.data.objects["empty"].evaluated_get(graph).location.x == pytest.approx(2.0)


def test_simple_drivers_need_none(saved: Path) -> None:
    empty = bpy.data.objects.new("empty", None)
    bpy.context.scene.collection.objects.link(empty)
    curve = empty.driver_add("location", 0)
    curve.driver.type, curve.driver.expression = "SCRIPTED", "frame * 2.0"
    bpy.ops.wm.save_mainfile()
    scene.open_scene(words(saved))


def test_films_and_scenes_without_camera_are_refused(saved: Path, tmp_path: Path) -> None:
    args = words(saved, out=tmp_path, force=False)
    with pytest.raises(DnpmError, match="has no camera"):
        scene.render(args, None, None)
    settings = bpy.context.scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    with pytest.raises(DnpmError, match="renders a film"):
        scene.render(args, None, None)


def test_what_is_no_blend_is_told(backend, tmp_path: Path) -> None:
    (tmp_path / "a.blend").write_bytes(b"not a blend")
    with pytest.raises(DnpmError, match=r"a\.blend: Blender cannot open it"):
        scene.open_scene(words(tmp_path / "a.blend"))
