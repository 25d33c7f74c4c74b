"""Branches side by side: waits and steps under ``gather`` and ``TaskGroup``."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.execution import execute_agent
from perdure.agents.factory import AgentFactory
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal
from perdure.agents.steps.run_closed import Interrupted
from perdure.models import Decision, GoalStatus
from tests.support.installation import Install
from tests.support.plugins import registry_of

session_loop = pytest.mark.asyncio(loop_scope="session")


async def side_by_side(style: str, *branches: Any) -> list[Any]:
    """Run branches the way an agent would, tolerant of whatever one of them raises."""
    if style == "gather":
        return list(await asyncio.gather(*branches, return_exceptions=True))
    if style == "wait":
        tasks = [asyncio.ensure_future(branch) for branch in branches]
        await asyncio.wait(tasks)
        return [task.exception() or task.result() for task in tasks]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(branch) for branch in branches]
    return [task.result() for task in tasks]


@session_loop
@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("style", ["gather", "group", "wait"])
async def test_it_never_finishes_unapproved(install: Install, style: str, approved: bool) -> None:
    """Sharpest test 4: approve, delegate and working steps side by side."""
    paid: list[str] = []
    sent: list[bool] = []
    finished: list[int] = []

    async def work(run: Run, name: str) -> str:
        for number in range(4):
            await run.step("pay", paid.append, f"{name} {number}")
            await run.progress(number * 25, name)
            await asyncio.sleep(0.001)
        return name

    async def branching(run: Run, goal: Goal) -> Result:
        answers = await side_by_side(
            style,
            run.approve("send it?", {"to": "everybody"}),
            work(run, "a"),
            run.delegate("helper", "help"),
            work(run, "b"),
        )
        # Whatever came of it, this line stands for "the agent went on".
        finished.append(1)
        decision, first, helped, second = answers
        assert isinstance(decision, Decision)
        assert isinstance(helped, Result)
        assert (first, second) == ("a", "b")
        if decision:
            await run.step("send", sent.append, True)
        return Result(summary=helped.summary, data={"sent": bool(decision)})

    async def helper(run: Run, goal: Goal) -> Result:
        await run.step("pay", paid.append, "helper")
        decision = await run.approve("help?")
        return Result(summary=f"helped: {bool(decision)}")

    here = await install(
        AgentSpec(name="branching", description="", agent=branching),
        AgentSpec(name="helper", description="", agent=helper),
    )
    workflow_id = await here.start("branching")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    child = (await here.stores.waits.pending(workflow_id))[1].child
    assert child is not None
    await here.answer(child, "help?")
    # The delegate ends and wakes the goal, which waits for its approval all the same.
    await here.until_event(workflow_id, "run.waiting", 2)
    await here.until_status(workflow_id, GoalStatus.WAITING)
    assert (finished, sent) == ([], [])
    await here.answer(workflow_id, "send it?", approved)
    output, record = await here.finish(workflow_id)
    assert output.success, output.error
    assert record.result is not None
    assert record.result.summary == "helped: True"
    assert record.result.data == {"sent": approved}
    assert len(sent) == approved
    assert sorted(paid) == sorted([f"{name} {n}" for name in "ab" for n in range(4)] + ["helper"])
    assert finished == [1]
    events = await here.stored_events(workflow_id)
    progress = [event.data["message"] for event in events if event.type == "progress"]
    assert sorted(map(str, progress)) == ["a"] * 4 + ["b"] * 4
    types = await here.replay(workflow_id, f"approval-and-delegate-{style}-{approved}")
    assert types.count("child_workflow_execution_completed_event_attributes") == 1


@session_loop
async def test_an_agent_that_swallows_everything_does_not_finish_unapproved(
    install: Install,
) -> None:
    sent: list[int] = []

    async def greedy(run: Run, goal: Goal) -> Result:
        for _ in range(50):
            try:
                if await run.approve("send it?"):
                    break
            except BaseException:
                continue
        try:
            await run.step("send", sent.append, 1)
        except BaseException:
            return Result(summary="never mind")
        return Result(summary="sent")

    here = await install(AgentSpec(name="greedy", description="", agent=greedy))
    workflow_id = await here.start("greedy")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    assert sent == []
    await here.answer(workflow_id, "send it?")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "sent"
    assert sent == [1]


@session_loop
async def test_a_wait_within_a_step_is_refused_with_a_sentence(install: Install) -> None:
    async def nested(run: Run, goal: Goal) -> Result:
        async def ask() -> bool:
            return bool(await run.approve("within?"))

        return Result(data={"yes": await run.step("ask", ask)})

    here = await install(AgentSpec(name="nested", description="", agent=nested))
    output, _ = await here.finish(await here.start("nested"))
    assert output.error is not None
    assert "waits within a step" in output.error.message
    assert "wait between steps" in output.error.message


@session_loop
async def test_a_failing_branch_ends_the_attempt_while_another_waits(install: Install) -> None:
    """The question is asked once, although the attempt that asked it failed beside it."""
    tries: list[int] = []

    async def flaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "well"

    async def grouped(run: Run, goal: Goal) -> Result:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(run.approve("go?"))
            worked = group.create_task(run.step("flaky", flaky))
        return Result(summary=f"{worked.result()} {bool(asked.result())}")

    here = await install(AgentSpec(name="grouped", description="", agent=grouped))
    workflow_id = await here.start("grouped")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    await here.answer(workflow_id, "go?")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "well True"
    assert len(tries) == 2
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.count("approval.requested") == 1
    assert types.count("run.retrying") == 1


@session_loop
async def test_fifty_delegates_at_once(install: Install) -> None:
    paid: list[int] = []

    async def crowd(run: Run, goal: Goal) -> Result:
        results = await asyncio.gather(*(run.delegate("one", str(number)) for number in range(50)))
        return Result(data={"sum": sum(int(str(result.data["n"])) for result in results)})

    async def one(run: Run, goal: Goal) -> Result:
        number = int(goal.description)
        await run.step("pay", paid.append, number)
        return Result(data={"n": number})

    here = await install(
        AgentSpec(name="crowd", description="", agent=crowd),
        AgentSpec(name="one", description="", agent=one),
    )
    workflow_id = await here.start("crowd")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"sum": sum(range(50))}
    assert sorted(paid) == list(range(50))
    assert len(await here.stores.goals.list(limit=100, delegated=True)) == 50
    await here.replay(workflow_id, "fifty-delegates")


# What an agent's branches do, drawn anew for each run: how long each step of each branch takes.
Timing = dict[tuple[int, int], float]


@settings(max_examples=40, deadline=None)
@given(
    branches=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    seed=st.integers(0, 2**32 - 1),
    same=st.booleans(),
)
def test_branches_in_any_order_pay_nothing_again(
    branches: list[int], cuts: list[int], seed: int, same: bool
) -> None:
    """Sharpest test 5: however branches overtake each other, and wherever executions are cut.

    An execution that is cut ends between steps: at ``cuts`` steps done in it. With ``same``
    every branch does steps of the same name and input, which only their occurrence tells apart.
    """
    chance = random.Random(seed)
    paid: list[object] = []

    async def agent(run: Run, goal: Goal) -> Result:
        async def pay(number: object) -> object:
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
            paid.append(number)
            return number

        async def branch(number: int, steps: int) -> int:
            for step in range(steps):
                await run.step("pay", pay, 0 if same else [number, step])
                for _ in range(chance.randint(0, 3)):
                    await asyncio.sleep(0)
                await run.progress(50, f"{number}.{step}")
            return steps

        done = await asyncio.gather(*(branch(n, steps) for n, steps in enumerate(branches)))
        return Result(data={"steps": sum(done)})

    async def executions() -> Result:
        journal = MemoryJournal()
        registry = registry_of(AgentSpec(name="a", description="", agent=agent))
        goal = Goal(goal_id="g", description="d", agent_type="a")
        for cut in [*cuts, None]:
            run = Run(goal, journal, emitter=MemoryEmitter())
            before = len(journal.steps)
            made = AgentFactory.create("a", {}, run, registry=registry)

            async def cutting(run: Run = run, before: int = before, cut: int | None = cut) -> None:
                # Turn by turn of the loop, so that the order is the seed's and no clock's.
                while cut is None or len(journal.steps) < before + cut:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                run.steps.drain()

            cutter = asyncio.create_task(cutting())
            try:
                return await execute_agent(made, run)
            except Interrupted:
                continue
            finally:
                cutter.cancel()
        raise AssertionError("the last execution is not cut")

    result = asyncio.run(executions())
    assert result.data == {"steps": sum(branches)}
    assert len(paid) == sum(branches)
    if not same:
        assert len({str(one) for one in paid}) == sum(branches)


@session_loop
@pytest.mark.parametrize("seed", range(3))
async def test_branches_over_the_real_stores_pay_nothing_again(install: Install, seed: int) -> None:
    """Attempts that fail in the middle of branches, each time elsewhere."""
    chance = random.Random(seed)
    paid: list[str] = []
    attempts: list[int] = []

    async def branching(run: Run, goal: Goal) -> Result:
        attempts.append(1)
        done = 0

        async def branch(number: int) -> None:
            nonlocal done
            for step in range(5):
                await asyncio.sleep(chance.random() * 0.01)
                await run.step("pay", paid.append, f"{number}.{step}")
                await run.progress(10 * step, f"{number}.{step}")
                done += 1
                if len(attempts) < 3 and done > 7:
                    raise ConnectionError("cut off")

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(branch(number))
        return Result(summary="all paid")

    here = await install(AgentSpec(name="branching", description="", agent=branching))
    workflow_id = await here.start("branching")
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert len(attempts) == 3
    events = await here.stored_events(workflow_id)
    progress = [event.data["message"] for event in events if event.type == "progress"]
    # A step that was in flight when its attempt ended is done again: three at most each time.
    assert len(set(paid)) == 20
    assert len(paid) <= 20 + 2 * 3
    recorded = [event for event in events if event.type == "step.completed"]
    assert len(recorded) == 20
    assert sorted(map(str, progress)) == sorted(f"{n}.{s}" for n in range(4) for s in range(5))
