"""All or nothing: when a step of switching the extension on fails, the steps before it are taken back.

Otherwise half of it would stay in Blender, and every later attempt would fail over what is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import get_type_hints

import bpy

Step = tuple[Callable[[], object], Callable[[], object]]
"""What is done, and what undoes it."""


def do(steps: Iterable[Step]) -> None:
    """Do the steps in order; when one fails undo those that were done, last first, and raise what it raised."""
    with ExitStack() as done:
        for step, reverse in steps:
            step()
            done.callback(reverse)
        done.pop_all()


def undo(steps: Iterable[Step]) -> None:
    """Undo all steps, last first; one that fails does not keep the others from being undone."""
    with ExitStack() as done:
        for _, reverse in steps:
            done.callback(reverse)


def classes(found: Iterable[type]) -> list[Step]:
    """A step a class of Blender's."""
    return [(partial(bpy.utils.register_class, cls), partial(bpy.utils.unregister_class, cls)) for cls in found]


def with_property(found: Iterable[type], name: str, group: type) -> tuple[Step, ...]:
    """The classes, and then a property group of theirs on every object; a library override may change all of it."""
    for cls in found:
        if issubclass(cls, bpy.types.PropertyGroup):
            _make_overridable(cls)

    def show() -> None:
        setattr(bpy.types.Object, name, bpy.props.PointerProperty(type=group, override={"LIBRARY_OVERRIDABLE"}))

    def hide() -> None:
        delattr(bpy.types.Object, name)

    return (*classes(found), (show, hide))


def _make_overridable(group: type[bpy.types.PropertyGroup]) -> None:
    """Properties cannot be changed on a library override unless each of them says so."""
    hints = get_type_hints(group)
    for name in group.__annotations__:
        declared = hints[name]
        options = {"override": {"LIBRARY_OVERRIDABLE"}} | declared.keywords
        group.__annotations__[name] = declared.function(**options)
