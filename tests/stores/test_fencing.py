"""Fencing: only the execution that Temporal scheduled last may write."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.agents.steps.journal import SleepRequest, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.run_closed import Fenced
from perdure.models import Artifact, Goal, GoalStatus, Progress, Result, Usage
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database.fencing import Claim

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
KEY = StepKey("search", "d" * 64, 0)
FILE = Artifact(name="a", media_type="text/plain", digest="sha256:" + "0" * 64, size=1)


async def _emit_text(stores: Stores, claim: Claim) -> None:
    emitter = stores.emitter(claim, is_retry=True)
    await emitter.emit_text("answer", "stale")
    await emitter.drain()


# Everything that an execution writes, by its name.
WRITES: dict[str, Callable[[Stores, Claim], Coroutine[None, None, object]]] = {
    "begin": lambda stores, claim: stores.context.journal(claim).begin(KEY, once=False),
    "begin once": lambda stores, claim: stores.context.journal(claim).begin(KEY, once=True),
    "record": lambda stores, claim: stores.context.journal(claim).record(KEY, StepOutcome("1")),
    "withdraw": lambda stores, claim: stores.context.journal(claim).withdraw(KEY),
    "wait": lambda stores, claim: stores.waits.for_execution(claim).open(KEY, SleepRequest(60)),
    "progress": lambda stores, claim: stores.emitter(claim, is_retry=True).emit(
        Progress(percentage=1)
    ),
    "artifact event": lambda stores, claim: stores.emitter(claim, is_retry=True).emit(FILE),
    "emit_event": lambda stores, claim: stores.emitter(claim, is_retry=True).emit_event(
        "usage", {}
    ),
    "text": _emit_text,
    "artifact": lambda stores, claim: stores.artifacts.writer(claim).write(
        "a", b"stale", "text/plain"
    ),
    "draft": lambda stores, claim: stores.results.draft(claim, Result(summary="stale")),
    "reserve": lambda stores, claim: stores.ledger.for_execution(claim).reserve(
        KEY, "model", Usage(input_tokens=1)
    ),
    "totals": lambda stores, claim: stores.ledger.for_execution(claim).close(1.0),
    "suspend": lambda stores, claim: stores.executions.suspend(
        claim, GoalStatus.WAITING, "run.waiting", {}
    ),
}


async def everything(stores: Stores, run: str) -> tuple[object, ...]:
    """Return all that is stored of a run."""
    tables = ("goals", "steps", "intents", "waits", "events", "artifacts", "results", "spending")
    queries = [text(f"SELECT * FROM {table}") for table in (*tables, "totals", "streams")]
    return await stores.database.read(
        lambda connection: tuple(
            tuple(map(tuple, connection.execute(query).all())) for query in queries
        )
    )


async def start_execution(stores: Stores, claim: Claim) -> bool:
    """Start an execution of a run; return whether another one had the claim before."""
    _, is_retry = await stores.executions.start(claim, None, {})
    return is_retry


@pytest.mark.parametrize("name", WRITES)
async def test_an_execution_that_lost_its_claim_writes_nothing(
    stores: Stores, run: str, claim: Claim, name: str
) -> None:
    await stores.context.journal(claim).record(StepKey("search", "e" * 64, 0), StepOutcome("1"))
    await start_execution(stores, replace(claim, sequence=2))
    before = await everything(stores, run)

    with pytest.raises(Fenced, match="another execution of run has taken over"):
        await WRITES[name](stores, claim)

    assert await everything(stores, run) == before


@pytest.mark.parametrize("name", WRITES)
async def test_a_run_that_has_ended_refuses_writes(
    stores: Stores, run: str, claim: Claim, name: str
) -> None:
    await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
    before = await everything(stores, run)

    with pytest.raises(Fenced):
        await WRITES[name](stores, claim)
    with pytest.raises(Fenced):
        await start_execution(stores, replace(claim, sequence=2))

    assert await everything(stores, run) == before


@pytest.mark.parametrize("name", WRITES)
async def test_the_execution_with_the_claim_writes(
    stores: Stores, run: str, claim: Claim, name: str
) -> None:
    await WRITES[name](stores, claim)


async def test_within_a_temporal_run_the_order_is_the_sequences_whatever_the_clock(
    stores: Stores, run: str
) -> None:
    assert await start_execution(stores, Claim(run, "first", 9, NOON)) is False
    # The clock was set back: what was scheduled later seems earlier. Ten follows nine.
    assert await start_execution(stores, Claim(run, "first", 10, NOON - timedelta(hours=1))) is True

    with pytest.raises(Fenced):
        await start_execution(stores, Claim(run, "first", 9, NOON + timedelta(hours=1)))
    assert (await stores.executions.requests([run]))[run] == (None, "first:10")


async def test_the_same_execution_delivered_again_claims_the_run_again(
    stores: Stores, run: str
) -> None:
    claim = Claim(run, "first", 3, NOON)
    assert await start_execution(stores, claim) is False
    assert await start_execution(stores, claim) is True


async def test_across_temporal_runs_the_order_is_the_schedules(stores: Stores, run: str) -> None:
    await start_execution(stores, Claim(run, "first", 7, NOON))

    with pytest.raises(Fenced):
        await start_execution(stores, Claim(run, "other", 99, NOON - timedelta(microseconds=1)))
    await start_execution(stores, Claim(run, "reset", 1, NOON))
    with pytest.raises(Fenced):
        await start_execution(stores, Claim(run, "first", 8, NOON - timedelta(seconds=1)))
    await start_execution(stores, Claim(run, "later", 0, NOON + timedelta(seconds=1)))

    assert (await stores.executions.requests([run]))[run] == (None, "later:0")


async def test_a_run_that_continues_as_new_follows_its_own_past_whatever_the_clock(
    stores: Stores, run: str
) -> None:
    early = NOON - timedelta(hours=1)
    await start_execution(stores, Claim(run, "first", 7, NOON))

    with pytest.raises(Fenced):
        await start_execution(stores, Claim(run, "second", 0, early, continued_from="elsewhere"))
    await start_execution(stores, Claim(run, "second", 0, early, continued_from="first"))

    # And the one before does not get it back, however late it comes.
    with pytest.raises(Fenced):
        await start_execution(stores, Claim(run, "first", 8, early - timedelta(seconds=1)))


async def test_one_of_many_concurrent_claims_wins(stores: Stores, run: str) -> None:
    claims = [Claim(run, "first", number, NOON) for number in range(20)]

    outcomes = await asyncio.gather(
        *(start_execution(stores, claim) for claim in reversed(claims)), return_exceptions=True
    )

    assert outcomes.count(False) == 1
    assert all(isinstance(outcome, bool | Fenced) for outcome in outcomes)
    assert (await stores.executions.requests([run]))[run] == (None, "first:19")


async def test_an_unknown_run_cannot_be_claimed(stores: Stores) -> None:
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await start_execution(stores, Claim("nowhere", "first", 1, NOON))


async def test_a_write_waits_for_a_claim_that_is_under_way(
    postgresql_url: str, tmp_path: Path
) -> None:
    # SQLite has one writer at a time; PostgreSQL needs the run to be locked.
    engine = create_async_engine(postgresql_url)
    settings = Settings(home=tmp_path, database_url=postgresql_url)
    goal = Goal(goal_id="g", description="d", agent_type="a")
    try:
        async with open_stores(settings) as stores:
            await stores.goals.create(goal, "run", NOON)
            claim = Claim("run", "first", 1, NOON)
            await start_execution(stores, claim)
            async with engine.begin() as claiming:
                await claiming.execute(text("UPDATE goals SET fence = 'first:2'"))
                recording = asyncio.create_task(WRITES["record"](stores, claim))
                done, _ = await asyncio.wait([recording], timeout=0.3)
                assert not done
            with pytest.raises(Fenced):
                await recording
    finally:
        await engine.dispose()
