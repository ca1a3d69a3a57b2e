"""Lets a face perform what a person does in a video: keyframes, head, eyes, sound, and a camera to check by."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path

import bpy
import numpy as np

from ..core.backend import needs
from ..core.backend.client.video_task import VideoTask
from ..core.backend.video_requests import VideoCurves, VideoOpen
from ..core.capture.resample import resampled, sampled
from ..core.capture.track import CurveTrack
from ..core.capture.write import write_live_link, write_track
from ..core.errors import DnpmError
from ..core.video.formats import READ, SUFFIXES
from .animate import LONGEST_S
from .keyframe_options import KeyframeOptions
from .long import FileOperator, Work, scene_of
from .scene import session
from .scene.face import identity, models, slider_values
from .scene.motion import apply_curves, head, sounds, video_camera

_UNSURE = 0.5
_HEADS = [
    ("NONE", "Nothing", "Expressions alone"),
    ("OBJECT", "The Face", "The face itself turns, about its origin between the ears"),
    ("EMPTY", "An Empty", "An empty beside the face, for a rig to follow"),
    ("BONE", "A Bone", "A bone of an armature"),
]
_EYES = [
    ("NONE", "Expressions", "The eyes turn by their expressions alone"),
    ("EMPTY", "Two Empties", "Two empties beside the face turn as well, for a rig to follow"),
    ("BONE", "Two Bones", "Two bones of the armature turn as well"),
]


class DNPM_OT_animate_from_video(KeyframeOptions, FileOperator, bpy.types.Operator):
    """Let the face perform what a person does in a video: keyframes for its expressions, with head, eyes and sound. Esc leaves the scene as it was; what was read is kept until Blender ends, so that the work goes on from there. Use videos of people who agreed to it"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.animate_from_video"
    bl_label = "Animate from Video"
    action, modules = "read videos", needs.VIDEOS

    filepath: bpy.props.StringProperty(
        name="File", description=f"Video of one person: {READ}", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN", "SKIP_SAVE"}
    )
    match_rate: bpy.props.BoolProperty(
        name="Match Frame Rate",
        description="Give the scene the video's frame rate. Otherwise keyframes and sound keep their times, and the "
        "movie behind the camera, which shows one picture per frame, runs away from them",
    )
    tolerance: bpy.props.FloatProperty(
        name="Thin Out",
        description="Leave out keyframes as long as no slider gets further from its curve than this. 0: one a frame",
        default=0.002, min=0.0, max=0.1, step=0.1, precision=4,
    )  # fmt: skip
    smoothing: bpy.props.FloatProperty(
        name="Steadiness",
        description="How much flicker is taken out; what moves fast, blinks and lips that meet stay sharp. 0: nothing",
        default=1.0, min=0.0, max=10.0, soft_max=3.0,
    )  # fmt: skip
    neutral: bpy.props.EnumProperty(
        name="Neutral",
        description="What counts as the person's face at rest, and is taken out of all frames",
        items=[
            ("AUTO", "Most Frequent", "The most frequent still face of the video: a rule, which takes a smile that "
             "never ends for rest"),
            ("TIME", "At a Moment", "The face at a moment of your choice"),
            ("NONE", "Nothing", "Nothing is taken out"),
        ],
    )  # fmt: skip
    neutral_s: bpy.props.FloatProperty(
        name="Moment", description="Seconds into the video at which the face rests", min=0.0, unit="TIME_ABSOLUTE"
    )
    identity: bpy.props.BoolProperty(
        name="Set Identity", description="Give the face the shape of the video's person, too"
    )
    head: bpy.props.EnumProperty(name="Turn", description="What turns as the head does", items=_HEADS)
    eyes: bpy.props.EnumProperty(name="Eyes", description="What turns as the eyes do", items=_EYES)
    armature: bpy.props.StringProperty(name="Armature", description="The armature whose bones turn")
    bone: bpy.props.StringProperty(name="Bone", description="The bone that turns with the head")
    left_bone: bpy.props.StringProperty(name="Left Eye", description="The bone that turns with the left eye")
    right_bone: bpy.props.StringProperty(name="Right Eye", description="The bone that turns with the right eye")
    add_sound: bpy.props.BoolProperty(
        name="Add Sound Strip",
        description="Put the sound into the sequencer, so that it is heard in playback",
        default=True,
    )
    add_camera: bpy.props.BoolProperty(
        name="Camera and Movie",
        description="Add a camera that sees the face as the video's did, with the movie behind it, to check by",
        default=True,
    )
    fit_scene: bpy.props.BoolProperty(
        name="Fit Scene", description="The scene ends where the video ends, and playback keeps in step with the sound",
        default=True,
    )  # fmt: skip
    files: bpy.props.BoolProperty(
        name="Write CSV", description="Write the curves beside the video, too: our CSV, and Live Link Face's"
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        shown = [*self.shown_start(), "match_rate", "into", "target", "tolerance"]
        shown += ["smoothing", "neutral", *(["neutral_s"] if self.neutral == "TIME" else []), "identity", "head"]
        shown += ["eyes", "add_sound", "add_camera", "fit_scene", "files"]
        for name in shown:
            layout.prop(self, name)
        if "BONE" in (self.head, self.eyes):
            layout.prop_search(self, "armature", bpy.data, "objects")
            found = bpy.data.objects.get(self.armature)
            if found is not None and found.type == "ARMATURE":
                bones = [*(["bone"] if self.head == "BONE" else [])]
                bones += ["left_bone", "right_bone"] if self.eyes == "BONE" else []
                for name in bones:
                    layout.prop_search(self, name, found.pose, "bones")

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        scene, model = context.scene, models.model_of(face)
        apply_curves.check(face, model)
        if not self.filepath.strip():
            raise DnpmError(f"choose a video first ({READ})")
        path = bpy.path.abspath(self.filepath)
        uid, name, scene_uid = face.session_uid, face.name, scene.session_uid
        current = scene.frame_current
        task = VideoTask(
            session.usable_client(),
            VideoOpen(
                path=path, neutral=self.neutral != "NONE", smoothing=self.smoothing, kept=_kept(path),
                neutral_s=self.neutral_s if self.neutral == "TIME" else None,
            ),
        )  # fmt: skip
        try:
            while (made := task.advance()) is None:
                if task.seconds > LONGEST_S:
                    raise DnpmError(f"{path}: is {task.seconds / 60:.0f} minutes long: cut it to an hour or less")
                waking = session.status().state == "starting"
                yield task.share, "loading the networks" if waking else "watching"
        finally:
            task.cancel()
        return self._write(slider_values.still_there(uid, name), scene_of(scene_uid), path, made, current)

    def _write(
        self, face: bpy.types.Object, scene: bpy.types.Scene, path: str, made: VideoCurves, current: int
    ) -> str:  # fmt: skip
        """Write it all, or nothing."""
        model = models.model_of(face)
        start = self.first_frame(scene, current)
        label = f"{face.name} {Path(path).stem}"
        before = scene.render.fps, scene.render.fps_base
        with ExitStack() as undo:
            if self.match_rate:
                undo.callback(_set_rate, scene, *before)
                _set_rate(scene, *_rate(made.fps))
            fps = sounds.fps_of(scene)
            track = CurveTrack(made.times, made.expression, ("tongueOut",), made.rotations)
            times, expression, rotations = resampled(track, fps)
            frames = start + np.arange(len(times))
            written = apply_curves.key_expression(
                face, model, label, frames, np.clip(expression, 0, 1), self.tolerance,
                layered=self.target == "LAYER", missing=track.missing, into=self.into,
            )  # fmt: skip
            undo.callback(written.undo)
            assert rotations is not None
            armature = bpy.data.objects.get(self.armature)
            if self.head != "NONE":
                apply_curves.key_head(
                    face, scene, self.head, label, frames, rotations, self.tolerance, undo, armature, self.bone
                )
            self._key_eyes(face, scene, label, frames, rotations, armature, undo)
            if self.add_camera:
                translation = sampled(made.times, made.translation, times)
                self._try(video_camera.add, undo, face, scene, path, made, frames, rotations[:, :3], translation, start)
            if self.add_sound and made.sound_s is not None:
                begin = max(0.0, -made.sound_s)
                source = sounds.Source(path, begin)
                self._try(sounds.add_strip, undo, scene, source, start + max(0.0, made.sound_s) * fps)
            if self.identity:
                identity.set_sliders(face, identity=made.identity)
            undo.pop_all()
        fitted = sounds.fit_scene(scene, frames[-1]) if self.fit_scene else ""
        self._tell(face, made, fps)
        if self.files:
            stem = Path(path).with_suffix("")
            write_track(stem.with_name(f"{stem.name}_face.csv"), track)
            write_live_link(stem.with_name(f"{stem.name}_live_link.csv"), track)
        return f"{written.keys} keyframes from frame {frames[0]} to {frames[-1]}" + (f"; {fitted}" if fitted else "")

    def _key_eyes(
        self, face: bpy.types.Object, scene: bpy.types.Scene, label: str, frames: np.ndarray, rotations: np.ndarray,
        armature: bpy.types.Object | None, undo: ExitStack,
    ) -> None:  # fmt: skip
        if self.eyes == "NONE":
            return
        for side, first, bone in (("Left", 3, self.left_bone), ("Right", 6, self.right_bone)):
            # An eye's three columns in place of the head's: what turns an object or a bone reads those.
            turns = np.concatenate([rotations[:, first : first + 3], np.zeros((len(rotations), 6))], 1)
            name = f"{label} {side.lower()} eye"
            if self.eyes == "BONE":
                if armature is None:
                    raise DnpmError("choose the armature whose bones are to turn with the eyes")
                undo.callback(head.key_bone(armature, bone, name, frames, turns, self.tolerance).undo)
            else:
                empty, remove = head.empty_named(f"DNPM {side} Eye {face.name}", face, scene)
                undo.callback(remove)
                undo.callback(head.key_object(empty, name, frames, turns, self.tolerance).undo)

    def _try(self, add, undo: ExitStack, *given: object) -> None:  # type: ignore[no-untyped-def]
        """Camera and sound are extras: without them the keyframes are still worth having."""
        try:
            undo.callback(add(*given))
        except DnpmError as error:
            self.report({"WARNING"}, str(error))

    def _tell(self, face: bpy.types.Object, made: VideoCurves, fps: float) -> None:
        self.report({"INFO"}, made.line)
        for note in made.notes:
            self.report({"WARNING"}, note)
        if made.lost:
            spans = ", ".join(f"{begin:.2f} to {end:.2f} s" for begin, end in made.lost[:5])
            self.report({"WARNING"}, f"No face from {spans}{', …' * (len(made.lost) > 5)}: bridged")
        unsure = int((made.confidence < _UNSURE).sum())
        if unsure:
            self.report({"WARNING"}, f"{unsure} of {len(made.confidence)} pictures were read with low confidence")
        if self.add_camera and not made.even:
            self.report({"WARNING"}, "The video's pictures come unevenly: the movie behind the camera runs away")
        elif self.add_camera and abs(fps / made.fps - 1) > 1e-3:
            self.report(
                {"WARNING"},
                f"The scene runs at {fps:.5g} frames per second and the video at {made.fps:.5g}: the movie behind the "
                "camera runs away. Match Frame Rate helps",
            )
        if driven := apply_curves.driven(face, models.model_of(face), self.into):
            self.report({"WARNING"}, f"Drivers win over keyframes: {', '.join(driven[:5])} will not follow the video")


def _kept(path: str) -> str:
    """Where what was read of a video is kept until Blender ends."""
    name = hashlib.sha256(path.encode()).hexdigest()[:16]
    return str(Path(bpy.app.tempdir) / f"dnpm-video-{name}")


def _rate(fps: float) -> tuple[int, float]:
    """Blender's two numbers of a frame rate: 29.97 -> (30, 1.001)."""
    whole = max(1, round(fps + 0.4))
    return (round(fps), 1.0) if abs(fps - round(fps)) < 1e-3 else (whole, whole / fps)


def _set_rate(scene: bpy.types.Scene, fps: int, base: float) -> None:
    scene.render.fps, scene.render.fps_base = fps, base


CLASSES = (DNPM_OT_animate_from_video,)
