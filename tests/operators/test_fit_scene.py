"""The scene after speech was added: where it ends, and that playback keeps in step."""

from __future__ import annotations

import bpy
import pytest

from dnpm.operators.scene.motion import sounds


@pytest.mark.parametrize(("last", "end"), [(72.2, 73), (72.0, 72), (3.0, 11)])
def test_the_scene_ends_with_the_last_keyframe(last: float, end: int) -> None:
    """Never before it begins."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.sync_mode = 11, 1000, "NONE"
    text = sounds.fit_scene(scene, last)
    assert (scene.frame_end, scene.sync_mode) == (end, "AUDIO_SYNC")
    assert f"ends at frame {end}" in text
    assert "follows the sound" in text
    assert sounds.fit_scene(scene, last) == "", "nothing is said where nothing changes"
