"""Control of runs on a real server; a workflow that only waits replaces that of goals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.agents import AgentSpec, Result, Run
from perdure.agents.steps.journal import ApprovalRequest, DelegateRequest
from perdure.agents.steps.keys import StepKey
from perdure.messages import TASK_QUEUE, WORKFLOW_TYPE, Wait
from perdure.models import Goal, GoalStatus, Vote
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.errors import KeyConflict, RunEnded, RunNotEnded
from perdure.stores.database.fencing import Claim
from perdure.temporal.client.connection import TemporalUnavailable, connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from perdure.temporal.worker.housekeeping import Waker, run_housekeeping
from tests.support.plugins import registry_of
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOAL = Goal(goal_id="g", description="d", agent_type="idle")


@workflow.defn(name=WORKFLOW_TYPE)
class Idle:
    def __init__(self) -> None:
        self.signals: list[str] = []

    @workflow.run
    async def run(self, goal: Goal) -> str:
        await workflow.wait_condition(lambda: "finish" in self.signals)
        if goal.description == "fail":
            from temporalio.exceptions import ApplicationError

            raise ApplicationError("it was asked to fail", non_retryable=True)
        return "done"

    @workflow.signal
    def wake(self, ids: list[str]) -> None:
        self.signals += ids

    @workflow.signal
    def pause(self) -> None:
        self.signals.append("pause")

    @workflow.signal
    def resume(self) -> None:
        self.signals.append("resume")

    @workflow.query
    def all_signals(self) -> list[str]:
        return self.signals


async def idle(run: Run, goal: Goal) -> Result:
    return Result()


@dataclass
class Installation:
    client: Client
    stores: Stores
    service: GoalService

    async def signals(self, workflow_id: str) -> list[str]:
        handle = self.client.get_workflow_handle(workflow_id)
        return list(await handle.query("all_signals", result_type=list[str]))

    async def finish(self, workflow_id: str) -> None:
        """Let a run's workflow end, and its record not."""
        handle = self.client.get_workflow_handle(workflow_id)
        await handle.signal("wake", ["finish"])
        await asyncio.wait([asyncio.create_task(handle.result())])

    async def fail(self, workflow_id: str) -> None:
        """Let a run fail as the goals' workflow does: record first, then the workflow."""
        await self.stores.results.store(workflow_id, GoalStatus.FAILED, None, 1.0)
        await self.finish(workflow_id)

    async def status(self, workflow_id: str) -> GoalStatus:
        return (await self.stores.goals.get(workflow_id)).status

    async def event_types(self, workflow_id: str) -> list[str]:
        return [event.type for event in await self.stores.events.after(workflow_id, 0)]

    async def ask(
        self, workflow_id: str, request: ApprovalRequest | DelegateRequest, sequence: int = 1
    ) -> Wait:
        claim = Claim(workflow_id, "first", sequence, datetime.now(UTC))
        claim, _ = await self.stores.executions.start(claim, None, {})
        waits = self.stores.waits.for_execution(claim)
        wait = await waits.open(StepKey("ask", "0" * 64, 0), request)
        assert isinstance(wait, Wait)
        return wait

    async def request(self, workflow_id: str) -> str | None:
        return (await self.stores.executions.requests([workflow_id]))[workflow_id][0]


Install = Callable[[str], Awaitable[Installation]]


@pytest_asyncio.fixture(loop_scope="session")
async def install(own_home: Path) -> AsyncIterator[Install]:
    """Return a function that opens stores and a service for a Temporal address."""
    async with open_stores(Settings(home=own_home)) as stores:

        async def install(address: str) -> Installation:
            spec = AgentSpec(name="idle", description="Does nothing.", agent=idle)
            client = await connect(address, lazy=True)
            return Installation(client, stores, GoalService(client, stores, registry_of(spec)))

        yield install


@pytest_asyncio.fixture(loop_scope="session")
async def here(install: Install, server: DevelopmentServer) -> AsyncIterator[Installation]:
    """Return an installation with a worker that runs the workflows."""
    worker = Worker(
        await connect(server.address),
        task_queue=TASK_QUEUE,
        workflows=[Idle],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        yield await install(server.address)


async def test_twenty_callers_with_one_key_start_one_run(here: Installation) -> None:
    started = await asyncio.gather(*(here.service.start(GOAL, "key") for _ in range(20)))
    assert len(set(started)) == 1
    assert len(await here.stores.goals.list()) == 1

    other = GOAL.model_copy(update={"description": "another"})
    with pytest.raises(KeyConflict):
        await here.service.start(other, "key")
    await here.fail(started[0])
    assert await here.service.start(GOAL, "key") == started[0]
    assert await here.status(started[0]) is GoalStatus.FAILED


async def test_a_key_whose_first_owner_died_starts_the_run(here: Installation) -> None:
    from perdure.stores.runs.idempotency import digest_of

    await here.stores.idempotency_keys.claim("key", digest_of(GOAL), "goal-g-first")
    assert await here.service.start(GOAL, "key") == "goal-g-first"
    assert await here.signals("goal-g-first") == []
    # The same when it died after the start, and the run has ended since.
    await here.stores.idempotency_keys.claim("other", digest_of(GOAL), "goal-g-other")
    await here.client.start_workflow(WORKFLOW_TYPE, GOAL, id="goal-g-other", task_queue=TASK_QUEUE)
    await here.finish("goal-g-other")
    assert await here.service.start(GOAL, "other") == "goal-g-other"
    execution = await here.client.get_workflow_handle("goal-g-other").describe()
    assert execution.close_time is not None


async def test_cancel_reaches_workflow_and_workers(here: Installation) -> None:
    run = await here.service.start(GOAL)
    wait = await here.ask(run, DelegateRequest("idle", "part", {}))
    assert wait.workflow_id is not None
    assert await here.service.control.cancel(run)
    assert await here.request(run) == "cancel"
    assert await here.request(wait.workflow_id) == "cancel"


async def test_pause_and_resume(here: Installation) -> None:
    run = await here.service.start(GOAL)
    # This one has a record, but no workflow yet: it gets no signal, so it is not interrupted.
    wait = await here.ask(run, DelegateRequest("idle", "part", {}))
    assert wait.workflow_id is not None
    await here.service.control.pause(run)
    assert await here.request(run) == "pause"
    assert await here.request(wait.workflow_id) is None
    await here.service.control.resume(run)
    assert await here.request(run) is None
    assert await here.signals(run) == ["pause", "resume"]

    await here.stores.control.request([run], "cancel")
    await here.service.control.pause(run)
    await here.service.control.resume(run)
    assert await here.request(run) == "cancel"
    await here.fail(run)
    with pytest.raises(RunEnded):
        await here.service.control.pause(run)


async def test_terminate_ends_a_run_and_its_delegates(here: Installation) -> None:
    run = await here.service.start(GOAL)
    wait = await here.ask(run, DelegateRequest("idle", "part", {}))
    assert wait.workflow_id is not None
    assert await here.service.control.terminate(run, "it spends too much")
    assert not await here.service.control.terminate(run)

    for one in (run, wait.workflow_id):
        record = await here.stores.goals.get(one)
        assert record.status is GoalStatus.TERMINATED
        assert record.error is not None
        assert "it spends too much" in record.error.message
    execution = await here.client.get_workflow_handle(run).describe()
    assert execution.close_time is not None
    assert (await here.event_types(run))[-1] == "run.terminated"


async def test_a_vote_wakes_the_run_and_an_early_one_does_not(here: Installation) -> None:
    run = await here.service.start(GOAL)
    wait = await here.ask(run, ApprovalRequest("Publish?", None, None, (), 2))
    for person, signals in (("ann", []), ("bob", [wait.id])):
        vote = Vote(by=person, approved=True, at=datetime.now(UTC))
        await here.service.decisions.vote(wait.id, vote)
        assert await here.signals(run) == signals


async def test_votes_and_signals_are_stored_although_the_server_is_away(
    here: Installation, install: Install
) -> None:
    run = await here.service.start(GOAL)
    wait = await here.ask(run, ApprovalRequest("Publish?", None, None, (), 1))
    away = await install(f"127.0.0.1:{free_port()}")
    vote = Vote(by="ann", approved=True, at=datetime.now(UTC))
    assert (await away.service.decisions.vote(wait.id, vote)).decision is not None
    assert await away.service.decisions.signal(run, "go", 1) == 1
    with pytest.raises(TemporalUnavailable):
        await away.service.control.pause(run)
    assert await here.request(run) is None

    # A worker wakes it, once until it is due again.
    await here.stores.goals.set_status(run, GoalStatus.WAITING)
    await _end_waits_a_minute_ago(here.stores)
    waker = Waker(here.service)
    assert await waker.wake() == 1
    assert await waker.wake() == 0
    assert await here.signals(run) == [wait.id]


async def _end_waits_a_minute_ago(stores: Stores) -> None:
    from sqlalchemy import update

    from perdure.stores.database import schema

    change = update(schema.waits).values(over_at=datetime.now(UTC) - timedelta(minutes=1))
    await stores.database.write(lambda transaction: transaction.connection.execute(change))


async def test_retry_goes_on_in_the_same_run(here: Installation) -> None:
    run = await here.service.start(GOAL)
    with pytest.raises(RunNotEnded, match="has not ended"):
        await here.service.control.retry(run)
    await here.fail(run)
    await here.service.control.retry(run)

    record = await here.stores.goals.get(run)
    assert record.status is GoalStatus.RUNNING
    assert record.ended_at is None
    assert record.error is None
    assert await here.event_types(run) == ["run.started", "run.failed", "run.retried"]
    assert await here.signals(run) == []
    assert not await here.service.reconciliation.reconcile_run(run)

    await here.stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
    await here.finish(run)
    with pytest.raises(RunNotEnded, match="has completed"):
        await here.service.control.retry(run)


async def test_retried_by_two_at_once_it_starts_once(here: Installation) -> None:
    run = await here.service.start(GOAL)
    await here.fail(run)
    outcomes = await asyncio.gather(
        *(here.service.control.retry(run) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "RunNotEnded"]
    assert await here.status(run) is GoalStatus.RUNNING


async def test_retry_leaves_all_as_it_was_when_it_cannot_start(
    here: Installation, install: Install
) -> None:
    run = await here.service.start(GOAL)
    await here.fail(run)
    before = await here.stores.goals.get(run)
    away = await install(f"127.0.0.1:{free_port()}")
    with pytest.raises(TemporalUnavailable):
        await away.service.control.retry(run)
    assert await here.stores.goals.get(run) == before

    # The same when the server goes away between the check and the start.
    reopened = await here.stores.control.reopen(run)
    await here.stores.control.undo_reopen(run, reopened)
    assert await here.stores.goals.get(run) == before
    assert (await here.event_types(run))[-2:] == ["run.retried", "run.failed"]


async def test_retry_includes_failed_delegates(here: Installation) -> None:
    run = await here.service.start(GOAL)
    part = DelegateRequest("idle", "part", {})
    wait = await here.ask(run, part)
    child = wait.workflow_id
    assert child is not None
    await here.stores.results.store(child, GoalStatus.FAILED, None, 1.0)
    with pytest.raises(RunNotEnded, match="was delegated by"):
        await here.service.control.retry(child)
    await here.fail(run)
    await here.service.control.retry(run)

    # The new execution begins later than the one that failed, and waits for the delegate again.
    again = await here.ask(run, part, sequence=2)
    assert again == wait
    assert await here.status(child) is GoalStatus.RUNNING
    assert await here.event_types(child) == ["run.started", "run.failed", "run.retried"]


async def test_all_dead_letters_are_retried(here: Installation) -> None:
    runs = [await here.service.start(GOAL) for _ in range(3)]
    for run in runs[:2]:
        await here.fail(run)
    assert await here.service.control.retry_all("another") == []
    assert await here.service.control.retry_all() == runs[:2]
    assert await here.service.control.retry_all() == []


async def test_runs_that_ended_elsewhere_are_closed(here: Installation) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    terminated, failed, running = [
        await here.service.start(GOAL.model_copy(update={"description": description}))
        for description in ("d", "fail", "d")
    ]
    await here.client.get_workflow_handle(terminated).terminate("by hand")
    await here.finish(failed)
    # What Temporal lists lags behind what has happened.
    closed: set[str] = set()

    async def are_closed() -> bool:
        closed.update(await here.service.reconciliation.reconcile(since))
        return len(closed) >= 2

    await until_async(are_closed, "the reconciliation of two runs")
    assert closed == {terminated, failed}
    record = await here.stores.goals.get(failed)
    assert record.status is GoalStatus.FAILED
    assert record.error is not None
    assert "it was asked to fail" in record.error.message
    assert await here.status(terminated) is GoalStatus.TERMINATED
    assert await here.status(running) is GoalStatus.RUNNING


async def test_runs_that_temporal_does_not_know_are_closed_after_a_while(
    here: Installation,
) -> None:
    started_at = datetime.now(UTC)
    await here.stores.goals.create(GOAL, "goal-g-unknown", started_at)
    known = await here.service.start(GOAL)
    since = datetime.now(UTC)
    reconcile = here.service.reconciliation.reconcile
    assert await reconcile(since) == []
    assert await reconcile(since, silence=timedelta(0)) == []  # it may be about to start
    await _date_events(here.stores, started_at - timedelta(hours=1))
    assert await reconcile(since) == ["goal-g-unknown"]
    assert await here.status(known) is GoalStatus.RUNNING
    record = await here.stores.goals.get("goal-g-unknown")
    assert record.status is GoalStatus.TERMINATED
    assert record.error is not None
    assert record.error.type == "UnknownToTemporal"


async def _date_events(stores: Stores, time: datetime) -> None:
    from sqlalchemy import update

    from perdure.stores.database import schema

    change = update(schema.events).values(time=time)
    await stores.database.write(lambda transaction: transaction.connection.execute(change))


async def test_housekeeping_goes_on_while_a_server_is_away(
    here: Installation, install: Install
) -> None:
    run = await here.service.start(GOAL)
    wait = await here.ask(run, ApprovalRequest("Publish?", None, None, (), 1))
    vote = Vote(by="ann", approved=True, at=datetime.now(UTC))
    await here.stores.approvals.vote(wait.id, vote)
    await here.stores.goals.set_status(run, GoalStatus.WAITING)
    await _end_waits_a_minute_ago(here.stores)
    away = await install(f"127.0.0.1:{free_port()}")
    housekeeping = [
        asyncio.create_task(
            run_housekeeping(one.service, wake_seconds=0.05, reconcile_seconds=0.05)
        )
        for one in (away, here)
    ]
    try:

        async def is_woken() -> bool:
            return await here.signals(run) == [wait.id]

        await until_async(is_woken, "the wake-up")
        assert not any(task.done() for task in housekeeping)
    finally:
        for task in housekeeping:
            task.cancel()
        await asyncio.gather(*housekeeping, return_exceptions=True)
