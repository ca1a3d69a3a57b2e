"""Registering, switching off, drawing; and that every button and slider explains itself."""

from __future__ import annotations

import bpy
import pytest

import dnpm
from dnpm import panels
from dnpm.operators.properties import face, identity_sliders
from dnpm.operators.scene.face import pairs
from dnpm.panels import preferences, status

EVENTS = [name for name in dir(bpy.app.handlers) if isinstance(getattr(bpy.app.handlers, name), list)]


def ours() -> dict[str, object]:
    """What the extension has put into Blender."""
    return {
        "classes": sorted(n for n in dir(bpy.types) if n.startswith(("DNPM", "FaceProp", "IdentityVal"))),
        "handlers": sorted(f"{e}.{h.__name__}" for e in EVENTS for h in getattr(bpy.app.handlers, e)
                           if h.__module__.startswith("dnpm")),
        "property": hasattr(bpy.types.Object, "dnpm_face"),
        "menu": sum(f.__module__.startswith("dnpm") for f in bpy.types.VIEW3D_MT_mesh_add._dyn_ui_initialize()),
    }  # fmt: skip


def test_switched_on_and_off_again_and_again():
    clean = ours()
    assert not clean["property"]
    dnpm.register()
    first = ours()
    assert first["property"]
    assert first["menu"] == 1
    assert {"undo_post", "redo_post", "load_post", "save_pre", "frame_change_post", "depsgraph_update_post"} <= {
        name.split(".")[0] for name in first["handlers"]
    }
    dnpm.unregister()
    assert ours() == clean
    dnpm.register()
    assert ours() == first
    dnpm.unregister()
    assert ours() == clean


def test_what_fails_half_way_leaves_nothing_behind(monkeypatch):
    clean = ours()

    def fails():
        raise RuntimeError("no room")

    steps = (*panels._STEPS[:-1], (fails, fails))
    monkeypatch.setattr(panels, "_STEPS", steps)
    with pytest.raises(RuntimeError, match="no room"):
        dnpm.register()
    assert ours() == clean
    monkeypatch.undo()
    dnpm.register()
    assert ours()["property"]
    dnpm.unregister()
    assert ours() == clean


@pytest.fixture(scope="module")
def registered():
    dnpm.register()
    yield
    dnpm.unregister()


def test_everything_explains_itself(registered):
    """Every operator, and every property of ours that can be seen, has a tooltip of its own."""
    types = [getattr(bpy.ops.dnpm, name).get_rna_type() for name in dir(bpy.ops.dnpm)]
    assert len(types) >= 15
    silent = [rna.identifier for rna in types if len(rna.description) < 12]
    types += [bpy.types.Object.bl_rna.properties["dnpm_face"].fixed_type.bl_rna]
    types += [face.IdentityValue.bl_rna, face.LinkedValue.bl_rna, identity_sliders.IdentitySliders.bl_rna]
    for rna in types:
        for prop in rna.properties:
            of_blender = (
                prop.identifier in {"rna_type", "name", "align", "location", "rotation"} or prop.type == "COLLECTION"
            )
            if not of_blender and not prop.is_hidden and len(prop.description) < 8:
                silent.append(f"{rna.identifier}.{prop.identifier}")
    settings = preferences.DnpmPreferences
    silent += [n for n in settings.__annotations__ if len(settings.bl_rna.properties[n].description) < 8]
    assert not silent


def test_operators_undo_where_they_change_the_scene(registered):
    changing = {"add_face", "random", "reset", "mirror", "paste", "load_preset", "freeze", "unfreeze", "repair",
                "key_expression", "key_identity", "update_detail"}  # fmt: skip
    for name in changing:
        assert "UNDO" in getattr(bpy.types, f"DNPM_OT_{name}").bl_options
    for name in ("copy", "save_preset", "delete_preset", "save_map", "restart_backend"):
        assert "UNDO" not in getattr(bpy.types, f"DNPM_OT_{name}").bl_options


def test_the_status_line_says_who_computes_and_how_long():
    from dnpm.core.backend.types import BackendStatus

    assert status.line(BackendStatus()) == "not started"
    ready = BackendStatus(state="ready", device="cuda", device_name="NVIDIA L4", last_ms=12.4)
    assert status.line(ready) == "ready, 12 ms, CUDA"


def test_pairs_of_the_52():
    from dnpm.core.face_model.arkit import ARKIT_NAMES

    linked = pairs.linked(ARKIT_NAMES)
    assert linked["mouthSmileRight"] == "mouthSmileLeft"
    # The eyes look in one direction, and a jaw cannot go to both sides.
    assert linked["eyeLookInRight"] == "eyeLookOutLeft"
    assert not {"jawRight", "mouthRight"} & set(linked)
    assert len(set(linked.values())) == len(linked) == 18
    assert pairs.pair_label("eyeLookOutRight") == "Look Right"
    assert pairs.pair_label("browOuterUpRight") == "Outer Up"
    assert pairs.label("mouthSmileLeft") == "Smile L"
    assert pairs.label("jawLeft") == "Left"


def test_the_threads_of_the_preferences_reach_the_backend(registered):
    from dnpm.operators.scene import session, settings

    assert preferences.DnpmPreferences.bl_rna.properties["threads"].default == 0
    session.use(None)
    settings.override(settings.Settings(threads=2, device="cpu"))
    try:
        assert session.client()._setup.threads == 2
    finally:
        settings.override(None)
        session.use(None)
