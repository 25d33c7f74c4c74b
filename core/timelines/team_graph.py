"""The picture of a team: its goals in columns, each right of those whose results it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from perdure.schemas.timelines import TeamGoal

WIDTH: Final = 176
HEIGHT: Final = 64
_ACROSS: Final = 48
_DOWN: Final = 16
_EDGE: Final = 2
# More are not drawn: nobody finds anything in such a picture.
MOST_DRAWN: Final = 200
MOST_EDGES: Final = 2_000
_DONE: Final = frozenset({"completed", "same"})


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
        nodes: Its goals, the first two hundred.
        edges: The lines between them, the first two thousand.
        goals: How many goals it has.
        done: How many of them are done.
        width: How wide it is, in pixels.
        height: How high it is.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    goals: int
    done: int
    width: int
    height: int


def team_graph(goals: Sequence[TeamGoal], now: datetime | None = None) -> TeamGraph | None:
    """Return the picture of a team; ``None`` of a run that delegates nothing under a name.

    Args:
        goals: Its goals.
        now: The time, for goals that have not ended.
    """
    if not goals:
        return None
    count, done = len(goals), sum(goal.status in _DONE for goal in goals)
    goals = goals[:MOST_DRAWN]
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
    edges = (
        _edge(nodes[before], node)
        for node in nodes.values()
        for before in _before(node.goal)
        if before in nodes
    )
    wide, high = max(columns.values()) + 1, max(filled.values()) + 1
    return TeamGraph(
        tuple(nodes.values()),
        tuple(islice(edges, MOST_EDGES)),
        count,
        done,
        2 * _EDGE + wide * WIDTH + (wide - 1) * _ACROSS,
        2 * _EDGE + high * HEIGHT + (high - 1) * _DOWN,
    )


def _before(goal: TeamGoal) -> tuple[str, ...]:
    return (goal.same_as,) if goal.same_as else tuple(dict.fromkeys(goal.after))


def _columns(goals: Sequence[TeamGoal]) -> Mapping[str, int]:
    """Return the column of each goal: one right of the last of those that it follows on."""
    by_name = {goal.name: goal for goal in goals}
    columns: dict[str, int] = {}
    under_way: set[str] = set()

    def column_of(name: str) -> int:
        if name not in columns:
            under_way.add(name)
            # What events say may be anything: what leads back in a circle is left out.
            before = (one for one in _before(by_name[name]) if one not in under_way)
            columns[name] = max((column_of(one) + 1 for one in before if one in by_name), default=0)
            under_way.remove(name)
        return columns[name]

    for name in by_name:
        column_of(name)
    return columns


def _edge(before: GraphNode, after: GraphNode) -> GraphEdge:
    x1, y1 = before.x + WIDTH, before.y + HEIGHT // 2
    x2, y2 = after.x, after.y + HEIGHT // 2
    middle = (x1 + x2) // 2
    return GraphEdge(
        f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}",
        before.goal.status in _DONE,
    )


def _seconds(goal: TeamGoal, now: datetime) -> float | None:
    if goal.started_at is None:
        return None
    return max(0.0, ((goal.ended_at or now) - goal.started_at).total_seconds())
