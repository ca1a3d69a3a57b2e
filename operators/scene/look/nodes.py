"""Small helpers to build shader node trees with."""

from __future__ import annotations

import bpy

Socket = bpy.types.NodeSocket | tuple[float, ...]


def mix(tree: bpy.types.NodeTree, first: Socket, second: Socket, factor: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """A colour mix of sockets or constant RGBA colours."""
    node = tree.nodes.new("ShaderNodeMixRGB")
    tree.links.new(factor, node.inputs["Fac"])
    for name, value in (("Color1", first), ("Color2", second)):
        if isinstance(value, tuple):
            node.inputs[name].default_value = value
        else:
            tree.links.new(value, node.inputs[name])
    return node.outputs["Color"]


def multiplied(
    tree: bpy.types.NodeTree, colour: Socket, light: bpy.types.NodeSocket, factor: bpy.types.NodeSocket | float = 1.0
) -> bpy.types.NodeSocket:
    """A colour times a grey, as far as `factor` says."""
    node = tree.nodes.new("ShaderNodeMixRGB")
    node.blend_type = "MULTIPLY"
    if isinstance(factor, float):
        node.inputs["Fac"].default_value = factor
    else:
        tree.links.new(factor, node.inputs["Fac"])
    if isinstance(colour, tuple):
        node.inputs["Color1"].default_value = colour
    else:
        tree.links.new(colour, node.inputs["Color1"])
    tree.links.new(light, node.inputs["Color2"])
    return node.outputs["Color"]


def math(
    tree: bpy.types.NodeTree, operation: str, first: bpy.types.NodeSocket, *others: bpy.types.NodeSocket | float
) -> bpy.types.NodeSocket:
    """One scalar operation on a socket and up to two more sockets or constants."""
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    for place, value in enumerate((first, *others)):
        if isinstance(value, int | float):
            node.inputs[place].default_value = value
        else:
            tree.links.new(value, node.inputs[place])
    return node.outputs[0]


def ranged(
    tree: bpy.types.NodeTree,
    value: bpy.types.NodeSocket,
    source: tuple[float, float],
    target: tuple[float, float],
    *,
    smooth: bool = False,
) -> bpy.types.NodeSocket:
    """`value` carried from the range `source` to `target`, linearly or with `smooth` ends, and held beyond."""
    node = tree.nodes.new("ShaderNodeMapRange")
    node.interpolation_type = "SMOOTHSTEP" if smooth else "LINEAR"
    names = ("From Min", "From Max", "To Min", "To Max")
    for name, end in zip(names, (*source, *target), strict=True):
        node.inputs[name].default_value = end
    tree.links.new(value, node.inputs["Value"])
    return node.outputs[0]


def noise(tree: bpy.types.NodeTree, place: bpy.types.NodeSocket, scale: float, detail: float) -> bpy.types.NodeSocket:
    """About 0 to 1, mean 0.5."""
    node = tree.nodes.new("ShaderNodeTexNoise")
    node.inputs["Scale"].default_value, node.inputs["Detail"].default_value = scale, detail
    tree.links.new(place, node.inputs["Vector"])
    return node.outputs[0]


def attribute(tree: bpy.types.NodeTree, name: str) -> bpy.types.Node:
    """A mesh attribute: outputs "Fac" and "Vector"."""
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name = name
    return node


def uv(tree: bpy.types.NodeTree, layer: str) -> bpy.types.NodeSocket:
    """Coordinates of a UV layer."""
    node = tree.nodes.new("ShaderNodeUVMap")
    node.uv_map = layer
    return node.outputs["UV"]


def vector(
    tree: bpy.types.NodeTree,
    operation: str,
    first: bpy.types.NodeSocket,
    *others: bpy.types.NodeSocket | tuple[float, ...],
    name: str = "",
) -> bpy.types.NodeSocket:
    """One vector operation on a socket and more sockets or constants; a scalar result for LENGTH. name: the node's."""
    node = tree.nodes.new("ShaderNodeVectorMath")
    node.operation = operation
    node.name = name or node.name
    for place, value in enumerate((first, *others)):
        if isinstance(value, tuple):
            node.inputs[place].default_value = value
        else:
            tree.links.new(value, node.inputs[place])
    return node.outputs["Value" if operation == "LENGTH" else "Vector"]


def subsurface(shader: bpy.types.Node, weight: float, radius: tuple[float, float, float], scale: float) -> None:
    """Light that wanders below the surface: `scale` in Blender units times `radius` a colour."""
    shader.inputs["Subsurface Weight"].default_value = weight
    shader.inputs["Subsurface Radius"].default_value = radius
    shader.inputs["Subsurface Scale"].default_value = scale
