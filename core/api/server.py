"""The HTTP server: serves the application inside a process that has other tasks too."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, TypedDict

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from perdure.api.routes.dependencies import ApiState
from perdure.api.timed_protocol import TimedProtocol
from perdure.settings import Settings

# How long a connection is kept whose other side takes nothing that is sent, or has gone without a
# word. Linux counts it, of a stream that sends nothing too: for signs of life it sends.
SILENCE_SECONDS: Final = 60


class AddressInUse(Exception):
    """Another process listens on the address already."""


class CertificateRefused(Exception):
    """The API cannot speak TLS with the certificate or the key that it was given."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; port 0 takes any free one.

    Raises:
        AddressInUse: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by its name: only then does asyncio set TCP_NODELAY, without which the body of a
    # response waits up to 40 ms for the client to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # the connections that it accepts have it as well
        milliseconds = int(SILENCE_SECONDS * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
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
    """Serve the application as long as the block runs, and yield its URL.

    Raises:
        CertificateRefused: The settings name a certificate that cannot be used.
    """
    state: ApiState = app.state.perdure
    async with serving(app, listener, settings) as url:
        try:
            yield url
        finally:
            state.streams.close()


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, settings: Settings) -> AsyncIterator[str]:
    """Serve any application as long as the block runs, and yield its URL.

    Raises:
        CertificateRefused: The settings name a certificate that cannot be used.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=3,
        access_log=False,
        # It would believe any process of this machine: core/api/gateway/arrival.py does better.
        proxy_headers=False,
        http=TimedProtocol,
        # Nothing here speaks it, and a handshake would pass by all that requests pass.
        ws="none",
        **_tls_options(settings),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 -- it has no event
            await asyncio.sleep(0.01)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "https" if settings.tls_certificate else "http"
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


class _TlsOptions(TypedDict, total=False):
    ssl_certfile: str
    ssl_keyfile: str | None


def _tls_options(settings: Settings) -> _TlsOptions:
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None:
        return {}
    try:
        # An empty password: else one that a key needs is asked for at the terminal.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key, password=""
        )
    except OSError as error:  # an SSLError is one
        files = f"{certificate}" if key is None else f"{certificate} and the key {key}"
        raise CertificateRefused(
            f"the API cannot use the certificate {files} ({error.strerror or error}): set"
            " PERDURE_TLS_CERTIFICATE and PERDURE_TLS_KEY to files in PEM format that belong"
            " together, without a password"
        ) from error
    return {"ssl_certfile": str(certificate), "ssl_keyfile": str(key) if key else None}


class _Server(uvicorn.Server):
    """Leaves signal handlers to the process that it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
