"""The book of requests: which one is with the worker, which ones wait, which answers are worth returning. No
threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..types import Reply

ATTEMPTS = 2
"""A request that was with the worker so often when it died is not tried again: it may be what kills it."""


@dataclass
class Request:
    """One request, and where it stands."""

    ticket: int
    channel: str
    kind: str
    arrays: dict[str, np.ndarray]
    params: dict[str, Any]
    limit_s: float | None = None
    """Patience for this one; None for the client's usual."""
    deliver: Callable[[Reply], None] | None = None
    """Takes the answer in place of `poll`."""
    attempts: int = 0
    cancelled: bool = False
    """The worker has been told that the answer is of no use."""

    @property
    def final(self) -> bool:
        return is_final(self.params)

    def reply(self, **values: Any) -> Reply:
        """An answer to this request."""
        return Reply(self.ticket, self.channel, self.kind, request_params=self.params, **values)


@dataclass
class Desk:
    """Newest wins per channel, one in flight, channels take turns. Safe from any thread."""

    flight: Request | None = None
    _waiting: dict[str, Request] = field(default_factory=dict)
    _answered: dict[str, Reply] = field(default_factory=dict)
    _tickets: itertools.count = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ticket(self) -> int:
        """The next ticket: larger than all before."""
        return next(self._tickets)

    def submit(self, request: Request) -> None:
        """Let it wait, in place of an older one of its channel."""
        with self._lock:
            # An entry that is written again keeps its place: a channel that asks often does not lose its turn.
            self._waiting[request.channel] = request

    def useless_flight(self) -> Request | None:
        """The one in flight, when its answer is of no use any more."""
        with self._lock:
            flight = self.flight
            useless = flight is not None and flight.final and flight.channel in self._waiting
            return flight if useless else None

    def drop(self) -> None:
        """The one in flight gets no answer: the worker was told to leave it."""
        with self._lock:
            self.flight = None

    def take(self) -> Request | None:
        """The next one to work on, now in flight. None when nothing waits or one is in flight already."""
        with self._lock:
            if self.flight is not None or not self._waiting:
                return None
            self.flight = self._waiting.pop(next(iter(self._waiting)))
            self.flight.attempts += 1
            return self.flight

    def finish(self, reply: Reply) -> None:
        """The one in flight is answered."""
        with self._lock:
            request, self.flight = self.flight, None
            if request is not None:
                self._answer(request, reply)

    def interrupted(self, reason: str) -> None:
        """The worker died: what was in flight waits again, in front, unless a newer one does or it was tried too
        often."""
        with self._lock:
            request, self.flight = self.flight, None
            if request is None or request.channel in self._waiting:
                return
            if request.attempts < ATTEMPTS:
                self._waiting = {request.channel: request} | self._waiting
            else:
                error = f"the backend died {request.attempts} times on this request, which is given up. {reason}"
                self._answer(request, request.reply(error=error))

    def fail_all(self, reason: str) -> None:
        """Answer everything that is in flight or waits with an error."""
        with self._lock:
            requests = ([self.flight] if self.flight else []) + list(self._waiting.values())
            self.flight = None
            self._waiting.clear()
            for request in requests:
                self._answer(request, request.reply(error=reason))

    def forget_answers(self) -> None:
        """What was not fetched is not wanted any more."""
        with self._lock:
            self._answered.clear()

    def poll(self) -> list[Reply]:
        """The newest answer of each channel since the last poll, by ticket; those that are of no use any more left
        out."""
        with self._lock:
            answered, self._answered = self._answered, {}
            useful = [
                replace(reply, stale=self._newer(reply.channel))
                for reply in answered.values()
                if not (is_final(reply.request_params) and self._newer(reply.channel))
            ]
            return sorted(useful, key=lambda reply: reply.ticket)

    def _answer(self, request: Request, reply: Reply) -> None:
        if request.deliver is not None:
            request.deliver(reply)
        else:
            # Per channel answers come in the order of their tickets: a later one makes an unfetched earlier one stale.
            self._answered[request.channel] = reply

    def _newer(self, channel: str) -> bool:
        return channel in self._waiting or (self.flight is not None and self.flight.channel == channel)


def is_final(params: Mapping[str, Any]) -> bool:
    """Whether a request's answer is of no use once there is a newer one of its channel."""
    return bool(params.get("final", False))
