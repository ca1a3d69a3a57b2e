"""The skin's material: a person's tone, the paint over it, uneven gloss, and the pores that the mesh is too coarse for.

The displaced mesh carries what is longer than twice the distance of its vertices (about 0.8 mm at render level 3). What
is shorter the shader adds as a bump from the same image: its height is half of what a texel stands out over the mean
of four lookups that lie as far away as vertices do. Of a wave of length L at a distance d of the lookups that keeps
(1 - cos(2 pi d / L)) / 2: all at L = 2 d, which no vertex can follow, half at 4 d, a seventh at 8 d, and nothing of
the folds, so that no relief is shown twice. Heights are the map's millimetres times the strength slider. To them the
skin of a face adds pits of pores, which a texel of the map (0.23 mm) is too coarse for.
"""

from __future__ import annotations

import bpy
import numpy as np

from ....core.face_model.looks import TONES, Look
from ....core.face_model.model import FaceModel
from ....core.face_model.units import MM_PER_M
from .. import names
from . import nodes

LIPS = "dnpm_lips"
"""Float attribute on points: 1 on the vermilion, 0 on skin."""
PORED = "dnpm_pored"
"""Float attribute on points: 1 where the skin has pores, 0 from where the detail layer ends, where it is drawn out."""
PAINT, MAP, PORES, REACH = "DNPM Paint", "DNPM Map", "DNPM Pores", "DNPM Reach"
"""Names of nodes: the paint's image, the displacement map's (five, this and .001 to .004), the bump, the steps from a
texel to the four around it (REACH and .001 to .003)."""
BASE, DEEP, LIP = "DNPM Base", "DNPM Deep", "DNPM Lip"
"""Names of the nodes with a tone's colours."""
SCALP = "dnpm_scalp"
"""Float attribute on points: 1 where hair grows, 0.5 on the hairline, 0 on bare skin (core/face_model/scalp.py)."""
HAIR, HAIR_AMOUNT = "DNPM Hair", "DNPM Hair Amount"
"""Names of the nodes with the colour and the density of closely cropped hair."""
_LIP_SHARE = 0.4
REACH_UV, _LEVELS = 1.75 / 1024, 3
"""A vertex's distance at render level 3 in the detail layer: 0.4 mm."""
_PITS_A_SIDE, _PIT_MM, _PIT_RADIUS, _BETWEEN_PITS = 190.0, 0.05, 0.38, 0.4
"""Pits of pores: how many along the detail layer (one every 1.2 mm), how deep, their radius as a part of that, and how
far, as a part of it, smooth skin is from one: as far as skin is on average, and outside of every pit."""
_HAIRS_A_SIDE, _STRANDS_A_SIDE, _HAIR_MM, _HAIR_DULL = 200.0, 150.0, 0.12, 0.3
"""Cropped hair: the scales of its noise and of its shades' in the head's box, how high it stands, and how much duller
than skin it is."""


def build(tree: bpy.types.NodeTree, shader: bpy.types.Node, unit_scale: float, model: FaceModel) -> None:
    """Wire the skin into a new material. The mesh has the attributes LIPS, PORED and SCALP."""
    place = tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"]  # moves with the skin, in any unit scale
    base, deep, lip = (_colour(tree, name) for name in (BASE, DEEP, LIP))
    blotches = nodes.ranged(tree, nodes.noise(tree, place, 11.0, 4.0), (0.35, 0.75), (0.0, 0.5))
    lips = nodes.attribute(tree, LIPS).outputs["Fac"]
    # The paint has the lips' red too, with a soft border: this is what shows through it, and on models without paint.
    red = nodes.math(tree, "MULTIPLY", lips, _LIP_SHARE)
    colour = nodes.mix(tree, nodes.mix(tree, base, deep, blotches), lip, red)
    if (model.landmarks68 >= 0).all():
        colour = _painted(tree, colour)
    stubs, cover, hair = _cropped_hair(tree, place)
    colour = nodes.mix(tree, colour, hair, cover)
    tree.links.new(colour, shader.inputs["Base Color"])

    # Grease lies between pores, which are dull; lips are moist. From a noise of its own it took as long as the pits do.
    away = _pit_distance(tree)
    gloss = nodes.ranged(tree, away, (0.0, 0.7), (0.62, 0.44))
    gloss = nodes.math(tree, "MULTIPLY_ADD", lips, -0.14, gloss)
    gloss = nodes.math(tree, "MULTIPLY_ADD", cover, _HAIR_DULL, gloss)
    tree.links.new(gloss, shader.inputs["Roughness"])
    shader.inputs["Specular IOR Level"].default_value = 0.5
    nodes.subsurface(shader, 0.5, (1.0, 0.34, 0.2), 0.0024 / unit_scale)
    pores(tree, shader.inputs["Normal"])
    _pits(tree, away, lips)
    _raise(tree, nodes.math(tree, "MULTIPLY", nodes.math(tree, "MULTIPLY", stubs, cover), _HAIR_MM))


def set_tone(tree: bpy.types.NodeTree, look: Look) -> None:
    """Give the nodes that are still there the tone's and the hair's colours, and the hair's density."""
    tone = TONES[look.tone]
    for name, colour in ((BASE, tone.base), (DEEP, tone.deep), (LIP, tone.lip), (HAIR, look.hair_srgb)):
        node = tree.nodes.get(name)
        if node is not None:
            node.outputs[0].default_value = linear(colour)
    amount = tree.nodes.get(HAIR_AMOUNT)
    if amount is not None:
        amount.outputs[0].default_value = look.hair


def set_map(tree: bpy.types.NodeTree, image: bpy.types.Image | None, strength: float, unit_scale: float) -> None:
    """Let the bump read this displacement map (mm), `strength` times as high."""
    for node in tree.nodes:
        if node.type == "TEX_IMAGE" and node.name.startswith(MAP):
            node.image = image
    set_strength(tree, strength, unit_scale)


def set_strength(tree: bpy.types.NodeTree, strength: float, unit_scale: float) -> None:
    """The scale s of Eq. 4 for the bump: Blender units a millimetre of the map."""
    bump = tree.nodes.get(PORES)
    if bump is not None:
        bump.inputs["Distance"].default_value = strength / (MM_PER_M * unit_scale)


_SOLID_GAIN = 1.8


def set_levels(tree: bpy.types.NodeTree, levels: int) -> None:
    """Let the bump show what a mesh of so many levels of subdivision is too coarse for."""
    reach = REACH_UV * 2.0 ** (_LEVELS - levels)
    for node in tree.nodes:
        if node.type == "VECT_MATH" and node.name.startswith(REACH):
            step = node.inputs[1]
            step.default_value = [reach * np.sign(part) for part in step.default_value]


def linear(colour: tuple[float, float, float]) -> tuple[float, float, float, float]:
    """sRGB as in core/face_model/looks.py -> linear RGBA as Blender's sockets want it (IEC 61966-2-1)."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return r, g, b, 1.0


def for_solid(colour: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Linear RGBA of a skin -> what Solid view shows as that skin: its studio lights take nearly half away."""
    r, g, b = (min(1.0, _SOLID_GAIN * c) for c in colour[:3])
    return r, g, b, 1.0


def _colour(tree: bpy.types.NodeTree, name: str) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeRGB")
    node.name = node.label = name
    return node.outputs[0]


def _painted(tree: bpy.types.NodeTree, below: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The paint over what lies below, through the detail layer."""
    paint = tree.nodes.new("ShaderNodeTexImage")
    paint.name = paint.label = PAINT
    paint.extension = "CLIP"
    tree.links.new(nodes.uv(tree, names.DETAIL), paint.inputs["Vector"])
    return nodes.mix(tree, below, paint.outputs["Color"], paint.outputs["Alpha"])


def pores(tree: bpy.types.NodeTree, normal: bpy.types.NodeSocket, reach: float = REACH_UV) -> None:
    """The bump of the module's docstring, before a shader's input; reach: a vertex's distance in the detail layer."""
    place = nodes.uv(tree, names.DETAIL)
    middle = _lookup(tree, place)
    around = [
        _lookup(tree, nodes.vector(tree, "ADD", place, (reach * u, reach * v, 0.0), name=REACH))
        for u, v in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    total = nodes.math(tree, "ADD", nodes.math(tree, "ADD", *around[:2]), nodes.math(tree, "ADD", *around[2:]))
    height = nodes.math(tree, "MULTIPLY_ADD", total, -0.125, nodes.math(tree, "MULTIPLY", middle, 0.5))
    bump = tree.nodes.new("ShaderNodeBump")
    bump.name = bump.label = PORES
    bump.inputs["Strength"].default_value = 1.0
    tree.links.new(height, bump.inputs["Height"])
    if normal.is_linked:
        tree.links.new(normal.links[0].from_socket, bump.inputs["Normal"])
    tree.links.new(bump.outputs["Normal"], normal)


def _pit_distance(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """How far the next pit's middle is, as a part of what lies between two; constant where the layer ends.

    Faces on the layer's border have coordinates that run along it alone: pits would be drawn out to ripples there.
    """
    cells = tree.nodes.new("ShaderNodeTexVoronoi")
    cells.voronoi_dimensions = "2D"
    cells.inputs["Scale"].default_value = _PITS_A_SIDE
    tree.links.new(nodes.uv(tree, names.DETAIL), cells.inputs["Vector"])
    pored = nodes.attribute(tree, PORED).outputs["Fac"]
    away = nodes.math(tree, "MULTIPLY", nodes.math(tree, "SUBTRACT", cells.outputs["Distance"], _BETWEEN_PITS), pored)
    return nodes.math(tree, "ADD", away, _BETWEEN_PITS)


def _pits(tree: bpy.types.NodeTree, away: bpy.types.NodeSocket, lips: bpy.types.NodeSocket) -> None:
    """Add the pits to the bump's height (mm); lips have none."""
    pit = nodes.ranged(tree, away, (0.0, _PIT_RADIUS), (-_PIT_MM, 0.0), smooth=True)
    pit = nodes.math(tree, "MULTIPLY", pit, nodes.math(tree, "MULTIPLY_ADD", lips, -1.0, 1.0))
    _raise(tree, pit)


def _cropped_hair(
    tree: bpy.types.NodeTree, place: bpy.types.NodeSocket
) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Hairs' ends (0 between, 1 on one), what the hair covers of the skin (0 to 1), and its colour."""
    amount = tree.nodes.new("ShaderNodeValue")
    amount.name = amount.label = HAIR_AMOUNT
    # The hairline frays over some millimetres, and nowhere is hair equally dense.
    frayed = nodes.math(tree, "MULTIPLY_ADD", nodes.noise(tree, place, 38.0, 3.0), 0.5, -0.25)
    line = nodes.math(tree, "ADD", nodes.attribute(tree, SCALP).outputs["Fac"], frayed)
    grows = nodes.ranged(tree, line, (0.32, 0.85), (0.0, 1.0), smooth=True)
    stubs = nodes.ranged(tree, nodes.noise(tree, place, _HAIRS_A_SIDE, 1.0), (0.36, 0.62), (0.0, 1.0))
    dense = nodes.math(tree, "MULTIPLY", nodes.math(tree, "MULTIPLY_ADD", stubs, 0.44, 0.36), amount.outputs[0])
    cover = nodes.math(tree, "MINIMUM", nodes.math(tree, "MULTIPLY", grows, dense), 0.96)
    # Hairs are not all equally grey: of one colour, light hair was a cap of chalk.
    shade = nodes.ranged(tree, nodes.noise(tree, place, _STRANDS_A_SIDE, 2.0), (0.38, 0.62), (0.45, 1.15))
    return stubs, cover, nodes.vector(tree, "MULTIPLY", _colour(tree, HAIR), shade)


def _raise(tree: bpy.types.NodeTree, more: bpy.types.NodeSocket) -> None:
    """Add to the bump's height (mm)."""
    height = tree.nodes[PORES].inputs["Height"]
    tree.links.new(nodes.math(tree, "ADD", height.links[0].from_socket, more), height)


def _lookup(tree: bpy.types.NodeTree, place: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.name = node.label = MAP
    node.extension, node.interpolation = "EXTEND", "Linear"
    node.hide = True
    tree.links.new(place, node.inputs["Vector"])
    return node.outputs["Color"]
