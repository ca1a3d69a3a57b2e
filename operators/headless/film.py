"""Pictures and a sound to an mp4, by Blender's own sequencer and FFmpeg."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...core.batch.clip import scene_rate
from ...core.errors import DnpmError
from ..scene import compat
from ..scene.motion import sounds
from ..scene.written import by_blender


def make(pictures: list[Path], path: Path, fps: float, audio: Path, begin: float = 0.0) -> str:
    """Write the film (H.264, AAC) of consecutive pictures of one size, heard from `begin` seconds of the sound on.

    Returns what to tell: where it is, or why there is none (a Blender without FFmpeg), or none with sound.
    """
    if not bpy.app.build_options.codec_ffmpeg:
        return "no film: this Blender was built without FFmpeg"
    scene = bpy.data.scenes.new("DNPM film")
    try:
        note = _fill(scene, pictures, fps, audio, begin)
        with by_blender(path) as beside:
            _set_up(scene, beside, note == "")
            bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
    return f"{path}{note}"


def _fill(scene: bpy.types.Scene, pictures: list[Path], fps: float, audio: Path, begin: float) -> str:
    """Strips of the pictures and of the sound; returns a note when there is no sound."""
    image = bpy.data.images.load(str(pictures[0]))
    width, height = image.size
    bpy.data.images.remove(image)
    # H.264 wants even sides.
    scene.render.resolution_x, scene.render.resolution_y = width + width % 2, height + height % 2
    scene.render.resolution_percentage = 100
    scene.render.fps, scene.render.fps_base = scene_rate(fps)
    scene.frame_start, scene.frame_end = 1, len(pictures)
    scene.view_settings.view_transform = "Standard"  # The pictures have their look already.
    strips = compat.sequences(scene.sequence_editor_create())
    strip = strips.new_image("pictures", str(pictures[0]), 1, 1)
    for picture in pictures[1:]:
        strip.elements.append(picture.name)
    try:
        sounds.add_strip(scene, sounds.Source(str(audio), begin, len(pictures) / fps), 1.0)
    except DnpmError as error:
        return f" (without sound: {error})"
    return ""


def _set_up(scene: bpy.types.Scene, path: Path, with_sound: bool) -> None:
    render = scene.render
    render.use_sequencer, render.use_compositing = True, False
    render.filepath, render.use_file_extension = str(path), False
    compat.use_video(render.image_settings)
    settings = render.ffmpeg
    settings.format, settings.codec, settings.constant_rate_factor = "MPEG4", "H264", "HIGH"
    settings.gopsize = 12
    settings.audio_codec = "AAC" if with_sound else "NONE"
    settings.audio_bitrate = 160
