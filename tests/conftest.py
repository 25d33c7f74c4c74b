"""What all tests have at hand: a home of their own, a real Temporal server, an installation."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.settings import Settings
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from tests.support.installation import Install, installations
from tests.support.postgresql import PostgreSQL, run_postgresql


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """Return the Temporal server, got by whatever road this machine allows."""
    return asyncio.run(ensure_server_binary(Settings(), print)).path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(server_binary: Path) -> AsyncIterator[DevelopmentServer]:
    """Run one server for the whole test run."""
    async with run_development_server(server_binary, port=0, ui_port=0) as running:
        yield running


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a home of its own, away from the user's."""
    home = tmp_path / "home"
    monkeypatch.setenv("PERDURE_HOME", str(home))
    for name in ("TEMPORAL_ADDRESS", "PERDURE_DATABASE_URL", "PERDURE_API_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest_asyncio.fixture(loop_scope="session")
async def install(server: DevelopmentServer, own_home: Path) -> AsyncIterator[Install]:
    """Return a function that sets up stores and a worker for some agents."""
    async with installations(own_home, server.address) as install:
        yield install


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL for the whole test run."""
    with run_postgresql() as running:
        yield running


@pytest_asyncio.fixture
async def postgresql_url(postgresql: PostgreSQL) -> AsyncIterator[str]:
    """Return the address of an empty database."""
    async with postgresql.database() as url:
        yield url
