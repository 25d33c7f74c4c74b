"""Opening the stores of an installation."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from holdfast.settings import Settings
from holdfast.stores.artifacts import ArtifactStore
from holdfast.stores.context import ContextStore
from holdfast.stores.database import Database, open_database
from holdfast.stores.errors import StoreUnavailable
from holdfast.stores.events import EventStore
from holdfast.stores.goals import GoalStore
from holdfast.stores.metrics import MetricStore
from holdfast.stores.migrate import migrate
from holdfast.stores.results import ResultStore


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store of an installation, over one database and one folder of files."""

    database: Database
    goals: GoalStore
    results: ResultStore
    context: ContextStore
    events: EventStore
    metrics: MetricStore
    artifacts: ArtifactStore


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open the stores, bring their schema up to date, and close them in the end.

    Raises:
        StoreUnavailable: The home folder cannot be written, the database does not answer, or its
            schema is newer than this version.
    """
    _make_home(settings)
    database = open_database(settings.stores_url)
    try:
        await migrate(database, settings.home)
        yield Stores(
            database=database,
            goals=GoalStore(database),
            results=ResultStore(database),
            context=ContextStore(database),
            events=EventStore(database),
            metrics=MetricStore(database),
            artifacts=ArtifactStore(database, settings.home / "artifacts"),
        )
    finally:
        await database.close()


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        # A file without a name: another process that tries the same does not see it.
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        raise StoreUnavailable(
            f"the folder {settings.home} cannot be written ({error.strerror or error}): make it"
            " writable, or set HOLDFAST_HOME to another"
        ) from error
