"""Priorities, and each tenant's turn: before which others a goal goes while it waits."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import WorkflowHandle

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.messages import TASK_QUEUE
from perdure.models import DEFAULT_PRIORITY
from perdure.temporal.client.workflow_gateway import fairness_key
from tests.support.until import LIMIT_SECONDS, until_async

if TYPE_CHECKING:
    from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")


def goal(number: int, tenant: str = "default", priority: int = DEFAULT_PRIORITY) -> Goal:
    return Goal(
        goal_id=f"goal-{number}",
        description="x",
        agent_type="noted",
        tenant=tenant,
        priority=priority,
    )


async def kept(run: WorkflowHandle) -> tuple[int, str]:  # type: ignore[type-arg]
    """Return a workflow's priority and fairness key, as Temporal has them."""
    priority = (await run.describe()).raw_description.workflow_execution_info.priority
    return priority.priority_key, priority.fairness_key


async def backlog(here: "Installation") -> int:
    """Return how many executions wait for a worker."""
    request = DescribeTaskQueueRequest(
        namespace=here.client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    answer = await here.client.workflow_service.describe_task_queue(request)
    return answer.stats.approximate_backlog_count


async def waiting_in_order(install: "Install", goals: list[Goal]) -> list[str]:
    """Hand goals in while the only slot is taken; return the order in which they then begin."""
    order: list[str] = []
    has_begun, go_on = asyncio.Event(), asyncio.Event()

    async def noted(run: Run, goal: Goal) -> Result:
        if goal.goal_id == "first":
            has_begun.set()
            await go_on.wait()
        else:
            order.append(goal.goal_id)
        return Result()

    here = await install(
        AgentSpec(name="noted", description="", agent=noted), max_concurrent_goals=1
    )
    first = Goal(goal_id="first", description="x", agent_type="noted")
    here.started.append(await here.service.start(first))
    await asyncio.wait_for(has_begun.wait(), LIMIT_SECONDS)
    for each in goals:
        here.started.append(await here.service.of(each.tenant).start(each))

    async def all_wait() -> bool:
        return await backlog(here) >= len(goals)

    await until_async(all_wait, "executions that wait")
    go_on.set()
    for run in here.started:
        await here.finish(run)
    return order


async def test_a_goal_with_a_higher_priority_goes_first(install: "Install") -> None:
    priorities = [5, 3, 1, 5, 1, 4, 2, 3]
    goals = [goal(number, priority=each) for number, each in enumerate(priorities)]
    order = await waiting_in_order(install, goals)
    # A worker may have asked for one more before its slot was taken.
    later = [priorities[int(name.removeprefix("goal-"))] for name in order][1:]
    assert later == sorted(later)


async def test_another_tenant_overtakes_one_with_many_waiting(install: "Install") -> None:
    many = [goal(number, "acme") for number in range(40)]
    order = await waiting_in_order(install, [*many, goal(40, "small"), goal(41, "small")])
    assert max(order.index("goal-40"), order.index("goal-41")) < 20, order


async def test_everything_of_a_goal_has_its_priority_and_its_tenants_key(
    install: "Install",
) -> None:
    async def part(run: Run, goal: Goal) -> Result:
        await run.wait_for("go")
        return Result()

    async def whole(run: Run, goal: Goal) -> Result:
        return await run.delegate("part", "a part")

    here = await install(
        AgentSpec(name="whole", description="", agent=whole),
        AgentSpec(name="part", description="", agent=part),
    )
    asked = Goal(goal_id="x", description="x", agent_type="whole", priority=1)
    run = await here.service.of("acme").start(asked)
    here.started.append(run)

    async def waits() -> bool:
        found = await here.stores.goals.list(agent_type="part")
        return bool(found) and found[0].status == "waiting"

    await until_async(waits, "the delegate to wait")
    (child,) = await here.stores.goals.list(agent_type="part")
    expected = 1, fairness_key("acme")
    assert await kept(here.handle(run)) == expected
    assert await kept(here.handle(child.workflow_id)) == expected
    history = await here.handle(run).fetch_history()
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert scheduled, "the agent is executed by an ordinary activity"
    await here.service.of("acme").decisions.signal(child.workflow_id, "go", None)
    _, record = await here.finish(run)
    assert (record.priority, child.priority, record.success) == (1, 1, True)
    assert "acme" not in history.to_json().replace('"tenant":"acme"', "")


async def test_a_retried_goal_and_one_run_again_keep_it(install: "Install") -> None:
    fails = [True]

    async def once(run: Run, goal: Goal) -> Result:
        if fails.pop() if fails else False:
            raise InputError("not yet")
        return Result()

    here = await install(AgentSpec(name="once", description="", agent=once))
    asked = Goal(goal_id="x", description="x", agent_type="once", priority=5)
    run = await here.service.start(asked)
    here.started.append(run)
    assert not (await here.finish(run))[0].success
    await here.service.control.retry(run)
    output, record = await here.finish(run)
    assert output.success
    assert (await kept(here.handle(run)))[0] == record.priority == 5
    again = (await here.service.run_again(run, by="me")).workflow_id
    here.started.append(again)
    assert (await here.finish(again))[1].priority == 5


async def test_the_default_priority_is_left_out_of_json() -> None:
    """So that workers that know no priorities take the goals."""
    assert "priority" not in goal(1).model_dump(mode="json")
    assert goal(1, priority=1).model_dump()["priority"] == 1


@pytest.mark.parametrize("priority", [0, 6])
async def test_a_priority_is_from_1_to_5(priority: int) -> None:
    with pytest.raises(ValidationError):
        goal(1, priority=priority)
