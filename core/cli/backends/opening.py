"""Opens what a command works on: this machine's installation, or the server that was chosen."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from perdure.cli.backends.backend import Backend
from perdure.cli.runtime.command_settings import settings_with_files
from perdure.cli.runtime.errors import WrongInput
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.server_choice import ServerChoice, chosen_server

T = TypeVar("T")


def run_with_backend(
    action: Callable[[Backend], Awaitable[T]],
    plugin_files: tuple[Path, ...] = (),
    *,
    traced: bool = False,
    span: str = "",
) -> T:
    """Run a command's action on what the command works on, in an event loop of its own.

    Args:
        action: What to do.
        plugin_files: The plugin files that the command was given.
        traced: Whether the command may run or end goals, and sends their spans.
        span: The name of a span of its own, for a command that starts goals.

    Raises:
        WrongInput: Plugin files were given for a server.
        ClientError: The server's address is none of HTTP, or the key cannot be sent.
    """

    async def main() -> T:
        from perdure.telemetry.traces.entrances import command

        async with _open_backend(plugin_files) as backend:
            with command(span):
                return await action(backend)

    return run_async(main(), traced=traced or bool(span))


@asynccontextmanager
async def _open_backend(plugin_files: tuple[Path, ...]) -> AsyncIterator[Backend]:
    server = chosen_server()
    async with AsyncExitStack() as stack:
        if server is None:
            from perdure.cli.backends.local import LocalBackend

            yield LocalBackend(settings_with_files(plugin_files), stack)
        else:
            if plugin_files:
                raise WrongInput(
                    f"{server.url} loads its own plugins: leave --plugin out, or {server.remedy}"
                )
            yield await _open_server(server, stack)


async def _open_server(server: ServerChoice, stack: AsyncExitStack) -> Backend:
    from perdure.cli.backends.remote import RemoteBackend
    from perdure.client import AsyncClient

    client = AsyncClient(server.url, api_key=server.key or "")
    return RemoteBackend(await stack.enter_async_context(client))
