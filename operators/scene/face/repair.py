"""Puts back what a face needs and what was deleted or renamed; what the artist made stays."""

from __future__ import annotations

import bpy
import numpy as np

from ....core.errors import DnpmError
from .. import names
from ..detail import live, map_image
from ..look import looks, materials
from ..photo import photos
from . import create, identity, models, slider_values, vertex_groups

_SAME_M = 1e-4
"""A key whose points all lie within this of an expression's is that expression, whatever its name."""


def repair(obj: bpy.types.Object) -> list[str]:
    """Mend a face; returns what was mended, in words.

    Renamed shape keys get their name back; missing ones, the detail layer, modifier, texture, image and materials are
    recomputed; a face of another build of the model is carried over to the loaded one. Raises DnpmError when the mesh's
    vertices are not the model's: then there is nothing to hang the sliders on, and the mesh is left alone.
    """
    table = models.current_table()
    identity.check_vertex_count(obj, table)
    done = _carry_over(obj, table) + _renamed_keys(obj, table) + _keys(obj, table)
    done += _layer(obj, table) + _modifier(obj) + _groups(obj, table)
    if materials.refill(obj, table.model):
        done.append("materials")
    photos.show_colour(obj)
    identity.apply(obj)
    if materials.link_map(obj) and "map" not in done:
        done.append("the pores' map")
    if looks.apply(obj) and "materials" not in done:
        done.append("skin paint")
    live.restore(obj)
    return done


def _carry_over(obj: bpy.types.Object, table: models.KeyTable) -> list[str]:
    face = getattr(obj, names.FACE)
    if face.fingerprint == table.fingerprint:
        return ["sliders of the skin"] if identity.add_new_sliders(obj) else []
    if obj.override_library is not None and face.identity.keys() != list(table.model.identity_labels):
        raise DnpmError(
            f"{obj.name}: is an override of a face of another face model ({face.model or 'unknown'}), and Blender does "
            "not let an override have other sliders: repair the face in its library"
        )
    create.fill_sliders(obj, table)
    # What the mesh looked like belongs to the other model: the next `apply` writes it whole.
    identity.forget(obj.data)
    return [f"carried over to {table.model.name}"]


def _renamed_keys(obj: bpy.types.Object, table: models.KeyTable) -> list[str]:
    """Find keys under a foreign name by their shape: a second key of the same shape would move the face twice."""
    before = identity.applied(obj)
    if obj.data.shape_keys is None or before is None:
        return []
    blocks = obj.data.shape_keys.key_blocks
    expected = table.coordinates(before, getattr(obj, names.FACE).unit_scale)[1:]
    missing = [name for name in table.names if name not in blocks]
    done = []
    for block in [b for b in blocks[1:] if b.name not in table.names] if missing else []:
        points = np.empty(expected[0].size, np.float32)
        block.points.foreach_get("co", points)
        off = [np.abs(expected[table.names.index(name)].ravel() - points).max() for name in missing]
        if off and min(off) < _SAME_M / getattr(obj, names.FACE).unit_scale:
            name = missing.pop(int(np.argmin(off)))
            done.append(f"shape key {block.name} is {name} again")
            block.name = name
    return done


def _layer(obj: bpy.types.Object, table: models.KeyTable) -> list[str]:
    if names.DETAIL in obj.data.uv_layers:
        return []
    create.add_detail_layer(obj.data, table.model)
    modifier = map_image.displace_modifier(obj)
    if modifier is not None:
        modifier.uv_layer = names.DETAIL
    return ["detail UV layer"]


def _keys(obj: bpy.types.Object, table: models.KeyTable) -> list[str]:
    missing = []
    if obj.data.shape_keys is None:
        obj.shape_key_add(name=names.BASIS, from_mix=False)
    blocks = slider_values.key_blocks(obj)
    for name in table.names:
        if name not in blocks:
            create.add_key(obj, name)
            missing.append(name)
    if not missing:
        return []
    identity.forget(obj.data)
    return [f"{len(missing)} shape keys ({', '.join(missing[:3])}{'...' if len(missing) > 3 else ''})"]


def _groups(obj: bpy.types.Object, table: models.KeyTable) -> list[str]:
    done = ["the name of the detail region's vertex group"] if vertex_groups.migrate(obj) else []
    if names.REGION not in obj.vertex_groups:
        vertex_groups.add(obj, table.model)
        done.append("vertex groups")
    return done


def _modifier(obj: bpy.types.Object) -> list[str]:
    done = []
    if map_image.is_baked(obj) and None in (map_image.shown_image(obj), map_image.find_image(obj)):
        map_image.leave_sequence(obj)
        done.append("live map in place of the baked sequence")
    modifier = map_image.displace_modifier(obj)
    if not any(other.type == "SUBSURF" for other in obj.modifiers):
        create.add_subdivision(obj)
        place = len(obj.modifiers) - 1 if modifier is None else obj.modifiers.find(modifier.name)
        # The map lifts the vertices that subdivision makes.
        obj.modifiers.move(len(obj.modifiers) - 1, place)
        done.append("Subdivision modifier")
    if modifier is None:
        modifier = obj.modifiers.new(names.DETAIL, "DISPLACE")
        done.append("Displace modifier")
    texture, image = modifier.texture, map_image.find_image(obj)
    # An image without a size is one whose file, or packed data, Blender cannot read.
    if texture is None or image is None or not image.size[0]:
        name = f"{names.DETAIL} {obj.name}"
        texture = map_image.new_texture(name, map_image.new_image(name))
        done.append("map")
    if done:
        map_image.set_up_modifier(obj, modifier, texture)
    return done
