"""A worker that was frozen, or killed: another one goes on, and nothing is done twice."""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from perdure.models import Event, GoalStatus
from perdure.stores.database import schema
from perdure.workflows import agent_goal

if TYPE_CHECKING:
    from tests.durability.conftest import Workers

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS = {
    "plain": "pay",
    "catches Exception": "pay, and catches whatever happens",
    "catches BaseException": "pay, and catches everything",
}


async def started(workers: "Workers", description: str) -> str:
    from perdure.models import Goal

    goal = Goal(goal_id="pay", description=description, agent_type="paying")
    workflow_id = await workers.here.service.start(goal)
    workers.here.started.append(workflow_id)
    return workflow_id


async def written(workers: "Workers", workflow_id: str) -> tuple[list[Event], list[object]]:
    """Return all that the stores have of a run that an agent's execution can write.

    Without the event that the healthy worker adds for the step in which it halts: it takes long.
    """
    stored = await workers.here.stored_events(workflow_id)
    events = [event for event in stored if event.type != "step.started"]
    numbers = [event.number for event in stored if event.type == "step.started"]
    assert len(numbers) <= 2  # one of each worker's
    tables = (schema.goals, schema.steps, schema.results, schema.artifacts, schema.totals)

    def read(connection: object) -> list[object]:
        rows: list[object] = []
        for table in tables:
            columns = [column for column in table.c if column.name != "last_event"]
            query = select(*columns).where(table.c.workflow_id == workflow_id)
            rows += [tuple(row) for row in connection.execute(query)]  # type: ignore[attr-defined]
        return rows

    return events, await workers.here.stores.database.read(read)


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_frozen_worker_that_wakes_does_nothing_more(
    workers: "Workers", kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sharpest tests 1 and 2: frozen in mid-step."""
    monkeypatch.setattr(agent_goal, "HEARTBEAT_TIMEOUT", timedelta(seconds=2.5))
    frozen = workers.start(halts=("1.after",))
    workflow_id = await started(workers, KINDS[kind])
    await workers.at("1.after")
    workers.freeze(frozen)
    healthy = workers.start(halts=("3.before",))
    await workers.at("3.before")
    await workers.here.until_event(workflow_id, "progress", 3)  # added during the next step
    assert workers.bill() == [(0, frozen), (1, frozen), (1, healthy), (2, healthy)]
    before = await written(workers, workflow_id)

    workers.open("1.after")
    workers.wake(frozen)
    await workers.turns(frozen, 1.5)
    assert workers.bill() == [(0, frozen), (1, frozen), (1, healthy), (2, healthy)]
    assert await written(workers, workflow_id) == before

    workers.open("3.before")
    output, record = await workers.here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"paid": 5}
    assert [pid for number, pid in workers.bill() if number > 2] == [healthy, healthy]
    events = await workers.here.stored_events(workflow_id)
    assert sum(event.type == "step.completed" for event in events) == 5
    assert sum(event.type == "run.completed" for event in events) == 1
    assert sum(event.type == "progress" for event in events) == 5


async def test_a_worker_frozen_before_it_claims_the_run_cannot_claim_it(
    workers: "Workers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sharpest test 1: frozen with the task, before it has claimed the run."""
    monkeypatch.setattr(agent_goal, "HEARTBEAT_TIMEOUT", timedelta(seconds=2.5))
    frozen = workers.start(halts=("start",))
    workflow_id = await started(workers, "pay")
    await workers.at("start")
    workers.freeze(frozen)
    healthy = workers.start(halts=("2.before",))
    await workers.at("2.before")
    await workers.here.until_event(workflow_id, "progress", 2)
    before = await written(workers, workflow_id)
    workers.open("start")
    workers.wake(frozen)
    await workers.turns(frozen, 1.0)
    assert workers.bill() == [(0, healthy), (1, healthy)]
    assert await written(workers, workflow_id) == before
    workers.open("2.before")
    output, _ = await workers.here.finish(workflow_id)
    assert output.success
    assert workers.bill() == [(number, healthy) for number in range(5)]


async def test_a_worker_frozen_until_the_goal_has_ended_changes_nothing(
    workers: "Workers", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_goal, "HEARTBEAT_TIMEOUT", timedelta(seconds=2.5))
    frozen = workers.start(halts=("1.after",))
    workflow_id = await started(workers, "pay, and catches everything")
    await workers.at("1.after")
    workers.freeze(frozen)
    workers.start()
    output, _ = await workers.here.finish(workflow_id)
    assert output.success
    before, bill = await written(workers, workflow_id), workers.bill()
    workers.open("1.after")
    workers.wake(frozen)
    await workers.turns(frozen, 1.0)
    assert workers.bill() == bill
    assert await written(workers, workflow_id) == before


async def test_killed_at_every_step_boundary(workers: "Workers") -> None:
    """Sharpest test 3: fifteen times SIGKILL; only the step in flight is done again."""
    places = [
        f"{number}.{where}" for number in range(5) for where in ("before", "after", "between")
    ]
    workflow_id = await started(workers, "pay")
    for _ in places:
        pid = workers.start(dies=tuple(places))
        await workers.died(pid)
        assert await workers.recover() == 1
    workers.start(dies=tuple(places))
    output, record = await workers.here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert record.result is not None
    assert record.result.data == {"paid": 5}
    # Killed after the effect and before the journal has it: paid twice, and never more.
    paid = Counter(number for number, _ in workers.bill())
    assert paid == dict.fromkeys(range(5), 2)
    events = await workers.here.stored_events(workflow_id)
    types = Counter(event.type for event in events)
    assert types["step.completed"] == 5
    assert types["run.retrying"] == 0
    progress = [event.data["message"] for event in events if event.type == "progress"]
    assert progress == [f"paid {number}" for number in range(5)]
    await workers.here.replay(workflow_id, "handed-on-fifteen-times")
