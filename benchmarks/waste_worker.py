"""The processes of the benchmark ``waste``: a worker with an agent that asks a model many times.

What is switched off is switched off here, from outside: the product has no such options.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel
from pydantic_ai import Agent
from temporalio.exceptions import ActivityError

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.agents.steps.memory import MemoryJournal
from perdure.cli.runtime.event_loop import run_async
from perdure.messages import WorkflowState
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.workflows.failure_policy import FailedAttempt, FailureCause

HEARTBEAT_TIMEOUT: Final = timedelta(seconds=4)
AT_ONCE: Final = 6
SETTINGS: Final[Any] = {"first_event_timeout": 5.0}


class Parameters(BaseModel):
    """What the agent does, and what happens to it.

    Attributes:
        steps: How often it asks the model.
        seed: Which faults it meets; none when 0.
        marks: A folder in which each fault notes that it has come about.
        exceptions: How likely the agent raises after a step.
        crashes: How likely its worker dies in the middle of a step.
    """

    steps: int
    seed: int
    marks: Path
    exceptions: float
    crashes: float


async def scholar(run: Run, goal: Goal) -> Result:
    """Ask question after question, each with all that was answered before."""
    given = Parameters.model_validate(goal.parameters)
    agent = Agent(run.model, model_settings=SETTINGS)
    notes = ""
    for number in range(given.steps):
        chance = random.Random(f"{given.seed} {goal.goal_id} {number}")
        raises, crashes = chance.random(), chance.random()
        if given.seed and crashes < given.crashes and _first_time(given, goal, number, "crash"):
            asyncio.get_running_loop().call_later(0.06, os.kill, os.getpid(), signal.SIGKILL)
        question = f"{goal.goal_id} {number} Go on from these notes: {notes}"
        async with agent.run_stream(question) as answer:
            notes += await answer.get_output()
        if given.seed and raises < given.exceptions and _first_time(given, goal, number, "raise"):
            raise RuntimeError(f"the agent failed after question {number}")
    return Result(data={"characters": len(notes)})


def _first_time(given: Parameters, goal: Goal, number: int, fault: str) -> bool:
    # Each fault comes about once, so that who does more work again does not meet more of them.
    with suppress(FileExistsError):
        (given.marks / f"{goal.goal_id}-{number}-{fault}").touch(exist_ok=False)
        return True
    return False


SPEC = AgentSpec(name="scholar", description="Asks.", agent=scholar, parameters=Parameters)


def registry() -> AgentRegistry:
    """Return the agents of this benchmark: the one that asks."""
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=(SPEC.name,))
    return AgentRegistry.from_loaded({plugin: LoadedPlugin((), (SPEC,), ())}, [])


def _replace(module: ModuleType, name: str, value: object) -> None:
    assert hasattr(module, name), f"{module.__name__} has no {name} to switch off"
    setattr(module, name, value)


def forget_steps() -> None:
    """Let each attempt begin from nothing."""
    from perdure.activities import execution_context

    def forgetful(goal: Goal, _journal: object, *given: Any, **more: Any) -> Run:
        return Run(goal, MemoryJournal(), *given, **more)

    _replace(execution_context, "Run", forgetful)


def never_try_again_in_place() -> None:
    """Let whatever fails end the attempt."""
    from perdure.agents.model_calls import durable_model
    from perdure.agents.steps import step_execution

    async def once(attempt: Callable[[], Awaitable[Any]], **_: object) -> Any:
        return await attempt()

    _replace(durable_model, "retry_in_place", once)
    _replace(step_execution, "retry_in_place", once)


def count(*causes: FailureCause) -> None:
    """Let what is not the agent's fault use up its attempts too."""
    from perdure.workflows import agent_goal, failure_policy

    def counted(error: ActivityError, state: WorkflowState) -> tuple[WorkflowState, FailedAttempt]:
        after, failed = failure_policy.record_failure(error, state)
        if failed.cause not in causes:
            return after, failed
        failures = state.failures | {
            FailureCause.AGENT.value: state.failures.get(FailureCause.AGENT, 0) + 1
        }
        update = {"failures": failures, "attempt": state.attempt + 1}
        return after.model_copy(update=update), replace(failed, cause=FailureCause.AGENT)

    _replace(agent_goal, "record_failure", counted)


def count_lost_workers() -> None:
    """Let a worker's death be found out by Temporal alone, and use up an attempt."""
    from perdure.temporal.worker import run_worker

    async def leave(*_: object) -> int:
        return 0

    _replace(run_worker, "recover", leave)
    count(FailureCause.LOST_WORKER)


def restart_from_nothing() -> None:
    """Do what a plain activity with three attempts does."""
    forget_steps()
    count_lost_workers()
    count(FailureCause.LOST_WORKER, FailureCause.THROTTLED)


VARIANTS: Final[dict[str, Callable[[], None]]] = {
    "ours": lambda: None,
    "restart": restart_from_nothing,
    "no journal": forget_steps,
    "no retry in place": never_try_again_in_place,
    "lost workers count": count_lost_workers,
    "throttling counts": lambda: count(FailureCause.THROTTLED),
}


async def work(settings: Settings, address: str) -> None:
    """Run the worker until stdin ends."""
    from perdure.temporal.worker.run_worker import run_worker

    client = await connect(address)
    async with open_stores(settings) as stores, run_worker(client, stores, registry(), settings):
        await asyncio.to_thread(sys.stdin.read)


def main(home: str, address: str, variant: str) -> None:
    """Switch off what the variant is without, and work."""
    from perdure.activities import heartbeats
    from perdure.workflows import agent_goal

    _replace(agent_goal, "HEARTBEAT_TIMEOUT", HEARTBEAT_TIMEOUT)
    _replace(heartbeats, "HEARTBEAT_SECONDS", 0.5)
    VARIANTS[variant]()
    settings = Settings(home=Path(home), database_url="", max_concurrent_goals=AT_ONCE)
    run_async(work(settings, address))


if __name__ == "__main__":
    main(*sys.argv[1:])
