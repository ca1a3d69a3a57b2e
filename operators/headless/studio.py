"""The batch's studio: lights that show wrinkles, a plain background, the engine's settings."""

from __future__ import annotations

import bpy
from mathutils import Vector

from ...core.batch.job import Settings
from ..scene import compat

_AIM = Vector((0.0, -0.09, 0.0))
"""Metres: the middle of a face whose origin lies between the ears."""
# Name, place in metres (the face looks along -y), size in metres, watts, colour. The key is a softbox high and to the
# side: large enough for soft shadows, near enough to the side that its light grazes the relief. The eyelight stands
# little over the camera, so that lids which squint leave its highlight in the eyes. The rim parts head and backdrop: it
# stands far behind, and only a part of it, the sheen, is mirrored: skin that is seen so flat mirrors nearly all, and a
# temple without hair was one white patch, with a white dot where the ear begins.
_LIGHTS = (
    ("key", (-0.85, -0.85, 0.55), 0.45, 26.0, (1.0, 0.95, 0.89)),
    ("fill", (1.15, -1.0, 0.05), 1.4, 7.0, (0.86, 0.92, 1.0)),
    ("eyelight", (0.12, -1.6, 0.24), 0.24, 4.0, (1.0, 0.98, 0.95)),
    ("rim", (0.55, 1.2, 0.55), 0.5, 7.5, (1.0, 0.98, 0.95)),
    ("sheen", (0.55, 1.2, 0.55), 0.5, 2.2, (1.0, 0.98, 0.95)),
)
_MATTE = ("fill", "rim")
"""Lights that are not mirrored. The fill, large and low, would lie on the eyes as a milky pane."""
_BACKDROP = (0.034, 0.035, 0.037, 1.0)
_AMBIENT = (0.045, 0.048, 0.052, 1.0)


def build(scene: bpy.types.Scene) -> bpy.types.Object:
    """Put lights, world and a camera into the scene; returns the camera, for camera.aim."""
    scale = 1.0 / scene.unit_settings.scale_length
    for name, place, size, watts, colour in _LIGHTS:
        light = bpy.data.lights.new(f"DNPM {name}", "AREA")
        light.shape, light.size, light.energy, light.color = "DISK", size * scale, watts * scale * scale, colour
        lamp = bpy.data.objects.new(light.name, light)
        if name in _MATTE:
            light.specular_factor, lamp.visible_glossy = 0.0, False
        lamp.location = Vector(place) * scale
        lamp.rotation_euler = (Vector(place) - _AIM).to_track_quat("Z", "Y").to_euler()
        scene.collection.objects.link(lamp)
    scene.world = _world()
    camera = bpy.data.objects.new("DNPM camera", bpy.data.cameras.new("DNPM camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _world() -> bpy.types.World:
    """The camera sees the backdrop; the face is lit by a weaker ambient."""
    world = bpy.data.worlds.new("DNPM studio")
    compat.use_nodes(world)
    tree = world.node_tree
    tree.nodes.clear()
    backdrop, ambient = (tree.nodes.new("ShaderNodeBackground") for _ in range(2))
    backdrop.inputs["Color"].default_value, ambient.inputs["Color"].default_value = _BACKDROP, _AMBIENT
    path, mix = tree.nodes.new("ShaderNodeLightPath"), tree.nodes.new("ShaderNodeMixShader")
    output = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(path.outputs["Is Camera Ray"], mix.inputs[0])
    tree.links.new(ambient.outputs[0], mix.inputs[1])
    tree.links.new(backdrop.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    return world


def set_up_render(scene: bpy.types.Scene, settings: Settings) -> None:
    """Size, engine, samples and background of an item."""
    render = scene.render
    render.resolution_x, render.resolution_y = settings.size
    render.resolution_percentage = 100
    render.film_transparent = settings.background == "transparent"
    render.use_file_extension = True
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    if settings.engine == "cycles":
        render.engine = "CYCLES"
        cycles = scene.cycles
        cycles.samples, cycles.use_adaptive_sampling = settings.samples, False
        cycles.seed = 0
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 3, 3
        cycles.use_denoising = _has_denoiser(scene)
    elif settings.engine == "eevee":
        render.engine = compat.eevee_engine()
        scene.eevee.taa_render_samples = settings.samples
    else:
        render.engine = "BLENDER_WORKBENCH"
        shading = scene.display.shading
        # The materials' own colours: skin, lips and irises, where one grey would show a statue.
        shading.light, shading.color_type, shading.show_cavity = "STUDIO", "MATERIAL", True
        shading.cavity_type = "BOTH"


def _has_denoiser(scene: bpy.types.Scene) -> bool:
    """Whether this build of Blender carries OpenImageDenoise (Debian's does not always)."""
    try:
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:
        return False
    return True
