"""The book of requests: which one is with the worker, which ones wait, which answers are worth returning. No
threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..requests import Request
from ..types import Reply

ATTEMPTS = 2
"""A request that was with the worker so often when it died is not tried again: it may be what kills it."""


@dataclass
class QueuedRequest:
    """One request, and where it stands."""

    ticket: int
    channel: str
    request: Request[Any]
    arrays: dict[str, np.ndarray]
    """The request's, copied."""
    params: dict[str, Any]
    """The request's other values, as JSON."""
    limit_s: float | None = None
    """Patience for this one; None for the client's usual."""
    deliver: Callable[[Reply[Any]], None] | None = None
    """Takes the answer in place of `poll`."""
    attempts: int = 0
    cancelled: bool = False
    """The worker has been told that the answer is of no use."""

    @property
    def final(self) -> bool:
        return self.request.final

    def reply(self, **values: Any) -> Reply[Any]:
        """An answer to this request."""
        return Reply(self.ticket, self.channel, self.request, **values)


@dataclass
class RequestQueue:
    """Newest wins per channel, one in flight, channels take turns. Safe from any thread."""

    flight: QueuedRequest | None = None
    _waiting: dict[str, QueuedRequest] = field(default_factory=dict)
    _answered: dict[str, Reply[Any]] = field(default_factory=dict)
    _tickets: itertools.count = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ticket(self) -> int:
        """The next ticket: larger than all before."""
        return next(self._tickets)

    def submit(self, request: QueuedRequest) -> None:
        """Let it wait, in place of an older one of its channel."""
        with self._lock:
            # An entry that is written again keeps its place: a channel that asks often does not lose its turn.
            self._waiting[request.channel] = request

    def superseded_request(self) -> QueuedRequest | None:
        """The one in flight, when its answer is of no use any more."""
        with self._lock:
            flight = self.flight
            superseded = flight is not None and flight.final and flight.channel in self._waiting
            return flight if superseded else None

    def drop(self) -> None:
        """The one in flight gets no answer: the worker was told to leave it."""
        with self._lock:
            self.flight = None

    def take(self) -> QueuedRequest | None:
        """The next one to work on, now in flight. None when nothing waits or one is in flight already."""
        with self._lock:
            if self.flight is not None or not self._waiting:
                return None
            self.flight = self._waiting.pop(next(iter(self._waiting)))
            self.flight.attempts += 1
            return self.flight

    def finish(self, reply: Reply[Any]) -> None:
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

    def poll(self) -> list[Reply[Any]]:
        """The newest answer of each channel since the last poll, by ticket; those that are of no use any more left
        out."""
        with self._lock:
            answered, self._answered = self._answered, {}
            useful = [
                replace(reply, stale=self._newer(reply.channel))
                for reply in answered.values()
                if not (reply.request.final and self._newer(reply.channel))
            ]
            return sorted(useful, key=lambda reply: reply.ticket)

    def _answer(self, request: QueuedRequest, reply: Reply[Any]) -> None:
        if request.deliver is not None:
            request.deliver(reply)
        else:
            # Per channel answers come in the order of their tickets: a later one makes an unfetched earlier one stale.
            self._answered[request.channel] = reply

    def _newer(self, channel: str) -> bool:
        return channel in self._waiting or (self.flight is not None and self.flight.channel == channel)
