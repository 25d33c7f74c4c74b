"""Two installations on one database are noticed; a server that lost its state is not refused."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.installation import OtherNamespace
from perdure.temporal.client.connection import TemporalUnavailable, connect
from perdure.temporal.client.namespace import claim_namespace, claim_when_up
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from perdure.temporal.server.ports import free_port
from perdure.temporal.session import open_session
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _client_of_another_namespace(client: Client) -> Client:
    """Return a client of a new namespace of the same server."""
    name = f"other-{uuid.uuid4()}"
    retention = Duration()
    retention.FromTimedelta(timedelta(days=1))
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    other = Client(client.service_client, namespace=name, data_converter=client.data_converter)

    async def is_there() -> bool:
        try:
            await other.count_workflows()
        except Exception:
            return False
        return True

    await until_async(is_there, "the namespace")
    return other


async def test_another_namespace_on_the_same_stores_is_refused(
    server: DevelopmentServer, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    messages: list[str] = []
    client = await connect(server.address)
    async with open_stores(settings) as stores:
        await claim_namespace(client, stores, settings, messages.append)
        other = await _client_of_another_namespace(client)
        with pytest.raises(
            OtherNamespace, match="belong to the Temporal namespace 'default'"
        ) as no:
            await claim_namespace(other, stores, settings, messages.append)
        assert other.namespace in str(no.value)
        await claim_namespace(client, stores, settings, messages.append)
        assert messages == []

        new_id = str(no.value).rpartition("PERDURE_ADOPT_NAMESPACE=")[2]
        adopting = settings.model_copy(update={"adopt_namespace": new_id})
        await claim_namespace(other, stores, adopting, messages.append)
        assert len(messages) == 1
        await claim_namespace(other, stores, settings, messages.append)
        with pytest.raises(OtherNamespace):
            await claim_namespace(client, stores, settings, messages.append)


async def test_a_session_with_another_server_is_refused(
    server: DevelopmentServer, server_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings()
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    async with open_session(settings, print):
        pass
    async with run_development_server(server_binary, port=0, ui_port=0) as second:
        monkeypatch.setenv("TEMPORAL_ADDRESS", second.address)
        with pytest.raises(OtherNamespace, match="PERDURE_ADOPT_NAMESPACE"):
            async with open_session(settings, print):
                pass
    monkeypatch.delenv("TEMPORAL_ADDRESS")
    with pytest.raises(OtherNamespace):  # the embedded one is another too
        async with open_session(settings, print):
            pass


async def test_whoever_deletes_the_embedded_servers_state_is_warned(own_home: Path) -> None:
    settings = Settings()
    messages: list[str] = []

    def report(line: str) -> None:
        if "namespace" in line:
            messages.append(line)

    for _ in range(2):
        async with open_session(settings, report):
            pass
    assert messages == []
    for file in own_home.glob("temporal.db*"):  # noqa: ASYNC240 -- a handful of files
        file.unlink()
    async with open_session(settings, report):
        pass
    assert len(messages) == 1
    assert "perdure goals retry picks them up" in messages[0]
    async with open_session(settings, report):
        pass
    assert len(messages) == 1


async def test_a_server_that_is_away_is_waited_for(server: DevelopmentServer) -> None:
    settings = Settings()
    nowhere = await connect(f"127.0.0.1:{free_port()}", lazy=True)
    async with open_stores(settings) as stores:
        with pytest.raises(TemporalUnavailable):
            await claim_namespace(nowhere, stores, settings, print)
        client = await connect(server.address, lazy=True)
        await claim_when_up(client, stores, settings, print)
