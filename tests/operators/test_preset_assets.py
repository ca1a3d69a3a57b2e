"""Presets by their pictures and as assets: pickers, pictures of saved ones, the library, what is applied."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets
from dnpm.operators import assets
from dnpm.operators.properties import preset_pickers
from dnpm.operators.scene import asset_library, saved_presets, settings, thumbnails
from dnpm.panels.presets import DNPM_PT_presets

from .test_draw import draw, shown

PICTURES_BYTES = 1_500_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Presets and the library in folders of the test's own."""
    settings.override(settings.Settings(presets=str(tmp_path / "presets")))
    monkeypatch.setattr(asset_library.compat, "user_folder", lambda package, name: tmp_path / name)
    yield tmp_path
    libraries = bpy.context.preferences.filepaths.asset_libraries
    for entry in [found for found in libraries if found.path.startswith(str(tmp_path))]:
        libraries.remove(entry)
    settings.override(None)


def loaded(path: Path) -> list[bpy.types.Action]:
    with bpy.data.libraries.load(str(path), assets_only=True) as (source, target):
        target.actions = source.actions
    return list(target.actions)


def test_every_preset_that_ships_has_a_picture():
    pictures = [thumbnails.picture_of(path) for kind in ("people", "expressions") for path in presets.shipped(kind)]
    assert len(pictures) == 32
    assert None not in pictures
    assert sum(path.stat().st_size for path in pictures) <= PICTURES_BYTES
    assert all(path.read_bytes()[:2] == b"\xff\xd8" for path in pictures)


def test_pickers_hold_what_ships_and_picking_applies_it(face, backend, folder):
    pickers = preset_pickers.of(bpy.context)
    names = {kind: [entry[1] for entry in preset_pickers._choices(kind)(pickers, bpy.context)]
             for kind in ("people", "expressions", "saved")}  # fmt: skip
    assert names["people"][:2] == ["Choose", "Amara 28"]
    assert len(names["expressions"]) == 21
    again = preset_pickers._choices("people")(pickers, bpy.context)
    first = preset_pickers._choices("people")(pickers, bpy.context)
    assert all(a[k] is b[k] for a, b in zip(first, again, strict=True) for k in range(3)), "Blender keeps no copies"
    numbers = [entry[4] for entry in preset_pickers._choices("people")(pickers, bpy.context)]
    assert len(set(numbers)) == 13
    assert max(numbers) < 2**24, "the picker's popup rounds larger ones: its buttons hold 32-bit floats"
    assert names["saved"] == ["Choose"]
    surprise = next(path for path in presets.shipped("expressions") if path.stem == "Surprise")
    pickers.expressions = str(surprise)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.45)
    drawn = draw(DNPM_PT_presets)
    assert shown(drawn, "pictures") == ["people", "expressions"]
    assert "dnpm.add_asset_library" in shown(drawn, "operator")


def test_a_saved_preset_is_picked_and_its_picture_drawn(face, backend, folder):
    assert bpy.ops.dnpm.save_preset(name="Ann") == {"FINISHED"}
    (path,) = saved_presets.saved()
    assert thumbnails.icon_of(path) == thumbnails.NEUTRAL
    drawn = draw(DNPM_PT_presets)
    assert "saved" in shown(drawn, "pictures")
    assert "dnpm.draw_pictures" in shown(drawn, "operator")
    assert bpy.ops.dnpm.draw_pictures() == {"FINISHED"}
    assert thumbnails.picture_of(path) == path.with_suffix(".png")
    assert "dnpm.draw_pictures" not in shown(draw(DNPM_PT_presets), "operator")
    face.dnpm_face.identity[0].value = 2.0
    preset_pickers.of(bpy.context).saved = str(path)
    assert face.dnpm_face.identity[0].value == 0.0
    assert bpy.ops.dnpm.save_preset(name="Ann", overwrite=True) == {"FINISHED"}
    assert thumbnails.picture_of(path) is None, "the picture showed the face that was replaced"
    assert bpy.ops.dnpm.draw_pictures() == {"FINISHED"}
    assert bpy.ops.dnpm.delete_preset(filepath=str(path)) == {"FINISHED"}
    assert not list((folder / "presets").iterdir())


def test_with_a_window_pictures_are_drawn_from_a_timer(face, backend, folder, window, monkeypatch):
    monkeypatch.setattr(thumbnails.bpy.app.timers, "register", lambda *_, **__: None, raising=False)
    assert bpy.ops.dnpm.save_preset(name="Ann") == {"FINISHED"}
    (path,) = saved_presets.saved()
    assert thumbnails.is_drawing()
    assert thumbnails._tick() is not None
    assert backend.submitted[-1].preset == path.read_text()
    assert thumbnails._tick() is None
    assert thumbnails.picture_of(path) is not None
    backend.error = "no torch"
    path.with_suffix(".png").unlink()
    assert bpy.ops.dnpm.draw_pictures() == {"FINISHED"}
    while thumbnails._tick() is not None:
        pass
    assert thumbnails.picture_of(path) is None


def test_the_library_is_added_by_a_click_and_removed_without_a_trace(face, backend, folder):
    bpy.ops.dnpm.save_preset(name="Ann")
    bpy.data.actions.new("Smile").use_fake_user = True
    before = [action.name for action in bpy.data.actions]
    assert asset_library.entry() is None
    assert not bpy.ops.dnpm.remove_asset_library.poll()
    assert bpy.ops.dnpm.add_asset_library() == {"FINISHED"}
    assert Path(asset_library.entry().path) == folder / "assets"
    assert [action.name for action in bpy.data.actions] == before
    bpy.data.actions.remove(bpy.data.actions["Smile"])
    made = sorted(loaded(folder / "assets" / "people.blend"), key=lambda action: action.name)
    assert [action.name for action in made] == [presets.shown_name(path) for path in presets.shipped("people")]
    assert presets.from_text(made[0].asset_data[asset_library.KEY], "x").look.tone == "deep"
    assert tuple(made[0].preview.image_size) == (192, 192)
    catalogues = (folder / "assets" / "blender_assets.cats.txt").read_text()
    assert f"{made[0].asset_data.catalog_id}:DNPM Face/People:" in catalogues
    assert "Smile" in [action.name for action in loaded(folder / "assets" / "expressions.blend")]
    bpy.ops.dnpm.save_preset(name="Bob")
    assert {action.name for action in loaded(folder / "assets" / "saved.blend")} == {"Ann", "Bob"}
    assert bpy.ops.dnpm.add_asset_library() == {"FINISHED"}
    mine = [e for e in bpy.context.preferences.filepaths.asset_libraries if e.path.startswith(str(folder))]
    assert len(mine) == 1
    assert "dnpm.add_asset_library" not in shown(draw(DNPM_PT_presets), "operator")
    assert bpy.ops.dnpm.remove_asset_library("EXEC_DEFAULT") == {"FINISHED"}
    assert asset_library.entry() is None
    assert not (folder / "assets").exists()
    assert len(saved_presets.saved()) == 2


def test_an_asset_is_applied_by_its_name_in_the_library(face, backend, folder):
    jaw = face.data.shape_keys.key_blocks["jawOpen"]
    name = "expressions.blend/Action/Surprise"
    assert bpy.ops.dnpm.apply_asset(relative_asset_identifier=name) == {"FINISHED"}
    assert jaw.value == pytest.approx(0.45)
    with pytest.raises(RuntimeError, match="is no preset of DNPM Face"):
        bpy.ops.dnpm.apply_asset(relative_asset_identifier="others.blend/Action/Walk")
    with pytest.raises(DnpmError, match="the asset: is no preset"):
        asset_library.text_at("")


def test_only_our_assets_are_taken(face, backend, monkeypatch):
    def asset(**metadata):
        return SimpleNamespace(id_type="ACTION", metadata=metadata)

    ours = asset(dnpm_preset=json.dumps({"format": presets.FORMAT, "expression": {"jawOpen": 0.25}}))
    assert assets.DNPM_AST_presets.asset_poll(ours)
    assert not assets.DNPM_AST_presets.asset_poll(asset())
    assert not assets.DNPM_AST_presets.asset_poll(asset(dnpm_preset=3))
    browser = SimpleNamespace(asset=None, area=SimpleNamespace(type="FILE_BROWSER"))
    assert not assets._concerns(browser), "a double click on a file is the file browser's"
    assert not assets._concerns(SimpleNamespace(asset=asset(), area=browser.area))
    assert assets._concerns(SimpleNamespace(asset=ours, area=browser.area))


def test_what_ships_is_not_looked_up_at_every_redraw(backend, monkeypatch):
    pickers = preset_pickers.of(bpy.context)
    first = preset_pickers._choices("people")(pickers, bpy.context)
    assert len(first) == 13
    monkeypatch.setattr(saved_presets, "of_kind", lambda kind: pytest.fail(f"looked up {kind} again"))
    assert preset_pickers._choices("people")(pickers, bpy.context) is first
