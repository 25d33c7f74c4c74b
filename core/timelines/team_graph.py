"""The picture of a team: its goals in columns, each right of those whose results it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from perdure.schemas.timelines import TeamGoal

WIDTH: Final = 176
HEIGHT: Final = 64
_ACROSS: Final = 48
_DOWN: Final = 16
_EDGE: Final = 2
# More are not drawn: nobody finds anything in such a picture.
MOST_DRAWN: Final = 200


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A goal and where it stands, in pixels from the upper left.

    Attributes:
        goal: The goal.
        x: Where it begins across.
        y: Where it begins down.
        seconds: How long it took, or has taken so far; ``None`` before it began.
    """

    goal: TeamGoal
    x: int
    y: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A line from a goal to one that uses its result.

    Attributes:
        path: Its shape, as an SVG path has it.
        is_done: Whether the result is there.
    """

    path: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class TeamGraph:
    """A picture of a team.

    Attributes:
        nodes: Its goals.
        edges: The lines between them.
        width: How wide it is, in pixels.
        height: How high it is.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    width: int
    height: int


def team_graph(goals: Sequence[TeamGoal], now: datetime | None = None) -> TeamGraph | None:
    """Return the picture of a team; ``None`` of a run that delegates nothing under a name.

    Args:
        goals: Its goals.
        now: The time, for goals that have not ended.
    """
    goals = goals[:MOST_DRAWN]
    if not goals:
        return None
    now = now or datetime.now(UTC)
    columns = _columns(goals)
    filled: dict[int, int] = {}
    nodes: dict[str, GraphNode] = {}
    for goal in goals:
        column = columns[goal.name]
        row = filled[column] = filled.get(column, -1) + 1
        nodes[goal.name] = GraphNode(
            goal,
            _EDGE + column * (WIDTH + _ACROSS),
            _EDGE + row * (HEIGHT + _DOWN),
            _seconds(goal, now),
        )
    edges = [
        _edge(nodes[before], node)
        for node in nodes.values()
        for before in _before(node.goal)
        if before in nodes
    ]
    wide, high = max(columns.values()) + 1, max(filled.values()) + 1
    return TeamGraph(
        tuple(nodes.values()),
        tuple(edges),
        2 * _EDGE + wide * WIDTH + (wide - 1) * _ACROSS,
        2 * _EDGE + high * HEIGHT + (high - 1) * _DOWN,
    )


def _before(goal: TeamGoal) -> tuple[str, ...]:
    return (goal.same_as,) if goal.same_as else goal.after


def _columns(goals: Sequence[TeamGoal]) -> Mapping[str, int]:
    """Return the column of each goal: one right of the last of those that it follows on."""
    columns = {goal.name: 0 for goal in goals}
    # What events say may be anything: a circle would move its goals to the right for ever.
    for _ in goals:
        moved = False
        for goal in goals:
            least = max((columns[one] + 1 for one in _before(goal) if one in columns), default=0)
            if least > columns[goal.name] and least < len(goals):
                columns[goal.name], moved = least, True
        if not moved:
            break
    return columns


def _edge(before: GraphNode, after: GraphNode) -> GraphEdge:
    x1, y1 = before.x + WIDTH, before.y + HEIGHT // 2
    x2, y2 = after.x, after.y + HEIGHT // 2
    middle = (x1 + x2) // 2
    return GraphEdge(
        f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}",
        before.goal.status in {"completed", "same"},
    )


def _seconds(goal: TeamGoal, now: datetime) -> float | None:
    if goal.started_at is None:
        return None
    return max(0.0, ((goal.ended_at or now) - goal.started_at).total_seconds())
