"""What a schedule has started: Temporal knows of the starts, the stores of their goals."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleDescription,
    WorkflowExecutionStatus,
)

from perdure.messages import scheduled_goal_uuid
from perdure.models import GoalRecord, GoalStatus
from perdure.models.schedules.content import MAX_FOLLOWING_GOALS
from perdure.schemas.schedules.records import ScheduleStart, StartedGoal, StartStatus
from perdure.stores import Stores
from perdure.temporal.client.workflow_gateway import WorkflowGateway

_OF_GOAL: Final = {
    GoalStatus.COMPLETED: StartStatus.COMPLETED,
    GoalStatus.FAILED: StartStatus.FAILED,
    GoalStatus.CANCELLED: StartStatus.CANCELLED,
    GoalStatus.TERMINATED: StartStatus.FAILED,
}
# Where no goal of a start is on record.
_OF_WORKFLOW: Final = {
    WorkflowExecutionStatus.COMPLETED: StartStatus.UNCHANGED,
    WorkflowExecutionStatus.CANCELED: StartStatus.CANCELLED,
    WorkflowExecutionStatus.FAILED: StartStatus.FAILED,
    WorkflowExecutionStatus.TERMINATED: StartStatus.FAILED,
    WorkflowExecutionStatus.TIMED_OUT: StartStatus.FAILED,
}


# A goal's record has its time from Temporal, as the start has; this is more than they differ.
_EARLIER: Final = timedelta(minutes=1)
_SHOWN_STARTS: Final = 10
_UUID_CHARACTERS: Final = 36


async def starts_of(
    described: ScheduleDescription, name: str, client: Client, stores: Stores
) -> list[ScheduleStart]:
    """Return the last ten starts of a schedule, the newest first.

    Args:
        described: The schedule.
        name: Its name, which its goals have on record.
        client: Knows what became of a start that has no goals.
        stores: Know the goals.
    """
    recent = [*reversed(described.info.recent_actions)][:_SHOWN_STARTS]
    if not recent:
        return []
    goals = await stores.goals.list(
        schedule=name,
        since=min(action.started_at for action in recent) - _EARLIER,
        limit=_SHOWN_STARTS * (1 + MAX_FOLLOWING_GOALS),
    )
    reader = _Reader(WorkflowGateway(client), goals)
    return await asyncio.gather(*map(reader.start, recent))


class _Reader:
    def __init__(self, gateway: WorkflowGateway, goals: Sequence[GoalRecord]) -> None:
        self._gateway = gateway
        # By how their ids end: what the schedule calls its goals may have been changed since.
        self._goals = {goal.workflow_id[-_UUID_CHARACTERS:]: goal for goal in goals}

    async def start(self, recent: ScheduleActionResult) -> ScheduleStart:
        assert isinstance(recent.action, ScheduleActionExecutionStartWorkflow)
        goals = self._goals_of(recent.action)
        return ScheduleStart(
            scheduled_at=recent.scheduled_at,
            started_at=recent.started_at,
            status=await self._status(recent.action, goals),
            goals=goals,
        )

    def _goals_of(self, action: ScheduleActionExecutionStartWorkflow) -> list[StartedGoal]:
        found = []
        for number in range(1 + MAX_FOLLOWING_GOALS):
            workflow_id, run_id = action.workflow_id, action.first_execution_run_id
            goal = self._goals.get(scheduled_goal_uuid(workflow_id, run_id, number))
            if goal is None:  # nor is any that follows it
                break
            found.append(
                StartedGoal(
                    workflow_id=goal.workflow_id,
                    goal_id=goal.goal_id,
                    agent_type=goal.agent_type,
                    status=goal.status,
                )
            )
        return found

    async def _status(
        self, action: ScheduleActionExecutionStartWorkflow, goals: Sequence[StartedGoal]
    ) -> StartStatus:
        if goals:
            return _OF_GOAL.get(goals[-1].status, StartStatus.RUNNING)
        workflow = await self._gateway.describe(action.workflow_id)
        if workflow is None:
            return StartStatus.UNKNOWN
        return _OF_WORKFLOW.get(workflow.status, StartStatus.STARTING)
