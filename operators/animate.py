"""Lets a face speak: a sound file, or a strip of the sequencer, to keyframes of its expressions."""

from __future__ import annotations

from contextlib import ExitStack

import bpy
import numpy as np

from ..core.backend.speech import Curves, SpeechJob
from ..core.errors import DnpmError
from ..core.face_model.arkit import ARKIT_NAMES
from ..core.face_model.model import FaceModel
from .long import LongDeed, Work, scene_of, still_there
from .scene import compat, models, motion, names, session, sounds

LONGEST_S = 3600.0
"""Of sound at once: its keyframes fill a gigabyte."""
_CONTROLS = ("mouth", "jaw", "brows", "eyes", "smoothing", "gate", "blinks", "brow_life", "head_life", "seed")


class DNPM_OT_animate_from_audio(LongDeed, bpy.types.Operator):
    """Let the face speak: keyframes for its expressions from a sound. Esc leaves the scene as it was"""

    bl_idname = "dnpm.animate_from_audio"
    bl_label = "Animate from Audio"

    filepath: bpy.props.StringProperty(
        name="File", description="Sound file. Empty: the one that the panel names", subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )  # fmt: skip
    filter_glob: bpy.props.StringProperty(
        default="*.wav;*.flac;*.ogg;*.mp3;*.opus;*.aif;*.aiff", options={"HIDDEN", "SKIP_SAVE"}
    )
    from_browser: bpy.props.BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        group = getattr(context.active_object, names.SPEECH)
        if group.source == "FILE" and not (self.filepath or group.sound) and not compat.in_background():
            self.from_browser = True
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return self.start(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.from_browser:
            self.from_browser = False
            getattr(context.active_object, names.SPEECH).sound = self.filepath
            return self.start(context)
        return super().execute(context)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        group, scene = getattr(face, names.SPEECH), context.scene
        model = models.model_of(face)
        motion.check(face, model)
        if self.filepath or group.source == "FILE":
            source = sounds.from_file(self.filepath or group.sound, group.skip, group.length)
        else:
            source = sounds.from_strip(context)
        wish = motion.Wish.of(face, scene, source)
        try:
            return (yield from self._work_on(face, scene, source, wish, _params(group, wish, source)))
        finally:
            source.forget()

    def _work_on(
        self,
        face: bpy.types.Object,
        scene: bpy.types.Scene,
        source: sounds.Source,
        wish: motion.Wish,
        params: dict[str, object],
    ) -> Work:
        uid, name, scene_uid = face.session_uid, face.name, scene.session_uid
        if not session.is_usable():
            raise DnpmError(session.status().message or "the backend is switched off")
        job = SpeechJob(session.ready_client(), path=source.path, **params)
        try:
            while (curves := job.advance()) is None:
                if job.seconds > LONGEST_S:
                    raise DnpmError(
                        f"{source.path}: {job.seconds / 60:.0f} minutes of sound are too many keyframes; at most "
                        f"{LONGEST_S / 60:.0f} can be animated at once: choose a part with Skip and Length"
                    )
                text = "loading the networks" if session.status().state == "starting" else "listening"
                yield job.share, text
        finally:
            job.cancel()
        return self._keyed(still_there(uid, name), scene_of(scene_uid), source, wish, curves)

    def _keyed(
        self,
        face: bpy.types.Object,
        scene: bpy.types.Scene,
        source: sounds.Source,
        wish: motion.Wish,
        curves: Curves,
    ) -> str:
        """Write it all, or nothing."""
        group, model = getattr(face, names.SPEECH), models.model_of(face)
        frames = wish.frame + np.arange(len(curves.times))
        label = f"{face.name} {bpy.path.display_name_from_filepath(source.path)}"
        with ExitStack() as undo:
            written = motion.key_expression(
                face, model, label, frames, curves.expression, group.tolerance, layered=group.target == "LAYER"
            )
            undo.callback(written.undo)
            if curves.rotations is not None:
                motion.key_head(face, scene, group.head, label, frames, curves.rotations, group.tolerance, undo)
            if group.add_sound and source.frame is None:
                self._add_sound(scene, source, wish, undo)
            undo.pop_all()
        self._warn(face, model)
        return (
            f"{curves.times[-1] - curves.times[0]:.1f} s of speech: {written.keys} keyframes from frame {frames[0]} to "
            f"{frames[-1]} ({curves.weights})"
        )

    def _add_sound(
        self, scene: bpy.types.Scene, source: sounds.Source, wish: motion.Wish, undo: ExitStack
    ) -> None:  # fmt: skip
        try:
            undo.callback(sounds.add_strip(scene, source, wish.sound_frame))
        except DnpmError as error:
            self.report({"WARNING"}, str(error))

    def _warn(self, face: bpy.types.Object, model: FaceModel) -> None:
        if driven := motion.driven(face, model):
            self.report({"WARNING"}, f"Drivers win over keyframes: {', '.join(driven[:5])} will not follow the sound")
        if missing := [name for name in ARKIT_NAMES if name not in model.expression_index]:
            self.report({"WARNING"}, f"This face model has no {', '.join(missing[:5])}: left out")


def _params(group: bpy.types.PropertyGroup, wish: motion.Wish, source: sounds.Source) -> dict[str, object]:
    """The request's parameters."""
    controls = {name: getattr(group, name) for name in _CONTROLS}
    if group.head == "NONE":
        controls["head_life"] = 0.0
    params: dict[str, object] = {"fps": wish.fps, "first": wish.first, "begin": source.begin, "controls": controls}
    if source.seconds is not None:
        params["seconds"] = source.seconds
    if group.speaker:
        params["speaker"] = group.speaker
    return params


CLASSES = (DNPM_OT_animate_from_audio,)
