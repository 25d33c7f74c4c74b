"""The context store: each run's journal."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.models import Budget, Failure, Usage
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database.fencing import Claim
from perdure.stores.journal.context import MAX_VALUE_CHARACTERS, StoredJournal

KEY = StepKey("search", "d" * 64, 0)
FAILURE = Failure(type="Refused", message="no", permanent=True)

CreateRun = Callable[..., Awaitable[None]]
StartExecution = Callable[..., Awaitable[Claim]]

_RECORD_AND_HANG = """
import asyncio, sys
from datetime import UTC, datetime
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.fencing import Claim

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[1])) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="a")
        await stores.goals.create(goal, "run", datetime.now(UTC))
        claim = Claim("run", "first", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        await stores.context.journal(claim).record(StepKey("paid", "d" * 64, 0), StepOutcome("42"))
        print("recorded", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def journal(stores: Stores, claim: Claim) -> StoredJournal:
    """Return the journal of an execution that has the run's claim."""
    return stores.context.journal(claim)


async def test_finished_steps_come_back(
    stores: Stores, run: str, journal: StoredJournal, start_execution: StartExecution
) -> None:
    paid = Usage(input_tokens=3, output_tokens=2, cost=0.001)
    outcomes = {
        KEY: StepOutcome(json.dumps({"text": "naïve \0 \u2028 😀", "n": 1.5}), None, 0.25),
        StepKey("search", "d" * 64, 1): StepOutcome("null", usage=paid),
        StepKey("search", "e" * 64, 0): StepOutcome("[]"),
        StepKey("fetch", "d" * 64, 0): StepOutcome("", FAILURE, 1.0),
    }
    for key, outcome in outcomes.items():
        await journal.record(key, outcome)

    later = stores.context.journal(await start_execution(run, 2))

    assert await later.load() == outcomes
    events = [(event.type, event.data) for event in await stores.events.after(run, 1)]
    assert events[0] == ("step.completed", {"step": "search", "seconds": 0.25})
    assert events[3] == (
        "step.failed",
        {"step": "fetch", "seconds": 1.0, "error": FAILURE.model_dump()},
    )


async def test_runs_know_nothing_of_each_other(
    stores: Stores, journal: StoredJournal, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("other")
    await journal.record(KEY, StepOutcome("1"))

    assert await stores.context.journal(await start_execution("other")).load() == {}


async def test_a_step_recorded_twice_keeps_its_outcome_and_has_one_event_and_counts_once(
    stores: Stores, run: str, journal: StoredJournal
) -> None:
    await journal.record(KEY, StepOutcome("1"))

    await journal.record(KEY, StepOutcome("2"))

    assert await journal.load() == {KEY: StepOutcome("1")}
    assert len(await stores.events.after(run, 1)) == 1
    assert (await stores.ledger.of(run)).steps == 1


async def test_a_failed_step_is_withdrawn_and_a_finished_one_is_not(
    journal: StoredJournal,
) -> None:
    failed = StepKey("fetch", "f" * 64, 0)
    await journal.record(KEY, StepOutcome("1"))
    await journal.record(failed, StepOutcome("", Failure(type="E", message="m")))

    await journal.withdraw(failed)
    await journal.withdraw(KEY)
    assert await journal.load() == {KEY: StepOutcome("1")}

    await journal.record(failed, StepOutcome("2"))
    assert await journal.load() == {KEY: StepOutcome("1"), failed: StepOutcome("2")}


async def test_parallel_steps_are_all_recorded(
    stores: Stores, run: str, journal: StoredJournal
) -> None:
    keys = [StepKey("page", "d" * 64, n) for n in range(100)]

    await asyncio.gather(*(journal.record(key, StepOutcome(str(key.occurrence))) for key in keys))

    assert await journal.load() == {key: StepOutcome(str(key.occurrence)) for key in keys}
    numbers = [event.number for event in await stores.events.after(run, 0)]
    assert numbers == list(range(1, 102))
    assert (await stores.ledger.of(run)).steps == 100


async def test_a_large_value_is_loaded_only_when_it_is_requested(journal: StoredJournal) -> None:
    small, large = (json.dumps("x" * (MAX_VALUE_CHARACTERS + more)) for more in (-2, -1))
    other = StepKey("search", "e" * 64, 0)
    await journal.record(KEY, StepOutcome(large, None, 2.0))
    await journal.record(other, StepOutcome(small))

    assert await journal.load() == {KEY: StepOutcome(None, None, 2.0), other: StepOutcome(small)}
    assert await journal.value(KEY) == large


async def test_the_events_of_a_step_come_before_the_one_of_its_end(
    stores: Stores, run: str, claim: Claim
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    journal = stores.context.journal(claim, emitter.drain)

    await emitter.emit_text(stream_of(KEY), "one ")
    await emitter.emit_text(stream_of(KEY), "two")
    await journal.record(KEY, StepOutcome("1"))

    events = await stores.events.after(run, 1)
    assert "".join(str(event.data["text"]) for event in events[:-1]) == "one two"
    assert events[-1].type == "step.completed"


async def test_a_once_step_that_was_started_and_never_recorded_is_of_unknown_outcome(
    stores: Stores, run: str, journal: StoredJournal, start_execution: StartExecution
) -> None:
    assert await journal.begin(KEY, once=True) is False

    later = stores.context.journal(await start_execution(run, 2))

    assert await later.begin(KEY, once=True) is True
    assert await later.begin(StepKey("search", "d" * 64, 1), once=True) is False
    assert await later.begin(StepKey("other", "d" * 64, 0), once=False) is False
    assert await later.load() == {}


async def test_a_once_step_that_is_known_to_have_failed_may_start_again(
    stores: Stores, run: str, journal: StoredJournal, start_execution: StartExecution
) -> None:
    await journal.begin(KEY, once=True)
    await journal.record(KEY, StepOutcome("", FAILURE))
    await journal.withdraw(KEY)

    later = stores.context.journal(await start_execution(run, 2))

    assert await later.begin(KEY, once=True) is False


async def test_of_concurrent_starts_of_a_once_step_one_is_the_first(journal: StoredJournal) -> None:
    unknown = await asyncio.gather(*(journal.begin(KEY, once=True) for _ in range(20)))

    assert sorted(unknown) == [False] + [True] * 19


@pytest.mark.parametrize("once", [True, False])
async def test_a_run_does_as_many_steps_as_its_budget_allows(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution, once: bool
) -> None:
    await create_run("thrifty", Budget(steps=2))
    journal = stores.context.journal(await start_execution("thrifty"))
    keys = [StepKey("page", "d" * 64, n) for n in range(3)]
    for key in keys[:2]:
        await journal.begin(key, once=once)
        await journal.record(key, StepOutcome("1"))

    with pytest.raises(BudgetExceeded, match="has done 2 steps"):
        await journal.begin(keys[2], once=once)
    # Those that the journal answers cost nothing, so a later execution is where this one was.
    later = stores.context.journal(await start_execution("thrifty", 2))
    with pytest.raises(BudgetExceeded, match="has done 2 steps"):
        await later.begin(keys[2], once=once)
    assert list(await journal.load()) == keys[:2]


@pytest.mark.parametrize("once", [True, False])
async def test_of_many_concurrent_steps_no_more_start_than_the_budget_allows(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution, once: bool
) -> None:
    await create_run("thrifty", Budget(steps=5))
    journal = stores.context.journal(await start_execution("thrifty"))

    async def execute_step(number: int) -> int:
        key = StepKey("page", "d" * 64, number)
        await journal.begin(key, once=once)
        await journal.record(key, StepOutcome("1"))
        return number

    for first in (0, 20):
        outcomes = await asyncio.gather(
            *(execute_step(number) for number in range(first, first + 20)), return_exceptions=True
        )
        refused = sum(isinstance(outcome, BudgetExceeded) for outcome in outcomes)
        assert refused == (15 if first == 0 else 20)

    assert len(await journal.load()) == (await stores.ledger.of("thrifty")).steps == 5


async def test_a_run_is_at_work_as_long_as_its_budget_allows(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("hasty", Budget(seconds=60))
    claim = await start_execution("hasty")
    journal, ledger = stores.context.journal(claim), stores.ledger.for_execution(claim)
    await journal.begin(KEY, once=False)
    await ledger.close(20.0)
    left = await stores.ledger.seconds_left(claim)
    assert left is not None
    assert 39 < left <= 40
    await journal.begin(KEY, once=False)
    await ledger.close(40.0)

    with pytest.raises(BudgetExceeded, match="at work for 60 seconds"):
        await journal.begin(KEY, once=False)
    assert await stores.ledger.seconds_left(claim) == 0


async def test_a_step_is_recorded_only_for_a_run_on_record(stores: Stores) -> None:
    nowhere = stores.context.journal(Claim("nowhere", "first", 1, datetime.now(UTC)))
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await nowhere.begin(KEY, once=False)
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await nowhere.record(KEY, StepOutcome("1"))


async def test_a_recorded_step_survives_a_killed_process(settings: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _RECORD_AND_HANG, settings.model_dump_json()),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"recorded\n"
    finally:
        process.kill()
        await process.wait()

    async with open_stores(settings) as stores:
        claim = Claim("run", "first", 2, datetime.now(UTC))
        steps = await stores.context.journal(claim).load()
        assert steps == {StepKey("paid", "d" * 64, 0): StepOutcome("42")}
