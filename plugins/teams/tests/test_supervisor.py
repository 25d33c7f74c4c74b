"""``supervisor``: a model that chooses agents until it answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import PermanentError, Result
from perdure.testing import (
    AgentContract,
    GoalFailed,
    Installation,
    Rehearsal,
    Reply,
    StillWaiting,
    ToolCall,
    calls,
    says,
)

Rehearsed = Callable[..., Awaitable[Rehearsal]]
Told = Callable[[list[Reply]], list[str]]
THREE = {"agents": ["echo", "count", "broken"]}


def has(agent: str, goal: str, **parameters: Any) -> ToolCall:
    return ToolCall(agent, {"goal": goal, "parameters": parameters})


async def test_it_has_agents_work_until_it_answers(told: Told, rehearsed: Rehearsed) -> None:
    asked = told(
        [
            calls(has("echo", "four"), has("count", "count", limit=2)),
            calls(has("count", "use it", limit="${echo-1.data.length}")),
            says("Four."),
        ]
    )
    done = await rehearsed("supervisor", "Find it", THREE)
    assert done.result.summary == "Four."
    goals = {one["name"]: one["summary"] for one in done.result.data["goals"]}  # type: ignore[index,union-attr,call-overload]
    assert goals == {"echo-1": "<four>", "count-1": "limit 2", "count-2": "limit 4"}
    assert "echo-1: <four>" in asked[1]


async def test_what_fails_is_told_to_it(told: Told, rehearsed: Rehearsed) -> None:
    asked = told(
        [
            calls(has("broken", "go"), has("count", "go", limit="many"), has("echo", "${later}")),
            calls(has("count", "go", path="/etc/passwd"), has("echo", " ")),
            says("It cannot be done."),
        ]
    )
    done = await rehearsed("supervisor", "Find it", THREE)
    assert done.result.summary == "It cannot be done."
    said = asked[-1]
    for why in ("it is broken: mend it", "cannot take these parameters", "names the result of"):
        assert why in said
    for why in ("none of the team's files", "the goal is empty"):
        assert why in said


async def test_people_are_asked_where_it_is_wanted(told: Told, rehearsed: Rehearsed) -> None:
    parameters = {**THREE, "approve": ["echo"]}
    script: list[Reply] = [calls(has("echo", "four")), says("Done.")]
    asked = told(script)
    with pytest.raises(StillWaiting, match="May echo work on this"):
        await rehearsed("supervisor", "Find it", parameters)
    for allowed in (True, False):
        asked = told(script)
        decisions = {"May echo work on this?": allowed}
        done = await rehearsed("supervisor", "Find it", parameters, decisions=decisions)
        said = asked[-1]
        assert ("people refused it" in said) is not allowed
        assert done.result.summary == "Done."


async def test_one_that_never_answers_ends(told: Told, rehearsed: Rehearsed) -> None:
    asked = told([calls(has("echo", f"again {number}")) for number in range(99)])
    with pytest.raises(PermanentError, match="has not ended in 4 rounds"):
        await rehearsed("supervisor", "Find it", {**THREE, "rounds": 4})
    assert len(asked) <= 5


async def test_the_same_goal_is_not_done_twice(told: Told, rehearsed: Rehearsed) -> None:
    told(
        [calls(has("tally", "add")), calls(has("tally", "add"), has("tally", "add")), says("Done.")]
    )
    done = await rehearsed("supervisor", "Count", {"agents": ["tally"]})
    assert {one["summary"] for one in done.result.data["goals"]} == {"1"}  # type: ignore[index,union-attr,call-overload]


async def test_without_a_model_it_says_what_it_needs(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERDURE_MODEL", raising=False)
    with pytest.raises(PermanentError, match=r"supervisor needs a model.*PERDURE_MODEL"):
        await rehearsed("supervisor", "Find it", THREE)


async def test_supervisors_of_supervisors_end(
    told: Told, perdure_installation: Installation
) -> None:
    again = has("supervisor", "again", agents=["supervisor"], rounds=2)
    told([calls(again)] * 99)
    parameters: dict[str, JsonValue] = {"agents": ["supervisor"], "rounds": 2}
    with pytest.raises(GoalFailed, match="has not ended in 2 rounds"):
        await perdure_installation.finish("supervisor", "again and again", parameters)


class TestSupervisor(AgentContract):
    agent = "supervisor"
    description = "Find it"
    parameters = {"agents": ["one", "two"]}
    results = {"one": Result(summary="first"), "two": Result(summary="second")}
    model_script = [calls(has("one", "go"), has("two", "go")), says("Both.")]
