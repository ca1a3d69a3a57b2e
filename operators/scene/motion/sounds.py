"""Where the sound comes from: a file, or a strip of the sequencer with its trims; and how it gets into one."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from ....core.errors import DnpmError
from ....core.speech.formats import READ
from .. import compat


@dataclass(frozen=True)
class Source:
    """A part of a sound file, and the frame of the scene at which it begins."""

    path: str
    begin: float = 0.0
    """Seconds into the file."""
    seconds: float | None = None
    """How much of it; None: to its end."""
    frame: float | None = None
    """None: nowhere yet."""
    temporary: bool = False
    """The file was made for this, and is to be deleted (`forget`)."""

    def forget(self) -> None:
        """Delete the file when it was made for this."""
        if self.temporary:
            Path(self.path).unlink(missing_ok=True)


def fps_of(scene: bpy.types.Scene) -> float:
    """Frames a second, also 23.976."""
    return scene.render.fps / scene.render.fps_base


def from_file(path: str, begin: float, seconds: float) -> Source:
    """A file by its path, which may begin with `//`. Raises DnpmError when none is given."""
    if not path.strip():
        raise DnpmError(f"choose a sound file first ({READ})")
    return Source(bpy.path.abspath(path), begin, seconds or None)


def chosen_strips(scene: bpy.types.Scene) -> list[bpy.types.SoundStrip]:
    """The sequencer's selected sound strips, or else its active one, by their frames. Raises DnpmError when there is
    none."""
    editor = scene.sequence_editor
    strips = [] if editor is None else [strip for strip in compat.sequences(editor) if strip.type == "SOUND"]
    active = None if editor is None else editor.active_strip
    chosen = [strip for strip in strips if strip.select] or [strip for strip in strips if strip == active]
    if not chosen:
        raise DnpmError("no sound strip is selected in the sequencer: select what the face is to speak")
    return sorted(chosen, key=first_frame)


def first_frame(strip: bpy.types.SoundStrip) -> float:
    """Where a strip begins to be heard."""
    return compat.strip_value(strip, "left_handle")


def from_strips(context: bpy.types.Context) -> list[Source]:
    """What is heard of the chosen strips, where it is heard. Raises DnpmError when the speed of one was changed."""
    scene = compat.sequencer_scene(context)
    return [_of_strip(strip, fps_of(scene)) for strip in chosen_strips(scene)]


def _of_strip(strip: bpy.types.SoundStrip, fps: float) -> Source:
    if len(getattr(strip, "retiming_keys", ())):
        raise DnpmError(f"strip {strip.name}: its speed was changed (retiming): render it to a sound file first")
    if strip.sound is None:
        raise DnpmError(f"strip {strip.name}: has no sound")
    first, end = (compat.strip_value(strip, name) for name in ("left_handle", "right_handle"))
    skipped = first - compat.strip_value(strip, "content_start") + compat.strip_value(strip, "content_trim_start")
    path, temporary = _file_of(strip.sound)
    return Source(path, max(0.0, skipped / fps), (end - first) / fps, float(first), temporary)


def _file_of(sound: bpy.types.Sound) -> tuple[str, bool]:
    if sound.packed_file is None:
        return bpy.path.abspath(sound.filepath, library=sound.library), False
    suffix = Path(sound.filepath).suffix
    with tempfile.NamedTemporaryFile(prefix="dnpm-sound-", suffix=suffix, delete=False) as file:
        file.write(sound.packed_file.data)
    return file.name, True


def add_strip(scene: bpy.types.Scene, source: Source, frame: float) -> Callable[[], None]:
    """Put the sound on a free channel of the sequencer, to be heard from `frame` on; returns what takes it back.

    Raises DnpmError when this Blender has no sound, or cannot read the file.
    """
    fresh = scene.sequence_editor is None
    editor = scene.sequence_editor_create()
    strips = compat.sequences(editor)
    channel = 1 + max((strip.channel for strip in strips), default=0)

    def undo() -> None:
        if strip is not None:
            strips.remove(strip)
        if fresh:
            scene.sequence_editor_clear()

    strip = None
    try:
        if channel > 128:
            raise DnpmError("the sequencer has no free channel for the sound")
        strip = strips.new_sound(Path(source.path).name, source.path, channel, round(frame))
    except (RuntimeError, DnpmError) as error:
        undo()
        raise DnpmError(f"the sound was not added to the sequencer: {str(error).strip()}") from error
    skip = source.begin * fps_of(scene)
    compat.set_strip(strip, "content_start", frame - skip)
    compat.set_strip(strip, "left_handle_offset", skip)
    if source.seconds is not None:
        length = max(1, round(source.seconds * fps_of(scene)))
        compat.set_strip(strip, "duration", min(compat.strip_value(strip, "duration"), length))
    return undo


def fit_scene(scene: bpy.types.Scene, last: float) -> str:
    """The scene ends where the sound does, or the last strip of the sequencer, and plays in step with the sound.

    last: frame of the last keyframe. Returns what was changed, for a person; empty where all of it was so already.
    """
    strips = compat.sequences(scene.sequence_editor) if scene.sequence_editor is not None else ()
    ends = [compat.strip_value(strip, "right_handle") - 1 for strip in strips]
    end = math.ceil(max([last, scene.frame_start, *ends]))
    changed = []
    if scene.frame_end != end:
        scene.frame_end = end
        changed.append(f"the scene ends at frame {end}")
    if scene.sync_mode != "AUDIO_SYNC":
        scene.sync_mode = "AUDIO_SYNC"
        changed.append("playback follows the sound")
    return ", ".join(changed)
