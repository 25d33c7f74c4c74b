"""``prepare_scheduled_goal``: the goal that a schedule starts this time, if it starts one."""

from pydantic import ValidationError
from temporalio import activity

from perdure.activities.quick_activity import quick_or_later
from perdure.activities.schedules.goal_rate import GoalRate
from perdure.activities.schedules.inputs import digest_of_inputs
from perdure.agents.plugins.registry import AgentRegistry
from perdure.agents.steps.errors import InputError
from perdure.messages import (
    PREPARE_SCHEDULED_ACTIVITY,
    PrepareScheduledInput,
    PrepareScheduledOutput,
)
from perdure.models import Goal
from perdure.models.schedules.content import in_zone
from perdure.models.schedules.descriptions import RESULT, SCHEDULED_TIME, WORKFLOW_ID, filled
from perdure.settings import Rate
from perdure.stores import Stores
from perdure.telemetry.traces.entrances import new_goal


class PrepareScheduled:
    """What precedes each goal that a schedule starts."""

    def __init__(
        self, stores: Stores, registry: AgentRegistry, tenant_goals: Rate | None = None
    ) -> None:
        """Bind it to an installation.

        Args:
            stores: The stores.
            registry: The agents.
            tenant_goals: How many goals all of a tenant may start.
        """
        self._stores = stores
        self._registry = registry
        self._rate = GoalRate(stores, tenant_goals)

    @activity.defn(name=PREPARE_SCHEDULED_ACTIVITY)
    @quick_or_later
    async def prepare_scheduled_goal(self, asked: PrepareScheduledInput) -> PrepareScheduledOutput:
        """Return the goal with its description filled in; none for a watch that finds nothing new.

        Raises:
            InputError: Its description is none any more.
            ApplicationError: The tenant has started as many goals as it may: it is asked again,
                for an hour.
            StoreUnavailable: The result of the goal before it cannot be read.
        """
        digest = ""
        if asked.watched:
            digest = await self._digest(asked.goal)
            if digest and digest == asked.digest:
                return PrepareScheduledOutput(digest=digest)
        await self._rate.take(asked.goal.tenant)
        description = filled(asked.goal.description, await self._values(asked))
        # It has a trace of its own each time.
        update = {
            "description": description,
            "trace": new_goal(asked.goal.agent_type),
            "scheduled_at": asked.scheduled_at,
        }
        try:
            goal = Goal.model_validate(asked.goal.model_dump() | update)
        except ValidationError as error:
            raise InputError(
                f"the description of {asked.goal.goal_id} is none once it is filled in"
                f" ({error.errors()[0]['msg']}): write words beside what stands in braces"
            ) from error
        return PrepareScheduledOutput(goal=goal, digest=digest)

    async def _digest(self, goal: Goal) -> str:
        installed = self._registry.agents.get(goal.agent_type)
        if installed is None:  # which of its parameters are paths is not known here: it is started
            return ""
        return await digest_of_inputs(installed.spec, goal)

    async def _values(self, asked: PrepareScheduledInput) -> dict[str, str]:
        values = {SCHEDULED_TIME: in_zone(asked.scheduled_at, asked.time_zone).isoformat()}
        if asked.follows is not None:
            record = await self._stores.goals.get(asked.follows)
            values[WORKFLOW_ID] = asked.follows
            values[RESULT] = record.result.summary if record.result else ""
        return values
