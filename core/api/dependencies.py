"""Dependencies of the routes: the goal service and the open event streams of the process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from perdure.stores.events.event_feed import EventReader
from perdure.temporal.client.goal_service import GoalService


class EventStreams:
    """The open event streams; a server that stops closes them, or it would wait for their end."""

    def __init__(self) -> None:
        self._readers: set[EventReader] = set()
        self._closed = False

    @contextmanager
    def track(self, reader: EventReader) -> Iterator[None]:
        """Track a stream's reader for as long as the block runs."""
        self._readers.add(reader)
        if self._closed:
            reader.stop()
        try:
            yield
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End every stream, now and later; a client that reconnects goes on where it was."""
        self._closed = True
        for reader in self._readers:
            reader.stop()


@dataclass(frozen=True, slots=True)
class ApiState:
    """The application's state, kept in ``app.state.perdure``.

    Attributes:
        service: Starts and cancels goals, over one shared Temporal client.
        streams: The open event streams.
    """

    service: GoalService
    streams: EventStreams = field(default_factory=EventStreams)


def _state(request: Request) -> ApiState:
    state: ApiState = request.app.state.perdure
    return state


def _service(request: Request) -> GoalService:
    return _state(request).service


def _streams(request: Request) -> EventStreams:
    return _state(request).streams


Service = Annotated[GoalService, Depends(_service)]
Streams = Annotated[EventStreams, Depends(_streams)]
