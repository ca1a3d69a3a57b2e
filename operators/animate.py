"""Lets a face speak: a sound file, or strips of the sequencer, to keyframes of its expressions."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import fields
from typing import TYPE_CHECKING

import bpy

from ..core.backend import needs
from ..core.backend.client.task import SpeechTask
from ..core.backend.requests import Curves, SpeechOpen
from ..core.errors import DnpmError
from ..core.face_model.arkit import ARKIT_NAMES
from ..core.face_model.model import FaceModel
from ..core.speech.controls import Controls
from ..core.speech.formats import SUFFIXES
from .long import FileOperator, Work, scene_of
from .properties.speech import learnt_styles
from .scene import names, session
from .scene.face import models, slider_values
from .scene.motion import apply_curves, feelings, sounds

if TYPE_CHECKING:
    from .properties.speech import SpeechProperties

LONGEST_S = 3600.0
"""Of sound at once: its keyframes fill a gigabyte."""


class DNPM_OT_animate_from_audio(FileOperator, bpy.types.Operator):
    """Let the face speak: keyframes for its expressions from a sound. Esc leaves the scene as it was"""

    bl_idname = "dnpm.animate_from_audio"
    own_heads = False
    bl_label = "Animate from Audio"
    action, modules = "read sound", needs.SOUND

    filepath: bpy.props.StringProperty(
        name="File", description="Sound file. Empty: the one that the panel names", subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )  # fmt: skip
    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN", "SKIP_SAVE"}
    )

    def has_file(self, context: bpy.types.Context) -> bool:
        """See `FileOperator`."""
        group = getattr(context.active_object, names.SPEECH)
        return group.source != "FILE" or bool(self.filepath or group.sound)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        group, scene = getattr(face, names.SPEECH), context.scene
        model = models.model_of(face)
        apply_curves.check(face, model)
        if self.filepath or group.source == "FILE":
            sources = [sounds.from_file(self.filepath or group.sound, group.skip, group.length)]
        else:
            sources = sounds.from_strips(context)
        timings = [apply_curves.FrameTiming.of(face, scene, source) for source in sources]
        requests = [_request(face, timing, source) for timing, source in zip(timings, sources, strict=True)]
        try:
            return (yield from self._listen(face, scene, sources, timings, requests))
        finally:
            for source in sources:
                source.forget()

    def _listen(
        self,
        face: bpy.types.Object,
        scene: bpy.types.Scene,
        sources: list[sounds.Source],
        timings: list[apply_curves.FrameTiming],
        requests: list[SpeechOpen],
    ) -> Work:
        uid, name, scene_uid = face.session_uid, face.name, scene.session_uid
        parts: list[Curves] = []
        seconds = 0.0
        for k, (source, request) in enumerate(zip(sources, requests, strict=True)):
            task = SpeechTask(session.usable_client(), request)
            try:
                while (curves := task.advance()) is None:
                    _check_length(seconds + task.seconds, source)
                    text = "loading the networks" if session.status().state == "starting" else "listening"
                    yield (k + task.share) / len(sources), text
            finally:
                task.cancel()
            seconds += task.seconds
            parts.append(curves)
        return self._write_keyframes(slider_values.still_there(uid, name), scene_of(scene_uid), sources, timings, parts)

    def _write_keyframes(
        self,
        face: bpy.types.Object,
        scene: bpy.types.Scene,
        sources: list[sounds.Source],
        timings: list[apply_curves.FrameTiming],
        parts: list[Curves],
    ) -> str:
        """Write it all, or nothing."""
        group, model = getattr(face, names.SPEECH), models.model_of(face)
        frames, expression, rotations, tip_up = apply_curves.joined(timings, parts)
        label = f"{face.name} {bpy.path.display_name_from_filepath(sources[0].path)}"
        with ExitStack() as undo:
            written = apply_curves.key_expression(
                face, model, label, frames, expression, group.tolerance, layered=group.target == "LAYER",
                into=group.into, tip_up=tip_up,
            )  # fmt: skip
            undo.callback(written.undo)
            if rotations is not None:
                apply_curves.key_head(face, scene, group.head, label, frames, rotations, group.tolerance, undo)
            if group.add_sound and sources[0].frame is None:
                self._add_sound(scene, sources[0], timings[0], undo)
            undo.pop_all()
        fitted = sounds.fit_scene(scene, frames[-1]) if group.fit_scene else ""
        if self.filepath:
            group.sound = self.filepath
        for source, part in zip(sources, parts, strict=True):
            for note in part.notes:
                self.report({"WARNING"}, f"{bpy.path.basename(source.path)}: {note}")
        self._warn(face, model, group.into)
        seconds = sum(float(part.times[-1] - part.times[0]) for part in parts)
        return (
            f"{seconds:.1f} s of speech: {written.keys} keyframes from frame {frames[0]} to {frames[-1]} "
            f"({parts[0].weights})" + (f"; {fitted}" if fitted else "")
        )

    def _add_sound(
        self, scene: bpy.types.Scene, source: sounds.Source, timing: apply_curves.FrameTiming, undo: ExitStack
    ) -> None:  # fmt: skip
        try:
            undo.callback(sounds.add_strip(scene, source, timing.sound_frame))
        except DnpmError as error:
            self.report({"WARNING"}, str(error))

    def _warn(self, face: bpy.types.Object, model: FaceModel, into: str) -> None:
        if driven := apply_curves.driven(face, model, into):
            self.report({"WARNING"}, f"Drivers win over keyframes: {', '.join(driven[:5])} will not follow the sound")
        if missing := [name for name in ARKIT_NAMES if name not in model.expression_index]:
            self.report({"WARNING"}, f"This face model has no {', '.join(missing[:5])}: left out")


def _check_length(seconds: float, source: sounds.Source) -> None:
    if seconds > LONGEST_S:
        raise DnpmError(
            f"{source.path}: {seconds / 60:.0f} minutes of sound are too many keyframes; at most "
            f"{LONGEST_S / 60:.0f} can be animated at once: choose a part with Skip and Length"
        )


def _request(face: bpy.types.Object, timing: apply_curves.FrameTiming, source: sounds.Source) -> SpeechOpen:
    group: SpeechProperties = getattr(face, names.SPEECH)
    chosen = {field.name: getattr(group, field.name) for field in fields(Controls) if field.name != "emotions"}
    chosen["emotions"] = feelings.emotion_keys(face, timing)
    if group.head == "NONE":
        chosen["head_life"] = 0.0
    return SpeechOpen(
        path=source.path, begin=source.begin, seconds=source.seconds, fps=timing.fps, first=timing.first,
        speaker=_speaker(group.speaker), controls=Controls(**chosen),
    )  # fmt: skip


def _speaker(name: str) -> str | None:
    """What the worker is told: a learnt style by the place of its card."""
    learnt = learnt_styles().get(name)
    return str(learnt) if learnt is not None else name or None


CLASSES = (DNPM_OT_animate_from_audio,)
