"""Goals that are run again, from the start or from a step, with the real workflow and worker."""

import asyncio
from collections import Counter
from functools import partial

import pytest
from pydantic import JsonValue

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.models import ScoreContent, Usage
from perdure.stores.database.errors import InputRefused, UnknownStep
from perdure.stores.runs.reruns import AmbiguousStep
from perdure.temporal.client.connection import TemporalUnavailable
from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")

DONE: Counter[str] = Counter()


async def report(run: Run, goal: Goal) -> Result:
    """Read three pages, ask, get a word, write; each step is paid for."""
    texts = [await run.step("read", partial(_pay, run), f"page {number}") for number in (1, 2, 3)]
    decision = await run.approve("Publish?")
    word = await run.wait_for("word")
    title = await run.step("title", partial(_pay, run), goal.description)
    await run.artifact("title.txt", title)
    text = await run.step("write", partial(_pay, run), f"{len(texts)} {word}")
    more = await run.wait_for("word") if goal.description == "more" else None
    if goal.description == "fail":
        raise InputError("it cannot be written: ask for something else")
    return Result(summary=text, data={"by": decision.votes[0].by, "more": more})


async def _pay(run: Run, text: str) -> str:
    DONE[text] += 1
    await run.spend(Usage(input_tokens=10, output_tokens=2, cost=0.5), model="some-model")
    return text.upper()


def spec(agent: object = report) -> AgentSpec:
    return AgentSpec(name="report", description="", agent=agent)  # type: ignore[arg-type]


async def finished(here: Installation, word: JsonValue = "word") -> str:
    DONE.clear()
    workflow_id = await here.start("report")
    await here.answer(workflow_id, "Publish?")
    await here.signal(workflow_id, "word", word)
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert sum(DONE.values()) == 5
    return workflow_id


async def test_what_was_finished_before_a_step_is_neither_done_nor_paid_again(
    install: Install,
) -> None:
    here = await install(spec())
    first = await finished(here)
    DONE.clear()
    rerun = await here.service.run_again(first, by="ann", from_step="write")
    output, record = await here.finish(rerun.workflow_id)
    assert output.success
    assert DONE == {"3 word": 1}
    assert rerun.taken_over == 6  # the answer and the signal too: nobody is asked again
    assert record.result is not None
    assert record.result.data == {"by": "ann", "more": None}
    assert record.origin is not None
    assert record.origin.model_dump() == {"workflow_id": first, "step": "write#1", "by": "ann"}
    assert [artifact.name for artifact in record.artifacts] == ["title.txt"]
    spending = await here.stores.ledger.of(rerun.workflow_id)
    assert (spending.spent.cost, spending.saved.cost, spending.requests) == (0.5, 2.0, 1)
    assert await here.stores.reruns.made_from(first) == [rerun.workflow_id]
    timeline = await here.stores.timelines.of(record)
    assert timeline.taken_over == timeline.executions[0].answered == 6
    assert [span.name for span in timeline.executions[0].spans] == ["write#1"]
    await here.replay(rerun.workflow_id, "rerun")
    # What a run has taken over may be gone on from too.
    DONE.clear()
    again = await here.service.run_again(rerun.workflow_id, by="ann", from_step="title")
    output, _ = await here.finish(again.workflow_id)
    assert output.success
    assert DONE == {"try": 1, "3 word": 1}


async def test_what_its_agent_had_scored_before_a_step_is_taken_over(install: Install) -> None:
    async def judged(run: Run, goal: Goal) -> Result:
        await run.score("early", 1)
        await run.step("write", int)
        await run.score("late", 2)
        return Result(summary="done")

    here = await install(spec(judged))
    first = await here.start("report")
    await here.finish(first)
    await here.stores.scores.give(first, ScoreContent(name="early", value=9), "ann")
    rerun = await here.service.run_again(first, by="ann", from_step="write")
    assert rerun.taken_over == 1
    _, record = await here.finish(rerun.workflow_id)
    assert [(score.name, score.value, score.by) for score in record.scores] == [
        ("early", 1.0, "report"),
        ("late", 2.0, "report"),
    ]


async def test_from_the_start_everything_is_done_again(install: Install) -> None:
    here = await install(spec())
    first = await finished(here)
    rerun = await here.service.run_again(first, by="ann", description="another")
    await here.answer(rerun.workflow_id, "Publish?", by="bob")
    await here.signal(rerun.workflow_id, "word")
    output, record = await here.finish(rerun.workflow_id)
    assert output.success
    assert DONE["page 1"] == 2
    assert DONE["another"] == 1
    assert record.description == "another"
    assert record.origin is not None
    assert record.origin.step is None


async def test_a_step_whose_input_was_edited_is_done_again_wherever_it_stands(
    install: Install,
) -> None:
    here = await install(spec())
    first = await finished(here)
    DONE.clear()
    rerun = await here.service.run_again(first, by="", from_step="write", description="more")
    # The word that was taken over is the first: the next one is the second.
    assert await here.signal(rerun.workflow_id, "word", "again") == 2
    output, record = await here.finish(rerun.workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data["more"] == "again"
    assert DONE == {"more": 1, "3 word": 1}
    again = await here.service.run_again(rerun.workflow_id, by="", from_step="write")
    assert await here.signal(again.workflow_id, "word") == 2


async def test_steps_of_another_version_of_the_agent_are_done_where_they_differ(
    install: Install,
) -> None:
    here = await install(spec(), work=False)
    async with here.worker():
        first = await finished(here)

    async def other_version(run: Run, goal: Goal) -> Result:
        pages = [
            await run.step("read", partial(_pay, run), f"page {number}") for number in (2, 3, 4)
        ]
        text = await run.step("write", partial(_pay, run), "3 word", version=2)
        return Result(summary=" ".join([*pages, text]))

    DONE.clear()
    async with here.worker(spec(other_version)):
        rerun = await here.service.run_again(first, by="", from_step="write")
        output, record = await here.finish(rerun.workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "PAGE 2 PAGE 3 PAGE 4 3 WORD"
    assert DONE == {"page 4": 1, "3 word": 1}


async def test_a_failed_run_goes_on_edited_from_the_step_that_failed(install: Install) -> None:
    async def fails(run: Run, goal: Goal) -> Result:
        text = await run.step("read", partial(_pay, run), "page 1")
        await run.step("check", _check, goal.description)
        return Result(summary=text)

    here = await install(spec(fails))
    first = await here.start("report")
    output, _ = await here.finish(first)
    assert not output.success
    DONE.clear()
    rerun = await here.service.run_again(first, by="", from_step="check", description="good")
    output, record = await here.finish(rerun.workflow_id)
    assert output.success
    assert not DONE
    assert record.result is not None
    assert record.result.summary == "PAGE 1"


async def _check(description: str) -> None:
    if description != "good":
        raise InputError("it is no good: write another description")


async def test_branches_side_by_side_that_were_finished_stay_so(install: Install) -> None:
    async def branches(run: Run, goal: Goal) -> Result:
        first, both = asyncio.Event(), asyncio.Event()

        async def one(text: str) -> str:
            DONE[text] += 1
            if text == "short":
                await first.wait()
            first.set()
            if text == "long":
                await both.wait()
            return text

        async def short() -> None:
            await run.step("branch", one, "short")
            await run.step("after", one, "after")
            both.set()

        if DONE["again"]:
            both.set()
        await asyncio.gather(short(), run.step("branch", one, "long"))
        return Result()

    DONE.clear()
    here = await install(spec(branches))
    workflow_id = await here.start("report")
    await here.finish(workflow_id)
    DONE.clear()
    DONE["again"] = 1
    rerun = await here.service.run_again(workflow_id, by="", from_step="after")
    await here.finish(rerun.workflow_id)
    # "long" ended after the step did, and might have had it within.
    assert DONE == {"again": 1, "after": 1, "long": 1}


async def test_what_does_not_fit_starts_nothing(install: Install) -> None:
    here = await install(spec())
    first = await finished(here)
    again = here.service.run_again
    with pytest.raises(AmbiguousStep, match=r"has 3 steps 'read'.*'read#1', 'read#2', 'read#3'"):
        await again(first, by="", from_step="read")
    with pytest.raises(UnknownStep, match=r"no step 'cook' .*'approve#1'.*'write#1'"):
        await again(first, by="", from_step="cook")
    with pytest.raises(InputRefused, match="description: say in words"):
        await again(first, by="", description=" ")
    assert await here.stores.reruns.made_from(first) == []


async def test_a_run_is_made_once_for_a_key_and_not_at_all_without_a_server(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await install(spec())
    first = await finished(here)

    async def away(*_: object) -> bool:
        raise TemporalUnavailable("no server answers: start one")

    with monkeypatch.context() as patch:
        patch.setattr(here.service.gateway, "start", away)
        with pytest.raises(TemporalUnavailable):
            await here.service.run_again(first, by="", from_step="write")
    assert await here.stores.reruns.made_from(first) == []
    for _ in range(2):
        await here.service.run_again(first, by="", from_step="write", idempotency_key="key")
    (made,) = await here.stores.reruns.made_from(first)
    await here.finish(made)
