"""What a schedule has started: Temporal knows of the starts, the stores of their goals."""

import asyncio
from collections.abc import Sequence
from typing import Final

from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleDescription,
    WorkflowExecutionStatus,
)

from perdure.messages import scheduled_goal_id
from perdure.models import GoalStatus
from perdure.models.schedules.content import ScheduleContent
from perdure.schemas.schedules.records import ScheduleStart, StartedGoal, StartStatus
from perdure.stores import Stores, UnknownGoal
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


async def starts_of(
    described: ScheduleDescription, content: ScheduleContent, client: Client, stores: Stores
) -> list[ScheduleStart]:
    """Return the last ten starts of a schedule, the newest first."""
    reader = _Reader(content, WorkflowGateway(client), stores)
    recent = reversed(described.info.recent_actions)
    return await asyncio.gather(*map(reader.start, recent))


class _Reader:
    def __init__(self, content: ScheduleContent, gateway: WorkflowGateway, stores: Stores) -> None:
        self._goal_ids = [goal.goal_id for goal in (content.goal, *content.on_success)]
        self._gateway = gateway
        self._stores = stores

    async def start(self, recent: ScheduleActionResult) -> ScheduleStart:
        assert isinstance(recent.action, ScheduleActionExecutionStartWorkflow)
        goals = await self._goals(recent.action)
        return ScheduleStart(
            scheduled_at=recent.scheduled_at,
            started_at=recent.started_at,
            status=await self._status(recent.action, goals),
            goals=goals,
        )

    async def _goals(self, action: ScheduleActionExecutionStartWorkflow) -> list[StartedGoal]:
        found = []
        for number, goal_id in enumerate(self._goal_ids):
            workflow_id = scheduled_goal_id(
                goal_id, action.workflow_id, action.first_execution_run_id, number
            )
            try:
                goal = await self._stores.goals.get(workflow_id)
            except UnknownGoal:  # nor is any that follows it
                break
            found.append(
                StartedGoal(
                    workflow_id=workflow_id,
                    goal_id=goal_id,
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
