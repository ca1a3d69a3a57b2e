"""The zip as an artist gets it: installed by Blender itself into a clean profile, and used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

MODULE = "bl_ext.user_default.dnpm_face"


@pytest.fixture(scope="module")
def installed(repository: Path, tiny_model, tiny_parts: Path) -> object:
    """The extension, enabled, with a tiny face model and tiny weights inside."""
    out = tiny_parts / "out"
    command = [sys.executable, str(repository / "scripts" / "build_extension.py"), "--out", str(out)]
    command += ["--weights", str(tiny_parts / "weights"), "--face-model", str(tiny_parts / "tiny.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = out.glob("*.zip")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    result = bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True
    )
    assert result == {"FINISHED"}
    addon = bpy.context.preferences.addons[MODULE]
    addon.preferences.python = sys.executable
    addon.preferences.device = "cpu"
    return addon


def test_it_is_enabled_and_lies_in_the_profile(installed) -> None:
    module = sys.modules[MODULE]
    assert Path(bpy.utils.user_resource("EXTENSIONS")) in Path(module.__file__).parents
    assert "dnpm" not in {name.split(".")[0] for name in sys.modules if name.startswith("dnpm.operators")}


def test_a_face_with_its_detail(installed, tiny_model) -> None:
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    face = bpy.context.object
    assert len(face.data.vertices) == len(tiny_model.neutral)
    assert [block.name for block in face.data.shape_keys.key_blocks][1:] == list(tiny_model.expression_names)
    face.data.shape_keys.key_blocks[tiny_model.expression_names[0]].value = 0.75
    face.dnpm_face.identity[0].value = 1.5
    bpy.context.view_layer.update()
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    image = next(m for m in face.modifiers if m.type == "DISPLACE").texture.image
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    heights = pixels.reshape(-1, 4)[:, 0]
    assert np.isfinite(heights).all()
    assert np.ptp(heights) > 0.01, "the map is no longer flat"


def test_blenders_process_has_neither_torch_nor_scipy(installed) -> None:
    assert not {"torch", "scipy"} & set(sys.modules)


def test_switching_it_off_leaves_nothing(installed) -> None:
    import addon_utils

    addon_utils.disable(MODULE, default_set=True)
    assert not hasattr(bpy.types.Object, "dnpm_face")
    assert not [handler for name in ("depsgraph_update_post", "undo_post", "load_post", "render_pre", "save_pre")
                for handler in getattr(bpy.app.handlers, name) if MODULE in handler.__module__]  # fmt: skip
