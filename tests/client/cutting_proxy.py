"""A TCP proxy that cuts connections: after so many bytes, or all of them at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes bytes on, until it does not.

    Attributes:
        responses: After how many bytes from the server each of the next connections is cut.
        requests: After how many bytes from the client, likewise.
        received: What clients sent, the beginning of it, one text a connection.
        is_refusing: Whether new connections are cut at once.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.responses: list[int] = []
        self.requests: list[int] = []
        self.received: list[str] = []
        self.is_refusing = False

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """Cut every connection that there is."""
        for writer in self._writers:
            writer.transport.abort()

    def sent_headers(self, name: str) -> list[str]:
        """Return the values of a header field, in the order in which they came."""
        lines = [line for text in self.received for line in text.split("\r\n")]
        found = [line.partition(":") for line in lines]
        return [value.strip() for field, _, value in found if field.lower() == name.lower()]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["CuttingProxy"]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_refusing:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(
            self._target.hostname, self._target.port
        )
        both = {writer, there_writer}
        self._writers |= both
        index = len(self.received)
        self.received.append("")
        try:
            up = self._pass(reader, there_writer, self.requests, index)
            down = self._pass(there_reader, writer, self.responses, None)
            await asyncio.wait(
                {asyncio.create_task(up), asyncio.create_task(down)},
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: list[int],
        index: int | None,
    ) -> None:
        left = limits.pop(0) if limits else None
        try:
            while piece := await reader.read(4096):
                if index is not None and len(self.received[index]) < 65536:
                    self.received[index] += piece.decode("latin-1")
                if left is not None:
                    piece, left = piece[:left], left - len(piece)
                writer.write(piece)
                await writer.drain()
                if left is not None and left <= 0:
                    return
            # The other side has said all: it must arrive before the connection ends.
            if index is None:
                writer.write_eof()
        except OSError:
            return
