"""How far a run has been followed: what is known of it, and what to ask for next."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pydantic import ValidationError

from perdure.client.connection.errors import ServerUnreachable, UnexpectedResponse
from perdure.client.events.server_sent import ServerSentEvent, StreamDecoder
from perdure.client.requests import goals
from perdure.client.requests.request import Request
from perdure.models import Event, GoalRecord
from perdure.schemas.timelines import Timeline

_ENDS: Final = frozenset({"run.completed", "run.failed", "run.cancelled", "run.terminated"})
_BEGINS: Final = frozenset({"run.started", "run.retried"})


class Following:
    """A run that is followed over one connection after the other.

    Args:
        workflow_id: The run.
        after: The number of the last event that is known.
    """

    def __init__(self, workflow_id: str, after: int) -> None:
        self.workflow_id = workflow_id
        self._number = after
        self._has_ended = False
        self._decoder = StreamDecoder()

    def request(self) -> Request[None]:
        """Return the request for what is not known yet, over a new connection."""
        self._decoder = StreamDecoder()
        request = goals.events(self.workflow_id)
        known = {"Last-Event-ID": str(self._number)}
        return replace(request, headers={**request.headers, **known})

    def received(self, piece: bytes) -> Iterator[Event | None]:
        """Yield the new events of a piece, and ``None`` for each sign of life."""
        for frame in self._decoder.events(piece):
            yield self._event(frame) if frame.id else None

    def is_over(self) -> bool:
        """Return whether the run's end was among the events, and nothing came after it."""
        return self._has_ended

    def has_all(self, record: GoalRecord, timeline: Timeline) -> bool:
        """Return whether nothing more comes of a run, by what was asked in this order."""
        return record.status.final and timeline.last_event <= self._number

    def interruption(self, url: str) -> ServerUnreachable:
        """Return what is raised when streams end early for too long."""
        return ServerUnreachable(
            f"the events of {self.workflow_id} end before the run does, each time that {url} is"
            " asked for them: see whether it is well",
            may_have_arrived=True,
        )

    def _event(self, frame: ServerSentEvent) -> Event | None:
        if not (frame.id.isascii() and frame.id.isdigit()):
            raise UnexpectedResponse(f"an event of {self.workflow_id} has no number: {frame.id!r}")
        number = int(frame.id)
        if number <= self._number:
            return None
        event = _parse(frame.data)
        self._number = number
        if frame.type in _ENDS:
            self._has_ended = True
        elif frame.type in _BEGINS:
            self._has_ended = False
        return event


def past_event(line: bytes, after: int) -> Event | None:
    """Return the event of a line, unless it is known or of a type that is not."""
    event = _parse(line)
    return event if event is not None and event.number > after else None


def _parse(data: str | bytes) -> Event | None:
    """Return an event; ``None`` for one of a type that only newer servers know."""
    try:
        return Event.model_validate_json(data, extra="ignore")
    except ValidationError as error:
        if all(item["loc"] == ("type",) for item in error.errors()):
            return None
        raise UnexpectedResponse(
            "what came is no event of this API: check the server's address and its version"
        ) from error
