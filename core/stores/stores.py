"""All stores of an installation, opened and closed together."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from perdure.settings import Settings
from perdure.stores.artifacts.artifact_store import ArtifactStore
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, open_database
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.database.fencing import Claim
from perdure.stores.database.migrate import migrate
from perdure.stores.events.event_store import EventStore
from perdure.stores.events.event_writer import EventWriter
from perdure.stores.journal.approvals import ApprovalStore
from perdure.stores.journal.context import ContextStore
from perdure.stores.journal.signals import SignalStore
from perdure.stores.journal.waits import WaitStore
from perdure.stores.runs.control import ControlStore
from perdure.stores.runs.executions import ExecutionStore
from perdure.stores.runs.goals import GoalStore
from perdure.stores.runs.idempotency import IdempotencyKeyStore
from perdure.stores.runs.results import ResultStore
from perdure.stores.spending.ledger import LedgerStore
from perdure.stores.spending.metrics import MetricStore
from perdure.stores.spending.response_cache import ResponseCache

_STORES_ID: Final = select(schema.installation.c.stores_id)


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store of an installation, over one database and one folder of files.

    Attributes:
        stores_id: Identifies these stores: a run must continue in the ones it was started in.
    """

    stores_id: str
    database: Database
    executions: ExecutionStore
    ledger: LedgerStore
    goals: GoalStore
    results: ResultStore
    context: ContextStore
    events: EventStore
    metrics: MetricStore
    artifacts: ArtifactStore
    responses: ResponseCache
    waits: WaitStore
    approvals: ApprovalStore
    signals: SignalStore
    idempotency_keys: IdempotencyKeyStore
    control: ControlStore

    def emitter(self, claim: Claim, *, is_retry: bool) -> EventWriter:
        """Return the emitter that stores the events of one execution of a run.

        Args:
            claim: The execution's claim.
            is_retry: Whether another execution had the claim before.
        """
        return EventWriter(self.database, claim, is_retry=is_retry)


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open the stores, migrate their schema, and close them with the block.

    Raises:
        StoreUnavailable: The home folder cannot be written, the database does not answer, or its
            schema is newer than this version.
    """
    _make_home(settings)
    database = open_database(settings.stores_url)
    try:
        await migrate(database, settings.home)
        stores_id = await database.read(
            lambda connection: connection.execute(_STORES_ID).scalar_one()
        )
        yield Stores(
            stores_id=stores_id,
            database=database,
            executions=ExecutionStore(database),
            ledger=LedgerStore(database),
            goals=GoalStore(database),
            results=ResultStore(database),
            context=ContextStore(database),
            events=EventStore(database),
            metrics=MetricStore(database),
            artifacts=ArtifactStore(database, settings.home / "artifacts"),
            responses=ResponseCache(database),
            waits=WaitStore(database),
            approvals=ApprovalStore(database),
            signals=SignalStore(database),
            idempotency_keys=IdempotencyKeyStore(database),
            control=ControlStore(database),
        )
    finally:
        await database.close()


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        # A file without a name: processes that do the same at once do not meet.
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        raise StoreUnavailable(
            f"the folder {settings.home} cannot be written ({error.strerror or error}): make it"
            " writable, or set PERDURE_HOME to another"
        ) from error
