"""A plugin for mypy: what Blender's stubs (fake-bpy-module) cannot know about this extension.

The stubs say of nearly every attribute that it may be None, and of `Object.data` that it may be any of 15 kinds. Where
Blender guarantees more to the code that runs here, it is written down once, below, so that what mypy still reports as
"may be None" is something that an artist can delete.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.nodes import StrExpr
from mypy.plugin import AttributeContext, MethodContext, Plugin
from mypy.typeops import make_simplified_union
from mypy.types import AnyType, NoneType, Type, TypeOfAny, UnionType, get_proper_type

_ALWAYS_THERE = {
    # A context as operators, panels and handlers get it.
    *(f"bpy.types.Context.{name}" for name in
      ("collection", "preferences", "scene", "view_layer", "window_manager", "workspace")),
    *(f"bpy.types.{kind}.layout" for kind in ("Menu", "Operator", "Panel")),
    *(f"bpy.types.Scene.{name}" for name in
      ("collection", "cursor", "cycles", "display", "display_settings", "eevee", "render", "unit_settings",
       "view_settings")),
    "bpy.types.Image.colorspace_settings",
    "bpy.types.ImageTexture.image_user",
    "bpy.types.RenderSettings.ffmpeg",
    "bpy.types.SceneDisplay.shading",
    # Materials and worlds that this extension touches are its own, and made of nodes.
    "bpy.types.Material.node_tree",
    "bpy.types.World.node_tree",
    "bpy.types.NodeTree.links",
    "bpy.types.NodeSocket.links",
    "bpy.types.NodeLink.from_node",
    "bpy.types.NodeLink.from_socket",
    "bpy.types.NodeLink.to_node",
    "bpy.types.NodeLink.to_socket",
}  # fmt: skip
_OTHER_TYPES = {
    # A face is a mesh. Where an object is a camera or an armature, the code says so with a cast.
    "bpy.types.Object.data": "bpy.types.Mesh",
    # Property groups of this extension belong to objects alone.
    "bpy.types.bpy_struct.id_data": "bpy.types.Object",
}
_UNTYPED = {
    "bpy.types.Image.pixels",  # the stubs have one number for the array
    # What a node and its sockets have follows from the node's name.
    "bpy.types.Node.inputs",
    "bpy.types.Node.outputs",
    "bpy.types.NodeTree.nodes",
    # Choices that Blender makes at run time; the stubs have the first one.
    "bpy.types.ColorManagedInputColorspaceSettings.name",
    "bpy.types.ColorManagedViewSettings.look",
    "bpy.types.ColorManagedViewSettings.view_transform",
    "bpy.types.RenderSettings.engine",
}
_UNTYPED_CALLS = {
    "bpy.types.AttributeGroupMesh.new",  # what its data hold follows from the type given
}
_MADE = {
    "bpy.types.ObjectModifiers.new": {"DISPLACE": "DisplaceModifier", "SUBSURF": "SubsurfModifier"},
    "bpy.types.BlendDataTextures.new": {"IMAGE": "ImageTexture"},
    "bpy.types.BlendDataLights.new": {"AREA": "AreaLight"},
}
"""Function -> the class of what it makes, by the kind that it is told."""


def _always_there(context: AttributeContext) -> Type:
    found = get_proper_type(context.default_attr_type)
    if not isinstance(found, UnionType):
        return found
    return make_simplified_union([item for item in found.items if not isinstance(get_proper_type(item), NoneType)])


def _untyped(context: AttributeContext | MethodContext) -> Type:
    return AnyType(TypeOfAny.explicit)


def _as(name: str) -> Callable[[AttributeContext], Type]:
    def hook(context: AttributeContext) -> Type:
        found = get_proper_type(context.default_attr_type)
        return found if isinstance(found, AnyType) else context.api.named_generic_type(name, [])

    return hook


def _by_kind(classes: dict[str, str]) -> Callable[[MethodContext], Type]:
    def hook(context: MethodContext) -> Type:
        kinds = [arg.value for group in context.args for arg in group if isinstance(arg, StrExpr)]
        made = next((classes[kind] for kind in kinds if kind in classes), None)
        if made is None:
            return context.default_return_type
        return context.api.named_generic_type(f"bpy.types.{made}", [])

    return hook


class BlenderPlugin(Plugin):
    """Corrects the types that are listed above."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        if fullname in _ALWAYS_THERE:
            return _always_there
        if fullname in _OTHER_TYPES:
            return _as(_OTHER_TYPES[fullname])
        return _untyped if fullname in _UNTYPED else None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        if fullname in _UNTYPED_CALLS:
            return _untyped
        return _by_kind(_MADE[fullname]) if fullname in _MADE else None


def plugin(version: str) -> type[Plugin]:
    """Where mypy begins."""
    return BlenderPlugin
