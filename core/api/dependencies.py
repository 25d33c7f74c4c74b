"""What every route reaches: one goal service a process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from perdure.stores.events.event_feed import Reader
from perdure.temporal.client.goal_service import GoalService


class Streams:
    """The streams of events that are open: a server that stops would wait for them in vain."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()
        self._ended = False

    @contextmanager
    def hold(self, reader: Reader) -> Iterator[None]:
        """Know a stream's reader for as long as the block runs."""
        self._readers.add(reader)
        if self._ended:
            reader.stop()
        try:
            yield
        finally:
            self._readers.discard(reader)

    def end(self) -> None:
        """End every stream, and each that is opened later; a client goes on where it was."""
        self._ended = True
        for reader in self._readers:
            reader.stop()


@dataclass(frozen=True, slots=True)
class ApiState:
    """The application's own state.

    Attributes:
        service: Starts and cancels goals, over one shared Temporal client.
        streams: The streams of events that are open.
    """

    service: GoalService
    streams: Streams = field(default_factory=Streams)


def _state(request: Request) -> ApiState:
    state: ApiState = request.app.state.perdure
    return state


def _service(request: Request) -> GoalService:
    return _state(request).service


def _streams(request: Request) -> Streams:
    return _state(request).streams


Service = Annotated[GoalService, Depends(_service)]
OpenStreams = Annotated[Streams, Depends(_streams)]
