"""A model endpoint for tests: a real HTTP server that speaks OpenAI's protocol and does as told.

It answers what its script says, fails as its script says, remembers every request, and counts what
a provider would charge for each, so that a test can see what was paid twice. It runs in a thread of
the test, or as a process of its own: ``python -m perdure.testing.model_endpoint.server
module:script``.
"""

import asyncio
import importlib
import json
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Final, Self

from perdure.testing.model_endpoint.connection import Connection
from perdure.testing.model_endpoint.script import Asked, Reply, Script, in_turn, says

START_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that was made.

    Attributes:
        number: 1 for the first.
        at: When it came, in seconds since the epoch.
        prompt: What tells one prompt from another.
        model: The model's name.
        streamed: Whether a stream was asked for.
        status: The HTTP status answered; 0 when there was none.
        input_tokens: Tokens charged for what was sent.
        output_tokens: Tokens charged for what was answered.
        complete: Whether the whole answer was sent.
    """

    number: int
    at: float
    prompt: str
    model: str
    streamed: bool
    status: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    complete: bool = False

    @property
    def tokens(self) -> int:
        """Tokens charged."""
        return self.input_tokens + self.output_tokens


def paid_in_vain(requests: Iterable[Recorded]) -> int:
    """Return the tokens charged for anything but the first complete answer to each prompt."""
    total, useful = 0, dict[str, int]()
    for request in requests:
        total += request.tokens
        if request.complete:
            useful.setdefault(request.prompt, request.tokens)
    return total - sum(useful.values())


def _echoes(asked: Asked) -> Reply:
    return says(f"You said: {asked.last}")


class ModelServer:
    """A scripted model endpoint on loopback.

    ::

        with ModelServer([refuses(429, retry_after=1), says("Done.")]) as server:
            ...  # environment=server.environment
        assert server.paid_in_vain == 0

    Attributes:
        port: Where it listens; chosen by the system unless given.
    """

    def __init__(self, script: Script = _echoes, *, port: int = 0) -> None:
        """Bind a script; without one the server repeats what it is told.

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
        self._changed = threading.Condition()
        self._requests: list[Recorded] = []
        self._asked: Counter[str] = Counter()

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
    def requests(self) -> tuple[Recorded, ...]:
        """Every request so far; those under way are charged with nothing yet."""
        with self._changed:
            return tuple(self._requests)

    @property
    def billed(self) -> int:
        """Tokens charged in all."""
        return sum(request.tokens for request in self.requests)

    @property
    def paid_in_vain(self) -> int:
        """Tokens charged for anything but the first complete answer to each prompt."""
        return paid_in_vain(self.requests)

    def answers(self, script: Script = _echoes) -> None:
        """Answer by another script from now on, and forget the requests so far.

        Args:
            script: As at the beginning; without one the server repeats what it is told.
        """
        with self._changed:
            self._script = script if callable(script) else in_turn(script)
            self._requests.clear()
            self._asked.clear()

    def wait_for(self, count: int, *, seconds: float = 30.0) -> None:
        """Block until so many requests have come.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, seconds):
                raise TimeoutError(
                    f"{len(self._requests)} of {count} requests came within {seconds} s"
                )

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

    def reply(self, asked: Asked) -> Reply:
        """Return what the script says to a request; a script that fails is a server's error."""
        try:
            return self._script(asked)
        except Exception as error:  # noqa: BLE001 -- whatever a test's script raises
            return Reply(status=500, code=f"{type(error).__name__}: {error}")

    def as_json(self) -> bytes:
        """Return every request so far as JSON, for :func:`recorded_by`."""
        return json.dumps([asdict(request) for request in self.requests]).encode()

    def begin(self, prompt: str, model: str, *, streamed: bool) -> tuple[int, int]:
        """Note that a request came; returns its number, and how often it came."""
        with self._changed:
            self._asked[prompt] += 1
            number = len(self._requests) + 1
            self._requests.append(Recorded(number, time.time(), prompt, model, streamed))
            self._changed.notify_all()
            return number, self._asked[prompt]

    def end(self, asked: Asked, status: int, output_tokens: int, *, complete: bool) -> None:
        """Note how a request was answered."""
        charged = asked.input_tokens if status == 200 else 0
        with self._changed:
            if asked.number > len(self._requests):
                return  # it was forgotten meanwhile
            self._requests[asked.number - 1] = replace(
                self._requests[asked.number - 1],
                status=status,
                input_tokens=charged,
                output_tokens=output_tokens,
                complete=complete,
            )
            self._changed.notify_all()

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
        connections: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = asyncio.ensure_future(Connection(self, reader, writer).serve())
            connections.add(connection)
            connection.add_done_callback(connections.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", self.port, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for connection in tuple(connections):
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def recorded_by(url: str) -> tuple[Recorded, ...]:
    """Return what a server in another process has recorded so far.

    Args:
        url: Its base URL.
    """
    with urllib.request.urlopen(f"{url}/requests", timeout=10) as answer:  # noqa: S310 -- loopback
        return tuple(Recorded(**request) for request in json.load(answer))


def main(arguments: list[str]) -> None:
    """Serve until standard input ends; the first line told is the base URL."""
    script: Script = _echoes
    if arguments:
        module, _, name = arguments[0].partition(":")
        script = getattr(importlib.import_module(module), name)
    with ModelServer(script) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
