"""Keeps every face's map up with its sliders: a small preview while they move, the whole map when they rest.

The sliders are the truth, the pixels follow: undo restores the former and not the latter. A face's sliders are named
by a digest; a MapState says which digest is wanted, which was asked for, and which the pixels show. The timer runs only
while something is under way.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import bpy
import numpy as np

from ....core.backend.requests import MapAnswer, MapRequest
from ....core.backend.types import Reply
from ....core.errors import DnpmError
from .. import compat, names, session
from ..claims import Claims
from ..face import duplicates, identity, models, own_heads, registry, slider_values, vertex_groups
from . import controls, dragging, map_image, map_state
from .map_state import MapState

QUIET_S = 0.25
"""Sliders that rested so long are let go: now the whole map is computed."""
TICK_S = 0.02
KEPT_MAPS = 12
"""Whole maps kept for undo and for going back and forth: 4 MB each."""
BLOCKING_S = 120.0


_maps: OrderedDict[str, np.ndarray] = OrderedDict()


def follows(obj: bpy.types.Object) -> bool:
    """Whether this face's map is to be computed at all."""
    face = getattr(obj, names.FACE)
    return not face.frozen and face.strength > 0 and not map_image.is_baked(obj)


def moved(
    faces: list[bpy.types.Object], depsgraph: bpy.types.Depsgraph, *, keys: bool = True
) -> list[bpy.types.Object]:  # fmt: skip
    """The faces for which `on_sliders_changed` may find something to do after this update. Cheap: asked at every one.

    `keys`: whether the update was of any shape keys.
    """
    found = [face for face in faces if _has_moved(face, keys=keys)]
    others = [face for face in faces if face not in found]
    found += [face for face in others if _mixed_has_moved(face)]
    # What is painted on a mesh is too much to compare.
    painted = [face for face in others if getattr(face, names.CONTROLS).mask and face not in found]
    return found + (registry.touched(depsgraph, painted) if painted else [])


def _mixed_has_moved(obj: bpy.types.Object) -> bool:
    """Whether the face whose skin this one takes is another person than when it was read last."""
    other, request = getattr(obj, names.CONTROLS).mix_with, map_state.of(obj).request
    if other is None or other == obj or request is None or not slider_values.is_face(other):
        return False
    read = request.mix_identity
    return read is None or not np.array_equal(slider_values.identity_vector(other), read)


def _has_moved(obj: bpy.types.Object, *, keys: bool) -> bool:
    """Whether its sliders are not those that were read last, or its pixels were lost."""
    state, data = map_state.of(obj), obj.animation_data
    if state.request is None or state.problem or (data is not None and data.drivers):
        return True
    # A head of another program may be driven by bones, which tell as objects.
    if (keys or own_heads.is_own(obj)) and not np.array_equal(slider_values.key_values(obj), state.keys):
        return True
    # These tell of themselves, unless a script sets them all at once.
    if not np.array_equal(slider_values.identity_vector(obj), state.request.identity):
        return True
    # The pixels may have been lost, with nothing on its way that would bring them back.
    return not (state.shown or state.tickets or compat.in_background()) and session.is_usable()


def on_sliders_changed(obj: bpy.types.Object, *, dragged: bool = False) -> None:
    """The sliders may have moved: bring the mesh up to them, and ask for the map. Returns at once.

    `dragged`: an identity slider is under the hand, so shape keys that are not seen may wait (`identity.apply`).
    In background mode nothing is asked for: the map is computed at render, or by `update_now`.
    """
    state = map_state.of(obj)
    state.keys = slider_values.key_values(obj)
    try:
        request = _read_request(obj, dragged=dragged)
    except DnpmError as error:
        _problem(state, str(error))
        return
    digest = controls.digest(obj, request)
    if digest != state.wanted or state.problem:
        state.wanted, state.request, state.changed, state.problem = digest, request, time.monotonic(), ""
    elif state.tickets:
        return  # asked for already
    if compat.in_background() or not getattr(obj, names.FACE).live or not follows(obj):
        return
    if state.shows(digest) or _show_kept(obj, state, digest):
        return
    if digest != state.shown:
        _request_map(obj, state, full=False)
    run_timer()


@contextmanager
def as_drag(obj: bpy.types.Object) -> Iterator[bool]:
    """Around `on_sliders_changed` where it may be a hand that drags a slider: then the mesh is made lighter. Gives
    whether it is one, should the slider have moved."""
    before = map_state.of(obj).changed
    yield dragging.is_drag(time.monotonic() - before)
    if dragging.lighten(obj, map_state.of(obj).changed - before) or dragging.is_light(obj):
        run_timer()


def show_new(obj: bpy.types.Object) -> None:
    """`on_sliders_changed` of a face that was just made, which is shown coarse until it rests."""
    on_sliders_changed(obj)
    if dragging.lighten_new(obj):
        run_timer()


def _read_request(
    obj: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph | None = None,
    claims: Claims | None = None,
    *,
    dragged: bool = False,
) -> MapRequest:
    """The sliders, after bringing the mesh up to the identity and the face to this version's names and sliders."""
    vertex_groups.migrate(obj)
    model = models.model_of(obj)
    if len(getattr(obj, names.FACE).identity) < model.n_id:
        identity.add_new_sliders(obj)
    values = slider_values.identity_vector(obj, depsgraph)
    if claims is not None:
        claims.claim(obj, obj.data, values.tobytes())
    # A linked mesh is written point by point, which takes a second: for a render alone.
    if obj.data.library is None or claims is not None:
        if not identity.is_applied(obj, values):
            identity.apply(obj, values, dragged=dragged)
        else:
            identity.catch_up(obj)
    request = MapRequest(identity=values, expression=slider_values.expression_vector(obj, model, depsgraph))
    return controls.added_to(request, obj, depsgraph)


def _request_map(obj: bpy.types.Object, state: MapState, *, full: bool) -> None:
    """Send the wanted sliders to the backend; the client drops what they overtake."""
    if not session.is_usable() or state.request is None:
        return
    face = getattr(obj, names.FACE)
    preview = int(face.preview_size)
    full = full or preview >= map_image.FULL
    request = replace(state.request, resolution=None if full else preview, final=full)
    try:
        ticket = session.ready_client().request(str(obj.session_uid), request)
    except DnpmError as error:
        _problem(state, str(error))
        return
    state.tickets[ticket] = (state.wanted, full)


def ask_now(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None, *, full: bool, wanted: bool = True
) -> MapState | None:
    """Bring the mesh up to the sliders and, where `wanted`, ask for their map. Never waits.

    Returns the state of its map when an answer is on its way, None when there is nothing to wait for. Raises DnpmError
    when the sliders cannot be read.
    """
    request = _read_request(obj, depsgraph)
    state = map_state.of(obj)
    digest = controls.digest(obj, request)
    state.wanted, state.request, state.changed = digest, request, time.monotonic()
    if not wanted or not follows(obj):
        return None
    if state.shows(digest) or (not full and state.shown == digest) or _show_kept(obj, state, digest):
        return None
    if not (full and state.asked_full()):
        _request_map(obj, state, full=full)
    return state if state.tickets else None


def is_waiting() -> bool:
    """Whether some face has asked for a map that has not come."""
    return any(state.tickets for state in map_state.known().values())


def _show(obj: bpy.types.Object, state: MapState, displacement: np.ndarray, digest: str, *, full: bool) -> None:
    map_image.write_map(obj, displacement)
    map_state.wrote(obj, displacement, digest, full=full)
    state.problem = ""


def _keep(digest: str, displacement: np.ndarray) -> None:
    """Remember a whole map for undo."""
    _maps[digest] = displacement
    _maps.move_to_end(digest)
    while len(_maps) > KEPT_MAPS:
        _maps.popitem(last=False)


def _show_kept(obj: bpy.types.Object, state: MapState, digest: str) -> bool:
    kept = _maps.get(digest)
    if kept is None:
        return False
    try:
        _show(obj, state, kept, digest, full=True)
    except DnpmError as error:
        _problem(state, str(error))
    return True


def receive(reply: Reply[MapAnswer]) -> None:
    """One answer of the backend: show it, unless the face is gone, frozen, or shows something newer."""
    obj = slider_values.find(int(reply.channel))
    if obj is None or map_state.get(int(reply.channel)) is None:
        map_state.drop(int(reply.channel))
        return
    state = map_state.of(obj)
    digest, full = state.tickets.get(reply.ticket, ("", False))
    # Answers come in the order of the tickets: what is older will get none any more.
    state.tickets = {ticket: asked for ticket, asked in state.tickets.items() if ticket > reply.ticket}
    if reply.error:
        _problem(state, reply.error)
        return
    if not digest or not follows(obj) or state.shows(state.wanted):
        return
    try:
        displacement = reply.answer.displacement
        _show(obj, state, displacement, digest, full=full)
        if full:
            _keep(digest, displacement)
    except DnpmError as error:
        _problem(state, str(error))


def tick() -> float | None:
    """The timer: take answers, ask for whole maps, end when nothing is under way."""
    if compat.is_render_running():
        return 0.5  # the render owns the pixels
    replies = take_answers()
    busy = False
    for uid in list(map_state.known()):
        obj = slider_values.find(uid)
        if obj is None:
            map_state.drop(uid)
        else:
            state = map_state.of(obj)
            busy |= _advance(obj, state) | _let_rest(obj, state)
    if replies or session.status_changed():
        session.redraw()
    return TICK_S if busy else None


def take_answers() -> int:
    """Show what the backend has answered since the last time; how many answers that were. Never waits."""
    replies = session.client().poll() if session.status().state != "off" else []
    for reply in replies:
        receive(reply)
    return len(replies)


def _advance(obj: bpy.types.Object, state: MapState) -> bool:
    """Ask for the whole map once the sliders rest. Returns whether there is something to wait for."""
    face = getattr(obj, names.FACE)
    if not session.is_usable():
        return False
    done = not state.wanted or state.shows(state.wanted) or state.problem
    if not done and face.live and follows(obj) and face.full_on_release and not state.asked_full():
        if time.monotonic() - state.changed < QUIET_S:
            return True
        _request_map(obj, state, full=True)
    return bool(state.tickets)


def _let_rest(obj: bpy.types.Object, state: MapState) -> bool:
    """Give a face that is no longer dragged its whole mesh back. Returns whether it is still to come."""
    if not dragging.is_light(obj):
        return False
    if not dragging.is_over(time.monotonic() - state.changed):
        return True
    dragging.rest(obj)
    return False


def run_timer() -> None:
    """Make sure that the timer runs. Not in background mode, where timers need not fire."""
    if not compat.in_background() and not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK_S)


def update_now(
    obj: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph | None = None,
    *,
    resolution: int | None = None,
    claims: Claims | None = None,
) -> float:
    """Compute the map for the sliders as they are and wait for it; returns the worker's milliseconds (0: kept one).

    With a depsgraph the sliders are as it evaluated them. With a resolution the map of that size counts as the whole
    one, so that a render keeps it. Raises DnpmError when there is no backend, or another face has claimed mesh or image
    for other sliders, with the old map in place.
    """
    state = map_state.of(obj)
    request = _read_request(obj, depsgraph, claims)
    digest = controls.digest(obj, request)
    image = map_image.image_of(obj)
    if claims is not None:
        claims.claim(obj, image, digest)
    state.wanted, state.request = digest, request
    if state.shows(digest) or (resolution is None and _show_kept(obj, state, digest)):
        return 0.0
    reply = session.usable_client().call(replace(request, resolution=resolution, final=True), timeout=BLOCKING_S)
    displacement = reply.answer.displacement
    _show(obj, state, displacement, digest, full=True)
    if resolution is None:
        _keep(digest, displacement)
    return reply.ms


def follow_frame(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, claims: Claims) -> None:
    """Bring mesh and map up to the sliders as this depsgraph evaluated them, and wait for it: a rendered frame.

    A render's depsgraph leaves the scene's own values as they were, so the sliders must be read from it. A face without
    detail gets its mesh alone. Raises DnpmError as `update_now` does.
    """
    if follows(obj):
        update_now(obj, depsgraph, claims=claims)
        return
    _read_request(obj, depsgraph, claims)
    if getattr(obj, names.FACE).strength > 0 and not map_image.is_baked(obj):
        claims.claim(obj, map_image.find_image(obj), "frozen")


def restore(obj: bpy.types.Object, *, recompute: bool = False) -> None:
    """After undo and redo: the sliders are back, the pixels may be any, whatever the image says.

    `recompute` asks for the map even where the pixels seem right: other weights, another device.
    """
    dragging.rest(obj)
    state = map_state.of(obj)
    state.wanted, state.tickets, state.problem = "", {}, ""
    if follows(obj):
        map_state.check(obj)
        if recompute:
            state.pixels.lose()
    on_sliders_changed(obj)


def backend_changed() -> None:
    """Another backend, or none: what the old one was asked for will not come, and its maps are another's."""
    _maps.clear()
    for obj in registry.faces():
        restore(obj, recompute=True)


def own_data(obj: bpy.types.Object) -> None:
    """A duplicate, or a library override, gets data of its own; it shows what it was copied from."""
    if duplicates.needs_own_data(obj):
        duplicates.give_own_data(obj)
        map_state.drop(obj.session_uid)


def forget() -> None:
    """Another file, or the extension is switched off: nothing that was known holds."""
    map_state.forget()
    _maps.clear()
    controls.forget()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def set_problem(obj: bpy.types.Object, message: str) -> bool:
    """Show in the panel what stands in the way; returns False when it did already."""
    state = map_state.of(obj)
    new = message != state.problem
    _problem(state, message)
    return new


def _problem(state: MapState, message: str) -> None:
    if message != state.problem:
        state.problem = message
        session.redraw()
