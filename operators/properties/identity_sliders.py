"""Identity sliders as the sidebar shows them: one property a component, each with a tooltip of its own.

The values are those of `IdentityValue`, one class for all components, for which Blender shows one tooltip. These hold
nothing: they read and write that value, as `LinkedValue` does for expressions. They cannot be keyed, and Blender allows
no override of what is not stored: the sidebar then shows the value itself (`shown`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import bpy

from ...core.face_model import shape_components
from ...core.face_model.component_help import DESCRIPTIONS
from ...core.face_model.presets import IDENTITY_LIMIT
from ..scene import names, registration
from ..scene.face import animated
from .face import IdentityValue

ATTRIBUTES = {label: re.sub(r"\W+", "_", label).lower() for label in DESCRIPTIONS}
"""Label of a component -> its property here."""
_NAME = "dnpm_identity_sliders"


def _getter(label: str) -> Callable[[IdentitySliders], float]:
    def get(group: IdentitySliders) -> float:
        item = getattr(group.id_data, names.FACE).identity.get(label)
        return item.value if item is not None else 0.0

    return get


def _setter(label: str) -> Callable[[IdentitySliders, float], None]:
    def write(group: IdentitySliders, value: float) -> None:
        item = getattr(group.id_data, names.FACE).identity.get(label)
        if item is not None:
            item.value = value

    return write


class IdentitySliders(bpy.types.PropertyGroup):
    """One slider for each component of the default model's."""

    __annotations__ = {
        ATTRIBUTES[label]: bpy.props.FloatProperty(
            name=shape_components.shown_name(label),
            description=f"{text}. In standard deviations. To animate it, press Key Identity",
            soft_min=-3.0,
            soft_max=3.0,
            min=-IDENTITY_LIMIT,
            max=IDENTITY_LIMIT,
            step=5,
            precision=2,
            get=_getter(label),
            set=_setter(label),
            options=set(),
        )
        for label, text in DESCRIPTIONS.items()
    }


def shown(face: bpy.types.Object, item: IdentityValue) -> tuple[bpy.types.bpy_struct, str]:
    """What the sidebar draws for a component: (owner, property). The value itself where it must be: for components of
    other models, on an override, and once the identity is animated, so that keys and drivers show and can be set."""
    attribute = ATTRIBUTES.get(item.name)
    if attribute is None or face.override_library is not None or animated.has_identity(face):
        return item, "value"
    return getattr(face, _NAME), attribute


def _show() -> None:
    setattr(bpy.types.Object, _NAME, bpy.props.PointerProperty(type=IdentitySliders))


def _hide() -> None:
    delattr(bpy.types.Object, _NAME)


_STEPS = (*registration.classes((IdentitySliders,)), (_show, _hide))


def register() -> None:
    """The class, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
