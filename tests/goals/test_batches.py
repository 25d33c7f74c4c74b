"""Batches with the real server, a real worker and the real workflow that feeds them."""

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import BaseModel
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from perdure.agents import AgentSpec, Goal, InputError, InputPath, Result, Run
from perdure.models import GoalStatus, Usage
from perdure.models.batches import BatchRecord, BatchSettings, BatchStatus, ItemCounts, NewItem
from perdure.stores.database.errors import InputRefused, StateConflict
from perdure.temporal.batches.outcome import OutcomeFormat, outcome
from perdure.temporal.batches.service import BatchService
from perdure.temporal.batches.sources import csv_rows, files, json_lines, json_objects
from perdure.temporal.batches.worker import build_batch_worker
from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.workflows import batch as batch_workflow
from perdure.workflows.batch import BatchWorkflow
from tests.support.installation import Installation, installations
from tests.support.postgresql import PostgreSQL
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Parameters(BaseModel):
    number: int = 0
    fails: bool = False
    waits: bool = False
    cost: float = 0.0
    path: InputPath | None = None


class Working:
    """The agent of these batches: it counts what it does, waits and fails where it is told to."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.running = 0
        self.most = 0
        self.may_end = asyncio.Event()
        self.mended = False

    def spec(self) -> AgentSpec:
        return AgentSpec(name="work", description="", agent=self.work, parameters=Parameters)

    async def work(self, run: Run, goal: Goal) -> Result:
        given = Parameters.model_validate(goal.parameters)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await run.step("pay", partial(self._pay, run, goal.goal_id, given.cost))
            if given.waits:
                await self.may_end.wait()
            if given.fails and not self.mended:
                raise InputError(f"{given.number} is wrong: give another")
        finally:
            self.running -= 1
        text = given.path.read_text() if given.path else ""
        data = {"number": given.number, "text": text, "list": [given.number]}
        return Result(summary=goal.description, data=data)

    async def _pay(self, run: Run, goal_id: str, cost: float) -> None:
        self.done[goal_id] += 1
        if cost:
            await run.spend(Usage(input_tokens=1, cost=cost), model="some-model")


class Batches:
    """An installation that feeds batches."""

    def __init__(self, here: Installation, working: Working) -> None:
        self.here = here
        self.working = working
        self.service = BatchService(here.service)

    @asynccontextmanager
    async def feeding(self, **options: Any) -> AsyncIterator[None]:
        client = await connect(self.here.address)
        async with build_batch_worker(client, self.here.service, **options):
            yield

    async def hand_in(
        self, items: Iterable[NewItem], name: str = "b", **settings: Any
    ) -> BatchRecord:
        chosen = BatchSettings(agent_type="work", description="Work", **settings)
        handed_in = await self.service.hand_in(name, chosen, items)
        return handed_in.batch

    async def until(self, condition: Callable[[BatchRecord], bool], name: str = "b") -> BatchRecord:
        async def look() -> BatchRecord | None:
            record = await self.here.stores.batches.get(name)
            return record if condition(record) else None

        found = await until_async(look, "the batch")
        assert found is not None
        return found

    async def until_status(self, status: BatchStatus, name: str = "b") -> BatchRecord:
        return await self.until(lambda record: record.status is status, name)

    async def table(self, kind: OutcomeFormat, name: str = "b") -> bytes:
        record = await self.here.stores.batches.get(name)
        chunks = outcome(self.here.stores.batches, record.batch_id, kind)
        return b"".join([chunk async for chunk in chunks])

    async def rows(self, name: str = "b") -> list[dict[str, Any]]:
        text = await self.table(OutcomeFormat.JSON_LINES, name)
        return [json.loads(line) for line in text.splitlines()]


def numbered(count: int, **parameters: Any) -> list[NewItem]:
    rows: list[Mapping[str, Any]] = [
        {"key": f"k{number}", "parameters": {"number": number, **parameters}}
        for number in range(1, count + 1)
    ]
    return [*json_objects(rows)]


@pytest_asyncio.fixture(params=["sqlite", "postgresql"], loop_scope="session")
async def batches(
    request: pytest.FixtureRequest, own_home: Path, server: DevelopmentServer
) -> AsyncIterator[Batches]:
    working = Working()
    async with AsyncExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            databases: PostgreSQL = request.getfixturevalue("postgresql")
            url = await stack.enter_async_context(databases.database())
        install = await stack.enter_async_context(installations(own_home, server.address))
        here = await install(working.spec(), database_url=url)
        yield Batches(here, working)
        async for execution in here.client.list_workflows('ExecutionStatus = "Running"'):
            with suppress(RPCError):  # it has just ended
                await here.client.get_workflow_handle(execution.id).terminate("the test is over")


async def test_every_item_is_done_once_and_so_many_at_once(batches: Batches) -> None:
    async with batches.feeding():
        handed_in = await batches.hand_in(numbered(30, cost=0.25), max_parallel=4)
        ended = await batches.until_status(BatchStatus.COMPLETED)
    assert ended.counts == ItemCounts(completed=30)
    assert batches.working.done == Counter({f"b-{number}": 1 for number in range(1, 31)})
    assert 1 < batches.working.most <= 4
    assert ended.cost == pytest.approx(7.5)
    assert ended.per_second is not None
    rows = await batches.rows()
    assert [row["result"]["number"] for row in rows] == list(range(1, 31))
    # What the ledger has is what the items say they cost.
    spent = [(await batches.here.stores.ledger.of(row["workflow_id"])).spent.cost for row in rows]
    assert spent == [row["cost"] for row in rows]
    assert handed_in.batch_id == ended.batch_id
    # Handed in again, nothing is done or paid again.
    async with batches.feeding():
        again = await batches.service.hand_in("b", handed_in.settings, numbered(31, cost=0.25))
        assert (again.items.added, again.items.duplicates) == (1, 30)
        ended = await batches.until(lambda record: record.counts.completed == 31)
    assert set(batches.working.done.values()) == {1}


async def test_one_after_another_where_order_matters(batches: Batches) -> None:
    async with batches.feeding():
        await batches.hand_in(numbered(6), ordered=True, max_parallel=50)
        await batches.until_status(BatchStatus.COMPLETED)
    assert batches.working.most == 1
    assert list(batches.working.done) == [f"b-{number}" for number in range(1, 7)]


async def test_only_so_many_are_started_a_second(batches: Batches) -> None:
    async with batches.feeding():
        await batches.hand_in(numbered(6), per_second=5.0, max_parallel=50)
        ended = await batches.until_status(BatchStatus.COMPLETED)
    rows = await batches.rows()
    assert ended.ended_at is not None
    first, last = rows[0]["started_at"], rows[-1]["started_at"]
    taken = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    assert taken.total_seconds() >= 0.9


async def test_only_what_failed_is_retried_and_from_its_journal(batches: Batches) -> None:
    rows = [
        {"key": str(number), "parameters": {"number": number, "fails": number % 2 == 0}}
        for number in range(1, 7)
    ]
    async with batches.feeding():
        record = await batches.hand_in(json_objects(rows))  # type: ignore[arg-type]
        ended = await batches.until_status(BatchStatus.COMPLETED)
        assert ended.counts == ItemCounts(completed=3, failed=3)
        batches.working.mended = True
        _, count = await batches.service.retry(record.batch_id)
        assert count == 3
        ended = await batches.until(lambda found: found.counts.completed == 6)
    # What a run had paid before it failed is in its journal.
    assert set(batches.working.done.values()) == {1}
    shown = await batches.rows()
    assert [row["attempts"] for row in shown] == [1, 2, 1, 2, 1, 2]


async def test_it_stops_after_failures_and_within_its_budget(batches: Batches) -> None:
    async with batches.feeding():
        await batches.hand_in(
            numbered(20, fails=True), "bad", max_parallel=1, stop_after_failures=3
        )
        stopped = await batches.until_status(BatchStatus.STOPPED, "bad")
        assert (stopped.counts.failed, stopped.counts.waiting) == (3, 17)
        await batches.hand_in(numbered(20, cost=0.3), "dear", max_parallel=5, budget_cost=1.0)
        stopped = await batches.until(
            lambda found: found.status is BatchStatus.STOPPED and not found.counts.running, "dear"
        )
        assert stopped.cost == pytest.approx(0.9)
        assert "of the 1.0000 dollars" in stopped.reason
        await batches.service.resume("dear", budget_cost=100.0)
        await batches.until_status(BatchStatus.COMPLETED, "dear")
        await batches.service.retry("dear")
        ended = await batches.until(lambda found: found.counts.completed == 20, "dear")
    assert ended.cost == pytest.approx(6.0)


async def test_it_pauses_goes_on_takes_more_and_is_cancelled(batches: Batches) -> None:
    async with batches.feeding():
        record = await batches.hand_in(numbered(6, waits=True), max_parallel=2)
        await until_async(lambda: batches.working.running == 2, "two items")
        assert (await batches.service.pause("b")).status is BatchStatus.PAUSED
        batches.working.may_end.set()
        paused = await batches.until(lambda found: not found.counts.running)
        assert paused.counts == ItemCounts(waiting=4, completed=2)
        # Nothing of it goes on, in Temporal neither.
        await batches.here.client.get_workflow_handle(record.batch_id).result()
        batches.working.may_end.clear()
        await batches.service.resume("b")
        await until_async(lambda: batches.working.running == 2, "two more")
        more = [{"key": f"more-{n}", "parameters": {"waits": True}} for n in range(2)]
        added = await batches.service.add("b", json_objects(more))  # type: ignore[arg-type]
        assert added.items.added == 2
        cancelling = await batches.service.cancel("b")
        assert cancelling.status is BatchStatus.CANCELLING
        ended = await batches.until_status(BatchStatus.CANCELLED)
    assert ended.counts == ItemCounts(waiting=4, completed=2, cancelled=2)
    with pytest.raises(StateConflict, match="was cancelled"):
        await batches.service.add("b", numbered(9))


async def test_its_history_stays_short_and_replays(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_workflow, "MAX_HISTORY_EVENTS", 20)
    async with batches.feeding(feed_seconds=0.1):
        record = await batches.hand_in(numbered(3, waits=True))
        handle = batches.here.client.get_workflow_handle(record.batch_id)
        first = (await handle.describe()).run_id

        async def is_continued() -> bool:
            return (await handle.describe()).run_id != first

        await until_async(is_continued, "the next run")
        batches.working.may_end.set()
        await batches.until_status(BatchStatus.COMPLETED)
        await handle.result()
    for run_id in (first, None):
        history = await batches.here.client.get_workflow_handle(
            record.batch_id, run_id=run_id
        ).fetch_history()
        assert len(history.events) < 60
        replayer = Replayer(
            workflows=[BatchWorkflow],
            data_converter=batches.here.client.data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        await replayer.replay_workflow(history)


async def test_what_is_broken_is_named_and_keeps_nothing_else_from_being_done(
    batches: Batches,
) -> None:
    keys = batches.here.stores.access.keys
    secret, _ = await keys.create("ann", ["read"], tenant="default", expires_at=None)
    lines = [
        b'{"key": "good", "parameters": {"number": "1"}}\n',
        b"{broken\n",
        b'{"key": "unfit", "parameters": {"number": "many"}}\n',
        b'{"key": "unknown", "parameters": {"colour": "red"}}\n',
        b'{"key": "good", "parameters": {"number": 1}}\n',
        b'{"key": "good", "parameters": {"number": 2}}\n',
        json.dumps({"key": "key", "description": secret}).encode() + b"\n",
        b"\xff\n",
        b"\n",
        b'{"description": "Without a key"}\n',
    ]
    async with batches.feeding():
        chosen = BatchSettings(agent_type="work", description="Work")
        handed_in = await batches.service.hand_in("b", chosen, json_lines(lines))
        assert handed_in.items.duplicates == 1
        assert handed_in.items.conflicts == ("good",)
        await batches.until_status(BatchStatus.COMPLETED)
    rows = {row["key"]: row for row in await batches.rows()}
    assert rows["good"]["status"] == "completed"
    assert "row 2 is not JSON" in rows["row-2"]["error"]
    assert "number" in rows["unfit"]["error"]
    assert "colour" in rows["unknown"]["error"]
    assert "API key" in rows["key"]["error"]
    assert rows["key"]["description"] == ""
    assert "row 8 is not JSON" in rows["row-8"]["error"]
    (other,) = [row for row in rows.values() if row["description"] == "Without a key"]
    assert other["status"] == "completed"


async def test_an_empty_batch_is_refused(batches: Batches) -> None:
    empty: list[Iterable[NewItem]] = [[], json_lines([b"\n"]), csv_rows([b"number\n"])]
    for nothing in empty:
        with pytest.raises(InputRefused, match="has no item"):
            await batches.hand_in(nothing)
    with pytest.raises(InputRefused, match="no first row"):
        await batches.hand_in(csv_rows([]))
    with pytest.raises(InputRefused, match="no column 'sum', the first row has number"):
        await batches.hand_in(csv_rows([b"number\n", b"1\n"], {"sum": "number"}))
    assert await batches.here.stores.batches.list() == []


async def test_a_file_that_has_changed_is_not_what_was_handed_in(
    batches: Batches, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (folder / name).write_text(f"this is {name}")
    record = await batches.hand_in(files(sorted(folder.iterdir()), "path"))
    (folder / "b.txt").write_text("another")
    (folder / "c.txt").unlink()
    async with batches.feeding():
        ended = await batches.until_status(BatchStatus.COMPLETED)
        assert ended.counts == ItemCounts(completed=1, failed=2)
        first, second, third = await batches.rows()
        assert first["result"]["text"] == "this is a.txt"
        assert "b.txt has changed since it was handed in" in second["error"]
        assert "c.txt cannot be read any more" in third["error"]
        (folder / "b.txt").write_text("this is b.txt")
        await batches.service.retry(record.batch_id)
        await batches.until(lambda found: found.counts.completed == 2 and found.status.final)
    assert batches.working.done == Counter({"b-1": 1, "b-2": 1})


async def test_the_outcome_is_one_table_in_each_format(batches: Batches) -> None:
    lines = [
        b"id,number,say\n",
        b"=1+1,1,hello\n",
        b"two,2\n",
        b'"three, or so",3,\n',
        b"four,x,\n",
    ]
    columns = {"id": "@key", "number": "number", "say": "@description"}
    async with batches.feeding():
        await batches.hand_in(csv_rows(lines, columns))
        await batches.until_status(BatchStatus.COMPLETED)
    table = list(csv.DictReader(io.StringIO((await batches.table(OutcomeFormat.CSV)).decode())))
    assert [row["key"] for row in table] == ["'=1+1", "row-3", "three, or so", "four"]
    assert [row["status"] for row in table] == ["completed", "invalid", "completed", "invalid"]
    assert [row["summary"] for row in table] == ["hello", "", "Work", ""]
    assert [row["result.number"] for row in table] == ["1", "", "3", ""]
    assert table[0]["result.list"] == "[1]"

    import duckdb

    place = batches.here.settings.home / "outcome.parquet"
    place.write_bytes(await batches.table(OutcomeFormat.PARQUET))
    with duckdb.connect() as connection:
        found = connection.execute(
            'SELECT "key", status, "result.number", started_at FROM read_parquet(?)', [str(place)]
        ).fetchall()
    assert [row[:3] for row in found] == [
        ("=1+1", "completed", 1),
        ("row-3", "invalid", None),
        ("three, or so", "completed", 3),
        ("four", "invalid", None),
    ]


async def test_a_feeder_that_dies_between_claim_and_start_leaves_nothing_undone(
    batches: Batches,
) -> None:
    await batches.hand_in(numbered(5))
    record = await batches.here.stores.batches.get("b")
    fed = await batches.here.stores.batch_feed.advance(record.batch_id, record.settings, 3)
    assert len(fed.claimed) == 3  # and nobody starts them
    async with batches.feeding():
        ended = await batches.until_status(BatchStatus.COMPLETED)
    assert ended.counts == ItemCounts(completed=5)
    assert set(batches.working.done.values()) == {1}
    goals = await batches.here.stores.goals.list(status=GoalStatus.COMPLETED)
    assert len(goals) == 5
