"""Waiting without a worker: people, signals, clocks, pauses; nothing that is sent is lost."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.steps.errors import Throttled
from perdure.models import GoalStatus
from perdure.stores.journal import waits as wait_store
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import run_development_server
from perdure.workflows import agent_goal
from tests.support.installation import Install, Installation
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The long run was one of 1,000: SUSPENSIONS=1000 pytest tests/durability -k suspensions
SUSPENSIONS = int(os.environ.get("SUSPENSIONS", "40"))


async def until_waits(here: Installation, workflow_id: str, about: str) -> None:
    async def waits() -> bool:
        pending = await here.stores.waits.pending(workflow_id)
        record = await here.stores.goals.get(workflow_id)
        return record.status is GoalStatus.WAITING and about in {wait.about for wait in pending}

    await until_async(waits, f"a wait for {about!r}")


@pytest.mark.timeout(SUSPENSIONS * 3 + 60)
async def test_suspensions_across_new_runs_and_servers(
    install: Install,
    server_binary: Path,
    tmp_path: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sharpest test 9: decisions and signals, some with no worker up, some with a new server."""
    monkeypatch.setattr(agent_goal, "MAX_HISTORY_EVENTS", 120)
    paid: list[int] = []

    async def asking(run: Run, goal: Goal) -> Result:
        heard = 0
        for number in range(SUSPENSIONS):
            if number % 2:
                heard += bool(await run.approve(f"question {number}"))
            else:
                heard += await run.wait_for("tick") == number
            await run.step("pay", paid.append, number)
        return Result(data={"heard": heard})

    spec = AgentSpec(name="asking", description="", agent=asking)
    state = tmp_path / "temporal"
    port = 0
    workflow_id = ""
    runs = set()
    # Four servers one after another, over the same state; each decision of the first of a server
    # and of every seventh is sent while no worker is up.
    share = -(-SUSPENSIONS // 4)
    here: Installation | None = None
    for first in range(0, SUSPENSIONS, share):
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                run_development_server(server_binary, state, port=port, ui_port=0)
            )
            if here is None:
                here = await install(spec, work=False, address=server.address)
                workflow_id = await here.start("asking")
            else:
                here.client = await connect(server.address)
                here.service = GoalService(here.client, here.stores, here.service.registry)
            worker = await stack.enter_async_context(AsyncExitStack())
            up = first == 0
            if up:
                await worker.enter_async_context(here.worker())
            for number in range(first, min(first + share, SUSPENSIONS)):
                about = f"question {number}" if number % 2 else "tick"
                if not up:  # the goal has waited since before the worker, or the server, went
                    await _send(here, workflow_id, number)
                    await worker.enter_async_context(here.worker())
                    up = True
                    continue
                await until_waits(here, workflow_id, about)
                if number % 7 == 6:
                    await here.until_idle(workflow_id)
                    await worker.aclose()
                    await here.forget_sticky_queue(workflow_id)
                    await _send(here, workflow_id, number)
                    await worker.enter_async_context(here.worker())
                    up = True
                else:
                    await _send(here, workflow_id, number)
                described = await here.handle(workflow_id).describe()
                runs.add(described.run_id)
            if first + share < SUSPENSIONS:
                following = first + share
                await until_waits(
                    here, workflow_id, f"question {following}" if following % 2 else "tick"
                )
                await here.until_idle(workflow_id)
                await worker.aclose()
                await here.forget_sticky_queue(workflow_id)
            else:
                output, record = await here.finish(workflow_id)
    assert here is not None
    assert output.success
    assert record.result is not None
    assert record.result.data == {"heard": SUSPENSIONS}
    assert paid == list(range(SUSPENSIONS))
    assert len(runs) > SUSPENSIONS * 11 / 120 / 2
    here.started.clear()  # its server is gone


async def _send(here: Installation, workflow_id: str, number: int) -> None:
    if number % 2:
        await here.answer(workflow_id, f"question {number}")
    else:
        await here.signal(workflow_id, "tick", number)


async def test_a_run_that_goes_on_in_a_new_one_replays(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_goal, "MAX_HISTORY_EVENTS", 30)

    async def asking(run: Run, goal: Goal) -> Result:
        for _ in range(6):
            await run.wait_for("tick")
        return Result(summary="done")

    here = await install(AgentSpec(name="asking", description="", agent=asking))
    workflow_id = await here.start("asking")
    first = (await here.handle(workflow_id).describe()).run_id
    for number in range(6):
        await here.until_event(workflow_id, "run.waiting", number + 1)
        await here.signal(workflow_id, "tick")
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert output.execution_time > 0
    types = await here.replay(workflow_id, "continued-as-new", run_id=first)
    assert types[-1] == "workflow_execution_continued_as_new_event_attributes"
    await here.replay(workflow_id, "continued-from-another")


async def test_what_is_sent_before_it_is_waited_for_is_there(install: Install) -> None:
    async def late(run: Run, goal: Goal) -> Result:
        await run.approve("ready?")
        return Result(data={"got": [await run.wait_for("data"), await run.wait_for("data")]})

    here = await install(AgentSpec(name="late", description="", agent=late))
    workflow_id = await here.start("late")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    assert await here.signal(workflow_id, "data", {"n": 1}) == 1
    assert await here.signal(workflow_id, "data", {"n": 2}) == 2
    await here.answer(workflow_id, "ready?")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"got": [{"n": 1}, {"n": 2}]}
    await here.replay(workflow_id, "signals")


async def test_expired_approvals_and_signals_are_settled_by_the_clock(install: Install) -> None:
    async def impatient(run: Run, goal: Goal) -> Result:
        decision = await run.approve("quickly?", expires=timedelta(seconds=2.5))
        try:
            await run.wait_for("never", expires=timedelta(seconds=0.1))
        except Exception as error:
            return Result(summary=str(error), data={"expired": decision.expired})
        return Result()

    here = await install(AgentSpec(name="impatient", description="", agent=impatient))
    workflow_id = await here.start("impatient")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"expired": True}
    assert "signal 'never' did not come in time" in record.result.summary
    await here.replay(workflow_id, "approval-expired")


async def test_a_long_sleep_holds_no_worker_and_a_short_one_stays(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_store, "INLINE_WAIT_SECONDS", 0.5)
    woken: list[float] = []

    async def sleeper(run: Run, goal: Goal) -> Result:
        await run.sleep(0.05)
        before = await run.now()
        await run.sleep(timedelta(seconds=2))
        woken.append((datetime.now(UTC) - before).total_seconds())
        return Result(summary="rested")

    here = await install(AgentSpec(name="sleeper", description="", agent=sleeper), work=False)
    workflow_id = await here.start("sleeper")
    async with here.worker():
        await here.until_status(workflow_id, GoalStatus.WAITING)
        await here.until_idle(workflow_id)
    await here.forget_sticky_queue(workflow_id)
    async with here.worker():
        output, _ = await here.finish(workflow_id)
    assert output.success
    assert woken[0] >= 2
    assert len(woken) == 1
    types = await here.replay(workflow_id, "slept")
    assert types.count("activity_task_scheduled_event_attributes") == 2


async def test_a_paused_goal_rests_until_it_is_resumed(install: Install) -> None:
    done: list[int] = []
    enough = 300

    async def tick(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    async def ticking(run: Run, goal: Goal) -> Result:
        number = 0
        while number < enough:
            await run.step("tick", tick, number)
            number += 1
        return Result(summary="ticked")

    here = await install(AgentSpec(name="ticking", description="", agent=ticking))
    workflow_id = await here.start("ticking")
    await here.until_event(workflow_id, "step.completed", 3)
    await here.service.control.pause(workflow_id)
    await here.until_status(workflow_id, GoalStatus.PAUSED)
    before = await here.stored_events(workflow_id)
    resting = len(done)
    assert resting < enough
    # A wake-up does not end a pause.
    await here.service.decisions.wake(workflow_id, ["nothing"])
    await here.until_history_has(workflow_id, "workflow_execution_signaled_event_attributes", 2)
    assert await here.stored_events(workflow_id) == before
    await here.service.control.resume(workflow_id)
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert done == list(range(enough))
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.count("run.paused") == 1
    assert types.count("run.retrying") == 0
    await here.replay(workflow_id, "paused")


async def test_throttled_goals_wait_and_use_up_no_attempt(install: Install) -> None:
    calls: list[float] = []

    async def asking(run: Run, goal: Goal) -> Result:
        calls.append(time.monotonic())
        if len(calls) <= 5:
            raise Throttled("429 Too Many Requests", retry_after=0.3)
        if len(calls) <= 7:
            raise ConnectionError("its own failures")
        return Result(summary="at last")

    here = await install(AgentSpec(name="asking", description="", agent=asking))
    workflow_id = await here.start("asking")
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert len(calls) == 8
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(calls))
    await here.replay(workflow_id, "throttled")


async def test_questions_that_change_in_every_execution_end_the_goal(install: Install) -> None:
    """A clock in a question: people would be asked for ever."""
    texts = iter(range(1_000))
    executions: list[int] = []

    async def restless(run: Run, goal: Goal) -> Result:
        executions.append(1)
        await run.step("steady", len, "the same each time")
        await run.approve(f"at {next(texts)}?")
        return Result()

    here = await install(AgentSpec(name="restless", description="", agent=restless))
    workflow_id = await here.start("restless")
    output = await _answered_for_ever(here, workflow_id, range(1_000))
    assert output == "NothingRepeats"
    assert len(executions) < 10
    record = await here.stores.goals.get(workflow_id)
    assert record.error is not None
    assert "ask the same again in every execution, with run.now()" in record.error.message


async def test_steps_that_change_in_every_execution_end_the_goal_too(install: Install) -> None:
    """It pays for a step each time, so there is always something new, and never an answer."""
    texts = iter(range(1_000))
    paid: list[str] = []

    async def restless(run: Run, goal: Goal) -> Result:
        moment = f"at {next(texts)}"
        await run.step("pay", paid.append, moment)
        await run.approve(f"{moment}?")
        return Result()

    here = await install(AgentSpec(name="restless", description="", agent=restless))
    workflow_id = await here.start("restless")
    assert await _answered_for_ever(here, workflow_id, range(1_000)) == "NothingRepeats"
    assert len(paid) < 10


async def _answered_for_ever(
    here: Installation, workflow_id: str, numbers: range | Iterator[int]
) -> str:
    """Answer one question after another until the goal has ended; return why it failed."""
    ended = asyncio.create_task(here.finish(workflow_id))
    for number in numbers:
        asked = asyncio.create_task(here.answer(workflow_id, f"at {number}?"))
        await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            asked.cancel()
            break
        assert number < 20
    output, _ = await ended
    assert output.error is not None
    return output.error.type
