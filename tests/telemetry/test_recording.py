"""What is recorded of goals, seen in this process; and what an exporter in trouble costs them."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings
from temporalio.client import WorkflowFailureError

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.messages import TASK_QUEUE
from perdure.models import GoalStatus, ResultReference, ScoreContent
from perdure.stores import StoreUnavailable
from perdure.telemetry.traces import process
from perdure.telemetry.traces.entrances import request
from perdure.telemetry.traces.goal_trace import GoalTrace
from perdure.telemetry.traces.tracer import Tracer
from perdure.testing import ModelServer, Reply
from tests.support.installation import Install

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
CALLER = 0xB7AD6B7169203331
SECRET = "sk-very-secret-value-1234567890"
HEADERS = {"traceparent": f"00-{TRACE:032x}-{CALLER:016x}-01"}


class Recorded:
    """What this process has recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = Tracer(self._exporter)

    def spans(self) -> list[ReadableSpan]:
        assert self.tracer.export.force_flush()
        # The last batch has left the queue, and may be on its way.
        self.tracer.stop()
        return list(self._exporter.get_finished_spans())


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """Record what happens in this process."""
    recorded = Recorded()
    monkeypatch.setattr(process._process, "tracer", recorded.tracer)
    yield recorded
    recorded.tracer.stop()


def paths(spans: Sequence[ReadableSpan], root: int = CALLER) -> list[str]:
    """Return the spans of a trace as paths, having seen that each is there once and none alone."""
    return sorted(path for path, _ in with_paths(spans, root))


def with_paths(spans: Sequence[ReadableSpan], root: int = CALLER) -> list[tuple[str, ReadableSpan]]:
    """Return the same with the spans."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    assert len(by_id) == len(spans)

    def path(span: ReadableSpan) -> str:
        if span.parent is None or span.parent.span_id == root:
            return span.name
        return f"{path(by_id[span.parent.span_id])} > {span.name}"

    return [(path(span), span) for span in spans]


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


async def test_a_goal_that_is_retried_after_its_end_goes_on_in_its_trace(
    install: Install, recorded: Recorded
) -> None:
    tries = iter([False, True])

    async def moody(run: Run, goal: Goal) -> Result:
        await run.step("read", int)
        if not next(tries):
            raise InputError("not today: ask tomorrow")
        await run.step("write", int)
        return Result(summary="done")

    here = await install(AgentSpec(name="moody", description="Is moody.", agent=moody))
    with request("POST", "/x", "http", HEADERS):
        workflow_id = await here.start("moody")
    await here.until_status(workflow_id, GoalStatus.FAILED)
    await here.service.control.retry(workflow_id)
    await here.finish(workflow_id)
    spans = recorded.spans()
    first = "POST > invoke_workflow moody"
    again = f"{first} > invoke_workflow moody"
    assert paths(spans) == sorted(
        [
            "POST",
            first,
            f"{first} > invoke_agent moody",
            f"{first} > invoke_agent moody > read",
            f"{first} > prepare_agent_context",
            f"{first} > store_agent_results",
            again,
            f"{again} > prepare_agent_context",
            f"{again} > store_agent_results",
            f"{again} > invoke_agent moody",
            f"{again} > invoke_agent moody > write",
        ]
    )
    assert {span.context.trace_id for span in spans if span.context} == {TRACE}
    failed = [span for span in spans if span.status.status_code is StatusCode.ERROR]
    assert sorted(span.name for span in failed) == ["invoke_agent moody", "invoke_workflow moody"]
    assert {attribute(span, "error.type") for span in failed} == {"InputError"}


async def test_an_activity_that_is_tried_again_has_one_span_from_its_first_try(
    install: Install, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def plain(run: Run, goal: Goal) -> Result:
        return Result(summary="done")

    here = await install(AgentSpec(name="plain", description="Is plain.", agent=plain))
    store = here.stores.results.store
    failures = iter([StoreUnavailable("full")] * 3)

    async def full_for_a_while(*args: Any) -> ResultReference:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await store(*args)

    monkeypatch.setattr(here.stores.results, "store", full_for_a_while)
    with request("POST", "/x", "http", HEADERS):
        workflow_id = await here.start("plain")
    await here.finish(workflow_id)
    spans = with_paths(recorded.spans())
    goal = "POST > invoke_workflow plain"
    assert sorted(path for path, _ in spans) == [
        "POST",
        goal,
        f"{goal} > invoke_agent plain",
        f"{goal} > prepare_agent_context",
        f"{goal} > store_agent_results",
    ]
    stored = dict(spans)[f"{goal} > store_agent_results"]
    assert attribute(stored, "perdure.tries") == 3  # the quick one before them is none of its own
    assert stored.status.status_code is not StatusCode.ERROR
    assert (stored.end_time or 0) - (stored.start_time or 0) > 2 * 10**9  # two pauses


async def test_what_prepares_or_cleans_up_says_how_it_failed_once(
    install: Install, recorded: Recorded
) -> None:
    async def waiting(run: Run, goal: Goal) -> Result:
        await run.approve("Go on?")
        return Result(summary="done")

    here = await install(AgentSpec(name="waiting", description="Waits.", agent=waiting))
    trace = GoalTrace(TRACE, 1, CALLER).encode()
    goal = Goal(goal_id="x", description="x", agent_type="nobody", trace=trace)
    await here.client.start_workflow(
        "AgentGoalWorkflow", goal, id="goal-unknown", task_queue=TASK_QUEUE
    )
    await here.finish("goal-unknown")
    with request("POST", "/x", "http", HEADERS):
        workflow_id = await here.start("waiting")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    await here.until_idle(workflow_id)
    await here.service.control.cancel(workflow_id)
    await here.until_status(workflow_id, GoalStatus.CANCELLED)
    with suppress(WorkflowFailureError):
        await here.finish(workflow_id)
    spans = with_paths(recorded.spans())
    cancelled = "POST > invoke_workflow waiting"
    assert sorted(path for path, _ in spans) == [
        "POST",
        cancelled,
        f"{cancelled} > clean_up_agent",
        f"{cancelled} > invoke_agent waiting",
        f"{cancelled} > prepare_agent_context",
        f"{cancelled} > store_agent_results",
        "invoke_workflow nobody",
        "invoke_workflow nobody > prepare_agent_context",
        "invoke_workflow nobody > store_agent_results",
    ]
    failed = [path for path, span in spans if span.status.status_code is StatusCode.ERROR]
    refused = "invoke_workflow nobody > prepare_agent_context"
    assert sorted(failed) == ["invoke_workflow nobody", refused]
    assert attribute(dict(spans)[refused], "error.type") == "UnknownAgent"


async def test_spans_of_a_library_hang_under_ours_and_answered_work_has_none(
    install: Install, recorded: Recorded, model_server: ModelServer
) -> None:
    model_server.answers([Reply("fine")])
    provider = recorded.tracer._provider
    instrument = Instrumentation(InstrumentationSettings(tracer_provider=provider))

    async def asking(run: Run, goal: Goal) -> Result:
        agent = Agent(run.model, name="inner", capabilities=[instrument])
        await agent.run("first")
        await run.sleep(3)
        await run.step("last", int)
        return Result(summary="done")

    here = await install(AgentSpec(name="asking", description="Asks.", agent=asking))
    with request("POST", "/x", "http", HEADERS):
        workflow_id = await here.start("asking")
    await here.finish(workflow_id)
    found = Counter(paths(recorded.spans()))
    execution = "POST > invoke_workflow asking > invoke_agent asking"
    inner = f"{execution} > invoke_agent inner"
    assert found[inner] == 1  # in the first execution, and none in the second
    assert found[f"{inner} > chat scripted > chat scripted"] == 1  # theirs, and ours below it
    assert found[f"{execution} > last"] == 1
    assert found["POST > invoke_workflow asking > sleep"] == 1


async def test_scores_are_events_of_the_step_that_gives_them_or_of_a_span_of_their_own(
    install: Install, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_API_KEY", SECRET)

    async def judging(run: Run, goal: Goal) -> Result:
        await run.score("accuracy", 0.75, "one of four is wrong")
        await run.sleep(3)  # the next execution has the score in its journal
        await run.score("useful", True, step="read")
        return Result(summary="done")

    here = await install(AgentSpec(name="judging", description="Judges.", agent=judging))
    with request("POST", "/x", "http", HEADERS):
        workflow_id = await here.start("judging")
    _, record = await here.finish(workflow_id)
    assert [score.value for score in record.scores] == [0.75, True]
    label = ScoreContent(name="tone", value="friendly", comment=f"key {SECRET}")
    await here.stores.scores.give(workflow_id, label, "ann")

    spans = recorded.spans()
    events = {
        path: dict(event.attributes or {})
        for path, span in with_paths(spans)
        for event in span.events
        if event.name == "gen_ai.evaluation.result"
    }
    goal = "POST > invoke_workflow judging"
    assert events == {
        f"{goal} > invoke_agent judging > score accuracy": {
            "gen_ai.evaluation.name": "accuracy",
            "gen_ai.evaluation.score.value": 0.75,
            "gen_ai.evaluation.explanation": "one of four is wrong",
            "perdure.score.by": "judging",
        },
        f"{goal} > invoke_agent judging > score useful": {
            "gen_ai.evaluation.name": "useful",
            "gen_ai.evaluation.score.value": 1.0,
            "gen_ai.evaluation.score.label": "true",
            "perdure.step": "read",
            "perdure.score.by": "judging",
        },
        f"{goal} > score tone": {
            "gen_ai.evaluation.name": "tone",
            "gen_ai.evaluation.score.label": "friendly",
            "gen_ai.evaluation.explanation": "key [secret]",
            "perdure.score.by": "ann",
        },
    }


@pytest.mark.parametrize("asked", [True, False])
async def test_content_is_recorded_where_it_is_asked_for_without_secrets(
    install: Install,
    recorded: Recorded,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    asked: bool,
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", str(asked).lower())
    model_server.answers(lambda _: Reply("I see"))
    monkeypatch.setenv("SERVICE_API_KEY", SECRET)

    async def asking(run: Run, goal: Goal) -> Result:
        prompt = "the key is sk-very-secret-value-1234567890, and the word is Rumpelstiltskin"
        await Agent(run.model).run(prompt)
        return Result(summary="done")

    here = await install(AgentSpec(name="asking", description="Asks.", agent=asking))
    workflow_id = await here.start("asking")
    await here.finish(workflow_id)
    chat = next(span for span in recorded.spans() if span.name == "chat scripted")
    if not asked:
        assert attribute(chat, "gen_ai.input.messages") is None
        assert "Rumpelstiltskin" not in chat.to_json()
        return
    sent = json.loads(str(attribute(chat, "gen_ai.input.messages")))
    assert sent[0]["role"] == "user"
    assert "Rumpelstiltskin" in str(sent)
    assert "very-secret" not in str(sent)
    assert "I see" in str(attribute(chat, "gen_ai.output.messages"))


class Stuck(SpanExporter):
    """A collector that takes spans and never answers."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.free.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.free.set()


async def test_a_collector_that_does_not_answer_costs_no_goal_and_what_is_lost_is_counted(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    tracer = Tracer(Stuck())
    monkeypatch.setattr(process._process, "tracer", tracer)

    async def busy(run: Run, goal: Goal) -> Result:
        for number in range(50):
            await run.step("count", int, number)
        return Result(summary="done")

    here = await install(AgentSpec(name="busy", description="Is busy.", agent=busy))
    output, _ = await here.finish(await here.start("busy"))
    assert output.success
    assert len(tracer.export._queue) <= 10
    started = time.monotonic()
    await asyncio.to_thread(tracer.stop)
    assert time.monotonic() - started < 10
    assert tracer.export.dropped == 54  # the goal, its activities, the steps
