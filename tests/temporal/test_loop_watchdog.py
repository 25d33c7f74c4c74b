"""The watchdog of the event loop, while an agent blocks it."""

import asyncio
import time
from collections.abc import Callable

from structlog.testing import capture_logs

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.execution import execute_agent
from perdure.agents.factory import create_agent
from perdure.temporal.worker.loop_watchdog import watch_event_loop
from tests.support.until import until_async


def block(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)


async def test_a_block_is_logged_once_with_its_place_and_once_when_it_is_over() -> None:
    with capture_logs() as logged:

        async def blocking(run: Run, goal: Goal) -> Result:
            block(lambda: logged)
            # Long enough for a second check, which logs nothing.
            block(_after(1.2))
            return Result()

        spec = AgentSpec(name="blocking", description="Blocks.", agent=blocking)
        goal = Goal(goal_id="b", description="x", agent_type="blocking")
        run = Run(goal, workflow_id="goal-that-blocks")
        async with watch_event_loop(blocked_seconds=1.0), asyncio.timeout(30):
            await asyncio.sleep(0.1)
            await execute_agent(create_agent(spec, {}, run), run)
            await until_async(lambda: len(logged) >= 2, "the end of the block, logged by a thread")
    blocked, over = logged
    assert "is blocked" in blocked["event"]
    assert f"{__file__}:" in blocked["where"]
    assert blocked["task"] == "agent blocking of goal-that-blocks"
    assert over["blocked_seconds"] >= 2.2


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline
