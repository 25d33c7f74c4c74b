"""Goals that are answered, paused, ended and retried, with the real workflow and worker."""

import asyncio
from datetime import timedelta

import pytest

from perdure.agents import AgentSpec, Goal, InputError, Result, Run, StepFailed
from perdure.models import GoalStatus
from tests.support.installation import Install
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


def spec(name: str, agent: object) -> AgentSpec:
    return AgentSpec(name=name, description="", agent=agent)  # type: ignore[arg-type]


async def test_a_question_of_two_people_is_answered_with_no_worker_up(install: Install) -> None:
    async def ask(run: Run, goal: Goal) -> Result:
        decision = await run.approve("Publish?", {"pages": 3}, of=("ann", "bob"), needed=2)
        return Result(data={"approved": decision.approved, "by": [v.by for v in decision.votes]})

    here = await install(spec("ask", ask), work=False)
    workflow_id = await here.start("ask")
    async with here.worker():
        await here.question(workflow_id, "Publish?")
        await here.until_status(workflow_id, GoalStatus.WAITING)
        await here.until_idle(workflow_id)
    await here.forget_sticky_queue(workflow_id)
    for person in ("ann", "bob"):
        await here.answer(workflow_id, "Publish?", by=person)
    async with here.worker():
        output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"approved": True, "by": ["ann", "bob"]}


async def test_a_wake_up_that_was_lost_is_made_up_for(install: Install) -> None:
    from perdure.temporal.client.decisions import DecisionService
    from perdure.temporal.worker.housekeeping import run_housekeeping

    async def wait(run: Run, goal: Goal) -> Result:
        return Result(data={"got": await run.wait_for("go")})

    here = await install(spec("wait", wait))
    workflow_id = await here.start("wait")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    # The process that took the signal ended before it could wake the goal.
    await DecisionService(None, here.stores).signal(workflow_id, "go", [1])
    housekeeping = asyncio.create_task(run_housekeeping(here.service, wake_seconds=0.5))
    try:
        output, record = await here.finish(workflow_id)
    finally:
        housekeeping.cancel()
        await asyncio.gather(housekeeping, return_exceptions=True)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"got": [1]}


async def test_a_failed_goal_is_retried_with_its_journal(install: Install) -> None:
    paid: list[str] = []
    sound = asyncio.Event()

    async def pay(what: str) -> str:
        paid.append(what)
        return what

    async def agent(run: Run, goal: Goal) -> Result:
        await run.step("first", pay, "first")
        if not sound.is_set():
            raise InputError("the file is not there: put it there")
        await run.step("second", pay, "second")
        return Result(summary="done")

    here = await install(spec("agent", agent))
    workflow_id = await here.start("agent")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.status is GoalStatus.FAILED

    sound.set()
    assert await here.service.control.retry_all() == [workflow_id]
    output, record = await here.finish(workflow_id)

    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert record.error is None
    assert paid == ["first", "second"]
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.index("run.failed") < types.index("run.retried") < types.index("run.completed")
    await here.replay(workflow_id, "retried")


async def test_a_retry_picks_up_the_delegate_that_failed(install: Install) -> None:
    sound = asyncio.Event()
    ran: list[str] = []

    async def part(run: Run, goal: Goal) -> Result:
        ran.append(goal.description)
        if goal.description == "bad" and not sound.is_set():
            raise InputError("the file is not there: put it there")
        return Result(summary=goal.description)

    async def whole(run: Run, goal: Goal) -> Result:
        good = await run.delegate("part", "good")
        bad = await run.delegate("part", "bad")
        return Result(summary=good.summary + bad.summary)

    here = await install(spec("part", part), spec("whole", whole))
    workflow_id = await here.start("whole")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.error is not None
    assert "the file is not there" in record.error.message
    # The goal that was handed in is the dead letter, and the delegate belongs to it.
    letters = await here.stores.goals.list(status=GoalStatus.FAILED, delegated=False)
    assert [letter.workflow_id for letter in letters] == [workflow_id]

    sound.set()
    await here.service.control.retry(workflow_id)
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "goodbad"
    assert ran.count("good") == 1
    assert len(await here.stores.goals.list()) == 3
    assert await here.stores.goals.list(status=GoalStatus.FAILED) == []


async def test_a_retry_waits_anew_for_a_signal_that_came_too_late(install: Install) -> None:
    async def wait(run: Run, goal: Goal) -> Result:
        try:
            await run.wait_for("early", expires=timedelta(seconds=0.05))
        except StepFailed:
            await run.progress(10, "goes on without")
        got = await run.wait_for("late", expires=timedelta(seconds=2.5))
        return Result(data={"got": got})

    here = await install(spec("wait", wait))
    workflow_id = await here.start("wait")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.error is not None
    assert record.error.type == "SignalExpired"

    await here.service.control.retry(workflow_id)
    await here.signal(workflow_id, "late", "at last")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"got": "at last"}
    # What the agent went on without stays so.
    late = [event.type for event in await here.stored_events(workflow_id)].count("step.failed")
    assert late == 2


async def test_a_paused_goal_stops_at_a_step_boundary_and_goes_on(install: Install) -> None:
    done: list[int] = []
    begun = asyncio.Event()

    async def work(number: int) -> int:
        done.append(number)
        begun.set()
        await asyncio.sleep(0.1)
        return number

    async def agent(run: Run, goal: Goal) -> Result:
        for number in range(30):
            await run.step("work", work, number)
        return Result(summary="done")

    here = await install(spec("agent", agent))
    workflow_id = await here.start("agent")
    await begun.wait()
    await here.service.control.pause(workflow_id)
    await here.until_status(workflow_id, GoalStatus.PAUSED)
    assert len(done) < 30
    await here.service.control.resume(workflow_id)
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert done == list(range(30))


async def test_a_goal_that_waits_is_paused_and_takes_its_answer_when_resumed(
    install: Install,
) -> None:
    async def ask(run: Run, goal: Goal) -> Result:
        return Result(data={"approved": bool(await run.approve("Publish?"))})

    here = await install(spec("ask", ask))
    workflow_id = await here.start("ask")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    await here.service.control.pause(workflow_id)
    assert (await here.stores.goals.get(workflow_id)).status is GoalStatus.PAUSED
    await here.answer(workflow_id, "Publish?")
    await here.until_history_has(workflow_id, "workflow_execution_signaled_event_attributes", 2)
    assert (await here.stores.goals.get(workflow_id)).status is GoalStatus.PAUSED
    await here.service.control.resume(workflow_id)
    output, _ = await here.finish(workflow_id)
    assert output.success
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.count("run.paused") == 1
    assert types.index("run.paused") < types.index("approval.decided")


async def test_what_is_terminated_writes_nothing_more_and_can_be_retried(
    install: Install,
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    later: list[str] = []

    async def slow() -> str:
        begun.set()
        await may_end.wait()
        return "slow"

    async def agent(run: Run, goal: Goal) -> Result:
        await run.step("slow", slow)
        later.append("after")
        return Result(summary="done")

    here = await install(spec("agent", agent))
    workflow_id = await here.start("agent")
    await begun.wait()
    assert await here.service.control.terminate(workflow_id, "too dear")
    # The worker does not know yet: what its agent does has no effect.
    events = await here.stored_events(workflow_id)
    assert events[-1].type == "run.terminated"
    may_end.set()

    await here.service.control.retry(workflow_id)
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert later == ["after"]
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types[len(events)] == "run.retried"
    assert types.count("run.completed") == 1


async def test_terminating_a_goal_that_waits_ends_its_delegates(install: Install) -> None:
    async def part(run: Run, goal: Goal) -> Result:
        await run.approve("Sure?")
        return Result()

    async def whole(run: Run, goal: Goal) -> Result:
        await asyncio.gather(*(run.delegate("part", f"part {number}") for number in range(3)))
        return Result()

    here = await install(spec("part", part), spec("whole", whole))
    workflow_id = await here.start("whole")
    await here.until_status(workflow_id, GoalStatus.WAITING)

    async def all_ask() -> bool:
        return len(await here.stores.approvals.list()) == 3

    await until_async(all_ask)
    assert await here.service.control.terminate(workflow_id)
    # Temporal cancels the children of what it terminates, and may be quicker.
    ended = {GoalStatus.TERMINATED, GoalStatus.CANCELLED}
    for record in await here.stores.goals.list():
        assert record.status in ({GoalStatus.TERMINATED} if record.parent is None else ended)
    assert {approval.status.value for approval in await here.stores.approvals.list()} == {"closed"}
