"""The result store: how a run ended, exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.agents.steps.run_closed import Fenced
from perdure.models import Failure, Goal, GoalStatus, Result, ResultReference, Usage
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database.errors import RunNotEnded
from perdure.stores.database.fencing import Claim
from perdure.stores.runs.results import MAX_SUMMARY_CHARACTERS
from tests.support.until import until_async

RESULT = Result(
    summary="Sales rose.",
    data={"rows": 3, "columns": ["a", "b"], "share": 0.25, "none": None},
    usage=Usage(input_tokens=3, output_tokens=4, cost=0.5),
    metadata={"agent_type": "analysis", "tokens_used": 7, "own": "x" * 10_000},
)


async def test_a_draft_becomes_the_result(stores: Stores, run: str, claim: Claim) -> None:
    await stores.results.draft(claim, Result(summary="an earlier attempt"))
    await stores.results.draft(claim, RESULT)
    assert (await stores.goals.get(run)).result is None

    reference = await stores.results.store(run, GoalStatus.COMPLETED, None, 12.5)

    assert reference == ResultReference(
        workflow_id=run,
        summary="Sales rose.",
        size=len(RESULT.model_dump_json().encode()),
        metadata={"agent_type": "analysis", "tokens_used": 7},
    )
    record = await stores.goals.get(run)
    assert record.result == RESULT
    assert record.success is True
    assert record.execution_time == 12.5
    assert record.ended_at is not None
    assert record.ended_at.utcoffset() == timedelta(0)
    last = (await stores.events.after(run, 0))[-1]
    assert (last.type, last.data) == ("run.completed", {"execution_time": 12.5})
    assert await stores.metrics.of(run) == {"execution_time": 12.5}


async def test_a_failed_run_keeps_what_was_made(stores: Stores, run: str, claim: Claim) -> None:
    await stores.results.draft(claim, Result(data={"pages": 2}))
    await stores.artifacts.writer(claim).write("part.md", b"# Part", "text/markdown")
    failure = Failure(type="SourceMissing", message="no source", permanent=True)

    reference = await stores.results.store(run, GoalStatus.FAILED, failure, 3.0)

    assert reference.artifacts == 1
    record = await stores.goals.get(run)
    assert record.success is False
    assert record.error == failure
    assert record.result == Result(data={"pages": 2})
    assert [artifact.name for artifact in record.artifacts] == ["part.md"]
    last = (await stores.events.after(run, 0))[-1]
    assert last.type == "run.failed"
    assert last.data == {"execution_time": 3.0} | failure.model_dump()


async def test_a_run_without_a_draft_ends_too(stores: Stores, run: str) -> None:
    reference = await stores.results.store(run, GoalStatus.CANCELLED, None, 1.0)

    assert reference == ResultReference(workflow_id=run)
    assert (await stores.goals.get(run)).result is None


async def test_delivered_twice_it_is_stored_once(stores: Stores, run: str, claim: Claim) -> None:
    await stores.results.draft(claim, RESULT)
    first = await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
    before = await stores.goals.get(run)

    second = await stores.results.store(
        run, GoalStatus.FAILED, Failure(type="E", message="late"), 99.0
    )

    assert second == first
    assert await stores.goals.get(run) == before
    assert [event.type for event in await stores.events.after(run, 0)] == [
        "run.started",
        "run.completed",
    ]


async def test_delivered_many_times_at_once_it_is_stored_once(
    stores: Stores, run: str, claim: Claim
) -> None:
    await stores.results.draft(claim, RESULT)

    references = await asyncio.gather(
        *(stores.results.store(run, GoalStatus.COMPLETED, None, float(n)) for n in range(20))
    )

    assert len({reference.model_dump_json() for reference in references}) == 1
    assert len(await stores.events.after(run, 0)) == 2


@pytest.mark.parametrize("drafted", [True, False])
async def test_a_draft_that_comes_too_late_changes_nothing(
    stores: Stores, run: str, claim: Claim, drafted: bool
) -> None:
    if drafted:
        await stores.results.draft(claim, RESULT)
    reference = await stores.results.store(run, GoalStatus.CANCELLED, None, 1.0)

    with pytest.raises(Fenced):
        await stores.results.draft(claim, Result(summary="from an attempt that was given up"))

    assert (await stores.goals.get(run)).result == (RESULT if drafted else None)
    assert await stores.results.store(run, GoalStatus.CANCELLED, None, 1.0) == reference


async def test_drafts_and_the_end_at_once_leave_one_answer(
    stores: Stores,
    create_run: Callable[..., Awaitable[None]],
    start_execution: Callable[..., Awaitable[Claim]],
) -> None:
    for number in range(20):
        run = f"run{number}"
        await create_run(run)
        claim = await start_execution(run)
        # Those that come after the end are refused.
        await asyncio.gather(
            *(stores.results.draft(claim, Result(summary=f"{n}")) for n in range(3)),
            stores.results.store(run, GoalStatus.COMPLETED, None, 1.0),
            *(stores.results.draft(claim, Result(summary=f"{n}")) for n in range(3, 6)),
            return_exceptions=True,
        )
        record = await stores.goals.get(run)
        reference = await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
        assert reference.summary == (record.result.summary if record.result else "")


async def test_a_draft_waits_for_an_end_that_is_under_way(
    postgresql_url: str, tmp_path: Path
) -> None:
    # SQLite has one writer at a time; PostgreSQL needs the run to be locked.
    engine = create_async_engine(postgresql_url)
    settings = Settings(home=tmp_path, database_url=postgresql_url)
    goal = Goal(goal_id="g", description="d", agent_type="a")
    try:
        async with open_stores(settings) as stores:
            await stores.goals.create(goal, "run", datetime.now(UTC))
            claim = Claim("run", "first", 1, datetime.now(UTC))
            claim, _ = await stores.executions.start(claim, None, {})
            async with engine.begin() as ending:
                await ending.execute(text("UPDATE goals SET ended_at = now()"))
                drafting = asyncio.create_task(stores.results.draft(claim, RESULT))
                done, _ = await asyncio.wait([drafting], timeout=0.3)
                assert not done
            with pytest.raises(Fenced):
                await drafting

            assert (await stores.goals.get("run")).result is None
    finally:
        await engine.dispose()


async def test_a_retry_that_comes_second_is_refused_in_a_sentence(
    postgresql_url: str, tmp_path: Path
) -> None:
    engine = create_async_engine(postgresql_url)
    settings = Settings(home=tmp_path, database_url=postgresql_url)
    goal = Goal(goal_id="g", description="d", agent_type="a")
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    try:
        async with open_stores(settings) as stores:
            await stores.goals.create(goal, "run", datetime.now(UTC))
            await stores.results.store("run", GoalStatus.FAILED, None, 1.0)

            async def is_locked_out() -> bool:
                count = await stores.database.read(lambda c: c.execute(waiting).scalar_one())
                return bool(count)

            async with engine.begin() as first:
                await first.execute(text("UPDATE goals SET status = 'running', ended_at = NULL"))
                second = asyncio.create_task(stores.control.reopen("run"))
                await until_async(is_locked_out, "the wait for the lock")
            with pytest.raises(RunNotEnded, match="running"):
                await second
    finally:
        await engine.dispose()


async def test_a_result_of_many_megabytes(stores: Stores, run: str, claim: Claim) -> None:
    large = Result(summary="s" * 1000, data={"rows": ["é" * 100_000] * 200})
    await stores.results.draft(claim, large)

    reference = await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)

    assert reference.size > 40_000_000
    assert reference.summary == "s" * MAX_SUMMARY_CHARACTERS
    assert len(reference.model_dump_json()) < 1000
    assert (await stores.goals.get(run)).result == large


async def test_only_runs_on_record_have_results(stores: Stores, run: str) -> None:
    nowhere = Claim("nowhere", "first", 1, datetime.now(UTC))
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.results.draft(nowhere, RESULT)
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.results.store("nowhere", GoalStatus.COMPLETED, None, 1.0)
    with pytest.raises(ValueError, match="running is not final"):
        await stores.results.store(run, GoalStatus.RUNNING, None, 1.0)
