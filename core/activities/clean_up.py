"""``clean_up_agent``: the clean-up of a run that ended while no agent was running."""

from temporalio import activity

from perdure.agents.execution import clean_up
from perdure.agents.factory import AgentFactory
from perdure.agents.plugins.registry import AgentRegistry
from perdure.agents.runs.run import Run
from perdure.messages import CLEAN_UP_ACTIVITY
from perdure.models import Goal


class CleanUp:
    """The activity of a run that was stopped while it waited, or given up."""

    def __init__(self, registry: AgentRegistry) -> None:
        self._registry = registry

    @activity.defn(name=CLEAN_UP_ACTIVITY)
    async def clean_up_agent(self, goal: Goal) -> None:
        """Make the agent anew and call its ``cleanup``.

        Raises:
            UnknownAgent: It is not installed here.
            Exception: What the agent raised.
        """
        run = Run(goal, workflow_id=activity.info().workflow_id or "")
        agent = AgentFactory.create(goal.agent_type, goal.parameters, run, registry=self._registry)
        await clean_up(agent)
