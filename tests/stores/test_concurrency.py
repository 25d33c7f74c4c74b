"""Many at once: goals in one process, and processes on one database."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import Goal, GoalStatus, Progress, Result
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.engine import Transaction
from perdure.stores.database.fencing import Claim
from tests.support.event_loop import count_turns

GOALS = 1000
STEPS = 3

_WRITE = """
import asyncio, sys
from datetime import UTC, datetime
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import Goal, GoalStatus, Result
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.fencing import Claim

async def goal(stores, name, number):
    await stores.goals.create(
        Goal(goal_id="g", description="d", agent_type="a"), name, datetime.now(UTC)
    )
    claim = Claim(name, "first", 1, datetime.now(UTC))
    claim, _ = await stores.executions.start(claim, None, {})
    for step in range(3):
        await stores.events.append("shared", "progress", {"by": number})
        await stores.context.journal(claim).record(StepKey("s", str(step), 0), StepOutcome("1"))
    await stores.results.draft(claim, Result(summary=name))
    await stores.results.store(name, GoalStatus.COMPLETED, None, 1.0)

async def main():
    number = sys.argv[1]
    async with open_stores(Settings.model_validate_json(sys.argv[2])) as stores:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*(goal(stores, f"{number}-{n}", number) for n in range(50)))

asyncio.run(main())
"""


async def _execute_goal(stores: Stores, run: str) -> None:
    goal = Goal(goal_id="g", description="d", agent_type="a")
    await stores.goals.create(goal, run, datetime.now(UTC))
    claim = Claim(run, "first", 1, datetime.now(UTC))
    claim, is_retry = await stores.executions.start(claim, None, {})
    journal, emitter = stores.context.journal(claim), stores.emitter(claim, is_retry=is_retry)
    for step in range(STEPS):
        await journal.record(StepKey("step", str(step), 0), StepOutcome("1"))
        await emitter.emit(Progress(percentage=step))
    await stores.results.draft(claim, Result(summary=run))
    await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)


async def test_a_thousand_goals_at_once_leave_the_event_loop_free(stores: Stores) -> None:
    async with count_turns() as turns:
        await asyncio.gather(*(_execute_goal(stores, f"run{number}") for number in range(GOALS)))

    assert await stores.goals.counts() == {GoalStatus.COMPLETED: GOALS}
    # 9,000 transactions take seconds; a loop that stood still for them would have turned once.
    assert turns.count > 20
    for number in range(0, GOALS, 100):
        run = f"run{number}"
        journal = stores.context.journal(Claim(run, "first", 1, datetime.now(UTC)))
        events = await stores.events.after(run, 0)
        assert [event.number for event in events] == list(range(1, 2 * STEPS + 3))
        assert len(await journal.load()) == STEPS


async def test_processes_share_a_database(
    settings: Settings,
    stores: Stores,
    create_run: Callable[[str], Awaitable[None]],
    processes: Callable[..., Awaitable[list[str]]],
) -> None:
    await create_run("shared")

    await processes(_WRITE, 2, settings.model_dump_json())

    assert await stores.goals.counts() == {GoalStatus.COMPLETED: 100, GoalStatus.RUNNING: 1}
    events = await stores.events.after("shared", 0)
    assert [event.number for event in events] == list(range(1, 302))
    for number in ("0", "1"):
        assert len([event for event in events if event.data.get("by") == number]) == 150


async def test_reads_go_on_while_another_process_writes(tmp_path: Path) -> None:
    # Of PostgreSQL one knows; SQLite does so in WAL mode only.
    inside, leave = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        inside.set()
        leave.wait()

    settings = Settings(home=tmp_path)
    async with open_stores(settings) as stores, open_stores(settings) as other:
        writing = asyncio.create_task(other.database.write(hold))
        await asyncio.to_thread(inside.wait)
        try:
            assert await stores.goals.list() == []
        finally:
            leave.set()
            await writing


async def test_a_write_that_reads_first_waits_for_no_other_to_spoil_it(tmp_path: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def read_then_write(transaction: Transaction) -> None:
        transaction.connection.execute(text("SELECT count(*) FROM goals")).scalar()
        inside.set()
        leave.wait()
        transaction.connection.execute(text("UPDATE goals SET depth = depth + 1"))

    settings = Settings(home=tmp_path)
    goal = Goal(goal_id="g", description="d", agent_type="a")
    async with open_stores(settings) as stores, open_stores(settings) as other:
        await stores.goals.create(goal, "run", datetime.now(UTC))
        first = asyncio.create_task(stores.database.write(read_then_write))
        await asyncio.to_thread(inside.wait)
        second = asyncio.create_task(other.events.append("run", "progress", {}))
        try:
            done, _ = await asyncio.wait([second], timeout=0.3)
            assert not done
        finally:
            leave.set()
            await asyncio.gather(first, second)


async def test_closing_ends_every_thread_and_every_write(settings: Settings) -> None:
    others = set(threading.enumerate())
    async with open_stores(settings) as stores:
        writes = [asyncio.create_task(_execute_goal(stores, f"run{n}")) for n in range(5)]
        await asyncio.gather(*writes)

    left = set(threading.enumerate()) - others
    assert not [thread for thread in left if thread.name.startswith("store-")]


async def test_stores_that_nobody_closed_do_not_keep_a_process(settings: Settings) -> None:
    script = (
        "import asyncio, sys\n"
        "from perdure.settings import Settings\n"
        "from perdure.stores import open_stores\n"
        "async def main():\n"
        "    opening = open_stores(Settings.model_validate_json(sys.argv[1]))\n"
        "    stores = await opening.__aenter__()\n"
        "    await stores.goals.list()\n"
        "    return opening\n"
        "left_open = asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, settings.model_dump_json())
    )
    try:
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
