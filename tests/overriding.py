"""Library overrides as every Blender from 4.2 to 5.3 makes them; in processes with bpy alone."""

from __future__ import annotations

from typing import Any

import bpy


def overridden(linked: bpy.types.Object, **options: Any) -> bpy.types.Object:
    """An override of a linked object, in no collection. Blender 5.3 overrides only what a scene holds, and returns None
    for anything else."""
    objects = bpy.context.scene.collection.objects
    objects.link(linked)
    made = linked.override_create(**options)
    for one in (linked, made):
        if one is not None and one in list(objects):
            objects.unlink(one)
    assert made is not None, "Blender made no override"
    return made
