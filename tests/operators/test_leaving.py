"""The exit code of a Blender without a window after a render whose maps could not be computed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

USES_BLENDER = True  # in the processes that it starts: tests/run.py runs it with every version

SCRIPT = """
import sys
import bpy
import dnpm
dnpm.register()
from dnpm.operators.scene import settings
settings.override(settings.Settings(python="/nonexistent/python", stop_render=sys.argv[2] == "stop"))
{more}
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples, scene.cycles.use_denoising = 1, False
scene.render.resolution_x = scene.render.resolution_y = 16
scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(scene.camera)
scene.frame_start, scene.frame_end = 1, 3
scene.render.use_placeholder, scene.render.use_overwrite = True, False
scene.render.filepath = sys.argv[1] + "/frame"
bpy.ops.render.render(animation=True)
print("went on")
"""


def rendered(tmp_path, stop: bool, more: str) -> tuple[int, str, list[str]]:
    """Exit code, output, and pictures of a Blender without a window that has no backend."""
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "script.py").write_text(SCRIPT.format(more=more))
    command = [sys.executable, str(tmp_path / "script.py"), str(out), "stop" if stop else "go on"]
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path / "profile")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    return done.returncode, done.stdout + done.stderr, sorted(path.name for path in out.iterdir())


ADDED = "bpy.ops.dnpm.add_face()"


def test_without_a_backend_a_render_in_the_background_is_stopped(tiny_file, tmp_path):
    code, out, pictures = rendered(tmp_path, True, ADDED)
    assert code == 3
    assert "DNPM Face, frame 1: the map was not updated: " in out
    assert "/nonexistent/python" in out
    assert "the render is stopped at frame 1" in out
    assert "went on" not in out
    assert pictures == []


def test_told_to_go_on_it_ends_with_the_code_all_the_same(tiny_file, tmp_path):
    code, out, pictures = rendered(tmp_path, False, ADDED)
    assert code == 3
    assert out.count("the map was not updated") == 2
    assert "went on" in out
    assert pictures == ["frame0001.png", "frame0002.png", "frame0003.png"]


@pytest.mark.parametrize("more", ["", ADDED + "\nbpy.context.object.dnpm_face.frozen = True"], ids=["none", "frozen"])
def test_a_render_that_needs_no_backend_ends_as_ever(tiny_file, tmp_path, more):
    code, out, pictures = rendered(tmp_path, True, more + "\nimport atexit, os; atexit.register(os._exit, 0)")
    assert code == 0, out
    assert "the map was not updated" not in out
    assert len(pictures) == 3
