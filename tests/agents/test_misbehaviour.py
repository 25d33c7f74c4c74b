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


def deep(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data]
    return data


async def delivers_deep_data(run: Run, goal: Goal) -> Result:
    return Result(data={"x": deep(150)})


async def asks_with_deep_data(run: Run, goal: Goal) -> Result:
    await run.approve("Publish?", {"x": deep(150)})
    return Result()


async def delivers_half_a_pair(run: Run, goal: Goal) -> Result:
    await run.artifact("made.txt", "so far")
    return Result(data={"names": ["a", "caf\udce9.csv"]})


async def delivers_half_a_pair_as_key(run: Run, goal: Goal) -> Result:
    return Result(metadata={"caf\udce9.csv": 1})


async def stores_half_a_pair(run: Run, goal: Goal) -> Result:
    await run.artifact("made.txt", "so far \ud800")
    return Result()


async def cancels_itself(run: Run, goal: Goal) -> Result:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)
    return Result()


async def closes_itself(run: Run, goal: Goal) -> Result:
    raise GeneratorExit


async def speaks_of_a_strange_file(run: Run, goal: Goal) -> Result:
    await run.progress(50, f"read {STRANGE}")
    await run.text(f"read {STRANGE}")
    return Result(summary=f"read {STRANGE}")


async def counts_beyond(run: Run, goal: Goal) -> Result:
    for percentage in (-3, float("nan"), 100.0000001, float("inf")):
        await run.progress(percentage)
    return Result(summary="done")


async def counts_in_words(run: Run, goal: Goal) -> Result:
    half: Any = "half"
    await run.progress(half)
    return Result()


async def steps_without_a_function(run: Run, goal: Goal) -> Result:
    value: Any = len("okapi")
    await run.step("count", value)
    return Result()


STRANGE = "caf\udce9.csv"  # as Python names a file whose name is Latin-1
COMPLETED: dict[str, Any] = {
    "yields-nothing": YieldsNothing,
    "cleans-badly": CleansBadly,
    "cleans-for-ever": CleansForEver,
    "counts-beyond": counts_beyond,
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
    "delivers-half-a-pair": (
        delivers_half_a_pair,
        "PermanentError",
        "holds half a surrogate pair in data['names'][1], which is no character: decode what it",
        1,
    ),
    "delivers-half-a-pair-as-key": (
        delivers_half_a_pair_as_key,
        "PermanentError",
        "half a surrogate pair in a key of metadata, which is no character",
        1,
    ),
    "delivers-deep-data": (
        delivers_deep_data,
        "PermanentError",
        "returned a result that is nested on more than 100 levels",
        1,
    ),
    "asks-with-deep-data": (
        asks_with_deep_data,
        "PermanentError",
        "what an approval shows has no JSON form (it is nested on more than 100 levels)",
        1,
    ),
    "stores-half-a-pair": (
        stores_half_a_pair,
        "PermanentError",
        "the text of artifact 'made.txt' holds half a surrogate pair, which is no character",
        1,
    ),
    "cancels-itself": (
        cancels_itself,
        "RuntimeError",
        "it raised CancelledError, and nobody has cancelled the goal",
        3,
    ),
    "closes-itself": (closes_itself, "RuntimeError", "it raised GeneratorExit", 3),
    "counts-in-words": (
        counts_in_words,
        "PermanentError",
        "run.progress was given 'half' and '': give it a number and a text",
        1,
    ),
    "steps-without-a-function": (
        steps_without_a_function,
        "PermanentError",
        "step 'count' was given int where its function belongs: give it a function",
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


async def test_texts_for_people_show_what_is_no_character(install: Callable[..., Any]) -> None:
    here = await install(spec("strange", speaks_of_a_strange_file))
    workflow_id = await here.start("strange")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result.summary == r"read caf\udce9.csv"
    events = [event async for event in here.stores.events.follow(workflow_id)]
    showing = [event.type for event in events if r"read caf\udce9.csv" in event.data.values()]
    assert showing == ["progress", "text.delta"]
