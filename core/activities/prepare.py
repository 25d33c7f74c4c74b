"""``prepare_agent_context``: open the goal's record, and see that its parameters fit."""

from temporalio import activity

from perdure.activities.agent_lookup import check_known
from perdure.activities.gate import Gate
from perdure.activities.quick_activity import quick_or_later
from perdure.agents.parameters import check_parameters
from perdure.agents.plugins.registry import AgentRegistry
from perdure.messages import PREPARE_ACTIVITY, WAIT_FOR_SLOT, PrepareOutput
from perdure.models import Goal
from perdure.stores import Stores


class Prepare:
    """The first activity of a goal."""

    def __init__(self, stores: Stores, registry: AgentRegistry, gate: Gate | None = None) -> None:
        self._stores = stores
        self._gate = gate or Gate(stores.slots)
        self._registry = registry

    @activity.defn(name=PREPARE_ACTIVITY)
    @quick_or_later
    async def prepare_agent_context(self, goal: Goal) -> PrepareOutput:
        """Open the run's record and check its parameters; running it twice changes nothing.

        An agent that a worker has, or had, and that is not installed here may be elsewhere, or
        here again soon: its execution is tried for about two minutes, on whatever worker takes it.

        Raises:
            ParametersRefused: The parameters do not fit the agent.
            UnknownAgent: No worker has ever had an agent of that name.
        """
        info = activity.info()
        workflow_id = info.workflow_id or ""
        # The record comes first: a goal that cannot run is on record as failed, not lost.
        installed = self._registry.agents.get(goal.agent_type)
        await self._stores.goals.create(
            goal,
            workflow_id,
            started_at=info.scheduled_time,
            agent_version=installed.agent_version if installed else None,
        )
        if installed is not None:
            uploads = self._stores.of(goal.tenant).uploads
            check_parameters(installed.spec, uploads.local_parameters(goal))
        else:
            await check_known(self._registry, self._stores, goal.agent_type)
        may_begin = await self._gate.ask(goal, workflow_id)
        return PrepareOutput(
            waits=() if may_begin else (WAIT_FOR_SLOT,),
            agent_version=installed.agent_version if installed else "",
            stores_id=self._stores.stores_id,
        )
