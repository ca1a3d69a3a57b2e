"""Bakes a face's displacement maps of a range of frames to files, so that a farm renders without this extension."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..core.backend.requests import Answer, InfoRequest, MapAnswer, MapRequest, MapsRequest
from ..core.backend.types import Pending
from ..core.batch.sequence import Sequence, open_sequence
from ..core.errors import DnpmError
from .base import FaceOperator, Result
from .long import BackgroundOperator, Work, scene_of, with_label
from .scene import names, session
from .scene.detail import baked, controls, map_image
from .scene.face import slider_values

if TYPE_CHECKING:
    from .properties.sequence import SequenceProperties

_MAPS_A_REQUEST = {"cpu": 2}
_MAPS_ON_A_CARD = 16
_SAMPLING_SHARE = 0.1
_LONGEST = 100_000
_numbers = itertools.count(1)


@dataclass(frozen=True)
class _Map:
    """One map to be made, and the frames that show it."""

    digest: str
    request: MapRequest
    frames: list[int]


class DNPM_OT_bake_sequence(BackgroundOperator, bpy.types.Operator):
    """Write the displacement map of every frame to a file and show the files in place of the live map. Run it again and
    what is there and unchanged is not recomputed"""

    bl_idname = "dnpm.bake_sequence"
    bl_label = "Bake Detail Sequence"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return self.start(context)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        group, scene = getattr(face, names.SEQUENCE), context.scene
        frames = _range(group, scene)
        map_image.image_of(face)
        folder = _folder(group, face)
        sequence = open_sequence(folder, group.form, baked.stem(face, folder))
        others = baked.earlier(face, folder, group.form)
        uid, name, scene_uid, size = face.session_uid, face.name, scene.session_uid, int(group.size)
        made_with = yield from self._facts(size)
        made, changing = yield from write_maps(face, scene, frames, sequence, others, size, made_with, self._hold)
        face = slider_values.still_there(uid, name)
        try:
            baked.show(face, sequence, frames)
        except RuntimeError as error:
            raise DnpmError(f"{sequence.path(frames[0])}: Blender cannot read it ({error})") from error
        if changing:
            self.report({"WARNING"}, "The person changes over time: without this extension the mesh stays as it is")
        if sequence.form == "PNG16" and scene_of(scene_uid).frame_start < frames[0]:
            self.report({"WARNING"}, f"Before frame {frames[0]} there is no map: bake from the scene's first frame on")
        return f"{made} maps written, {len(frames) - made} were there, in {sequence.folder}"

    def _facts(self, size: int) -> Generator[tuple[float, str], None, str]:
        return facts(size)

    def _hold(self, wait: bool) -> None:
        self.holds = wait


class DNPM_OT_live_detail(FaceOperator, bpy.types.Operator):
    """Show the live map again, which follows the sliders; the baked files stay where they are"""

    bl_idname = "dnpm.live_detail"
    bl_label = "Back to Live"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        if not map_image.is_baked(face):
            raise DnpmError(f"{face.name}: shows its live map already")
        baked.hide(face)


def facts(size: int) -> Generator[tuple[float, str], None, str]:
    """What the maps depend on besides the sliders: weights and size."""
    pending = session.usable_client().submit(_channel(), InfoRequest())
    info = yield from _answer(pending, 0.0, "starting the backend")
    return json.dumps([info.weights.sha256, size], sort_keys=True)


def write_maps(
    face: bpy.types.Object, scene: bpy.types.Scene, frames: range, sequence: Sequence, others: list[Sequence],
    size: int, made_with: str, hold: Callable[[bool], None] = lambda wait: None,
) -> Generator[tuple[float, str], None, tuple[int, bool]]:  # fmt: skip
    """Write the maps of these frames that are not there yet, of `size` texels a side.

    others: sequences to copy from; made_with: from `facts`; hold: told while the scene goes through its frames, when
    nothing else may move it. Returns how many were written, and whether the person changes over time. Raises DnpmError.
    """
    uid, name, scene_uid = face.session_uid, face.name, scene.session_uid
    hold(True)
    try:
        sampling = baked.sample(slider_values.still_there(uid, name), scene_of(scene_uid), frames)
        requests = yield from with_label(sampling, "looking at the frames", _SAMPLING_SHARE)
    finally:
        hold(False)
    face = slider_values.still_there(uid, name)
    maps = yield from _missing(face, requests, made_with, sequence, others)
    changing = any(not np.array_equal(one.identity, requests[frames[0]].identity) for one in requests.values())
    yield from _compute(maps, sequence, size)
    return sum(len(entry.frames) for entry in maps), changing


def _range(group: SequenceProperties, scene: bpy.types.Scene) -> range:
    first, last = (scene.frame_start, scene.frame_end) if group.frames == "SCENE" else (group.first, group.last)
    if last < first:
        raise DnpmError(f"frames {first} to {last}: the last must not come before the first")
    if last - first >= _LONGEST:
        raise DnpmError(f"frames {first} to {last}: at most {_LONGEST} can be baked at once")
    return range(first, last + 1)


def _folder(group: SequenceProperties, face: bpy.types.Object) -> Path:
    if group.folder.startswith("//") and not bpy.data.filepath:
        raise DnpmError("save the .blend first, or choose a folder that does not begin with //")
    if not group.folder.strip():
        raise DnpmError("choose a folder for the maps first")
    return Path(bpy.path.abspath(group.folder))


def _missing(
    face: bpy.types.Object, requests: dict[int, MapRequest], made_with: str, sequence: Sequence, others: list[Sequence]
) -> Generator[tuple[float, str], None, list[_Map]]:
    """The maps that are not there yet, each once, in the order of their first frames. What `others` have is copied."""
    wanted = {
        frame: hashlib.sha256(f"{controls.digest(face, request)} {made_with}".encode()).hexdigest()[:32]
        for frame, request in requests.items()
    }
    maps: dict[str, _Map] = {}
    copied, until = 0, time.monotonic() + baked.SLICE_S
    for frame, request in requests.items():
        digest = wanted[frame]
        if sequence.has(frame, digest):
            continue
        if any(sequence.take(frame, digest, other) for other in others):
            copied += 1
        else:
            maps.setdefault(digest, _Map(digest, request, [])).frames.append(frame)
        if time.monotonic() > until:
            yield _SAMPLING_SHARE, f"copying what is there, frame {frame}"
            until = time.monotonic() + baked.SLICE_S
    if copied:
        sequence.save()
    return list(maps.values())


def _compute(maps: list[_Map], sequence: Sequence, size: int) -> Generator[tuple[float, str], None, None]:
    """Ask for the maps in batches and write them; the next batch is computed while one is written."""
    device = session.status().device
    most = _MAPS_A_REQUEST.get(device, _MAPS_ON_A_CARD)
    batches, channel, done = _batches(maps, most), _channel(), 0
    pending = _ask(batches[0], channel, size) if batches else None
    try:
        for k, batch in enumerate(batches):
            assert pending is not None, "the batch was asked for"
            share = _SAMPLING_SHARE + (1 - _SAMPLING_SHARE) * done / len(maps)
            answer = yield from _answer(pending, share, f"map {done + 1} of {len(maps)}")
            pending = _ask(batches[k + 1], channel, size) if k + 1 < len(batches) else None
            for entry, displacement in zip(batch, answer.displacement, strict=True):
                sequence.write(entry.frames, displacement, entry.digest)
                done += 1
            sequence.save()
    finally:
        if pending is not None and pending.reply is None and session.status().state in {"ready", "busy"}:
            session.client().submit(channel, InfoRequest())  # Overtakes what is under way, which is then left.


def _batches(maps: list[_Map], most: int) -> list[list[_Map]]:
    """Maps of equal controls together, at most so many."""
    groups = itertools.groupby(maps, lambda entry: controls.extras_digest(entry.request))
    return [list(part) for _, group in groups for part in _parts(list(group), most)]


def _parts(entries: list[_Map], most: int) -> list[list[_Map]]:
    return [entries[k : k + most] for k in range(0, len(entries), most)]


def _ask(batch: list[_Map], channel: str, size: int) -> Pending[MapAnswer]:
    resolution = None if size == map_image.FULL else size
    request = MapsRequest.of([entry.request for entry in batch], resolution=resolution, final=True)
    return session.usable_client().submit(channel, request)


def _answer(pending: Pending[Answer], share: float, text: str) -> Generator[tuple[float, str], None, Answer]:
    while (reply := pending.reply) is None:
        yield share, text
    return reply.answer


def _channel() -> str:
    return f"sequence {next(_numbers)}"


CLASSES = (DNPM_OT_bake_sequence, DNPM_OT_live_detail)
