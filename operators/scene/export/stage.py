"""A scene of its own for exporting and baking: metres, nothing selected but ours, gone afterwards.

Blender's exporters and its baking read the scene, the view layer, and what is selected there. The artist's scene is
left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy

_TYPES = {
    "objects": bpy.types.Object, "meshes": bpy.types.Mesh, "armatures": bpy.types.Armature,
    "materials": bpy.types.Material, "images": bpy.types.Image,
}  # fmt: skip


@dataclass
class Stage:
    """The scene, and the data blocks that go with it."""

    scene: bpy.types.Scene
    made: list[bpy.types.ID] = field(default_factory=list)

    def add(self, block: Any) -> Any:
        """Have a data block removed at the end; objects are also linked to the scene."""
        self.made.append(block)
        if isinstance(block, bpy.types.Object):
            self.scene.collection.objects.link(block)
        return block

    @contextmanager
    def selected(self, *objects: bpy.types.Object) -> Iterator[None]:
        """Inside, these objects are selected alone, and the first is active, for Blender's operators."""
        layer = self.scene.view_layers[0]
        for other in layer.objects:
            other.select_set(other in objects, view_layer=layer)
        layer.objects.active = objects[0]
        chosen = list(objects)
        with bpy.context.temp_override(
            scene=self.scene, view_layer=layer, collection=self.scene.collection, object=objects[0],
            active_object=objects[0], selected_objects=chosen, selected_editable_objects=chosen,
        ):  # fmt: skip
            yield


@contextmanager
def stage() -> Iterator[Stage]:
    """An empty scene; at the end it and all that was added are removed."""
    scene = bpy.data.scenes.new("DNPM export")
    scene.unit_settings.system, scene.unit_settings.scale_length = "METRIC", 1.0
    one = Stage(scene)
    try:
        yield one
    finally:
        bpy.data.scenes.remove(scene)
        # Users before what they use.
        for kind in ("objects", "meshes", "armatures", "materials", "images"):
            collection: Any = getattr(bpy.data, kind)
            for block in [block for block in one.made if isinstance(block, _TYPES[kind])]:
                collection.remove(block)
