"""What readers learn of steps: that they have begun, in which order, and which is which."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
from pydantic import JsonValue
from pydantic_ai import Agent as PydanticAgent

from perdure.agents import Agent, AgentSpec, Goal, Progress, Result, Run
from perdure.agents.events import step_events
from perdure.agents.execution import execute_agent
from perdure.agents.factory import create_agent
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal
from perdure.models import Artifact, EventType
from perdure.testing import ModelServer, Reply
from tests.support.until import until_async


class EmittedLines(MemoryEmitter):
    """Keeps what a run emits as short lines, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    async def emit(self, item: Progress | Artifact) -> None:
        await asyncio.sleep(0)  # as a store would, it lets other tasks run
        if isinstance(item, Progress):
            self.lines.append(f"{item.percentage:g} {item.message} in {item.step}")
        else:
            self.lines.append(f"made {item.name}")

    async def emit_text(self, stream: str, delta: str) -> None:
        self.lines.append(f"said {delta}")

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        await asyncio.sleep(0)
        await super().emit_event(type_, data)
        if type_ == "step.started":
            self.lines.append(f"began {data['step']} {data['number']}")


async def emitted_by(agent: object, journal: MemoryJournal | None = None) -> EmittedLines:
    """Execute an agent and return what it emitted."""
    spec = AgentSpec(name="emits", description="Emits.", agent=agent)  # type: ignore[arg-type]
    emitted = EmittedLines()
    goal = Goal(goal_id="g", description="emit", agent_type="emits")
    run = Run(goal, journal, emitter=emitted)
    await execute_agent(create_agent(spec, {}, run), run)
    return emitted


def quick() -> str:
    return "done"


async def test_progress_names_the_step_under_way_with_its_number() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        async def look(page: int) -> None:
            await run.progress(10 * page)

        for page in (1, 2):
            await run.step("look", look, page)
        await run.progress(90)
        return Result()

    emitter = MemoryEmitter()
    goal = Goal(goal_id="g", description="emit", agent_type="emits")
    run = Run(goal, emitter=emitter)
    spec = AgentSpec(name="emits", description="Emits.", agent=agent)
    await execute_agent(create_agent(spec, {}, run), run)
    progress = [item.model_dump() for item in emitter.emitted if isinstance(item, Progress)]
    assert progress == [
        {"percentage": 10, "message": "", "step": "look"},
        {"percentage": 20, "message": "", "step": "look", "number": 2},
        {"percentage": 90, "message": "", "step": None},
    ]


async def test_a_function_emits_in_the_order_of_its_lines() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        await run.progress(10, "m1")
        await run.progress(20, "m2")
        await run.progress(30, "m3")
        await run.text("t")
        await run.step("flaky", quick)
        await run.progress(40, "m4")
        await run.artifact("a.txt", "a")
        return Result()

    emitted = await emitted_by(agent)
    assert emitted.lines == [
        "10 m1 in None",
        "20 m2 in None",
        "30 m3 in None",
        "said t",
        "40 m4 in None",
        "made a.txt",
    ]


async def test_the_class_form_does_too() -> None:
    class Emitting(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            yield Progress(percentage=10, message="m1")
            await self.run.text("t")
            await self.run.step("flaky", quick)
            yield Progress(percentage=20, message="m2")
            yield Progress(percentage=30, message="m3", step="its own")

        async def get_results(self) -> Result:
            return Result()

    emitted = await emitted_by(Emitting)
    assert emitted.lines == ["10 m1 in None", "said t", "20 m2 in None", "30 m3 in its own"]


async def test_what_a_step_says_comes_after_its_start_and_names_it() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        async def look(page: int) -> int:
            await run.progress(page * 10, "looking")
            await run.text(f"page {page}")
            return page

        for page in (1, 2):
            await run.step("look", look, page)
        await run.step("silent", quick)
        await run.progress(90, "looked")
        return Result()

    journal = MemoryJournal()
    emitted = await emitted_by(agent, journal)
    assert emitted.lines == [
        "began look 1",
        "10 looking in look",
        "said page 1",
        "began look 2",
        "20 looking in look",
        "said page 2",
        "90 looked in None",
    ]
    # Answered from the journal, none is under way.
    assert (await emitted_by(agent, journal)).lines == ["90 looked in None"]


async def test_a_step_within_a_step_comes_after_the_outer_one() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        async def outer() -> None:
            await run.step("inner", inner)
            await run.text("out")

        async def inner() -> None:
            await run.text("in")

        await run.step("outer", outer)
        return Result()

    assert (await emitted_by(agent)).lines == [
        "began outer 1",
        "began inner 1",
        "said in",
        "said out",
    ]


async def test_parallel_branches_name_their_own_steps() -> None:
    async def agent(run: Run, goal: Goal) -> Result:
        both = asyncio.Barrier(2)

        async def work(name: str) -> None:
            await both.wait()
            await run.progress(50, name)
            await both.wait()

        await asyncio.gather(*(run.step(name, work, name) for name in ("left", "right")))
        return Result()

    emitted = await emitted_by(agent)
    assert {"50 left in left", "50 right in right"} < set(emitted.lines)


async def test_a_long_step_is_emitted_while_it_runs_and_a_quick_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert step_events.STARTED_EVENT_DELAY < 1, "readers see a step within a second"
    monkeypatch.setattr(step_events, "STARTED_EVENT_DELAY", 0.01)
    may_end = asyncio.Event()

    async def agent(run: Run, goal: Goal) -> Result:
        await run.step("long", may_end.wait)
        return Result()

    async def in_time(
        emitted: EmittedLines, starting: Callable[[Run, Goal], Awaitable[Result]]
    ) -> None:
        goal = Goal(goal_id="g", description="emit", agent_type="emits")
        spec = AgentSpec(name="emits", description="Emits.", agent=starting)
        run = Run(goal, emitter=emitted)
        executing = asyncio.create_task(execute_agent(create_agent(spec, {}, run), run))
        await until_async(lambda: emitted.lines, "the start of the step")
        assert not executing.done()
        may_end.set()
        await executing

    emitted = EmittedLines()
    await in_time(emitted, agent)
    assert emitted.lines == ["began long 1"]
    ((type_, data),) = emitted.events
    assert type_ == "step.started"
    assert data.keys() == {"step", "number", "started_at"}


async def test_a_model_request_is_emitted_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_events, "STARTED_EVENT_DELAY", 0.01)

    with ModelServer([Reply("At last.", delay=0.5), Reply("Again.", delay=0.5)]) as server:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        wrapped = OpenAIChatModel(
            "gpt-4o-mini", provider=OpenAIProvider(base_url=server.url, api_key="k")
        )

        async def agent(run: Run, goal: Goal) -> Result:
            model = run.durable(wrapped)
            for question in ("When?", "And then?"):
                await PydanticAgent().run(question, model=model)
            return Result()

        emitted = await emitted_by(agent)
    assert [line for line in emitted.lines if line.startswith("began")] == [
        "began model gpt-4o-mini 1",
        "began model gpt-4o-mini 2",
    ]


async def test_a_start_that_cannot_be_stored_does_not_hurt_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(step_events, "STARTED_EVENT_DELAY", 0.0)

    class Away(MemoryEmitter):
        async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
            raise OSError("the event store is away")

    run = Run(Goal(goal_id="g", description="x", agent_type="t"), emitter=Away())

    async def long() -> str:
        await asyncio.sleep(0.05)
        return "paid"

    assert await run.step("long", long) == "paid"
