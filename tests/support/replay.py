"""The workflows, for replaying: with a history that does not fit, the replay fails."""

from temporalio import workflow

from perdure.messages import (
    SCHEDULED_WORKFLOW_TYPE,
    WORKFLOW_TYPE,
    GoalOutput,
    ScheduledGoals,
    ScheduledOutput,
    WorkflowState,
)
from perdure.models import Goal
from perdure.workflows.agent_goal import AgentGoalWorkflow
from perdure.workflows.scheduled_goal import ScheduledGoalWorkflow


@workflow.defn(name=WORKFLOW_TYPE)
class ReplayedWorkflow(AgentGoalWorkflow):
    """The same workflow; in a worker such a history fails it, which a replayer takes for an end."""

    @workflow.run
    async def run(self, goal: Goal, state: WorkflowState | None = None) -> GoalOutput:
        """Do the same."""
        return await super().run(goal, state)


@workflow.defn(name=SCHEDULED_WORKFLOW_TYPE)
class ReplayedScheduledWorkflow(ScheduledGoalWorkflow):
    """The same workflow, for the same reason."""

    @workflow.run
    async def run(self, scheduled: ScheduledGoals) -> ScheduledOutput:
        """Do the same."""
        return await super().run(scheduled)


REPLAYED = (ReplayedWorkflow, ReplayedScheduledWorkflow)
