"""The HTTP server: serves the application inside a process that has other tasks too."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from perdure.api.dependencies import ApiState
from perdure.settings import Settings


class AddressInUse(Exception):
    """Another process listens on the address already."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; port 0 takes any free one.

    Raises:
        AddressInUse: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise AddressInUse(
            f"the API cannot listen on {host}:{port} ({error.strerror or error}): choose another"
            " port with --port or PERDURE_PORT"
        ) from error
    return listener


@asynccontextmanager
async def serve(app: FastAPI, listener: socket.socket, settings: Settings) -> AsyncIterator[str]:
    """Serve the application as long as the block runs, and yield its URL."""
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", timeout_graceful_shutdown=3, access_log=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 -- it has no event
            await asyncio.sleep(0.01)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        state: ApiState = app.state.perdure
        state.streams.close()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Leaves signal handlers to the process that it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
