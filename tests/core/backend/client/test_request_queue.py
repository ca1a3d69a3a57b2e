"""The book of requests, without processes and threads; random histories hold what the client promises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.backend.client.request_queue import QueuedRequest, RequestQueue
from dnpm.core.backend.requests import InfoRequest


def ask(queue: RequestQueue, channel: str = "a", *, final: bool = False) -> int:
    request = QueuedRequest(queue.ticket(), channel, InfoRequest(final=final), {}, {})
    queue.submit(request)
    return request.ticket


def finish(queue: RequestQueue) -> None:
    queue.finish(queue.flight.reply())


def test_the_newest_waits_and_one_is_in_flight():
    queue = RequestQueue()
    first, _dropped, last = (ask(queue), queue.take().ticket)[0], ask(queue), ask(queue)
    assert queue.flight.ticket == first
    assert queue.take() is None
    finish(queue)
    assert queue.take().ticket == last
    finish(queue)
    assert queue.take() is None
    assert [reply.ticket for reply in queue.poll()] == [last]


def test_channels_take_turns():
    queue = RequestQueue()
    a, b = ask(queue, "a"), ask(queue, "b")
    assert queue.take().ticket == a
    ask(queue, "a")
    finish(queue)
    last_a = ask(queue, "a")
    assert queue.take().ticket == b
    finish(queue)
    assert queue.take().ticket == last_a


def test_overtaken_answers_are_returned_as_stale_and_final_ones_dropped():
    queue = RequestQueue()
    ask(queue)
    queue.take()
    newer = ask(queue)
    finish(queue)
    (reply,) = queue.poll()
    assert reply.stale
    assert queue.take().ticket == newer
    finish(queue)
    (reply,) = queue.poll()
    assert not reply.stale

    ask(queue, final=True)
    queue.take()
    assert queue.superseded_request() is None
    newer = ask(queue)
    assert queue.superseded_request() is queue.flight
    finish(queue)
    assert queue.poll() == []
    assert queue.take().ticket == newer

    finish(queue)
    final = ask(queue, final=True)
    queue.take()
    finish(queue)
    assert [reply.ticket for reply in queue.poll()] == [final]


def test_final_answer_that_was_overtaken_before_it_was_fetched_is_dropped():
    queue = RequestQueue()
    ask(queue, final=True)
    queue.take()
    finish(queue)
    ask(queue)
    queue.take()
    assert queue.poll() == []


def test_interrupted_requests_come_back_once():
    queue = RequestQueue()
    other, ticket = ask(queue, "b"), None
    queue.take()
    finish(queue)
    ticket = ask(queue, "a")
    queue.take()
    ask(queue, "b")
    queue.interrupted("it died")
    assert queue.take().ticket == ticket, "not the one that was interrupted first"
    queue.interrupted("it died of signal 11")
    replies = {reply.channel: reply for reply in queue.poll()}
    assert replies["b"].ticket == other
    assert "it died of signal 11" in replies["a"].error
    assert queue.take().channel == "b"


def test_everything_is_answered_on_failure():
    queue = RequestQueue()
    tickets = [ask(queue, channel) for channel in "abc"]
    queue.take()
    queue.fail_all("no torch")
    replies = queue.poll()
    assert [reply.ticket for reply in replies] == tickets
    assert all(reply.error == "no torch" for reply in replies)
    assert queue.take() is None


def test_a_delivered_answer_is_not_polled():
    queue, seen = RequestQueue(), []
    queue.submit(QueuedRequest(queue.ticket(), "call", InfoRequest(), {}, {}, deliver=seen.append))
    queue.take()
    finish(queue)
    assert [reply.ticket for reply in seen] == [1]
    assert queue.poll() == []


@given(st.lists(st.tuples(st.sampled_from("atfpi"), st.sampled_from("xyz"), st.booleans()), max_size=60))
def test_any_history(history):
    """Tickets of a channel only grow; at most one is in flight; the newest of each channel is answered in the end."""
    queue, newest, shown = RequestQueue(), {}, {}

    def poll():
        for reply in queue.poll():
            assert reply.ticket > shown.get(reply.channel, 0)
            shown[reply.channel] = reply.ticket

    for action, channel, final in history:
        if action == "a":
            newest[channel] = ask(queue, channel, final=final)
        elif action == "t":
            queue.take()
        elif action == "f" and queue.flight:
            finish(queue)
        elif action == "p":
            poll()
        elif action == "i":
            queue.interrupted("it died")
    for _ in range(2 * len("xyz") + 1):
        if queue.flight:
            finish(queue)
        poll()
        queue.take()
    assert shown == newest
