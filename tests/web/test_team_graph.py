"""The picture of a team: what stands where, and how it stands."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.models import GoalRecord, GoalStatus
from perdure.schemas.timelines import DelegatedRun, PricedUsage, TeamGoal
from perdure.stores.timelines.rows import EventRow
from perdure.stores.timelines.team import team_of
from perdure.timelines.team_graph import HEIGHT, MOST_DRAWN, MOST_EDGES, WIDTH, team_graph

NOW = datetime(2026, 3, 29, tzinfo=UTC)


def record(ended: bool = False) -> GoalRecord:
    return GoalRecord(
        workflow_id="goal-1",
        goal_id="team",
        description="Find it",
        agent_type="plan-and-execute",
        status=GoalStatus.COMPLETED if ended else GoalStatus.RUNNING,
        started_at=NOW,
        ended_at=NOW if ended else None,
    )


def events(*given: tuple[str, dict[str, Any]]) -> list[EventRow]:
    return [EventRow(number, type_, NOW, data) for number, (type_, data) in enumerate(given, 1)]


def planned(name: str, *after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "agent_type": "echo", "description": name, "after": [*after], **more}


def delegate(run: str, status: GoalStatus, seconds: float | None = None) -> DelegatedRun:
    return DelegatedRun(
        workflow_id=run,
        goal_id=run,
        description="…",
        agent_type="echo",
        status=status,
        started_at=NOW,
        ended_at=None if seconds is None else NOW + timedelta(seconds=seconds),
        usage=PricedUsage(requests=1, cost=0.25),
    )


PLAN = ("planned", {"goals": [planned("a"), planned("b", "a"), planned("c", same_as="a")]})
BEGUN = (
    "delegated",
    {"name": "a", "workflow_id": "w1", "agent_type": "echo", "description": "do a", "after": []},
)


def test_goals_fill_in_as_they_are_done() -> None:
    before = team_of(record(), events(PLAN), [])
    assert [(goal.name, goal.status) for goal in before] == [
        ("a", "planned"),
        ("b", "planned"),
        ("c", "same"),
    ]
    begun = events(PLAN, BEGUN)
    (first, *_) = team_of(record(), begun, [delegate("w1", GoalStatus.RUNNING)])
    assert (first.status, first.workflow_id, first.description) == ("running", "w1", "do a")
    done = team_of(record(ended=True), begun, [delegate("w1", GoalStatus.COMPLETED, 3)])
    assert [goal.status for goal in done] == ["completed", "unused", "same"]
    assert done[0].usage.cost == 0.25


def test_what_another_version_planned_is_left_out() -> None:
    odd = ("planned", {"goals": [{"name": "a", "shape": "round"}]})
    assert team_of(record(), events(odd, ("delegated", {"workflow_id": "w1"})), []) == ()


def test_a_goal_stands_right_of_those_it_follows_on() -> None:
    goals = [
        TeamGoal(name="last", agent_type="x", after=("left", "right", "gone")),
        TeamGoal(name="left", agent_type="x", status="completed", started_at=NOW, ended_at=NOW),
        TeamGoal(name="right", agent_type="x", after=("left",), started_at=NOW),
    ]
    graph = team_graph(goals, NOW + timedelta(seconds=5))
    assert graph is not None
    places = {node.goal.name: node.x for node in graph.nodes}
    assert places["left"] < places["right"] < places["last"]
    assert {node.goal.name: node.seconds for node in graph.nodes} == {
        "last": None,
        "left": 0,
        "right": 5,
    }
    assert [edge.is_done for edge in graph.edges] == [True, False, True]
    assert graph.width > 3 * WIDTH
    assert graph.height == HEIGHT + 4


def test_nothing_that_events_may_say_breaks_it() -> None:
    circle = [
        TeamGoal(name="a", agent_type="x", after=("b",)),
        TeamGoal(name="b", agent_type="x", after=("a", "b")),
    ]
    graph = team_graph(circle, NOW)
    assert graph is not None
    assert graph.width < 1_000
    many = [TeamGoal(name=str(number), agent_type="x") for number in range(1_000)]
    graph = team_graph(many, NOW)
    assert graph is not None
    assert len(graph.nodes) == MOST_DRAWN
    assert (graph.goals, graph.done) == (1_000, 0)
    assert team_graph([], NOW) is None


def test_ten_thousand_goals_that_each_follow_on_all_others_are_drawn_in_time() -> None:
    names = [f"g{number}" for number in range(10_000)]
    plans = [
        ("planned", {"goals": [planned(name, *names[:200], *names[:200]) for name in part]})
        for part in (names[first : first + 1_000] for first in range(0, 10_000, 1_000))
    ]
    began = time.process_time()
    goals = team_of(record(), events(*plans), [])
    graph = team_graph(goals, NOW)
    assert time.process_time() - began < 20  # a second, on a machine with nothing else to do
    assert graph is not None
    assert (graph.goals, len(graph.nodes), len(graph.edges)) == (10_000, MOST_DRAWN, MOST_EDGES)
    # A circle has no left end: it is no wider than it has goals.
    assert graph.width < MOST_DRAWN * 2 * WIDTH
