"""The connection of the async client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.client.connection.attempts import Attempts
from perdure.client.connection.contents import async_pieces
from perdure.client.connection.errors import ClientError
from perdure.client.connection.failures import failure_of
from perdure.client.connection.responses import error_from, is_error, value_of
from perdure.client.connection.server import Server
from perdure.client.requests.request import Request
from perdure.telemetry.traces.propagation import outgoing_fields

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncStream:
    """A response that is read piece by piece.

    Attributes:
        status: The HTTP status.
        headers: Its header fields, by their names in small letters.
    """

    status: int
    headers: dict[str, str]
    _response: "httpx.Response"
    _url: str

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            ServerUnreachable: The connection broke before its end.
        """
        import httpx

        try:
            async for piece in self._response.aiter_raw():
                yield piece
        except httpx.TransportError as error:
            raise failure_of(error, self._url) from error


class AsyncConnection:
    """Sends requests to a server, each again as long as that is sensible.

    Args:
        server: Where to.
        timeout: How many seconds the server may leave a request without a sign of life.
        retry_seconds: For how long a request is repeated.
    """

    def __init__(self, server: Server, *, timeout: float, retry_seconds: float) -> None:
        # Imported here: it takes longer than everything else together.
        import httpx

        self.url = server.url
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        self._has_answered = False
        self._http = httpx.AsyncClient(
            base_url=server.url,
            headers=server.headers,
            # Each stream of events is a connection of its own, for as long as its goal takes.
            # One that rests is closed before servers do it, for what is sent meanwhile is lost.
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=20, keepalive_expiry=2
            ),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def attempts(self, *, repeatable: bool) -> Attempts:
        """Return the attempts at a request that begins now."""
        return Attempts(
            self._retry_seconds, repeatable=repeatable, server_known=lambda: self._has_answered
        )

    async def send(self, request: Request[T]) -> T:
        """Send a request, and return what its response is read as.

        Raises:
            ApiError: The server refused it, or could not do it.
            ServerUnreachable: No response came.
            UnexpectedResponse: The response is none of this API.
        """
        attempts = self.attempts(repeatable=request.repeatable)
        while True:
            try:
                async with self.open(request) as stream:
                    body = b"".join([piece async for piece in stream.pieces()])
                return value_of(request, self.url, body)
            except ClientError as error:
                await asyncio.sleep(attempts.delay(error))

    @asynccontextmanager
    async def open(self, request: Request[Any]) -> AsyncIterator[AsyncStream]:
        """Send a request once; its response is there for as long as the block runs.

        Raises:
            ApiError: The server refused it, or could not do it.
            ServerUnreachable: No response came.
        """
        import httpx

        sent = self._http.build_request(
            request.method,
            request.path,
            params=list(request.query) or None,
            json=request.body,
            content=async_pieces(request.content) if request.content is not None else None,
            headers={"Accept-Encoding": "identity", **outgoing_fields(), **request.headers},
            timeout=httpx.Timeout(self._timeout + request.seconds, connect=min(self._timeout, 10)),
        )
        try:
            response = await self._http.send(sent, stream=True)
        except httpx.TransportError as error:
            raise failure_of(error, self.url) from error
        try:
            self._has_answered = True
            stream = AsyncStream(
                response.status_code, dict(response.headers.items()), response, self.url
            )
            if is_error(request, response.status_code):
                body = b"".join([piece async for piece in stream.pieces()])
                raise error_from(self.url, stream.status, stream.headers, body)
            yield stream
        finally:
            await response.aclose()
