"""What all tests have at hand: a home of their own, a real Temporal server, an installation."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.service import RPCError

from perdure.settings import Settings
from perdure.temporal.client.connection import connect
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from perdure.testing import ModelServer

# `deploy`, `evals` and `benchmarks` are no part of any distribution: they are found in the clone.
# At the end, so that nothing in it hides what is installed.
sys.path.append(str(Path(__file__).parents[1]))

from tests.support.installation import Install, installations
from tests.support.object_storage import ObjectStorage, run_object_storage
from tests.support.postgresql import PostgreSQL, run_postgresql
from tests.support.redis_server import RedisServer, run_redis

_shared_servers: list[str] = []


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """Return the Temporal server, got by whatever road this machine allows."""
    return asyncio.run(ensure_server_binary(Settings(), print)).path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(server_binary: Path) -> AsyncIterator[DevelopmentServer]:
    """Run one server for the whole test run."""
    async with run_development_server(server_binary, port=0, ui_port=0) as running:
        _shared_servers.append(running.address)
        yield running
        _shared_servers.remove(running.address)


@pytest.fixture(scope="module", autouse=True)
def no_goal_left_behind() -> Iterator[None]:
    """End what the tests of a file leave on the shared server: later workers would take it up."""
    yield
    for address in _shared_servers:
        asyncio.run(_terminate_all(address))


async def _terminate_all(address: str) -> None:
    client = await connect(address)
    async for execution in client.list_workflows("ExecutionStatus = 'Running'"):
        with suppress(RPCError):  # it has just ended
            await client.get_workflow_handle(execution.id).terminate("its test is over")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a home of its own, away from the user's."""
    home = tmp_path / "home"
    monkeypatch.setenv("PERDURE_HOME", str(home))
    for name in (
        *("TEMPORAL_ADDRESS", "PERDURE_DATABASE_URL", "PERDURE_LISTEN_URL"),
        *("PERDURE_API_KEYS", "PERDURE_MODEL", "PERDURE_REDIS_URL"),
    ):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True)
def stores_on_postgresql(
    request: pytest.FixtureRequest, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Keep the stores of every test that names none in PostgreSQL, when the run is to do so."""
    is_about_sqlite = request.node.get_closest_marker("sqlite") is not None
    if is_about_sqlite or os.environ.get("TEST_DATABASE") != "postgresql":
        yield
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = asyncio.run(server.create(has_tables=True))
    monkeypatch.setenv("PERDURE_DATABASE_URL", server.url(name))
    yield
    asyncio.run(server.drop(name))


@pytest_asyncio.fixture(loop_scope="session")
async def install(
    server: DevelopmentServer, own_home: Path, stores_on_postgresql: None
) -> AsyncIterator[Install]:
    """Return a function that sets up stores and a worker for some agents."""
    async with installations(own_home, server.address) as install:
        yield install


@pytest_asyncio.fixture(loop_scope="session")
async def object_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ObjectStorage]:
    """Run an S3 server with an empty bucket, which this process may use."""
    async with run_object_storage(tmp_path / "s3") as storage:
        for name, value in storage.environment.items():
            monkeypatch.setenv(name, value)
        yield storage


@pytest.fixture(scope="session")
def scripted_models() -> Iterator[ModelServer]:
    """Serve one scripted model for the whole run: event loops keep their connections to it."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def model_server(
    scripted_models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelServer]:
    """Return a scripted model, named for one test only: other tests are to find none."""
    for name, value in scripted_models.environment.items():
        monkeypatch.setenv(name, value)
    scripted_models.answers()
    yield scripted_models
    scripted_models.answers()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL for the whole test run."""
    with run_postgresql() as running:
        yield running


@pytest_asyncio.fixture
async def postgresql_url(postgresql: PostgreSQL) -> AsyncIterator[str]:
    """Return the address of a database that has the tables of the stores and nothing in them."""
    async with postgresql.database(has_tables=True) as url:
        yield url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Run a Redis of the test's own."""
    with run_redis() as running:
        yield running
