"""A batch while its workers are killed: every item is done, and the sums equal the ledger.

``BATCH_ITEMS=5000`` has it do more.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select

from perdure.models.batches import BatchRecord, BatchSettings, BatchStatus, ItemRecord
from perdure.stores.database import schema
from perdure.temporal.batches.service import BatchService
from perdure.temporal.batches.sources import json_objects
from perdure.temporal.server.development_server import DevelopmentServer
from tests.durability.batch_worker import COST, spec
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation, installations
from tests.support.postgresql import PostgreSQL
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ITEMS = int(os.environ.get("BATCH_ITEMS", "120"))
WORKERS = 2
KILLS = 4
# On a machine that has much to do.
SECONDS = 540.0


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """The process that forks workers."""
    server = ForkServer("tests.durability.batch_worker:work")
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_every_item_is_done_and_paid_whoever_is_killed(
    database: str,
    request: pytest.FixtureRequest,
    own_home: Path,
    server: DevelopmentServer,
    forks: ForkServer,
) -> None:
    async with AsyncExitStack() as stack:
        url = ""
        if database == "postgresql":
            databases: PostgreSQL = request.getfixturevalue("postgresql")
            url = await stack.enter_async_context(databases.database())
        install = await stack.enter_async_context(installations(own_home, server.address))
        await _try(await install(spec(), work=False, database_url=url), forks, url)


async def _try(here: Installation, forks: ForkServer, url: str) -> None:
    bill = here.settings.home / "bill"
    workers: list[int] = []

    def start() -> None:
        environment = {"PERDURE_DATABASE_URL": url} if url else {}
        order = {"home": str(here.settings.home), "address": here.address}
        workers.append(forks.fork(**order, environment=environment))

    async def until_ended(number: int) -> BatchRecord:
        async def look() -> BatchRecord | None:
            record = await here.stores.batches.get("b")
            return record if record.counts.ended >= number else None

        found = await until_async(look, f"{number} items", SECONDS)
        assert found is not None
        return found

    settings = BatchSettings(agent_type="item", description="Pay", max_parallel=16)
    rows = [
        {"key": str(number), "parameters": {"number": number, "bill": str(bill)}}
        for number in range(ITEMS)
    ]
    try:
        for _ in range(WORKERS):
            start()
        service = BatchService(here.service)
        await service.hand_in("b", settings, json_objects(rows))  # type: ignore[arg-type]
        for kill in range(1, KILLS + 1):
            await until_ended(kill * ITEMS // (KILLS + 2))
            # The oldest: it is likely to be the one that feeds the batch.
            os.kill(workers.pop(0), signal.SIGKILL)
            start()
        record = await until_ended(ITEMS)
        paid = await asyncio.to_thread(bill.read_text)
        await _judge(here, record, [line.split()[0] for line in paid.splitlines()])
    finally:
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def _judge(here: Installation, record: BatchRecord, bill: list[str]) -> None:
    assert record.status is BatchStatus.COMPLETED
    assert record.counts.completed == ITEMS
    spending = select(func.sum(schema.spending.c.cost))
    goals = select(func.count()).select_from(schema.goals)
    ledger, runs = await here.stores.database.read(
        lambda connection: (
            connection.execute(spending).scalar_one(),
            connection.execute(goals).scalar_one(),
        )
    )
    assert runs == ITEMS  # one run for each
    assert record.cost == pytest.approx(ledger)
    shown: list[ItemRecord] = []
    after = 0
    while page := await here.stores.batches.items(record.batch_id, after=after, limit=500):
        shown += page
        after = page[-1].number
    assert sum(item.cost for item in shown) == pytest.approx(ledger)
    # Only a step in flight at a kill is done again, and no kill meets more than run at once.
    paid = Counter(bill)
    assert len(paid) == ITEMS
    assert min(paid.values()) == 2
    assert sum(paid.values()) <= 2 * ITEMS + KILLS * record.settings.max_parallel
    assert all(item.cost >= 2 * COST for item in shown)
