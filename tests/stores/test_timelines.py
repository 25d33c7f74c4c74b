"""Timelines: what a run did when, read from its events, its journal and its ledger."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest
from pydantic import JsonValue
from sqlalchemy import insert

from perdure.agents.steps.journal import ApprovalRequest, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, GoalStatus, Usage
from perdure.schemas.timelines import Span, Timeline
from perdure.stores import Stores
from perdure.stores.database import schema
from perdure.stores.database.fencing import Claim

StartExecution = Callable[..., Awaitable[Claim]]


def key(name: str, number: int = 1, digest: str = "a") -> StepKey:
    return StepKey(name, digest * 64, 0, number)


async def read(stores: Stores, run: str) -> Timeline:
    return await stores.timelines.of(await stores.goals.get(run))


def spans_of(timeline: Timeline) -> dict[str, Span]:
    return {span.name: span for one in timeline.executions for span in one.spans}


async def paid_step(
    stores: Stores, claim: Claim, step: StepKey, cost: float, *, lost: float | None = None
) -> None:
    ledger = stores.ledger.for_execution(claim)
    for dollars, kept in [(lost, False)] * (lost is not None) + [(cost, True)]:
        usage = Usage(input_tokens=100, output_tokens=10, cost=dollars or 0.0)
        await ledger.settle(await ledger.reserve(step, "m", usage), usage, kept=kept)
    outcome = StepOutcome("1", None, 0.01, Usage(input_tokens=100, output_tokens=10, cost=cost))
    await stores.context.journal(claim).record(step, outcome)


async def test_steps_have_what_they_cost_and_the_dearest_is_marked(
    stores: Stores, run: str, claim: Claim
) -> None:
    await paid_step(stores, claim, key("read"), 0.1)
    await paid_step(stores, claim, key("read", 2, "b"), 0.3, lost=0.2)
    await paid_step(stores, claim, key("guess"), 0.0)
    await stores.context.journal(claim).record(key("count"), StepOutcome("1", None, 0.01))
    timeline = await read(stores, run)
    spans = spans_of(timeline)
    assert [span.label for span in spans.values()] == ["read", "read (2)", "guess", "count"]
    assert [span.kind for span in spans.values()] == ["model", "model", "model", "step"]
    second = spans["read#2"]
    assert second.is_dearest
    assert second.usage.requests == 2
    assert second.usage.cost == pytest.approx(0.5)
    assert second.thrown_away.cost == pytest.approx(0.2)
    assert spans["guess#1"].usage.cost is None  # not known is not nothing
    assert spans["count#1"].usage.cost == 0.0
    assert timeline.usage.cost is None
    assert timeline.usage.requests == 4
    assert timeline.steps == 4


async def test_a_step_that_was_cut_off_is_lost_and_what_it_cost_with_it(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    await stores.context.journal(claim).record(key("read"), StepOutcome("1", None, 0.01))
    began = datetime.now(UTC).isoformat()
    started: dict[str, JsonValue] = {"step": "write", "number": 1, "started_at": began}
    await stores.events.append(run, "step.started", started)
    usage = Usage(input_tokens=10, output_tokens=0, cost=0.1)
    await stores.ledger.for_execution(claim).reserve(key("write"), "m", usage)
    later = Claim(run, "first", 2, datetime.now(UTC) + timedelta(seconds=1))
    await stores.executions.start(later, "run.resumed", {"after": None})
    timeline = await read(stores, run)
    first, second = timeline.executions
    assert (first.end, second.after, second.answered) == ("lost", "lost", 1)
    assert [(span.name, span.status) for span in first.spans] == [
        ("read#1", "completed"),
        ("write#1", "lost"),
    ]
    assert first.spans[1].usage.cost == pytest.approx(0.1)
    await paid_step(stores, later, key("write"), 0.3)
    spans = (await read(stores, run)).executions
    assert spans[0].spans[1].usage.cost == pytest.approx(0.1)
    assert spans[1].spans[0].usage.cost == pytest.approx(0.3)


async def test_a_failed_step_that_is_done_anew_has_what_it_cost(
    stores: Stores, run: str, claim: Claim
) -> None:
    usage = Usage(input_tokens=10, output_tokens=0, cost=0.1)
    ledger = stores.ledger.for_execution(claim)
    await ledger.settle(await ledger.reserve(key("fetch"), "m", usage), usage, kept=False)
    failed: dict[str, JsonValue] = {"step": "fetch", "number": 1, "seconds": 0.2}
    await stores.events.append(run, "step.failed", failed | {"error": {"message": "it was cut"}})
    span = spans_of(await read(stores, run))["fetch#1"]
    assert (span.status, span.error) == ("failed", "it was cut")
    assert span.thrown_away.cost == pytest.approx(0.1)


async def test_waits_are_as_long_as_people_took(stores: Stores, run: str, claim: Claim) -> None:
    waits = stores.waits.for_execution(claim)
    for digest in "ab":
        await waits.open(
            key("approve", digest=digest), ApprovalRequest("Publish?", None, None, (), 1)
        )
    spans = spans_of(await read(stores, run))
    assert [(span.label, span.kind, span.status) for span in spans.values()] == [
        ("Publish?", "approval", "waiting"),
        ("Publish? (2)", "approval", "waiting"),
    ]
    assert all(span.approval_id for span in spans.values())
    await stores.results.store(run, GoalStatus.CANCELLED, None, 1.0)
    ended = await read(stores, run)
    assert {span.status for span in spans_of(ended).values()} == {"lost"}
    assert ended.executions[0].end == "cancelled"


async def test_failed_steps_say_why(stores: Stores, run: str, claim: Claim) -> None:
    failure = Failure(type="InputError", message="no such column: name another")
    await stores.context.journal(claim).record(key("read"), StepOutcome("", failure, 0.5))
    span = spans_of(await read(stores, run))["read#1"]
    assert (span.status, span.error) == ("failed", "no such column: name another")
    assert span.ended_at is not None
    assert (span.ended_at - span.started_at).total_seconds() == pytest.approx(0.5, abs=0.1)


async def test_tools_have_what_they_were_called_with_and_returned(stores: Stores, run: str) -> None:
    call = {"tool": "search", "tool_call_id": "1"}
    await stores.events.append(
        run, "tool.called", {"step": "ask", "number": 2, "arguments": '{"q": 1}', **call}
    )
    (tool,) = (await read(stores, run)).tools
    assert (tool.step, tool.arguments, tool.result) == ("ask (2)", '{"q": 1}', None)
    await stores.events.append(run, "tool.returned", {"result": "3", "seconds": 0.5, **call})
    (tool,) = (await read(stores, run)).tools
    assert (tool.result, tool.seconds, tool.error) == ("3", 0.5, None)


async def test_texts_of_a_step_are_joined_without_what_was_withdrawn(
    stores: Stores, run: str
) -> None:
    stream = "as 'k\"#aaaaaaaaaaaa#0"
    for name, text in [(stream, "one "), (f"{stream}.thinking", "hm"), (stream, "two")]:
        await stores.events.append(run, "text.delta", {"stream": name, "text": text})
    await stores.events.append(run, "text.delta", {"stream": "other#aaaaaaaaaaaa#0", "text": "x"})
    texts = await stores.events.texts_of_step(run, stream)
    assert [(text.text, text.is_thinking) for text in texts] == [("one two", False), ("hm", True)]
    await stores.events.append(run, "text.withdrawn", {"stream": stream})
    assert [text.text for text in await stores.events.texts_of_step(run, stream)] == ["hm"]


async def test_ten_thousand_events_are_read_in_a_moment(
    stores: Stores, run: str, claim: Claim
) -> None:
    now = datetime.now(UTC)
    data = '{"step":"read","number":%d,"seconds":0.25}'
    events = [
        {
            "workflow_id": run,
            "number": number,
            "type": "step.completed",
            "time": now,
            "data": data % number,
        }
        for number in range(2, 10_002)
    ]
    steps = [
        {
            "workflow_id": run,
            "name": "read",
            "digest": f"{number:064x}",
            "occurrence": 0,
            "value": "1",
            "seconds": 0.25,
            "recorded_at": now,
        }
        for number in range(2, 10_002)
    ]

    def fill(transaction: object) -> None:
        connection = transaction.connection  # type: ignore[attr-defined]
        connection.execute(insert(schema.events), events)
        connection.execute(insert(schema.steps), steps)

    await stores.database.write(fill)
    record = await stores.goals.get(run)
    began = perf_counter()
    timeline = await stores.timelines.of(record)
    assert perf_counter() - began < 20.0
    assert len(timeline.executions[0].spans) == 10_000
    assert all(span.key for span in timeline.executions[0].spans)
