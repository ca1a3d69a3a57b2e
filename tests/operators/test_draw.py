"""The sidebar, the menus and the preferences draw for every kind of selection, and ask Blender only for what exists.

The background has no window, so a layout that checks what it is asked for, and keeps a list of it, stands in.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import bpy
import pytest

from dnpm.core.face_model import skin_components
from dnpm.tests.overriding import overridden

_ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class Settings:
    """What an operator's button is set to: only what the operator has."""

    def __init__(self, rna: bpy.types.Struct) -> None:
        object.__setattr__(self, "rna", rna)

    def __setattr__(self, name: str, value: object) -> None:
        assert name in self.rna.properties, f"{self.rna.identifier}.{name}"


class Layout:
    """bpy.types.UILayout's calls: unknown properties, operators, icons and arguments fail, as they do in Blender."""

    def __init__(self, drawn: list[tuple[str, str]], open_panels: bool = True) -> None:
        self.drawn, self.open_panels = drawn, open_panels
        self.enabled, self.use_property_split, self.scale_y, self.operator_context = True, False, 1.0, "INVOKE_DEFAULT"

    def _icon(self, icon: str) -> None:
        assert icon in _ICONS, icon

    def label(self, *, text: str = "", icon: str = "NONE") -> None:
        self._icon(icon)
        self.drawn.append(("label", text))

    def prop(
        self,
        data,
        name: str,
        *,
        text: str | None = None,
        slider: bool = False,
        icon: str = "NONE",
        expand: bool = False,
        emboss: bool = True,
    ) -> None:
        self._icon(icon)
        assert name in data.bl_rna.properties, f"{data}.{name}"
        getattr(data, name)
        self.drawn.append(("prop", data.bl_rna.properties[name].name if text is None else text))

    def template_icon_view(
        self, data, name: str, *, show_labels: bool = False, scale: float = 6.0, scale_popup: float = 5.0
    ) -> None:
        assert data.bl_rna.properties[name].type == "ENUM"
        self.drawn.append(("pictures", name))

    def template_ID(self, data, name: str, **options: str) -> None:  # noqa: N802 -- Blender's name
        assert set(options) <= {"new", "open"}
        assert data.bl_rna.properties[name].type == "POINTER"
        self.drawn.append(("prop", data.bl_rna.properties[name].name))

    def operator(
        self, name: str, *, text: str | None = None, icon: str = "NONE", depress: bool = False
    ) -> Settings:  # fmt: skip
        self._icon(icon)
        rna = getattr(bpy.ops.dnpm, name.removeprefix("dnpm.")).get_rna_type()
        self.drawn.append(("operator", name))
        return Settings(rna)

    def menu(self, name: str, *, text: str | None = None, icon: str = "NONE") -> None:
        self._icon(icon)
        assert hasattr(bpy.types, name), name
        self.drawn.append(("menu", name))

    def separator(self) -> None:
        pass

    def row(self, *, align: bool = False, heading: str = "") -> Layout:
        return Layout(self.drawn, self.open_panels)

    column = row

    def box(self) -> Layout:
        return self.row()

    def panel(self, name: str, *, default_closed: bool = False) -> tuple[Layout, Layout | None]:
        return self.row(), self.row() if self.open_panels else None


def draw(*classes: type, open_panels: bool = True) -> list[tuple[str, str]]:
    """Everything that these panels or menus show now; panels that their poll hides show nothing."""
    drawn: list[tuple[str, str]] = []
    for cls in classes:
        if not hasattr(cls, "poll") or cls.poll(bpy.context):
            cls.draw(SimpleNamespace(layout=Layout(drawn, open_panels)), bpy.context)
    return drawn


def sidebar(open_panels: bool = True) -> list[tuple[str, str]]:
    from dnpm.panels.sidebar import CLASSES

    return draw(*CLASSES, open_panels=open_panels)


def shown(drawn: list[tuple[str, str]], kind: str) -> list[str]:
    return [text for what, text in drawn if what == kind]


@pytest.mark.parametrize("selected", ["nothing", "a cube"])
def test_without_a_face_it_says_what_to_do(backend, selected):
    if selected == "a cube":
        bpy.ops.mesh.primitive_cube_add()
    drawn = sidebar()
    assert shown(drawn, "operator") == ["dnpm.add_face"]
    assert "Select a face to see its sliders" in shown(drawn, "label")
    assert not shown(drawn, "prop")


def test_sliders_follow_the_faces_model(face, tiny_model):
    """Names and numbers are the model's: three components and four expressions here, a pair as one slider."""
    drawn = [text for text in shown(sidebar(), "prop") if text]  # Locks have no text.
    assert drawn[: len(tiny_model.identity_labels)] == list(tiny_model.identity_labels)
    assert {"Open", "Inner Up", "Smile", "Link Left and Right", "Strength", "Live"} <= set(drawn)
    assert not {"Smile L", "Smile R"} & set(drawn)


def test_skin_components_have_a_panel_of_their_own(face):
    """By region; without such components the panel is not there."""
    assert not any(text in skin_components.GROUPS for text in shown(sidebar(), "label"))
    for label in ("Forehead lines", "Moles"):
        face.dnpm_face.identity.add().name = label
    drawn = sidebar()
    sliders = [text for text in shown(drawn, "prop") if text]
    assert sliders.count("Forehead lines") == sliders.count("Moles") == 1
    assert {"Forehead", "Texture"} <= set(shown(drawn, "label"))
    assert "Eyes" not in shown(drawn, "label")
    assert sliders.index("Face width") < sliders.index("Forehead lines")


def test_unlinked_a_pair_is_two_sliders(face):
    face.dnpm_face.link_sides = False
    drawn = shown(sidebar(), "prop")
    assert "Smile" not in drawn
    assert drawn.index("Smile R") + 1 == drawn.index("Smile L")


def test_folded_groups_draw_no_sliders(face):
    assert "Open" not in shown(sidebar(open_panels=False), "prop")


def test_the_rest_of_many_components_is_folded(face):
    for number in range(len(face.dnpm_face.identity), 14):
        face.dnpm_face.identity.add().name = f"Extra {number}"
    assert "3 More" in shown(sidebar(), "label")
    assert "Extra 13" in shown(sidebar(), "prop")
    folded = shown(sidebar(open_panels=False), "prop")
    # Age stands in a group of its own, before the ten of the shape that are not folded.
    assert "Extra 10" in folded
    assert "Extra 11" not in folded


def test_a_group_with_a_layers_name_is_warned_of(face):
    def warned():
        return [text for text in shown(sidebar(), "label") if "has the name of a UV layer" in text]

    assert face.vertex_groups
    assert not warned()
    face.vertex_groups.new(name="UVMap")
    assert warned()


def test_faces_of_a_library_say_what_can_be_done(face, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (source, target):
        target.objects = source.objects
    (linked,) = target.objects
    override = overridden(linked)
    for obj, told in ((linked, "linked from library.blend"), (override, "locks its sliders")):
        bpy.context.scene.collection.objects.link(obj)
        bpy.context.view_layer.objects.active = obj
        bpy.context.view_layer.update()
        if obj == override:
            assert told not in " ".join(shown(sidebar(), "label"))
            override.override_library.is_system_override = True
        assert told in " ".join(shown(sidebar(), "label"))


def test_two_faces_each_show_their_own(face, tiny_model):
    face.dnpm_face.frozen = True
    assert "dnpm.unfreeze" in shown(sidebar(), "operator")
    bpy.ops.dnpm.add_face()
    assert "dnpm.unfreeze" not in shown(sidebar(), "operator")
    assert "dnpm.freeze" in shown(sidebar(), "operator")


@pytest.mark.parametrize("lost", ["keys", "modifier", "materials"])
def test_a_damaged_face_can_still_be_drawn(face, lost):
    if lost == "keys":
        face.shape_key_clear()
    elif lost == "modifier":
        face.modifiers.clear()
    else:
        face.data.materials.clear()
    drawn = sidebar()
    assert ("dnpm.repair" in shown(drawn, "operator")) is (lost == "keys")
    assert "Live" in shown(drawn, "prop")


def test_a_problem_is_shown_with_its_remedy(face):
    from dnpm.operators.scene.detail import live

    live.set_problem(face, "the image was deleted: press Repair Face")
    drawn = sidebar()
    assert any("the image was deleted" in text for text in shown(drawn, "label"))
    assert "dnpm.repair" in shown(drawn, "operator")


def test_missing_packages_are_shown_before_a_button_is_pressed(face, backend):
    from dnpm.core.backend.types import BackendStatus
    from dnpm.panels.photo import DNPM_PT_photo
    from dnpm.panels.speech import DNPM_PT_speech

    def told() -> str:
        return " ".join(shown(draw(DNPM_PT_speech, DNPM_PT_photo), "label"))

    backend.status = BackendStatus(state="ready", python="/opt/python", lacking=("av", "pillow-heif"))
    assert told().count("Needs ") == 1
    assert "Needs av: python -m pip install av (in the backend's Python), then Restart above" in told()
    assert bpy.ops.dnpm.face_from_image.poll()
    assert bpy.ops.dnpm.animate_from_audio.poll()
    assert not bpy.ops.dnpm.animate_from_video.poll()
    with pytest.raises(RuntimeError, match=r"/opt/python\) cannot read videos, it has no av"):
        bpy.ops.dnpm.animate_from_video()
    face.dnpm_photo.filepath = "//ann.HEIC"
    face.dnpm_speech.sound = "//ann.m4a"
    assert "Needs pillow-heif: python -m pip install pillow-heif" in told()
    assert told().count("Needs av: ") == 2
    backend.status = BackendStatus(state="ready", lacking=("scipy", "soundfile"))
    assert not bpy.ops.dnpm.face_from_image.poll()
    assert not bpy.ops.dnpm.animate_from_audio.poll()
    assert told().count("Needs scipy: ") == 2
    assert "Needs soundfile and scipy: python -m pip install soundfile scipy" in told()


def test_menus(face, backend, tmp_path):
    from dnpm.operators import presets
    from dnpm.operators.scene import settings

    menus = (presets.DNPM_MT_presets, presets.DNPM_MT_delete_preset)
    settings.override(settings.Settings(presets=str(tmp_path)))
    try:
        assert "None saved yet" in shown(draw(*menus), "label")
        bpy.ops.dnpm.save_preset(name="Grandmother")
        drawn = draw(*menus)
    finally:
        settings.override(None)
    assert shown(drawn, "operator") == ["dnpm.load_preset", "dnpm.load_preset", "dnpm.delete_preset"]


def test_the_shipped_people_and_expressions_are_loaded_from_menus(face, backend):
    from dnpm.core.face_model.presets import shipped
    from dnpm.operators import presets

    for menu, kind in ((presets.DNPM_MT_people, "people"), (presets.DNPM_MT_expressions, "expressions")):
        assert shown(draw(menu), "operator") == ["dnpm.load_preset"] * len(shipped(kind))
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.0
    surprise = next(path for path in shipped("expressions") if path.stem == "Surprise")
    person = [item.value for item in face.dnpm_face.identity]
    assert bpy.ops.dnpm.load_preset("EXEC_DEFAULT", filepath=str(surprise)) == {"FINISHED"}
    assert face.data.shape_keys.key_blocks["jawOpen"].value > 0.2
    assert [item.value for item in face.dnpm_face.identity] == person


def test_a_long_list_of_presets_is_searched(face, backend, tmp_path, monkeypatch):
    from dnpm.operators import presets
    from dnpm.operators.scene import settings

    monkeypatch.setattr(presets, "MENU_ROWS", 2)
    settings.override(settings.Settings(presets=str(tmp_path)))
    try:
        for name in ("Ann", "Bob", "Cleo"):
            bpy.ops.dnpm.save_preset(name=name)
        (tmp_path / "family").mkdir()
        (tmp_path / "Ann.json").rename(tmp_path / "family" / "Ann.json")
        bpy.ops.dnpm.save_preset(name="Dan")
        drawn = draw(presets.DNPM_MT_presets)
        assert shown(drawn, "operator") == ["dnpm.load_preset"] * 2 + ["dnpm.find_preset", "dnpm.load_preset"]
        names = [entry[0] for entry in presets._choices(None, bpy.context)]
        assert names == ["Bob.json", "Cleo.json", "Dan.json", "family/Ann.json"]
        face.dnpm_face.identity[0].value = 2.0
        assert bpy.ops.dnpm.find_preset(preset="family/Ann.json") == {"FINISHED"}
        assert face.dnpm_face.identity[0].value == 0.0
        assert bpy.ops.dnpm.find_preset(preset="family/Ann.json", delete=True) == {"FINISHED"}
        assert not (tmp_path / "family" / "Ann.json").exists()
    finally:
        settings.override(None)


def test_random_stays_within_what_a_slider_can_hold(face, tiny_model):
    from dnpm.operators.scene.face import identity, slider_values

    bpy.ops.dnpm.random(part="ALL", seed=1, strength=1000.0)
    assert identity.is_applied(face, slider_values.identity_vector(face))


def speech() -> list[tuple[str, str]]:
    from dnpm.panels import sequence
    from dnpm.panels import speech as panel

    panels = [cls for cls in (*panel.CLASSES, *sequence.CLASSES) if hasattr(cls, "draw")]
    return draw(*panels)


def test_speech_shows_what_counts(face):
    group = face.dnpm_speech
    drawn = speech()
    assert {"dnpm.animate_from_audio", "dnpm.import_live_link", "dnpm.export_live_link", "dnpm.bake_sequence"} <= set(
        shown(drawn, "operator")
    )
    assert {"File", "Start", "Offset", "Jaw", "Smoothing", "Seed", "Thin Out", "Folder"} <= set(shown(drawn, "prop"))
    assert not {"Frame", "Head Life", "First"} & set(shown(drawn, "prop"))
    group.start, group.head, face.dnpm_sequence.frames = "FRAME", "EMPTY", "RANGE"
    assert {"Frame", "Head Life", "First"} <= set(shown(speech(), "prop"))
    group.source = "STRIP"
    drawn = speech()
    assert "Select a sound strip" in shown(drawn, "label")
    assert not {"File", "Skip"} & set(shown(drawn, "prop"))


def test_speech_is_hidden_without_a_face(backend):
    from dnpm.panels.speech import DNPM_PT_speech

    assert not draw(DNPM_PT_speech)


def test_styles_are_those_of_the_weights(face, tmp_path, monkeypatch):
    from dnpm.operators.properties.speech import _styles

    monkeypatch.setenv("DNPM_WEIGHTS", str(tmp_path))
    assert _styles(face.dnpm_speech, bpy.context, "") == []
    card = {"format": "dnpm-speech-1", "name": "a", "file": {}, "data": "", "licence": "", "command": "", "seed": 0,
            "hours": 0, "scores": {}, "config": {"speakers": ["calm", "loud"]}}  # fmt: skip
    (tmp_path / "speech.json").write_text(json.dumps(card))
    assert _styles(face.dnpm_speech, bpy.context, "") == ["calm", "loud"]
    (tmp_path / "speech.json").write_text(json.dumps(card | {"withdrawn": {"loud": "nobody liked it"}}))
    assert _styles(face.dnpm_speech, bpy.context, "") == ["calm"]
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "ann.style.json").write_text("{}")
    assert _styles(face.dnpm_speech, bpy.context, "") == ["calm", "ann"]
    from dnpm.operators.animate import _speaker

    assert (_speaker("ann"), _speaker("calm")) == (str(tmp_path / "styles" / "ann.style.json"), "calm")
    assert _speaker("") is None


def test_paragraphs_are_wrapped_by_the_width_of_their_letters():
    from dnpm.panels import status

    def width(text: str) -> float:
        return sum(1.0 if letter in "il" else 2.0 for letter in text)

    text = "ill will /usr/lib/python3.13/site-packages fill mmmm"
    lines = status.wrapped(text, width, 20.0, 12.0)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert width(lines[0]) <= 12
    assert all(width(line) <= 20 for line in lines)
    assert lines[0] == "ill will"
    assert status.wrapped("", width, 20.0, 12.0) == []
    assert status.wrapped("mmmmmmmmmm", width, 20.0, 5.0) == ["mmmmmmmmmm"], "rather on the next line than in two"
