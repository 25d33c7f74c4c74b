"""A connection to the API that is kept open: HTTP/1.1 with as little work as a client can do."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a request was answered with."""

    status: int
    headers: Headers
    body: bytes

    @property
    def content(self) -> bytes:
        """The body, uncompressed."""
        is_compressed = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if is_compressed else self.body

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            AssertionError: It is an answer to a request that failed.
        """
        assert self.status < 300, f"{self.status}: {self.body[:500]!r}"
        return json.loads(self.content)


class Connection:
    """One request after the other over one connection."""

    def __init__(
        self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter, headers: Headers
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._headers = head_lines(headers)

    @classmethod
    @asynccontextmanager
    async def to(cls, host: str, port: int, headers: Headers) -> AsyncIterator["Connection"]:
        """Connect, for requests that all have some headers."""
        incoming, outgoing = await asyncio.open_connection(host, port)
        try:
            yield cls(incoming, outgoing, headers)
        finally:
            outgoing.close()

    async def get(self, path: str) -> Answer:
        """Send a GET request."""
        return await self._answer(f"GET {path} HTTP/1.1\r\n{self._headers}\r\n".encode())

    async def post(self, path: str, document: object) -> Answer:
        """Send a POST request with a JSON document."""
        body = json.dumps(document).encode()
        head = (
            f"POST {path} HTTP/1.1\r\n{self._headers}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return await self._answer(head.encode() + body)

    async def _answer(self, request: bytes) -> Answer:
        self._outgoing.write(request)
        head = (await self._incoming.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        fields = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in fields}
        body = await self._incoming.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), headers, body)


def head_lines(headers: Headers) -> str:
    """Return the header lines that every request has."""
    sent = {"Host": "localhost", **headers}
    return "".join(f"{name}: {value}\r\n" for name, value in sent.items())
