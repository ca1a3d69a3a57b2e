"""Learns a style of speaking from a take: keyframes of the face, or a capture, and their sound (`dnpm train style`)."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import bpy
import numpy as np

from ..core.backend import needs
from ..core.backend.client.style_task import StyleTask
from ..core.backend.style_requests import StyleOpen
from ..core.errors import DnpmError
from ..core.speech.style import LEAST_S, check_name
from .base import Result
from .long import BackgroundOperator, Work, scene_of, with_label
from .properties.speech import learnt_styles
from .scene import names, session, settings
from .scene.board import convert, posing
from .scene.face import models, slider_values
from .scene.motion import apply_curves, sounds

_SAMPLED = 0.2
"""Of the work, to go through the frames."""


class DNPM_OT_learn_style(BackgroundOperator, bpy.types.Operator):
    """Learn a manner of speaking from a take of a performer and its sound: jaw and lips are theirs then. Twenty seconds at least, a minute or more is better. The style appears in the Style list. Esc leaves everything as it was"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.learn_style"
    own_heads = False
    bl_label = "Learn Style"
    edits = False
    action, modules = "read sound", needs.SOUND

    replace: bpy.props.BoolProperty(name="Replace", description="Replace a style of this name", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return self.start(context)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        group, scene = getattr(face, names.SPEECH), context.scene
        name, out = group.style_name.strip(), settings.styles_folder()
        check_name(name)
        known = learnt_styles().get(name)
        if known is not None and not self.replace:
            raise DnpmError(f"{known}: a style of this name exists: choose another name, or set Replace")
        if not group.style_licence.strip():
            raise DnpmError("Licence: say under which terms the take may be used; it goes into the style's card")
        if group.source == "FILE":
            sources = [sounds.from_file(group.sound, group.skip, group.length)]
        else:
            sources = sounds.from_strips(context)
        try:
            if len(sources) != 1:
                raise DnpmError(f"{len(sources)} strips are selected: select the one that is the take's sound")
            (source,) = sources
            given: dict[str, Any] = {
                "name": name, "licence": group.style_licence, "out": str(out), "sound": source.path,
                "seconds": source.seconds,
            }  # fmt: skip
            if group.style_take == "FILE":
                if not group.style_capture.strip():
                    raise DnpmError("choose the capture that belongs to the sound")
                path = bpy.path.abspath(group.style_capture)
                request = StyleOpen(**given, begin=source.begin, capture=path)
            else:
                request = yield from _of_keyframes(face, scene, source, given)
            return (yield from self._learn(face, request))
        finally:
            for source in sources:
                source.forget()

    def _learn(self, face: bpy.types.Object, request: StyleOpen) -> Work:
        uid, name = face.session_uid, face.name
        task = StyleTask(session.usable_client(), request)
        try:
            while (made := task.advance()) is None:
                text = "loading the networks" if session.status().state == "starting" else "listening"
                yield _SAMPLED + (1 - _SAMPLED) * task.share, text
        finally:
            task.cancel()
        found = slider_values.find(uid)
        if found is not None and slider_values.is_editable(found):
            getattr(found, names.SPEECH).speaker = request.name
        for note in made.notes:
            self.report({"INFO"}, f"{name}: {note}")
        return f"style {request.name} is learnt; {made.line}"


def _of_keyframes(
    face: bpy.types.Object, scene: bpy.types.Scene, source: sounds.Source, given: dict[str, Any]
) -> Generator[tuple[float, str], None, StyleOpen]:
    """What the face does while the sound lasts, as what is asked for."""
    span = convert.range_of_board(face) if posing.drives(face) is not None else convert.range_of_keys(face)
    if span is None:
        raise DnpmError(f"{face.name}: no keyframes move it: choose a capture file, or the face that has the take")
    apply_curves.check(face, models.model_of(face))
    timing = apply_curves.FrameTiming.of(face, scene, source)
    first = max(span[0], timing.frame)
    last = span[1]
    if source.seconds is not None:
        # Of the face, which may move later than the sound (Offset).
        last = min(last, math.floor(timing.frame + (source.seconds - timing.first) * timing.fps))
    seconds = (last - first) / timing.fps
    if seconds < LEAST_S:
        raise DnpmError(
            f"{face.name}: {max(0.0, seconds):.0f} s of its keyframes lie beside the sound; at least {LEAST_S:.0f} s "
            "are needed to learn a style (Start and Offset say where the sound begins)"
        )
    label, scene_uid = face.name, scene.session_uid
    found = yield from with_label(
        convert.sampled(face, scene_of(scene_uid), range(first, last + 1)), "looking at the frames", _SAMPLED
    )
    frames, expression = found
    begin = timing.first + (first - timing.frame) / timing.fps
    return StyleOpen(
        **given, begin=source.begin + begin, take=label, times=np.asarray((frames - first) / timing.fps, np.float64),
        expression=np.ascontiguousarray(expression[:, :-1], np.float32),
    )  # fmt: skip


CLASSES = (DNPM_OT_learn_style,)
