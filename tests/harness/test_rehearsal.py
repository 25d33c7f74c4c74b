"""Rehearsals: an agent from its first line to its result, or to what it waits for."""

import asyncio
from datetime import timedelta

import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.steps.journal import ApprovalRequest, SignalRequest
from perdure.testing import MemoryJournal, StillWaiting, rehearse

CALLED: list[str] = []


def note(what: str) -> str:
    CALLED.append(what)
    return what


async def publish(run: Run, goal: Goal) -> Result:
    await run.step("write", note, "written")
    chart = await run.delegate("analysis", "Chart the counts")
    await run.sleep(timedelta(days=7))
    if not await run.approve("Publish?", {"chart": chart.summary}):
        return Result(summary="kept back")
    first, second = await run.wait_for("paid"), await run.wait_for("paid")
    return Result(summary=f"published {chart.summary}", data={"paid": [first, second]})


async def ask_twice(run: Run, goal: Goal) -> Result:
    first, second = await asyncio.gather(run.approve("Publish?"), run.wait_for("paid"))
    return Result(data={"first": first.approved, "second": second})


PUBLISH = AgentSpec(name="publish", description="Publishes", agent=publish)
TWICE = AgentSpec(name="twice", description="Asks twice at once", agent=ask_twice)


async def test_an_author_answers_for_people_agents_and_signals() -> None:
    done = await rehearse(
        PUBLISH,
        "go",
        decisions={"Publish?": True},
        results={"analysis": Result(summary="bars")},
        signals={"paid": [{"euros": 5}, None]},
    )

    assert done.result.summary == "published bars"
    assert done.result.data == {"paid": [{"euros": 5}, None]}


async def test_a_question_may_be_answered_with_no() -> None:
    done = await rehearse(
        PUBLISH, "go", decisions={"Publish?": False}, results={"analysis": Result()}
    )

    assert done.result.summary == "kept back"


async def test_an_agent_that_waits_says_for_what_and_goes_on_from_its_journal() -> None:
    CALLED.clear()
    journal = MemoryJournal()
    results = {"analysis": Result(summary="bars")}
    with pytest.raises(StillWaiting, match=r"hand rehearse results=\{'analysis': Result\(\)\}$"):
        await rehearse(PUBLISH, "go", journal=journal)
    with pytest.raises(StillWaiting, match=r"hand rehearse decisions=\{'Publish\?': True\}$"):
        await rehearse(PUBLISH, "go", journal=journal, results=results)
    with pytest.raises(StillWaiting, match=r"signals=\{'paid': \[None\] \* 2\}$") as raised:
        await rehearse(
            PUBLISH,
            "go",
            journal=journal,
            results=results,
            decisions={"Publish?": True},
            signals={"paid": [1]},
        )

    assert raised.value.journal is journal
    assert raised.value.waits == (SignalRequest("paid", 2, None),)
    assert CALLED == ["written"]


async def test_all_that_branches_wait_for_is_said_at_once() -> None:
    with pytest.raises(StillWaiting) as raised:
        await rehearse(TWICE, "go")

    assert [type(request) for request in raised.value.waits] == [ApprovalRequest, SignalRequest]
    assert "decisions={'Publish?': True}, signals={'paid': [None] * 1}" in str(raised.value)
    with pytest.raises(StillWaiting, match="signals") as later:
        await rehearse(TWICE, "go", decisions={"Publish?": True})
    assert len(later.value.waits) == 1
