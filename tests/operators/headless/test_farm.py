"""A render farm's way: a bundle that Open Job Description's own tools accept and run, in chunks, cut off and resumed,
on a machine where folders lie elsewhere; and the same pixels as from one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from dnpm.operators.scene import compat, names
from dnpm.operators.scene.detail import live

BIN = Path(sys.executable).parent
pytest.importorskip("openjd.cli")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # many starts of Blender, on a machine that may be busy
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "DNPM_FACE_MODEL"}
FRAMES = 8


@pytest.fixture(scope="module")
def parts(tiny_parts: Path) -> list[str]:
    """A tiny face model and weights for it, as arguments."""
    return [f"--face-model={tiny_parts / 'tiny.safetensors'}", f"--weights={tiny_parts / 'weights'}"]


def dnpm(*words: object, code: int = 0) -> str:
    done = subprocess.run(
        [str(BIN / "dnpm"), *map(str, words)], capture_output=True, text=True, timeout=300, env=ENVIRONMENT
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def openjd(*words: object) -> list[str]:
    return [sys.executable, "-m", "openjd", *map(str, words)]


def run_task(bundle: Path, step: str, *words: object, code: int = 0) -> str:
    command = openjd("run", bundle / "template.json", "--step", step, "-p", f"file://{bundle / 'parameters.json'}",
                     "-p", f"Dnpm={BIN / 'dnpm'}", "-p", "Device=cpu", *words)  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=ENVIRONMENT)
    assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
    return done.stdout


def check(bundle: Path) -> dict:
    """Valid by the specification's own model."""
    done = subprocess.run(openjd("check", bundle / "template.json"), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((bundle / "asset_references.json").read_text())["assetReferences"]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def animated(face: bpy.types.Object, at: float) -> None:
    """The jaw opens and the person changes detail's strength is high: every frame is another picture."""
    face.location.x = at
    face.dnpm_face.strength = 4.0
    key = face.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (FRAMES, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)


@pytest.fixture
def shot(backend, tmp_path: Path) -> Path:
    """shots/shot.blend: a face of its own; another from assets/face.blend, linked by a relative path; and a picture by
    an absolute one."""
    for name in ("assets", "shots", "pictures"):
        (tmp_path / "submit" / name).mkdir(parents=True)
    root = tmp_path / "submit"
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    animated(bpy.context.object, 0.12)
    asset = bpy.data.collections.new("asset")
    asset.objects.link(bpy.context.object)
    asset.use_fake_user = True
    bpy.context.scene.frame_set(1)
    live.update_now(bpy.context.object)
    bpy.ops.wm.save_as_mainfile(filepath=str(root / "assets" / "face.blend"))

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    animated(bpy.context.object, -0.12)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.render.resolution_x, scene.render.resolution_y = 128, 96
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location, camera.rotation_euler = (0, -0.8, 0), (np.pi / 2, 0, 0)
    light = bpy.data.objects.new("light", bpy.data.lights.new("light", "SUN"))
    light.rotation_euler, light.data.energy = (1.2, 0.6, 0), 3.0
    for obj in (camera, light):
        scene.collection.objects.link(obj)
    scene.camera = camera
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)).save(root / "pictures" / "wall.png")
    wall(root / "pictures" / "wall.png")
    path = root / "shots" / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    with bpy.data.libraries.load(str(root / "assets" / "face.blend"), link=True, relative=True) as (_, target):
        target.collections = ["asset"]
    holder = bpy.data.objects.new("holder", None)
    holder.instance_type, holder.instance_collection = "COLLECTION", bpy.data.collections["asset"]
    scene.collection.objects.link(holder)
    bpy.data.images["wall.png"].filepath = str(root / "pictures" / "wall.png")
    bpy.ops.wm.save_mainfile()
    assert bpy.data.libraries[0].filepath.startswith("//")
    assert bpy.data.images["wall.png"].filepath == str(root / "pictures" / "wall.png")
    return path


def wall(picture: Path) -> None:
    """A plane behind the faces that shows the picture."""
    mesh = bpy.data.meshes.new("wall")
    mesh.from_pydata([(-1, 0.5, -1), (1, 0.5, -1), (1, 0.5, 1), (-1, 0.5, 1)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    material = bpy.data.materials.new("wall")
    compat.use_nodes(material)
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(picture))
    tree.links.new(texture.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("wall", mesh))


def tree_of(pid: int) -> list[int]:
    """A process and all below it, whatever sessions they are in."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the task's processes are found in /proc")
def test_a_render_in_two_chunks_one_of_them_killed_and_resumed(shot: Path, parts: list[str], tmp_path: Path) -> None:
    bundle, out, half = tmp_path / "bundle", tmp_path / "out", FRAMES // 2
    said = dnpm("farm", shot, f"--out={bundle}", f"--results={out}", f"--chunk-size={half}", *parts)
    assert f"2 tasks of up to {half} frames" in said
    inputs = check(bundle)["inputs"]
    root = shot.parents[1]
    needed = {shot, root / "assets" / "face.blend", root / "pictures" / "wall.png"}
    assert needed <= {Path(path) for path in inputs["filenames"]}

    told = run_task(bundle, "Render", "-tp", "Start=1")
    assert f"{half} frames rendered, 0 were there" in told
    assert {path.name for path in out.glob("*.png")} == {f"shot_{n:04d}.png" for n in range(1, half + 1)}

    command = openjd("run", bundle / "template.json", "--step", "Render", "-p", f"file://{bundle / 'parameters.json'}",
                     "-p", f"Dnpm={BIN / 'dnpm'}", "-p", "Device=cpu", "-tp", f"Start={half + 1}")  # fmt: skip
    task = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    limit = time.monotonic() + 300
    while not (out / f"shot_{half + 1:04d}.png").exists():
        assert task.poll() is None, "the task ended before its first frame"
        assert time.monotonic() < limit
        time.sleep(0.01)
    for pid in tree_of(task.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    task.wait()
    time.sleep(1.0)  # the worker, which was not asked, ends with its input
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("shot_*.png")}
    assert half < len(before) < FRAMES, "it was killed in the middle"

    told = run_task(bundle, "Render", "-tp", f"Start={half + 1}")
    assert "openjd_progress: 100.0" in told
    assert f"{FRAMES - len(before)} frames rendered, {len(before) - half} were there" in told
    pictures = sorted(out.glob("shot_*.png"))
    assert len(pictures) == FRAMES
    assert all(
        picture.stat().st_mtime_ns == before.get(picture.name, picture.stat().st_mtime_ns) for picture in pictures
    )
    assert not list(out.glob(".*partial*"))

    dnpm("scene", "render", shot, f"--out={tmp_path / 'whole'}", "--device=cpu", *parts)
    for picture in pictures:
        assert np.array_equal(pixels(picture), pixels(tmp_path / "whole" / picture.name)), picture.name
    first, last = pixels(pictures[0]).astype(int), pixels(pictures[-1]).astype(int)
    for side in (slice(0, 64), slice(64, 128)):
        assert np.abs(first - last)[:, side].max() > 30, "both faces move, the linked one too"


def test_maps_in_chunks_on_a_machine_where_folders_lie_elsewhere(shot: Path, parts: list[str], tmp_path: Path) -> None:
    """The submitter's folder is gone: rules alone lead to the files. The .blend that comes out renders as the one that
    went in, without this extension."""
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    words = ["--do=bake", "--frames=1-4", "--chunk-size=2", "--form=EXR32", f"--results={out}"]
    dnpm("farm", shot, f"--out={bundle}", *words, *parts)
    check(bundle)
    here, there = shot.parents[1], tmp_path / "worker"
    here.rename(there)
    rule = {"source_path_format": "POSIX", "source_path": str(here), "destination_path": str(there)}
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    told = run_task(bundle, "Collect", "--run-dependencies", "--path-mapping-rules", rules)
    assert told.count("2 maps written, 0 were there") == 2, "a task a chunk"
    assert "0 maps were missing" in told, "what the tasks wrote is what the last step shows"
    assert len(list(out.glob("*_000[1-4].exr"))) == 4
    assert "which is not there" not in told, "the picture was found"

    baked = out / "shot_baked.blend"
    bpy.ops.wm.open_mainfile(filepath=str(baked))
    (own,) = (
        obj for obj in bpy.data.objects if obj.type == "MESH" and obj.name.startswith(names.OBJECT) and not obj.library
    )
    (modifier,) = (modifier for modifier in own.modifiers if modifier.type == "DISPLACE")
    assert modifier.texture.image.source == "SEQUENCE"
    assert Path(bpy.path.abspath(bpy.data.libraries[0].filepath)).resolve() == there / "assets" / "face.blend"
    assert Path(bpy.path.abspath(bpy.data.images["wall.png"].filepath)).resolve() == there / "pictures" / "wall.png"

    moved = there / "shots" / "shot.blend"
    (tmp_path / "rules.json").write_text(rules)
    mapping = f"--path-mapping={tmp_path / 'rules.json'}"
    for blend, folder in ((moved, "live"), (baked, "shown")):
        dnpm("scene", "render", blend, f"--out={tmp_path / folder}", "--frames=4", "--device=cpu", mapping, *parts)
    live_, shown = pixels(tmp_path / "live" / "shot_0004.png"), pixels(tmp_path / "shown" / "shot_baked_0004.png")
    # A baked map is half as exact: now and then a pixel at an edge differs by more, on 4.2 by 3.
    apart = np.abs(live_.astype(int) - shown)
    assert np.quantile(apart, 0.999) <= 1
    assert apart.max() <= 6
    told = dnpm("scene", "render", moved, f"--out={tmp_path / 'lost'}", "--frames=4", "--device=cpu", *parts)
    assert "wall.png, which is not there" in told, "without rules it is told"
    (there / "assets" / "face.blend").unlink()
    told = dnpm("scene", "render", moved, f"--out={tmp_path / 'lost'}", "--frames=4", "--device=cpu", *parts, code=2)
    assert "1 linked files are not there" in told
    assert "Traceback" not in told


def test_a_batch_in_chunks_with_presets_elsewhere(tiny_model, parts: list[str], tmp_path: Path) -> None:
    from dnpm.core.face_model.presets import preset_of, to_text

    here, there = tmp_path / "submit", tmp_path / "worker"
    (here / "presets").mkdir(parents=True)
    preset = preset_of(tiny_model, np.full(tiny_model.n_id, 0.5, np.float32), None, 1.0, None)
    (here / "presets" / "ann.json").write_text(to_text(preset))
    items = [{"name": "a", "expression": {"jawOpen": 1}}, {"name": "b", "preset": "presets/ann.json"},
             {"name": "c", "preset": str(here / "presets" / "ann.json"), "expression": {"jawOpen": 0.5}}]  # fmt: skip
    settings = {"size": [48, 64], "samples": 1, "map_size": 64, "subdivision": 1, "outputs": ["png", "exr"]}
    (here / "job.json").write_text(json.dumps({"settings": settings, "items": items}))
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    dnpm("batch", here / "job.json", f"--out={tmp_path / 'whole'}", "--device=cpu", *parts)
    dnpm("farm", here / "job.json", f"--out={bundle}", f"--results={out}", "--chunk-size=2", *parts)
    inputs = check(bundle)["inputs"]
    assert str(here / "presets" / "ann.json") in inputs["filenames"]
    here.rename(there)
    rule = {"source_path_format": "POSIX", "source_path": str(here), "destination_path": str(there)}
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    told = run_task(bundle, "Batch", "--path-mapping-rules", rules)
    assert "2 made, 0 skipped, 0 failed" in told
    assert "1 made, 0 skipped, 0 failed" in told
    for name in "abc":
        made, whole = out / name, tmp_path / "whole" / name
        assert np.array_equal(pixels(made / "front.png"), pixels(whole / "front.png")), name
        assert (made / "displacement.exr").read_bytes() == (whole / "displacement.exr").read_bytes(), name
