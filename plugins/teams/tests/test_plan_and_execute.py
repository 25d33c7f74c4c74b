"""``plan-and-execute``: what a model plans, and what becomes of bad plans."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import InputError, PermanentError, Result
from perdure.testing import (
    AgentContract,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    says,
)

Rehearsed = Callable[..., Awaitable[Rehearsal]]
Told = Callable[[list[Reply]], list[str]]
TWO = {"agents": ["echo", "count", "broken"]}


def plans(*goals: dict[str, Any]) -> Reply:
    given: list[JsonValue] = [*goals]
    return calls(ToolCall("plan", {"goals": given}))


def concludes(summary: str) -> Reply:
    return calls(ToolCall("conclude", {"summary": summary}))


def goal(name: str, agent: str = "echo", description: str = "go", **more: Any) -> dict[str, Any]:
    return {"name": name, "agent": agent, "description": description, **more}


async def test_what_is_planned_is_done_in_its_order(told: Told, rehearsed: Rehearsed) -> None:
    plan = plans(
        goal("sum", "count", "${left} ${right}", parameters={"limit": "${left.data.length}"}),
        goal("left", description="four"),
        goal("right", description="${goal}"),
    )
    told([plan, concludes("It is four.")])
    done = await rehearsed("plan-and-execute", "Find it", TWO)
    assert done.result.summary == "It is four."
    assert done.result.data["plans"] == 1
    goals = {one["name"]: one["summary"] for one in done.result.data["goals"]}  # type: ignore[index,union-attr,call-overload]
    assert goals == {"left": "<four>", "right": "<Find it>", "sum": "limit 4"}


CIRCLE = plans(goal("a", description="${b}"), goal("b", description="${a}"))
UNKNOWN = plans(goal("a", "nobody"))
HUGE = plans(*(goal(f"g{number}") for number in range(10_000)))
BAD_PARAMETERS = plans(goal("a", "count", parameters={"limit": "many"}))
FOREIGN_FILE = plans(goal("a", "count", parameters={"path": "/etc/passwd"}))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (CIRCLE, "wait for one another in a circle"),
        (UNKNOWN, "names agent 'nobody'"),
        (HUGE, "at most 50 items"),
        (BAD_PARAMETERS, "cannot take these parameters"),
        (FOREIGN_FILE, "none of the team's files"),
    ],
)
async def test_a_bad_plan_is_told_to_the_planner(
    told: Told, rehearsed: Rehearsed, bad: Reply, why: str
) -> None:
    asked = told([bad, plans(goal("a")), concludes("Done.")])
    done = await rehearsed("plan-and-execute", "Find it", TWO)
    assert done.result.summary == "Done."
    assert why in asked[1]


@pytest.mark.parametrize("bad", [CIRCLE, UNKNOWN, HUGE])
async def test_a_planner_that_makes_no_good_plan_ends_it(
    told: Told, rehearsed: Rehearsed, bad: Reply
) -> None:
    asked = told([bad] * 9)
    with pytest.raises(PermanentError, match="made no plan that can be run"):
        await rehearsed("plan-and-execute", "Find it", TWO)
    assert len(asked) == 3


async def test_what_failed_is_planned_anew(told: Told, rehearsed: Rehearsed) -> None:
    first = plans(goal("good"), goal("bad", "broken"), goal("late", description="${bad}"))
    second = plans(goal("bad", description="${good}"))
    asked = told([first, second, concludes("Done.")])
    done = await rehearsed("plan-and-execute", "Find it", TWO)
    assert done.result.data["plans"] == 2
    said = asked[1]
    assert "it is broken: mend it" in said
    assert "not begun, as 'bad' failed" in said
    assert "- good: <go>" in said


async def test_failures_without_end_end(told: Told, rehearsed: Rehearsed) -> None:
    asked = told([plans(goal("bad", "broken"))] * 9)
    with pytest.raises(PermanentError, match="also after plan 2 of 2"):
        await rehearsed("plan-and-execute", "Find it", {**TWO, "plans": 2})
    assert len(asked) == 2


async def test_what_it_needs_is_said(
    told: Told, rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="names agent 'nobody'"):
        await rehearsed("plan-and-execute", "Find it", {"agents": ["nobody"]})
    monkeypatch.delenv("PERDURE_MODEL")
    with pytest.raises(PermanentError, match=r"plan-and-execute needs a model.*PERDURE_MODEL"):
        await rehearsed("plan-and-execute", "Find it", TWO)


class TestPlanAndExecute(AgentContract):
    agent = "plan-and-execute"
    description = "Find it"
    parameters = {"agents": ["one", "two"]}
    results = {"one": Result(summary="first"), "two": Result(summary="second")}
    model_script = [
        plans(goal("a", "one"), goal("b", "two"), goal("c", "one", "${a} ${b}")),
        concludes("Both."),
    ]


async def test_a_conclusion_that_does_not_come_is_the_last_goals(
    told: Told, rehearsed: Rehearsed
) -> None:
    told([plans(goal("a")), *[says("well")] * 5])
    assert (await rehearsed("plan-and-execute", "Find it", TWO)).result.summary == "<go>"
