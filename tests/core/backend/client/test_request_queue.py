"""The book of requests, without processes and threads; random histories hold what the client promises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.backend.client.request_queue import Desk, Request


def ask(desk: Desk, channel: str = "a", **params) -> int:
    request = Request(desk.ticket(), channel, "displacement", {}, params)
    desk.submit(request)
    return request.ticket


def finish(desk: Desk) -> None:
    desk.finish(desk.flight.reply())


def test_the_newest_waits_and_one_is_in_flight():
    desk = Desk()
    first, _dropped, last = (ask(desk), desk.take().ticket)[0], ask(desk), ask(desk)
    assert desk.flight.ticket == first
    assert desk.take() is None
    finish(desk)
    assert desk.take().ticket == last
    finish(desk)
    assert desk.take() is None
    assert [reply.ticket for reply in desk.poll()] == [last]


def test_channels_take_turns():
    desk = Desk()
    a, b = ask(desk, "a"), ask(desk, "b")
    assert desk.take().ticket == a
    ask(desk, "a")
    finish(desk)
    last_a = ask(desk, "a")
    assert desk.take().ticket == b
    finish(desk)
    assert desk.take().ticket == last_a


def test_overtaken_answers_are_returned_as_stale_and_final_ones_dropped():
    desk = Desk()
    ask(desk)
    desk.take()
    newer = ask(desk)
    finish(desk)
    (reply,) = desk.poll()
    assert reply.stale
    assert desk.take().ticket == newer
    finish(desk)
    (reply,) = desk.poll()
    assert not reply.stale

    ask(desk, final=True)
    desk.take()
    assert desk.useless_flight() is None
    newer = ask(desk)
    assert desk.useless_flight() is desk.flight
    finish(desk)
    assert desk.poll() == []
    assert desk.take().ticket == newer

    finish(desk)
    final = ask(desk, final=True)
    desk.take()
    finish(desk)
    assert [reply.ticket for reply in desk.poll()] == [final]


def test_final_answer_that_was_overtaken_before_it_was_fetched_is_dropped():
    desk = Desk()
    ask(desk, final=True)
    desk.take()
    finish(desk)
    ask(desk)
    desk.take()
    assert desk.poll() == []


def test_interrupted_requests_come_back_once():
    desk = Desk()
    other, ticket = ask(desk, "b"), None
    desk.take()
    finish(desk)
    ticket = ask(desk, "a")
    desk.take()
    ask(desk, "b")
    desk.interrupted("it died")
    assert desk.take().ticket == ticket, "not the one that was interrupted first"
    desk.interrupted("it died of signal 11")
    replies = {reply.channel: reply for reply in desk.poll()}
    assert replies["b"].ticket == other
    assert "it died of signal 11" in replies["a"].error
    assert desk.take().channel == "b"


def test_everything_is_answered_on_failure():
    desk = Desk()
    tickets = [ask(desk, channel) for channel in "abc"]
    desk.take()
    desk.fail_all("no torch")
    replies = desk.poll()
    assert [reply.ticket for reply in replies] == tickets
    assert all(reply.error == "no torch" for reply in replies)
    assert desk.take() is None


def test_a_delivered_answer_is_not_polled():
    desk, seen = Desk(), []
    desk.submit(Request(desk.ticket(), "call", "info", {}, {}, deliver=seen.append))
    desk.take()
    finish(desk)
    assert [reply.ticket for reply in seen] == [1]
    assert desk.poll() == []


@given(st.lists(st.tuples(st.sampled_from("atfpi"), st.sampled_from("xyz"), st.booleans()), max_size=60))
def test_any_history(history):
    """Tickets of a channel only grow; at most one is in flight; the newest of each channel is answered in the end."""
    desk, newest, shown = Desk(), {}, {}

    def poll():
        for reply in desk.poll():
            assert reply.ticket > shown.get(reply.channel, 0)
            shown[reply.channel] = reply.ticket

    for action, channel, final in history:
        if action == "a":
            newest[channel] = ask(desk, channel, final=final)
        elif action == "t":
            desk.take()
        elif action == "f" and desk.flight:
            finish(desk)
        elif action == "p":
            poll()
        elif action == "i":
            desk.interrupted("it died")
    for _ in range(2 * len("xyz") + 1):
        if desk.flight:
            finish(desk)
        poll()
        desk.take()
    assert shown == newest
