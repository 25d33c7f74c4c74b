"""Goals over the client: started, waited for, listed, controlled, answered."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from perdure.client import AsyncClient, Conflict, NotFound
from perdure.models import Budget, GoalRecord, GoalStatus
from perdure.schemas.approvals import ApprovalStatus
from perdure.schemas.many_goals import GoalCriteria
from perdure.stores.runs.workers import WorkerProcess
from tests.client.conftest import GATES, Site
from tests.client.cutting_proxy import CuttingProxy
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_goal_is_started_and_waited_for(client: AsyncClient) -> None:
    started = await client.goals.start(
        "count", "Count up", parameters={"steps": 3}, budget=Budget(steps=50)
    )
    record = await client.goals.wait(started.workflow_id)
    assert record.status is GoalStatus.COMPLETED
    assert record.budget == Budget(steps=50)
    assert record.goal_id.startswith("count-")
    assert record.result is not None
    assert await client.goals.result(started.workflow_id) == record.result
    assert (await client.goals.show(started.workflow_id)) == record
    found = await client.goals.find(record.goal_id)
    assert found.workflow_id == record.workflow_id


async def test_one_call_runs_a_goal_to_its_end(client: AsyncClient) -> None:
    record = await client.goals.run("count", "Count at once", goal_id="mine")
    assert record.goal_id == "mine"
    assert record.result is not None
    assert record.result.data == {"steps": 5}
    failed = await client.goals.run("count", "Count and fail", parameters={"fail": True})
    assert failed.status is GoalStatus.FAILED
    assert failed.error is not None
    assert "asked to fail" in failed.error.message


async def test_waiting_ends_in_time_and_the_goal_goes_on(client: AsyncClient) -> None:
    gate = uuid4().hex
    started = await client.goals.start("count", "Count slowly", parameters={"gate": gate}, wait=0.2)
    assert not isinstance(started, GoalRecord)
    with pytest.raises(TimeoutError, match="it goes on"):
        await client.goals.wait(started.workflow_id, 0.2)
    GATES[gate].set()
    assert (await client.goals.wait(started.workflow_id)).success


async def test_the_same_key_starts_one_goal(client: AsyncClient) -> None:
    key = uuid4().hex
    one = await client.goals.start("count", "Count", goal_id="a", idempotency_key=key)
    other = await client.goals.start("count", "Count", goal_id="a", idempotency_key=key)
    assert one.workflow_id == other.workflow_id
    with pytest.raises(Conflict) as refused:
        await client.goals.start("count", "Count more", goal_id="a", idempotency_key=key)
    assert refused.value.type == "key-conflict"


async def test_goals_are_listed_searched_counted_page_by_page(client: AsyncClient) -> None:
    word = f"quokka{uuid4().hex[:8]}"
    ids = [
        (await client.goals.run("count", f"{word} {n}", parameters={"steps": 1})).workflow_id
        for n in range(5)
    ]
    page = await client.goals.list(search=word, limit=2)
    assert [goal.workflow_id for goal in page.goals] == ids[:2:-1]
    assert page.before is not None
    found = [goal.workflow_id async for goal in client.goals.iterate(search=word, limit=2)]
    assert found == ids[::-1]
    counted = await client.goals.counts(
        search=word,
        status=["completed", "failed"],
        since=datetime.now(UTC) - timedelta(hours=1),
        delegated=False,
    )
    assert counted.total == 5
    assert not (await client.goals.list(search=word, status=GoalStatus.FAILED)).goals
    seen = {agent.name for agent in (await client.agents.list()).agents}
    assert seen == {"count", "copy", "ask"}


async def test_a_run_is_controlled(client: AsyncClient) -> None:
    run = (await client.goals.start("ask", "Go on?")).workflow_id
    await until_async(lambda: has_status(client, run, GoalStatus.WAITING))
    [wait] = (await client.goals.details(run)).waits
    assert (await client.goals.pause(run)).status == "pausing"
    await until_async(lambda: has_status(client, run, GoalStatus.PAUSED))
    with pytest.raises(Conflict) as refused:
        await client.goals.retry(run)
    assert refused.value.type == "run-not-ended"
    await client.goals.resume(run)
    assert (await client.goals.signal(run, "hello", {"a": None})).number == 1
    assert not (await client.goals.unknown_steps(run)).steps
    await client.approvals.vote(wait.wait_id, approved=False, by="ann")
    assert (await client.goals.wait(run)).success
    assert (await client.goals.cancel(run)).status == "completed"
    assert (await client.goals.terminate(run, "for good")).status == "completed"


async def test_a_run_is_run_again_with_other_parameters(client: AsyncClient) -> None:
    run = (await client.goals.run("count", "Count")).workflow_id
    timeline = await client.goals.timeline(run)
    assert timeline.steps == 5
    again = await client.goals.run_again(run, parameters={"steps": 2})
    assert again.made_from == run
    record = await client.goals.wait(again.workflow_id)
    assert record.origin is not None
    assert record.parameters["steps"] == 2


async def test_its_notebook_is_read_page_by_page(client: AsyncClient) -> None:
    run = (await client.goals.run("count", "Count", parameters={"notes": 3})).workflow_id
    page = await client.goals.notebook(run, limit=2)
    assert [(entry.key, entry.value) for entry in page.entries] == [("k0", 0), ("k1", 1)]
    assert page.after == "k1"
    found = [entry.value async for entry in client.goals.iterate_notebook(run, limit=2)]
    assert found == [0, 1, 2]


async def test_many_are_cancelled_and_retried(client: AsyncClient) -> None:
    word = f"numbat{uuid4().hex[:8]}"
    runs = [
        (await client.goals.start("count", word, parameters={"gate": word, "steps": 2})).workflow_id
        for _ in range(3)
    ]
    answer = await client.goals.cancel_many(filter=GoalCriteria(search=word))
    assert {goal.workflow_id for goal in answer.goals} == set(runs)
    assert not answer.more
    for run in runs:
        assert (await client.goals.wait(run)).status is GoalStatus.CANCELLED
    GATES[word].set()
    retried = await client.goals.retry_many([*runs, "nobody"])
    assert [goal.status for goal in retried.goals] == ["started"] * 3 + [None]
    assert retried.goals[-1].type == "urn:perdure:problem:unknown-goal"
    for run in runs:
        assert (await client.goals.wait(run)).success


async def test_a_question_is_answered(client: AsyncClient) -> None:
    started = await client.goals.start("ask", "Publish it?")
    run = started.workflow_id
    await until_async(lambda: has_status(client, run, GoalStatus.WAITING))
    [asked] = [approval async for approval in client.approvals.iterate(workflow_id=run)]
    assert asked.question == "Publish it?"
    found = await client.approvals.find(asked.approval_id[:8])
    assert found.approval_id == asked.approval_id
    decided = await client.approvals.vote(asked.approval_id, approved=True, by="ann")
    assert decided.status is ApprovalStatus.APPROVED
    assert (await client.goals.wait(run)).result == await client.goals.result(run)
    assert (await client.approvals.show(asked.approval_id)).votes[0].by == "ann"
    assert not (await client.approvals.list(workflow_id=run)).approvals
    assert (await client.approvals.list(workflow_id=run, status="all")).approvals


async def test_the_installation_is_shown(client: AsyncClient, site: Site) -> None:
    assert (await client.readiness()).ready
    [plugin] = (await client.plugins.list()).plugins
    assert plugin.label == "perdure-client-test 1.0"
    now = datetime.now(UTC)
    await site.stores.workers.beat(WorkerProcess("a" * 32, "box", 7, "0.1", "", 5, now), {}, 1)
    assert any(worker.alive for worker in (await client.workers.list()).workers)
    report = await client.usage.report("agent")
    assert report.total.goals >= 0


async def test_ids_cannot_lead_to_other_routes(client: AsyncClient) -> None:
    for strange in ("..", "../agents", "a/b", "a?b=c", "ä #"):
        with pytest.raises(NotFound) as refused:
            await client.goals.show(strange)
        assert refused.value.type in {"unknown-goal", "unknown-route"}


async def test_a_start_whose_response_is_lost_is_no_second_goal(
    client: AsyncClient, site: Site
) -> None:
    word = f"bilby{uuid4().hex[:8]}"
    async with CuttingProxy(site.url).serving() as proxy, AsyncClient(proxy.url) as cut_off:
        await cut_off.readiness()
        proxy.cut()
        proxy.responses = [20]  # the beginning of a status line
        started = await cut_off.goals.start("count", word, parameters={"steps": 1})
        keys = proxy.sent_headers("Idempotency-Key")
        assert len(keys) == 2
        assert len(set(keys)) == 1
    await client.goals.wait(started.workflow_id)
    assert (await client.goals.counts(search=word)).total == 1


async def has_status(client: AsyncClient, run: str, status: GoalStatus) -> bool:
    return (await client.goals.show(run)).status is status


async def test_many_goals_are_waited_for_at_once(client: AsyncClient) -> None:
    gate = uuid4().hex
    waiting = [
        asyncio.create_task(client.goals.run("count", "Count", parameters={"gate": gate}))
        for _ in range(12)
    ]
    await until_async(lambda: has_running(client, 12))
    GATES[gate].set()
    assert all(record.success for record in await asyncio.gather(*waiting))


async def has_running(client: AsyncClient, number: int) -> bool:
    return (await client.goals.counts(status=GoalStatus.RUNNING)).total >= number
