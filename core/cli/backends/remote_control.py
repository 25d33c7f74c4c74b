"""Starting and controlling goals on a server."""

from collections.abc import Sequence
from typing import Final

from perdure.cli.output.printing import print_message
from perdure.cli.runtime.watch import View, watch_in_view
from perdure.client import AsyncClient, ClientError
from perdure.models import Budget, Goal, Parameters
from perdure.schemas.control import RunAgainResponse
from perdure.schemas.many_goals import GoalCriteria, GoalFilter, ManyGoalsResponse


class RemoteControl:
    """Control of goals on a server; see :class:`.Control`.

    Attributes:
        outlives_command: The goals go on there when this command ends.
    """

    outlives_command: Final = True

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._goals = client.goals

    async def start(self, goal: Goal) -> str:  # noqa: D102 -- as the protocol has it
        started = await self._goals.start(
            goal.agent_type,
            goal.description,
            parameters=goal.parameters,
            goal_id=goal.goal_id,
            budget=goal.budget,
            pool=goal.pool,
            priority=goal.priority,
        )
        return started.workflow_id

    async def run_again(  # noqa: D102 -- as the protocol has it
        self,
        workflow_id: str,
        *,
        by: str,
        from_step: str | None,
        description: str | None,
        parameters: Parameters | None,
        budget: Budget | None,
    ) -> RunAgainResponse:
        return await self._goals.run_again(
            workflow_id,
            by=by,
            from_step=from_step,
            description=description,
            parameters=parameters,
            budget=budget,
        )

    async def cancel(self, workflow_id: str) -> str:  # noqa: D102 -- as the protocol has it
        return (await self._goals.cancel(workflow_id)).status

    async def pause(self, workflow_id: str) -> None:  # noqa: D102 -- as the protocol has it
        await self._goals.pause(workflow_id)

    async def resume(self, workflow_id: str) -> None:  # noqa: D102 -- as the protocol has it
        await self._goals.resume(workflow_id)

    async def terminate(self, workflow_id: str, reason: str) -> str:  # noqa: D102 -- as there
        return (await self._goals.terminate(workflow_id, reason)).status

    async def retry(self, workflow_id: str) -> None:  # noqa: D102 -- as the protocol has it
        await self._goals.retry(workflow_id)

    async def retry_all(self, agent_type: str | None) -> list[str]:  # noqa: D102 -- as there
        return (await self._goals.retry_dead_letters(agent_type)).workflow_ids

    async def cancel_many(self, runs: Sequence[str] | GoalFilter) -> ManyGoalsResponse:  # noqa: D102
        if isinstance(runs, dict):
            return await self._goals.cancel_many(filter=_criteria(runs))
        return await self._goals.cancel_many([*runs])

    async def retry_many(self, runs: Sequence[str] | GoalFilter) -> ManyGoalsResponse:  # noqa: D102
        if isinstance(runs, dict):
            return await self._goals.retry_many(filter=_criteria(runs))
        return await self._goals.retry_many([*runs])

    async def missing_pool(self, workflow_id: str) -> str | None:
        """Return the goal's pool if no worker of it is there; nothing where it cannot be seen."""
        try:
            return (await self._goals.details(workflow_id)).missing_pool
        except ClientError:  # the goal is started: whoever follows it is told what is wrong
            return None

    async def watch(self, workflow_id: str, name: str, *, quiet: bool) -> bool:
        """Show a run to its end, over as many connections as it takes."""

        async def show(view: View) -> None:
            async for event in self._goals.events(workflow_id):
                view.show(name, event)

        try:
            return await watch_in_view(name, show, quiet=quiet)
        except ClientError:
            print_message(f"{workflow_id} is not stopped by this, and goes on without you")
            raise

    async def watch_when_temporary(self, workflow_ids: Sequence[str], *, quiet: bool) -> None:
        """Show nothing: a server's goals need no command."""


def _criteria(given: GoalFilter) -> GoalCriteria:
    return GoalCriteria.model_validate(
        {name: value for name, value in given.items() if value is not None}
    )
