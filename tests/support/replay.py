"""The workflow of goals, for replaying: with a history that does not fit, the replay fails."""

from temporalio import workflow

from perdure.messages import WORKFLOW_TYPE, GoalOutput, WorkflowState
from perdure.models import Goal
from perdure.workflows.agent_goal import AgentGoalWorkflow


@workflow.defn(name=WORKFLOW_TYPE)
class ReplayedWorkflow(AgentGoalWorkflow):
    """The same workflow; in a worker such a history fails it, which a replayer takes for an end."""

    @workflow.run
    async def run(self, goal: Goal, state: WorkflowState | None = None) -> GoalOutput:
        """Do the same."""
        return await super().run(goal, state)
