"""The network between a process and a server on this machine: it can be slow, and it can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Relay:
    """Forwards the connections of its own port to a server.

    Attributes:
        port: Where it listens; the same after it was closed and opened again.
        delay: How many seconds it holds back each piece, in either direction.
    """

    def __init__(self, server_port: int, host: str = "127.0.0.1", port: int = 0) -> None:
        self.port = port
        self._host = host
        self.delay = 0.0
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._writing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._forward, self._host, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections, and cut those that there are."""
        assert self._listener is not None
        self._listener.close()
        for writer in self._writers:
            writer.transport.abort()
        for writing in self._writing:
            writing.cancel()
        await self._listener.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {writer, server_writer}
        try:
            await asyncio.gather(
                self._copy(reader, server_writer), self._copy(server_reader, writer)
            )
        finally:
            self._writers -= {writer, server_writer}

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(pieces, target))
        self._writing.add(writing)
        clock = asyncio.get_running_loop().time
        try:
            while data := await source.read(65536):
                pieces.put_nowait((clock() + self.delay, data))
        except ConnectionError:
            pass
        finally:
            pieces.put_nowait((clock(), b""))
            await asyncio.wait({writing})
            self._writing.discard(writing)

    async def _write(
        self, pieces: "asyncio.Queue[tuple[float, bytes]]", target: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await pieces.get()
            if not data:
                break
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)
            target.write(data)
        target.transport.abort()


@asynccontextmanager
async def relay_to(
    server_port: int, listening: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[Relay]:
    """Forward connections to a port of this machine as long as the block runs.

    Args:
        server_port: The port.
        listening: Where to listen for them; on a free port for 0.
    """
    relay = Relay(server_port, *listening)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()
