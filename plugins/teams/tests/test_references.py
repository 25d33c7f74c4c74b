"""References to results, and what is refused before anything runs."""

import re

import pytest
from pydantic import JsonValue

from perdure.agents import Artifact, InputError, Result
from perdure_teams.goals import MOST_GOALS, PlannedTeamGoal, TeamGoal, in_order, named
from perdure_teams.references import artifact_path, goals_named_in, resolved

REPORT = Artifact(name="tables/1.csv", media_type="text/csv", digest=f"sha256:{'a' * 64}", size=3)
RESULTS = {
    "research": Result(
        summary="Trees cost 40 euros.",
        data={"costs": [{"year": 2024, "euros": 40}], "ok": True},
        artifacts=(REPORT,),
    )
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${research}", "Trees cost 40 euros."),
        ("${research.summary}", "Trees cost 40 euros."),
        ("Check: ${research.summary} ${goal}", "Check: Trees cost 40 euros. Cost?"),
        ("${research.data.costs.0.euros}", 40),
        ("of ${research.data.costs.0.year}", "of 2024"),
        ("${research.data.costs}", [{"year": 2024, "euros": 40}]),
        ("said ${research.data.ok}", "said true"),
        ("$${research}", "${research}"),
        ("$5 and {braces}", "$5 and {braces}"),
        ({"a": ["${goal}", 1]}, {"a": ["Cost?", 1]}),
    ],
)
def test_a_reference_becomes_what_it_names(value: JsonValue, expected: JsonValue) -> None:
    assert resolved(value, "Cost?", RESULTS) == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("${research.data.prices}", "there is no 'prices', only costs, ok"),
        ("${research.data.costs.7}", "there is no '7', only 1 items"),
        ("${research.summary.x}", "no reference|names nothing"),
    ],
)
def test_what_a_result_has_not_is_named(value: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        resolved(value, "Cost?", RESULTS)


@pytest.mark.parametrize("text", ["${}", "${Research}", "${research.files}", "${a b}", "${a.}"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no reference"):
        goals_named_in(text)


def test_a_file_has_a_path_on_any_worker() -> None:
    assert artifact_path("artifact:research/tables/1.csv", RESULTS) == f"artifact:{'a' * 64}/1.csv"
    with pytest.raises(InputError, match=re.escape("it made tables/1.csv")):
        artifact_path("artifact:research/report.md", RESULTS)


def test_goals_stand_behind_those_that_they_name() -> None:
    goals = [
        PlannedTeamGoal(agent="echo", name="last", description="${first} ${second}"),
        PlannedTeamGoal(agent="echo", name="second", parameters={"path": "artifact:first/a.csv"}),
        PlannedTeamGoal(agent="echo", name="first"),
        PlannedTeamGoal(agent="echo", after=["last"]),
    ]

    ordered = in_order(named(goals))

    assert [node.name for node in ordered] == ["first", "second", "last", "echo"]
    assert ordered[2].after == ("first", "second")


def test_the_same_agent_twice_has_two_names() -> None:
    goals = [TeamGoal(agent="echo"), TeamGoal(agent="echo"), TeamGoal(agent="count")]
    assert [node.name for node in named(goals)] == ["echo", "echo-2", "count"]


def planned(*goals: tuple[str, str]) -> list[PlannedTeamGoal]:
    return [
        PlannedTeamGoal(agent="echo", name=name, description=f"${{{before}}}" if before else "x")
        for name, before in goals
    ]


@pytest.mark.parametrize(
    ("goals", "why"),
    [
        (planned(("a", "c"), ("b", "a"), ("c", "b")), "in a circle"),
        (planned(("a", "a")), "a → a wait for one another in a circle"),
        (planned(("a", "nobody")), "names the result of 'nobody'"),
        (planned(("a", ""), ("a", "")), "two goals are called 'a'"),
        (planned(("goal", "")), "is called 'goal'"),
        (planned(*((f"g{n}", "") for n in range(10_000))), f"10,000 goals, and {MOST_GOALS}"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(goals: list[PlannedTeamGoal], why: str) -> None:
    with pytest.raises(InputError, match=why):
        in_order(named(goals))
