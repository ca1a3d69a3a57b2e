"""The eye's material, by the azimuthal texture layout that core/face_model/build/eyes.py documents."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ....core.face_model.looks import DEFAULT_IRIS, IRISES
from .. import names
from . import nodes

IRIS_RAMP = "DNPM Iris"
"""Name of the node with the eye's colours, from the pupil out."""
SCLERA = (0.64, 0.59, 0.55, 1.0)
LIMBUS = (0.035, 0.026, 0.022, 1.0)

_LIMBUS_UV, _PUPIL_UV = 29.0 / 360.0, 9.5 / 360.0
RINGS = (("iris", _LIMBUS_UV + 1e-4), ("pupil", 10.0 / 360.0))
"""Materials of the eye's middle, each within a distance from the texture's centre: just behind a ring of vertices."""
_INNER, _OUTER = 2, 3
"""Places of the iris's two colours on the ramp."""
_BLACK, _VEINED = (0.004, 0.004, 0.004, 1.0), (0.5, 0.34, 0.29, 1.0)
IN_SOLID = {"pupil": _BLACK, "iris": (*IRISES[DEFAULT_IRIS], 1.0)}
"""Colours where nodes are not shown; others are SCLERA."""


def build(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
    """Pupil, iris, limbus and white by the angle from the gaze, which is the distance from the texture's centre."""
    centred = nodes.vector(tree, "SUBTRACT", nodes.uv(tree, names.UV), (0.5, 0.5, 0.0))
    # The limbus lies at the middle of the ramp.
    angle = nodes.math(tree, "MULTIPLY", nodes.vector(tree, "LENGTH", centred), 0.5 / _LIMBUS_UV)
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.name = ramp.label = IRIS_RAMP
    stops = ramp.color_ramp.elements
    pupil = 0.5 * _PUPIL_UV / _LIMBUS_UV
    wanted = [(0.0, _BLACK), (pupil - 0.012, _BLACK), (pupil + 0.012, _BLACK), (0.37, _BLACK), (0.46, LIMBUS),
              (0.49, LIMBUS), (0.55, SCLERA), (1.0, _VEINED)]  # fmt: skip
    while len(stops) < len(wanted):
        stops.new(1.0)
    for stop, (position, colour) in zip(stops, wanted, strict=True):
        stop.position, stop.color = position, colour
    tree.links.new(angle, ramp.inputs["Fac"])
    set_iris(tree, IRISES[DEFAULT_IRIS])
    inside = nodes.math(tree, "LESS_THAN", angle, 0.47)
    tree.links.new(_fibres(tree, centred, ramp.outputs["Color"], inside), shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.1
    shader.inputs["IOR"].default_value = 1.376
    # The film of tears, whose highlight makes an eye look alive.
    shader.inputs["Coat Weight"].default_value = 1.0
    shader.inputs["Coat Roughness"].default_value = 0.015
    shader.inputs["Coat IOR"].default_value = 1.6


def set_iris(tree: bpy.types.NodeTree, colour: Sequence[float]) -> None:
    """Colour the iris (linear RGB): its inner ring lighter, as in real eyes. An artist's own ramp stays."""
    ramp = tree.nodes.get(IRIS_RAMP)
    if ramp is not None and len(ramp.color_ramp.elements) in (7, 8):  # 7 in files of the first version
        inner = [min(1.0, value * 2.0) for value in colour]
        ramp.color_ramp.elements[_INNER].color = (*inner, 1.0)
        ramp.color_ramp.elements[_OUTER].color = (*colour, 1.0)


def _fibres(
    tree: bpy.types.NodeTree,
    place: bpy.types.NodeSocket,
    colour: bpy.types.NodeSocket,
    inside: bpy.types.NodeSocket,
) -> bpy.types.NodeSocket:
    """The iris's radial fibres: noise over the direction from the pupil, hardly changing outward, without a seam."""
    outward = nodes.vector(tree, "MULTIPLY", place, (14.0, 14.0, 14.0))
    wide = nodes.vector(tree, "MULTIPLY_ADD", nodes.vector(tree, "NORMALIZE", place), (7.0, 7.0, 7.0), outward)
    light = nodes.ranged(tree, nodes.noise(tree, wide, 1.0, 3.0), (0.3, 0.7), (0.45, 1.45))
    return nodes.multiplied(tree, colour, light, inside)
