"""What tests of the whole share: a home of their own, and a real Temporal server."""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.settings import Settings
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server


def pytest_configure(config: pytest.Config) -> None:
    """Register ``postgresql`` and ``install``: the tests are no package to import them from."""
    for name in ("postgresql", "installation"):
        place = Path(__file__).with_name(f"{name}.py")
        spec = importlib.util.spec_from_file_location(f"perdure_tests_{name}", place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # Dataclasses look their module up while it is being made.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        config.pluginmanager.register(module, f"perdure-{name}")


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
