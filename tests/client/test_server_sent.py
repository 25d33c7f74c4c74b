"""Server-sent events found in pieces of a stream, and how far a run has been followed."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.client import UnexpectedResponse
from perdure.client.events.following import Following
from perdure.client.events.server_sent import ServerSentEvent, StreamDecoder

STREAM = (
    b"\xef\xbb\xbfretry: 1000\n\n: a comment\n\n"
    b'id: 1\r\nevent: progress\r\ndata: {"a": "\xc3\xa4"}\r\n\r\n'
    b"event: heartbeat\ndata:x\ndata: y\n\n"
    b"id: 2\rdata: z\r\r"
    b"id: 3\nevent: none\n\nid: 4\ndata: cut"
)
EVENTS = [
    ServerSentEvent("1", "progress", '{"a": "ä"}'),
    ServerSentEvent("", "heartbeat", "x\ny"),
    ServerSentEvent("2", "message", "z"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_found_however_a_stream_comes(cuts: list[int]) -> None:
    decoder = StreamDecoder()
    places = [0, *sorted(cuts), len(STREAM)]
    found = [
        event for start, end in pairwise(places) for event in decoder.events(STREAM[start:end])
    ]
    assert found == EVENTS


def frame(number: int, type_: str = "progress", **more: object) -> bytes:
    event = {
        "workflow_id": "run",
        "number": number,
        "type": type_,
        "time": "2026-03-01T00:00:00Z",
        "data": {},
        **more,
    }
    return f"id: {number}\nevent: {type_}\ndata: {json.dumps(event)}\n\n".encode()


def followed(following: Following, *frames: bytes) -> list[int]:
    return [event.number for part in frames for event in following.received(part) if event]


def test_an_event_that_comes_again_is_left_out() -> None:
    following = Following("run", 0)
    assert followed(following, frame(1), frame(2)) == [1, 2]
    assert following.request().headers["Last-Event-ID"] == "2"
    assert followed(following, frame(1), frame(2), frame(3)) == [3]


def test_an_event_that_broke_off_is_asked_for_again() -> None:
    following = Following("run", 0)
    assert followed(following, frame(1), frame(2)[:40]) == [1]
    assert following.request().headers["Last-Event-ID"] == "1"
    assert followed(following, frame(2)) == [2]


def test_a_newer_server_may_say_more() -> None:
    following = Following("run", 0)
    assert followed(following, frame(1, colour="red"), frame(2, "run.dreamt"), frame(3)) == [1, 3]


def test_the_end_is_the_end_unless_the_run_is_retried() -> None:
    following = Following("run", 0)
    followed(following, frame(1, "run.started"), frame(2, "run.failed"), frame(3, "step.settled"))
    assert following.is_over()
    followed(following, frame(4, "run.retried"))
    assert not following.is_over()


@pytest.mark.parametrize(
    "wrong", [b"id: x\ndata: {}\n\n", b"id: 1\nevent: progress\ndata: <html>\n\n"]
)
def test_what_is_no_event_is_refused(wrong: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        followed(Following("run", 0), wrong)
