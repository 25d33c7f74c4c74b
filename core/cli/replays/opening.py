"""Opens where recordings are read from: this machine's stores, or the server that was chosen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from perdure.cli.replays.recordings import LocalRecordings, Recordings, RemoteRecordings
from perdure.cli.runtime.server_choice import chosen_server

if TYPE_CHECKING:
    from perdure.settings import Settings


@asynccontextmanager
async def open_recordings(settings: "Settings") -> AsyncIterator[Recordings]:
    """Yield them for as long as the block runs.

    Raises:
        StoreUnavailable: The database does not answer.
        ClientError: The server's address is none of HTTP, or the key cannot be sent.
    """
    server = chosen_server()
    if server is None:
        from perdure.stores import open_stores

        async with open_stores(settings) as stores:
            yield LocalRecordings(stores, settings)
        return
    from perdure.cli.backends.remote import RemoteBackend
    from perdure.client import AsyncClient

    async with AsyncClient(server.url, api_key=server.key or "") as client:
        yield RemoteRecordings(client, RemoteBackend(client))
