"""A phone's performance, live: what it sends moves the face, and can be kept as an action.

One session at a time. Its receiver collects packets in a thread; a timer takes them and shows the newest. Everything
that came is kept while recording, so a window that is busy loses no frame of the take.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace

import bpy
import numpy as np

from ....core import logs
from ....core.capture import performance
from ....core.capture.names import CHANNELS
from ....core.capture.receiver import Arrived, Counts, Receiver
from ....core.capture.track import CurveTrack
from ....core.errors import DnpmError
from .. import compat
from .. import session as backend
from ..face import models, slider_values
from . import head

log = logs.logger(__name__)

TICK_S = 1 / 60
SILENT_S = 2.0
"""After so long without a packet the panel says that nothing comes, and another phone may take over."""
CALIBRATION_S = 0.5
LONGEST_TAKE_S = 30 * 60
_RATE_OVER = 60
"""Packets over which the rate is measured."""


@dataclass(frozen=True)
class Mapping:
    """How a performance becomes the face's: the panel's settings."""

    mirror: bool = False
    smoothing_hz: float = 6.0
    """Cutoff of what rests; 0: none."""
    head: str = "NONE"
    """NONE, OBJECT or EMPTY."""
    flip: tuple[bool, bool, bool] = (False, False, False)
    """Yaw, pitch, roll the other way."""


@dataclass
class Take:
    """What is recorded, as it came."""

    times: list[float] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)


class LiveCapture:
    """From Start to Stop."""

    def __init__(self, face: bpy.types.Object, receiver: Receiver, mapping: Mapping) -> None:
        self.uid, self.name = face.session_uid, face.name
        self.receiver, self.mapping = receiver, mapping
        self.subject, self.problem, self.worst_ms = "", "", 0.0
        self.take: Take | None = None
        self.sees_face = False
        self.neutral: np.ndarray | None = None
        self._calibrating: list[np.ndarray] | None = None
        self._clock, self._filter = performance.Clock(), performance.OneEuro(mapping.smoothing_hz)
        self._arrivals: deque[float] = deque(maxlen=_RATE_OVER)
        self._shown = np.zeros(len(CHANNELS), np.float32)
        self._head_rest = head.resting(face) if mapping.head == "OBJECT" else None

    @property
    def counts(self) -> Counts:
        """Of its packets."""
        return self.receiver.counts

    @property
    def rate(self) -> float:
        """Packets a second, lately; 0 when none come."""
        if len(self._arrivals) < 2 or time.monotonic() - self._arrivals[-1] > SILENT_S:
            return 0.0
        return (len(self._arrivals) - 1) / max(self._arrivals[-1] - self._arrivals[0], 1e-3)

    def calibrate(self) -> None:
        """From now on the mean of the next half second is this person's neutral."""
        self._calibrating = []

    @property
    def is_calibrating(self) -> bool:
        """Whether that half second is under way."""
        return self._calibrating is not None

    def adopt(self, mapping: Mapping) -> None:
        """The panel's settings have changed."""
        if mapping.smoothing_hz != self.mapping.smoothing_hz:
            self._filter = performance.OneEuro(mapping.smoothing_hz)
        self.mapping = replace(mapping, head=self.mapping.head)  # what turns is chosen at the start

    def advance(self) -> bool:
        """Take what has come, and show the newest. Returns whether something was shown. Raises DnpmError when the face
        is gone."""
        values = None
        for arrived in self.receiver.take():
            values = self._accept(arrived, values)
        if values is None:
            return False
        start = time.perf_counter()
        self._show(values)
        self.worst_ms = max(0.98 * self.worst_ms, (time.perf_counter() - start) * 1e3)
        return True

    def _accept(self, arrived: Arrived, newest: np.ndarray | None) -> np.ndarray | None:
        packet = arrived.packet
        silent = not self._arrivals or arrived.at - self._arrivals[-1] > SILENT_S
        if self.subject and packet.subject != self.subject and not silent:
            return newest  # a second phone: the first goes on
        if packet.subject != self.subject:
            self.subject, self._clock = packet.subject, performance.Clock()
        self.sees_face = packet.values is not None
        self._arrivals.append(arrived.at)
        moment = self._clock.of(packet.time, arrived.at)
        if packet.values is None or moment is None:
            return newest
        raw = packet.values
        if self._calibrating is not None:
            self._calibrate(raw, arrived.at)
        values = self._filter.step(moment, self.mapped(raw))
        if self.take is not None and (not self.take.times or moment - self.take.times[0] <= LONGEST_TAKE_S):
            sent = self.mapped(raw, keep_gaps=True)
            self.take.times.append(moment)
            self.take.rows.append(np.where(np.isnan(sent), np.nan, values))
        return values

    def _calibrate(self, raw: np.ndarray, at: float) -> None:
        assert self._calibrating is not None
        self._calibrating.append(np.append(raw, at))
        if at - self._calibrating[0][-1] >= CALIBRATION_S:
            self.neutral = np.nan_to_num(np.mean([row[:-1] for row in self._calibrating], axis=0)).astype(np.float32)
            self._calibrating = None

    def mapped(self, raw: np.ndarray, *, keep_gaps: bool = False) -> np.ndarray:
        """(61,) as it came -> as the face does it; what was not sent goes on as it is shown, or stays NaN."""
        values = raw if self.neutral is None else performance.without_neutral(raw, self.neutral)
        values = values.copy()
        for kind, flip in zip(("Yaw", "Pitch", "Roll"), self.mapping.flip, strict=True):
            if flip:
                values[[k for k, name in enumerate(CHANNELS) if name.endswith(kind)]] *= -1
        if self.mapping.mirror:
            values = performance.mirrored(values)
        return values if keep_gaps else np.where(np.isnan(values), self._shown, values)

    def _show(self, values: np.ndarray) -> None:
        self._shown = values
        face = slider_values.still_there(self.uid, self.name)
        model = models.model_of(face)
        expression = np.clip(values[: performance.N_EXP], 0.0, 1.0)
        slider_values.set_arkit(face, model, expression)
        if self.mapping.head != "NONE":
            target = face if self.mapping.head == "OBJECT" else head.empty_for(face, bpy.context.scene)[0]
            head.turn(target, values[performance.N_EXP :], self._head_rest)

    def stand_up(self, face: bpy.types.Object) -> None:
        """Give a face that turned itself the rotation back that it had before."""
        if self._head_rest is not None:
            head.turn(face, np.zeros(9, np.float32), self._head_rest)

    def end_take(self) -> CurveTrack:
        """What was recorded. Raises DnpmError when that is less than two frames."""
        take, self.take = self.take, None
        if take is None or len(take.times) < 2:
            raise DnpmError("nothing was recorded: no packets with a face came in the meantime")
        return performance.take_of(take.times, take.rows)

    def close(self) -> None:
        """Stop listening."""
        self.receiver.close()


_running: LiveCapture | None = None


def running() -> LiveCapture | None:
    """The session, if there is one."""
    return _running


def start(face: bpy.types.Object, address: str, port: int, phone: str, mapping: Mapping) -> LiveCapture:
    """Listen, and let the face follow. Raises DnpmError when that cannot be; what ran before has ended then."""
    global _running
    stop()
    _running = LiveCapture(face, Receiver(address, port, phone), mapping)
    log.info("live capture: listening at %s:%d for %s", address, _running.receiver.port, face.name)
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK_S, persistent=True)
    return _running


def stop() -> None:
    """Listen no longer. The face stays as it is."""
    global _running
    if _running is not None:
        _running.close()
        _running = None
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def tick() -> float | None:
    """The timer."""
    if _running is None:
        return None
    if compat.is_render_running():
        return 0.5  # the render owns the face; packets wait
    try:
        _running.advance()
        _running.problem = ""
    except DnpmError as error:
        if str(error) != _running.problem:
            log.warning("live capture: %s", error)
        _running.problem = str(error)
        if slider_values.find(_running.uid) is None:
            stop()
            backend.redraw()
            return None
    if time.monotonic() - _last_redraw[0] > 0.5:
        _last_redraw[0] = time.monotonic()
        backend.redraw()
    return TICK_S


_last_redraw = [0.0]
