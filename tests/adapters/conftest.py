"""What the tests of the adapters share."""

from collections.abc import Callable, Iterator

import pytest

from perdure.testing import ChatRequest, ModelServer, Reply

Serve = Callable[..., ModelServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that starts the endpoint which every library's OpenAI client asks."""
    servers: list[ModelServer] = []

    def start(script: Callable[[ChatRequest], Reply] | list[Reply]) -> ModelServer:
        servers.append(ModelServer(script).start())
        for name, value in servers[-1].environment.items():
            monkeypatch.setenv(name, value)
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
