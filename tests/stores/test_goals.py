"""The goal store."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from perdure.models import Failure, Goal, GoalStatus, Result
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database.errors import AmbiguousName
from perdure.stores.database.fencing import Claim
from perdure.stores.database.paging import PageCursor
from perdure.stores.runs.goals import cursor_of

STARTED = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=UTC)


async def test_a_run_is_read_as_it_was_created(stores: Stores) -> None:
    goal = Goal(
        goal_id="sales",
        description="Verkäufe: 売上 📈\nzweite Zeile",
        agent_type="analysis",
        parameters={"path": "sales.csv", "limits": [1, 2.5, None, True], "deep": {"a": {"b": ""}}},
    )
    await stores.goals.create(goal, "run", STARTED, agent_version="perdure-analysis 0.1.0")

    record = await stores.goals.get("run")

    assert record.workflow_id == "run"
    assert record.goal_id == goal.goal_id
    assert record.description == goal.description
    assert record.parameters == goal.parameters
    assert record.agent_version == "perdure-analysis 0.1.0"
    assert record.status is GoalStatus.RUNNING
    assert record.success is None
    assert record.result is None
    assert record.artifacts == ()


async def test_times_are_in_utc_whatever_zone_they_came_from(stores: Stores) -> None:
    tokyo = STARTED.astimezone(timezone(timedelta(hours=9)))
    await stores.goals.create(Goal(goal_id="g", description="d", agent_type="a"), "run", tokyo)

    record = await stores.goals.get("run")

    assert record.started_at == STARTED
    assert record.started_at.utcoffset() == timedelta(0)


async def test_creating_a_run_twice_changes_nothing(stores: Stores) -> None:
    goal = Goal(goal_id="g", description="d", agent_type="a")
    await stores.goals.create(goal, "run", STARTED, agent_version="one")
    await stores.results.store("run", GoalStatus.FAILED, Failure(type="E", message="m"), 1.0)

    await stores.goals.create(goal, "run", STARTED + timedelta(days=1), agent_version="two")

    record = await stores.goals.get("run")
    assert record.status is GoalStatus.FAILED
    assert record.started_at == STARTED
    assert record.agent_version == "one"
    types = [event.type for event in await stores.events.after("run", 0)]
    assert types == ["run.started", "run.failed"]


async def test_a_final_status_stays(stores: Stores, run: str) -> None:
    await stores.goals.set_status(run, GoalStatus.WAITING)
    assert (await stores.goals.get(run)).status is GoalStatus.WAITING
    await stores.results.store(run, GoalStatus.CANCELLED, None, 2.0)

    await stores.goals.set_status(run, GoalStatus.RUNNING)

    assert (await stores.goals.get(run)).status is GoalStatus.CANCELLED
    with pytest.raises(ValueError, match="final"):
        await stores.goals.set_status(run, GoalStatus.COMPLETED)


async def test_an_unknown_run_is_named(stores: Stores) -> None:
    with pytest.raises(UnknownGoal, match=r"'nowhere'.*perdure goals list"):
        await stores.goals.get("nowhere")
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.goals.find("nowhere")


async def test_the_list_is_newest_first_in_pages(stores: Stores) -> None:
    for hour in range(5):
        agent = "code" if hour % 2 else "research"
        await stores.goals.create(
            Goal(goal_id=f"goal{hour}", description="d", agent_type=agent),
            f"run{hour}",
            STARTED + timedelta(hours=hour),
        )
    await stores.results.store("run4", GoalStatus.COMPLETED, None, 1.0)

    async def ids(**criteria: object) -> list[str]:
        records = await stores.goals.list(**criteria)  # type: ignore[arg-type]
        return [record.workflow_id for record in records]

    assert await ids() == ["run4", "run3", "run2", "run1", "run0"]
    assert await ids(limit=2) == ["run4", "run3"]
    assert await ids(limit=2, before=STARTED + timedelta(hours=3)) == ["run2", "run1"]
    assert await ids(agent_type="code") == ["run3", "run1"]
    assert await ids(status=GoalStatus.COMPLETED) == ["run4"]
    assert await ids(status=GoalStatus.RUNNING, agent_type="research") == ["run2", "run0"]
    assert await stores.goals.counts() == {GoalStatus.COMPLETED: 1, GoalStatus.RUNNING: 4}


async def test_a_list_shows_the_beginning_of_what_is_long(stores: Stores) -> None:
    parameters = {"text": "ü" * 40_000, "rows": [{"n": n} for n in range(1_000)], "few": [1, 2]}
    goal = Goal.model_validate(
        {"goal_id": "g", "description": "d" * 30_000, "agent_type": "a", "parameters": parameters}
    )
    await stores.goals.create(goal, "run", STARTED)

    [listed] = await stores.goals.list()
    assert listed.description.endswith("ddd… (30,000 characters in all)")
    assert listed.parameters["few"] == [1, 2]
    text, rows = listed.parameters["text"], listed.parameters["rows"]
    assert str(text).endswith("üüü… (40,000 characters in all)")
    assert str(rows).startswith('[{"n": 0}, {"n": 1}')
    assert {len(str(shown)) for shown in (listed.description, text, rows)} == {1_000}

    whole = await stores.goals.get("run")
    assert (whole.description, whole.parameters) == (goal.description, parameters)


async def test_a_goal_is_found_by_its_own_name_or_by_its_runs(stores: Stores) -> None:
    for number in (1, 2):
        await stores.goals.create(
            Goal(goal_id="sales", description="d", agent_type="a"),
            f"goal-sales-{number}",
            STARTED + timedelta(seconds=number),
        )

    assert await stores.goals.find("sales") == "goal-sales-2"
    assert await stores.goals.find("goal-sales-1") == "goal-sales-1"


async def test_a_goal_is_found_by_the_beginning_of_its_name(stores: Stores) -> None:
    for goal_id, run in [
        ("sales-2025", "goal-sales-2025-abcd"),
        ("sales-2026", "goal-sales-2026-x"),
    ]:
        goal = Goal(goal_id=goal_id, description="d", agent_type="a")
        await stores.goals.create(goal, run, STARTED)
    again = Goal(goal_id="sales-2025", description="d", agent_type="a")
    await stores.goals.create(again, "goal-sales-2025-abce", STARTED + timedelta(seconds=1))

    assert await stores.goals.find("goal-sales-2026") == "goal-sales-2026-x"
    assert await stores.goals.find("goal-sales-2025-abcd") == "goal-sales-2025-abcd"
    assert await stores.goals.find("sales-2025") == "goal-sales-2025-abce"
    assert await stores.goals.find("sales-2026") == "goal-sales-2026-x"
    for several in ("sales-202", "goal-sales-2025-abc", "goal-sales-202"):
        with pytest.raises(AmbiguousName, match="write more"):
            await stores.goals.find(several)
    for nothing in ("sales", "%ales-", "_ales-2025", "Sales-2025"):
        with pytest.raises(UnknownGoal):
            await stores.goals.find(nothing)


async def test_pages_skip_nothing_although_runs_start_at_the_same_moment(stores: Stores) -> None:
    goal = Goal(goal_id="g", description="d", agent_type="a")
    for number in range(5):
        await stores.goals.create(goal, f"run{number}", STARTED)
    paged: list[str] = []
    cursor: PageCursor | None = None
    while page := await stores.goals.list(limit=2, before=cursor):
        paged += [record.workflow_id for record in page]
        cursor = PageCursor.parse(str(cursor_of(page[-1])))
    assert paged == ["run4", "run3", "run2", "run1", "run0"]


async def test_text_that_postgresql_cannot_hold_is_kept_without_it(
    stores: Stores, start_execution: Callable[..., Awaitable[Claim]]
) -> None:
    goal = Goal(goal_id="g", description="a\0b", agent_type="a", parameters={"k": "x\0y"})
    await stores.goals.create(goal, "run", STARTED)
    await stores.results.draft(
        await start_execution("run"), Result(summary="s\0t", data={"k": "x\0y"})
    )
    reference = await stores.results.store("run", GoalStatus.COMPLETED, None, 1.0)

    record = await stores.goals.get("run")

    assert record.description == "a\ufffdb"
    assert reference.summary == "s\ufffdt"
    # JSON writes the character as an escape, so there it survives.
    assert record.parameters == {"k": "x\0y"}
    assert record.result is not None
    assert record.result.data == {"k": "x\0y"}


async def test_what_was_stored_is_there_after_a_restart(
    settings: Settings, claim: Claim, stores: Stores
) -> None:
    await stores.results.draft(claim, Result(summary="done"))
    await stores.results.store("run", GoalStatus.COMPLETED, None, 1.0)
    before = await stores.goals.get("run")

    async with open_stores(settings) as reopened:
        assert await reopened.goals.get("run") == before


async def test_runs_of_several_statuses_and_since_a_time(stores: Stores) -> None:
    goal = Goal(goal_id="g", description="d", agent_type="a")
    for number, name in enumerate(("old", "waiting", "paused", "failed")):
        await stores.goals.create(goal, name, STARTED + timedelta(hours=number))
    await stores.goals.set_status("waiting", GoalStatus.WAITING)
    await stores.goals.set_status("paused", GoalStatus.PAUSED)
    await stores.results.store("failed", GoalStatus.FAILED, Failure(type="E", message="m"), 1.0)

    parked = await stores.goals.list(status=(GoalStatus.WAITING, GoalStatus.PAUSED))
    late = await stores.goals.list(since=STARTED + timedelta(hours=2))

    assert [record.workflow_id for record in parked] == ["paused", "waiting"]
    assert [record.workflow_id for record in late] == ["failed", "paused"]
    assert await stores.goals.counts(since=STARTED + timedelta(hours=2)) == {
        GoalStatus.PAUSED: 1,
        GoalStatus.FAILED: 1,
    }
    assert await stores.goals.counts(agent_type="b") == {}
    assert await stores.goals.counts(delegated=True) == {}
    assert sum((await stores.goals.counts(agent_type="a", delegated=False)).values()) == 4
