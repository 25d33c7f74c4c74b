"""Stores on SQLite and on PostgreSQL: each test that asks for them runs on both."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from holdfast.settings import Settings
from holdfast.stores import Stores, open_stores

if TYPE_CHECKING:
    from collections.abc import Callable


def pytest_configure(config: pytest.Config) -> None:
    """Register the PostgreSQL plugin, once however many conftests ask for it."""
    name = "holdfast-postgresql"
    if config.pluginmanager.has_plugin(name):
        return
    place = Path(__file__).parents[1] / "postgresql.py"
    spec = importlib.util.spec_from_file_location("holdfast_tests_postgresql", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config.pluginmanager.register(module, name)


@pytest.fixture(params=["sqlite", "postgresql"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings of an installation that was never opened, one for each kind of database."""
    home = tmp_path / "home"
    if request.param == "sqlite":
        yield Settings(home=home)
        return
    server = request.getfixturevalue("postgresql")
    name = await server.create_database()
    try:
        yield Settings(home=home, database_url=server.url(name))
    finally:
        await server.drop_database(name)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open stores."""
    async with open_stores(settings) as opened:
        yield opened
