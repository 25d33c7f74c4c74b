"""A worker that fails says so, and cancels nothing but its block."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from perdure.cli.runtime.event_loop import clear_cancellation
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.polling import WorkerFailed, polling
from perdure.temporal.worker.worker import build_worker
from tests.support.plugins import registry_of


async def _client_of_no_namespace(server: DevelopmentServer) -> Client:
    client = await connect(server.address)
    return Client(client.service_client, namespace="nowhere", data_converter=client.data_converter)


async def _take_it_for_ctrl_c() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        clear_cancellation()


async def _wait_forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("block", [_wait_forever, _take_it_for_ctrl_c])
async def test_a_worker_that_fails_ends_its_block_with_a_word(
    server: DevelopmentServer, own_home: Path, block: Callable[[], Awaitable[None]]
) -> None:
    settings = Settings(home=own_home)
    client = await _client_of_no_namespace(server)

    async def poll() -> None:
        async with polling(build_worker(client, stores, registry_of(), settings)):
            await block()

    async with open_stores(settings) as stores:
        with pytest.raises(WorkerFailed, match=r"cannot take goals from Temporal.*nowhere"):
            await poll()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
