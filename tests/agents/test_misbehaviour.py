"""Agents that keep no promise at run time: each goal ends, says why, and the worker goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.agents import Agent, AgentSpec, Goal, Progress, Result, Run, execution
from perdure.models import GoalStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Sound(Agent[None]):
    """Does a step, tells progress, and delivers."""

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        await self.run.step("one", int, 1)
        await self.run.artifact("made.txt", "so far")
        yield Progress(percentage=100)

    async def get_results(self) -> Result:
        return Result(summary="done")


class YieldsText(Sound):
    async def execute_streaming(self, description: str) -> AsyncIterator[Any]:
        yield "half way"


class YieldsNothing(Sound):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        if not description:
            yield Progress(percentage=0)


class DeliversText(Sound):
    async def get_results(self) -> Any:
        return "done"


class CannotDeliver(Sound):
    async def get_results(self) -> Result:
        raise LookupError("where did I put it")


class CleansBadly(Sound):
    async def cleanup(self) -> None:
        raise RuntimeError("the broom is broken")


class CleansForEver(Sound):
    async def cleanup(self) -> None:
        await asyncio.Event().wait()


class FailsAndCannotDeliver(CannotDeliver):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        await self.run.artifact("made.txt", "so far")
        yield Progress(percentage=50)
        raise TypeError("half an agent")


async def delivers_a_dict(run: Run, goal: Goal) -> Any:
    return {"summary": "done"}


COMPLETED: dict[str, Any] = {
    "yields-nothing": YieldsNothing,
    "cleans-badly": CleansBadly,
    "cleans-for-ever": CleansForEver,
}
FAILED: dict[str, tuple[Any, str, str, int]] = {
    "yields-text": (
        YieldsText,
        "PermanentError",
        "agent 'yields-text' yielded str: yield a perdure.agents.Progress",
        1,
    ),
    "delivers-text": (
        DeliversText,
        "PermanentError",
        "agent 'delivers-text' returned str: return a perdure.agents.Result",
        1,
    ),
    "delivers-a-dict": (
        delivers_a_dict,
        "PermanentError",
        "agent 'delivers-a-dict' returned dict: return a perdure.agents.Result",
        1,
    ),
    "cannot-deliver": (CannotDeliver, "LookupError", "where did I put it", 3),
    "fails-and-cannot-deliver": (FailsAndCannotDeliver, "TypeError", "half an agent", 3),
}


def spec(name: str, agent: Any) -> AgentSpec:
    return AgentSpec(name=name, description="Keeps no promise.", agent=agent)


@pytest.mark.parametrize("name", COMPLETED)
async def test_it_completes_all_the_same(
    name: str, install: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "CLEANUP_SECONDS", 0.3)
    here = await install(spec(name, COMPLETED[name]))
    output, record = await here.finish(await here.start(name))
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert record.result.summary == "done"


@pytest.mark.parametrize("name", FAILED)
async def test_it_fails_and_says_why(name: str, install: Callable[..., Any]) -> None:
    agent, type_, message, attempts = FAILED[name]
    here = await install(spec(name, agent), spec("sound", Sound))
    workflow_id = await here.start(name)
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.status is GoalStatus.FAILED
    assert (record.error.type, message in record.error.message) == (type_, True)
    assert (await here.events(workflow_id)).count("run.retrying") == attempts - 1
    if name in {"cannot-deliver", "delivers-text", "fails-and-cannot-deliver"}:
        assert [artifact.name for artifact in record.artifacts] == ["made.txt"]
    # The worker is none the worse for it.
    output, _ = await here.finish(await here.start("sound"))
    assert output.success
