"""``panel``: several answers, and who decides."""

from collections.abc import Awaitable, Callable

import pytest
from pydantic import JsonValue

from perdure.agents import PermanentError, Result
from perdure.testing import (
    AgentContract,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    rehearse,
    says,
)

Rehearsed = Callable[..., Awaitable[Rehearsal]]
Told = Callable[[list[Reply]], list[str]]
THREE: dict[str, JsonValue] = {"agents": ["one", "two", "three"]}
ANSWERS = {
    "one": Result(summary="Forty euros.", data={"answer": 40}),
    "two": Result(summary="forty  Euros", data={"answer": 40}),
    "three": Result(summary="Fifty euros", data={"answer": 50}),
}


def decides(best: int | None, reason: str = "it has a source", question: str = "") -> Reply:
    return calls(ToolCall("judge", {"best": best, "reason": reason, "question": question}))


async def test_the_answer_of_most_counts() -> None:
    done = await rehearse("panel", "Cost?", {**THREE, "judge": "vote"}, results=ANSWERS)
    assert done.result.summary == "Forty euros."
    assert done.result.data["best"] == "one"
    assert done.result.data["reason"] == "2 of 3 gave this answer"
    voted = {**THREE, "judge": "vote", "vote_on": "data.answer"}
    assert (await rehearse("panel", "Cost?", voted, results=ANSWERS)).result.data["best"] == "one"


async def test_votes_without_a_majority_decide_nothing() -> None:
    parameters: dict[str, JsonValue] = {"agents": ["one", "three"], "judge": "vote", "rounds": 2}
    with pytest.raises(PermanentError, match="has not decided in 2 rounds: no answer has more"):
        await rehearse("panel", "Cost?", parameters, results=ANSWERS)


async def test_one_that_fails_has_no_vote(rehearsed: Rehearsed) -> None:
    same = {"agent": "count", "parameters": {"limit": 4}}
    parameters = {"agents": [same, {**same, "name": "again"}, "broken"], "judge": "vote"}
    done = await rehearsed("panel", "Cost?", parameters)
    assert done.result.summary == "limit 4"
    failed = [goal for goal in done.result.data["goals"] if "failure" in goal]  # type: ignore[union-attr,operator]
    assert len(failed) == 1
    with pytest.raises(PermanentError, match="1 of 2 agents of the panel answered"):
        await rehearsed("panel", "Cost?", {"agents": ["broken", "count"], "judge": "vote"})


async def test_the_judge_compares(told: Told) -> None:
    asked = told([decides(3)])
    done = await rehearse("panel", "Cost?", THREE, results=ANSWERS)
    assert done.result.summary == "Fifty euros"
    assert done.result.data["reason"] == "it has a source"
    assert "Answer 3, by three:" in asked[-1]


async def test_a_judge_that_names_no_answer_is_told_and_asks_again(
    told: Told, rehearsed: Rehearsed
) -> None:
    undecided = decides(None, "they differ", "Which year?")
    told([decides(7), undecided, decides(1)])
    done = await rehearsed("panel", "Cost?", {"agents": ["echo", "count"]})
    assert done.result.data["rounds"] == 2
    assert "Which year?" in done.result.summary
    assert done.result.data["best"] == "echo-round-2"


@pytest.mark.parametrize(
    "script", [[decides(None)] * 9, [decides(9)] * 9, [says("It depends.")] * 9]
)
async def test_a_judge_that_never_decides_ends_it(told: Told, script: list[Reply]) -> None:
    asked = told(script)
    with pytest.raises(PermanentError, match="the panel has not decided in 2 rounds"):
        await rehearse("panel", "Cost?", THREE, results=ANSWERS)
    assert len(asked) <= 6


async def test_without_a_model_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_MODEL", raising=False)
    with pytest.raises(PermanentError, match=r"judge=vote.*set PERDURE_MODEL"):
        await rehearse("panel", "Cost?", THREE, results=ANSWERS)


class TestPanel(AgentContract):
    agent = "panel"
    description = "Cost?"
    parameters = THREE
    results = ANSWERS
    model_script = [decides(2)]
    bad_parameters = ({"agents": ["one", {"agent": "two", "description": "${one}"}]},)
