"""Agents: the class form, the function form, their parameters and their end."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from perdure.agents import (
    Agent,
    AgentFactory,
    AgentSpec,
    Failure,
    Goal,
    InputError,
    ParametersRefused,
    Progress,
    Result,
    Run,
    Usage,
)
from perdure.agents.description import describe_agents
from perdure.agents.factory import create_agent
from perdure.agents.steps.errors import failure_from
from perdure.agents.steps.memory import MemoryJournal
from perdure.models import FailureKind
from perdure.testing import rehearse
from tests.support.plugins import registry_of


class SurveyParameters(BaseModel):
    depth: Literal["quick", "deep"] = Field("quick", description="How far to look.")
    sources: list[str] = []
    limit: int | None = None


class Survey(Agent[SurveyParameters]):
    cleaned = 0

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        yield Progress(percentage=0, message=description)
        self.found = await self.run.step("count", len, self.parameters.sources)
        yield Progress(percentage=100, message="done")

    async def get_results(self) -> Result:
        usage = Usage(input_tokens=7, output_tokens=3)
        return Result(summary=f"{self.found} sources", usage=usage, metadata={"own": 1})

    async def cleanup(self) -> None:
        type(self).cleaned += 1


async def weather(run: Run, goal: Goal) -> Result:
    await run.progress(50, goal.description)
    await run.artifact("sky.txt", "grey")
    return Result(summary="rain", data={"depth": goal.parameters["depth"]})


SURVEY = AgentSpec(
    name="survey", description="Counts.", agent=Survey, parameters=SurveyParameters, examples=("x",)
)
WEATHER = AgentSpec(
    name="weather", description="Tells it.", agent=weather, parameters=SurveyParameters
)


async def test_the_class_form_runs_without_a_server() -> None:
    before = Survey.cleaned
    done = await rehearse(SURVEY, "look around", {"sources": ["a", "b"]})
    assert done.result.summary == "2 sources"
    assert done.result.metadata == {"own": 1, "agent_type": "survey", "tokens_used": 10}
    assert [told.percentage for told in done.progress] == [0, 100]
    assert done.progress[1].step is None  # the step before it has ended
    assert Survey.cleaned == before + 1


async def test_the_function_form_gets_its_defaults_and_yields_progress() -> None:
    agent = create_agent(WEATHER, {})
    told = [progress async for progress in agent.execute_streaming("what is it like")]
    assert [progress.message for progress in told] == ["what is it like"]
    result = await agent.get_results()
    assert result.data == {"depth": "quick"}
    done = await rehearse(WEATHER, "again", {"depth": "deep"})
    assert done.files == {"sky.txt": b"grey"}
    assert [artifact.name for artifact in done.result.artifacts] == ["sky.txt"]


async def test_the_function_is_stopped_when_its_reader_stops() -> None:
    ended: list[str] = []

    async def endless(run: Run, goal: Goal) -> Result:
        try:
            while True:
                await run.progress(1)
        finally:
            ended.append("ended")

    agent = create_agent(AgentSpec(name="endless", description="", agent=endless), {})
    stream = agent.execute_streaming("go")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert ended == ["ended"]


async def test_a_retry_repeats_no_step() -> None:
    journal, calls = MemoryJournal(), []
    cuts = iter([True, False])

    def pay(amount: int) -> int:
        calls.append(amount)
        return amount

    async def buyer(run: Run, goal: Goal) -> Result:
        for amount in (1, 2, 3):
            await run.step("pay", pay, amount)
            if amount == 2 and next(cuts):
                raise ConnectionError("cut off")
        return Result(summary="bought")

    spec = AgentSpec(name="buyer", description="", agent=buyer)
    with pytest.raises(ConnectionError):
        await rehearse(spec, "buy", journal=journal)
    assert (await rehearse(spec, "buy", journal=journal)).result.summary == "bought"
    assert calls == [1, 2, 3]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"depth": "bottomless"}, "depth"),
        ({"sources": "a"}, "sources"),
        ({"limit": "many"}, "limit"),
        ({"colour": "red"}, "colour: no such parameter, it takes depth, limit, sources"),
    ],
)
def test_parameters_that_do_not_fit_are_named(parameters: dict[str, str], problem: str) -> None:
    with pytest.raises(ParametersRefused, match=problem) as refused:
        create_agent(SURVEY, parameters)
    assert len(refused.value.problems) == 1


def test_failures_of_parallel_branches_are_told_together() -> None:
    both = ExceptionGroup("two", [InputError("no a"), InputError("no b")])
    assert failure_from(both) == Failure(
        type="InputError", message="no a; no b", permanent=True, kind=FailureKind.PERMANENT
    )
    mixed = ExceptionGroup("two", [InputError("no a"), OSError("reset")])
    assert not failure_from(mixed).permanent


def test_an_agent_without_parameters_takes_none() -> None:
    async def plain(run: Run, goal: Goal) -> Result:
        return Result()

    spec = AgentSpec(name="plain", description="", agent=plain)
    with pytest.raises(ParametersRefused, match="it takes none"):
        create_agent(spec, {"x": 1})


def test_the_factory_makes_agents_by_name() -> None:
    registry = registry_of(SURVEY)
    made = AgentFactory.create("survey", {"depth": "deep"}, registry=registry)
    assert isinstance(made, Survey)
    assert made.parameters.depth == "deep"
    described = describe_agents(registry).agents[0]
    assert [(one.name, one.type, one.default) for one in described.parameters] == [
        ("depth", "'quick' | 'deep'", '"quick"'),
        ("sources", "list[str]", "[]"),
        ("limit", "int | None", "null"),
    ]
