"""The goals of a team: what a run planned and delegated under names, with what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from perdure.models import GoalRecord, PlannedGoal
from perdure.schemas.timelines import DelegatedRun, PricedUsage, TeamGoal
from perdure.stores.timelines.rows import EventRow


def team_of(
    record: GoalRecord, events: Sequence[EventRow], delegates: Sequence[DelegatedRun]
) -> tuple[TeamGoal, ...]:
    """Return the goals of a run's team, in the order in which they were planned.

    Args:
        record: The run.
        events: Its events, in order.
        delegates: What it delegated.
    """
    runs = {run.workflow_id: run for run in delegates}
    goals: dict[str, TeamGoal] = {}
    for event in events:
        if event.type == "planned":
            for planned in _planned(event.data):
                goals[planned.name] = _goal(planned, record)
        elif event.type == "delegated" and event.data.get("name"):
            goal = _delegated(event.data, runs)
            goals[goal.name] = goal
    return tuple(goals.values())


def _planned(data: Mapping[str, Any]) -> list[PlannedGoal]:
    try:
        return [PlannedGoal.model_validate(goal) for goal in data.get("goals", [])]
    except ValidationError:  # of another version
        return []


def _goal(planned: PlannedGoal, record: GoalRecord) -> TeamGoal:
    ended = "unused" if record.ended_at is not None else "planned"
    return TeamGoal(**planned.model_dump(), status="same" if planned.same_as else ended)


def _delegated(data: Mapping[str, Any], runs: Mapping[str, DelegatedRun]) -> TeamGoal:
    run = runs.get(str(data.get("workflow_id")))
    goal = TeamGoal(
        name=str(data["name"]),
        agent_type=str(data.get("agent_type")),
        description=str(data.get("description")),
        after=tuple(map(str, data.get("after") or ())),
        status="running",
        workflow_id=str(data.get("workflow_id")),
    )
    if run is None:
        return goal
    return goal.model_copy(
        update={
            "status": run.status.value,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "usage": _used(run),
        }
    )


def _used(run: DelegatedRun) -> PricedUsage:
    return sum((_used(below) for below in run.delegates), run.usage)
