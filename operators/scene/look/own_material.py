"""The bump of fine detail in the materials of a head of another program: added before what they have, and taken out."""

from __future__ import annotations

import bpy
import numpy as np

from .. import names
from . import skin_material

OWN = "own"
"""MATERIAL_KIND of an artist's material that was given our bump."""


def add_bump(obj: bpy.types.Object, used: np.ndarray, reach: float) -> list[str]:
    """Give the materials `used` (slot numbers) the bump; returns the names of those that have no shader for it."""
    refused = []
    for slot in [obj.material_slots[i] for i in np.unique(used) if i < len(obj.material_slots)]:
        material = slot.material
        if material is None or material.library is not None:
            continue
        if material.get(names.MATERIAL_KIND) is not None:
            continue
        tree = material.node_tree
        shader = _shader(tree) if tree is not None else None
        if tree is None or shader is None:
            refused.append(material.name)
            continue
        before = set(tree.nodes)
        skin_material.pores(tree, shader.inputs["Normal"], reach)
        for node in set(tree.nodes) - before:
            node[names.MATERIAL_KIND] = OWN
            node.location = (shader.location[0] - 500, shader.location[1] - 400)
        material[names.MATERIAL_KIND] = OWN
    return refused


def remove_bump(obj: bpy.types.Object) -> None:
    """Take the bump out again; what was linked to the shader before is linked again."""
    for slot in obj.material_slots:
        material = slot.material
        if material is None or material.get(names.MATERIAL_KIND) != OWN or material.node_tree is None:
            continue
        tree = material.node_tree
        bump = tree.nodes.get(skin_material.PORES)
        if bump is not None:
            targets = [link.to_socket for link in bump.outputs["Normal"].links]
            before = bump.inputs["Normal"]
            source = before.links[0].from_socket if before.is_linked else None
            if source is not None:
                for target in targets:
                    tree.links.new(source, target)
        for node in [node for node in tree.nodes if node.get(names.MATERIAL_KIND) == OWN]:
            tree.nodes.remove(node)
        del material[names.MATERIAL_KIND]


def _shader(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """The first Principled BSDF, else the first node with a free normal."""
    usable = [node for node in tree.nodes if "Normal" in node.inputs and node.type.startswith("BSDF")]
    return next((node for node in usable if node.type == "BSDF_PRINCIPLED"), usable[0] if usable else None)
