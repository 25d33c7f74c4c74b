"""A model endpoint for tests: a real HTTP server that speaks OpenAI's protocol and obeys a script.

It answers what its script says, fails as its script says, records every request, and counts what
a provider would charge for each, so that a test can see what was paid twice. It runs in a thread of
the test, or as a process of its own: ``python -m perdure.testing.model_endpoint.server
module:script``.
"""

import asyncio
import importlib
import sys
import threading
from types import TracebackType
from typing import Final, Self

from perdure.testing.model_endpoint.connection import Connection
from perdure.testing.model_endpoint.request_log import RecordedRequest, RequestLog, wasted_requests
from perdure.testing.model_endpoint.script import ChatRequest, Reply, Script, in_turn, says

START_SECONDS: Final = 10.0


def _echo(request: ChatRequest) -> Reply:
    return says(f"You said: {request.last}")


class ModelServer:
    """A scripted model endpoint on loopback.

    ::

        with ModelServer([refuses(429, retry_after=1), says("Done.")]) as server:
            ...  # environment=server.environment
        assert server.wasted_requests == 0

    Attributes:
        port: Where it listens; chosen by the system unless given.
    """

    def __init__(self, script: Script = _echo, *, port: int = 0) -> None:
        """Bind a script; without one the server echoes the last message.

        Args:
            script: Returns the reply to a request, in the server's thread; or the replies, in the
                order in which requests come.
            port: Where to listen on 127.0.0.1.
        """
        self.port = port
        self._script = script if callable(script) else in_turn(script)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="model-server")
        self._ready = threading.Event()
        self._error: OSError | None = None
        self._stopping: asyncio.Event | None = None
        self._log = RequestLog()

    @property
    def url(self) -> str:
        """The base URL, as OpenAI's clients take it."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which Perdure's models are this server."""
        return {
            "PERDURE_MODEL": "openai-chat:scripted",
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": "scripted",
        }

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far; those under way are charged with nothing yet."""
        return self._log.requests

    @property
    def billed(self) -> int:
        """Tokens charged in all."""
        return sum(request.tokens for request in self.requests)

    @property
    def wasted_requests(self) -> int:
        """Tokens charged for anything but the first complete answer to each prompt."""
        return wasted_requests(self.requests)

    def answers(self, script: Script = _echo) -> None:
        """Answer by another script from now on, and forget the requests so far.

        Args:
            script: As at the beginning; without one the server echoes the last message.
        """
        self._script = script if callable(script) else in_turn(script)
        self._log.clear()

    def wait_for(self, count: int, *, seconds: float = 30.0) -> None:
        """Block until so many requests have come.

        Raises:
            TimeoutError: They did not come in time.
        """
        self._log.wait_for(count, seconds)

    def start(self) -> Self:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError(f"the model server did not start within {START_SECONDS:.0f} s")
        if self._error is not None:
            raise self._error
        return self

    def stop(self) -> None:
        """Cut every connection and end; a second call does nothing."""
        if self._thread.is_alive() and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _reply(self, request: ChatRequest) -> Reply:
        """Return what the script answers; a script that fails is a server's error."""
        try:
            return self._script(request)
        except Exception as error:  # noqa: BLE001 -- whatever a test's script raises
            return Reply(status=500, code=f"{type(error).__name__}: {error}")

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._listen())
        except OSError as error:
            self._error = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _listen(self) -> None:
        self._stopping = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = Connection(reader, writer, self._log, self._reply)
            task = asyncio.ensure_future(connection.serve())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", self.port, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main(arguments: list[str]) -> None:
    """Serve until standard input ends; the first line printed is the base URL."""
    script: Script = _echo
    if arguments:
        module, _, name = arguments[0].partition(":")
        script = getattr(importlib.import_module(module), name)
    with ModelServer(script) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
