"""Dependencies of the routes: the goal service and the open event streams of the process.

All are coroutine functions: the framework calls others in threads, which takes longer than they do.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request
from temporalio.converter import PayloadCodec

from perdure.api.access.authentication import Authentication
from perdure.models import DEFAULT_TENANT
from perdure.stores.events.event_feed import EventReader
from perdure.stores.objects.prefix import PermittedPrefixes
from perdure.temporal.client.callback_urls import CallbackUrls
from perdure.temporal.client.goal_service import GoalService

# Of the files and connections that a process may have open: for its stores, and for other callers.
_KEPT_DESCRIPTORS: Final = 256


class StreamsFull(Exception):
    """The process could open no further connection if it let in another reader of events."""


class EventStreams:
    """The open event streams; a server that stops closes them, or it would wait for their end."""

    def __init__(self) -> None:
        self._readers: set[EventReader] = set()
        self._closed = False

    @contextmanager
    def track(self, reader: EventReader) -> Iterator[None]:
        """Track a stream's reader for as long as the block runs.

        Raises:
            StreamsFull: There are as many as the process has connections for.
        """
        descriptors = _descriptors()
        if len(self._readers) >= max(descriptors - _KEPT_DESCRIPTORS, descriptors // 2):
            raise StreamsFull(
                f"{len(self._readers)} readers follow events here, and this process may have"
                f" {descriptors} files and connections open: have that limit raised (ulimit -n), or"
                " ask another of the API's processes"
            )
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


def _descriptors() -> int:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows, which has no such limit
        return sys.maxsize
    limit: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


@dataclass(frozen=True, slots=True)
class ApiState:
    """The application's state, kept in ``app.state.perdure``.

    Attributes:
        service: Starts and cancels goals, over one shared Temporal client.
        callbacks: The URLs that goals' events may be posted to.
        codec: Seals and opens what goes through Temporal.
        prefixes: The prefixes of object storage that batches may read.
        streams: The open event streams.
    """

    service: GoalService
    callbacks: CallbackUrls
    codec: PayloadCodec
    prefixes: PermittedPrefixes
    streams: EventStreams = field(default_factory=EventStreams)


def state_of(request: Request) -> ApiState:
    """Return the application's state, for a route that needs several parts of it.

    Each dependency takes the framework some fifty microseconds.
    """
    state: ApiState = request.app.state.perdure
    return state


def service_of(request: Request) -> GoalService:
    """Return the service as the caller's tenant has it; whoever lets callers in sets the tenant."""
    return state_of(request).service.of(getattr(request.state, "tenant", DEFAULT_TENANT))


async def _service(request: Request) -> GoalService:
    return service_of(request)


async def _callbacks(request: Request) -> CallbackUrls:
    return state_of(request).callbacks


async def _prefixes(request: Request) -> PermittedPrefixes:
    return state_of(request).prefixes


async def _streams(request: Request) -> EventStreams:
    return state_of(request).streams


async def _authenticator(request: Request) -> Authentication:
    authentication: Authentication = request.state.authentication
    return authentication


Service = Annotated[GoalService, Depends(_service)]
Callbacks = Annotated[CallbackUrls, Depends(_callbacks)]
Prefixes = Annotated[PermittedPrefixes, Depends(_prefixes)]
Streams = Annotated[EventStreams, Depends(_streams)]
Authenticator = Annotated[Authentication, Depends(_authenticator)]
