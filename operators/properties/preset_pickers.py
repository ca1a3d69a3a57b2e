"""Which preset was picked by its picture. Nothing of it is kept in files: it belongs to the window manager."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ...core import logs
from ..scene import compat, registration, saved_presets, thumbnails

log = logs.logger(__name__)

NAME = "dnpm_preset_pickers"
"""Attribute of the window manager."""
MOST = 120
"""Pictures in one picker; others are found by their name."""
_NOTHING = "NOTHING"
_NUMBERS = 2**24
_strings: dict[str, str] = {}
"""Blender keeps no copy of an enum's strings, and an open popup shows those of an earlier call: every one stays."""


Item = tuple[str, str, str, int | str, int]
_shipped: dict[str, list[Item]] = {}
"""The items of what ships: it stays, and a panel asks for its items at every redraw, in the middle of a drag too."""


def _choices(kind: str) -> Callable[[Any, bpy.types.Context], list[Item]]:
    def items(group: PresetPickers, context: bpy.types.Context) -> list[Item]:
        if kind in _shipped:
            return _shipped[kind]
        entries: list[Item] = [(_NOTHING, "Choose", "Click for the pictures", thumbnails.NEUTRAL, 0)]
        taken = {0}
        for path in saved_presets.of_kind(kind)[:MOST]:
            number = _number(path, taken)
            title = saved_presets.title(path)
            texts = (_kept(str(path)), _kept(title), _kept(f"Set the face's sliders: {title}"))
            entries.append((*texts, thumbnails.icon_of(path), number))
        if kind != "saved" and all(entry[3] != thumbnails.NEUTRAL for entry in entries[1:]):
            _shipped[kind] = entries
        return entries

    return items


def _kept(text: str) -> str:
    return _strings.setdefault(text, text)


def _number(path: Path, taken: set[int]) -> int:
    """An item's number: by its name, so that a preset that comes or goes does not move the choice to another one; and
    below 2**24, because Blender's picker passes it through a 32-bit float."""
    number = zlib.crc32(str(path).encode()) % _NUMBERS
    while number in taken:
        number = (number + 1) % _NUMBERS
    taken.add(number)
    return number


def _picked(kind: str) -> Callable[[PresetPickers, bpy.types.Context], None]:
    def update(group: PresetPickers, context: bpy.types.Context) -> None:
        chosen = getattr(group, kind)
        if chosen == _NOTHING:
            return
        try:
            bpy.ops.dnpm.load_preset("EXEC_DEFAULT", True, filepath=chosen)  # type: ignore[attr-defined]
        except RuntimeError as error:  # What the operator reported: a file that is gone, another model's preset.
            log.info("%s: %s", Path(chosen).name, error)
            _tell(context, str(error).removeprefix("Error: ").strip())

    return update


def _tell(context: bpy.types.Context, text: str) -> None:
    if not compat.in_background():
        context.window_manager.popup_menu(lambda menu, _: menu.layout.label(text=text), title="Preset", icon="ERROR")


class PresetPickers(bpy.types.PropertyGroup):
    """A picker for each kind of preset."""

    people: bpy.props.EnumProperty(
        name="People", description="Twelve people: shape, skin and colours; the expression stays",
        items=_choices("people"), update=_picked("people"), options={"SKIP_SAVE"},
    )  # fmt: skip
    expressions: bpy.props.EnumProperty(
        name="Expressions", description="Twenty expressions; the person stays",
        items=_choices("expressions"), update=_picked("expressions"), options={"SKIP_SAVE"},
    )  # fmt: skip
    saved: bpy.props.EnumProperty(
        name="Saved", description="Faces that were saved as presets",
        items=_choices("saved"), update=_picked("saved"), options={"SKIP_SAVE"},
    )  # fmt: skip


def of(context: bpy.types.Context) -> PresetPickers:
    """The window manager's."""
    return getattr(context.window_manager, NAME)


def _show() -> None:
    setattr(bpy.types.WindowManager, NAME, bpy.props.PointerProperty(type=PresetPickers))


def _hide() -> None:
    _shipped.clear()
    delattr(bpy.types.WindowManager, NAME)


_STEPS = (
    (thumbnails.register, thumbnails.unregister), *registration.classes((PresetPickers,)), (_show, _hide),
)  # fmt: skip


def register() -> None:
    """The class, the property, and room for the pictures."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
