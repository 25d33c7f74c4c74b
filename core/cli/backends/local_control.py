"""Starting and controlling goals in a session of this machine, which may be all that runs them."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perdure.cli.backends.audit import LocalAudit
from perdure.cli.output.printing import print_message
from perdure.cli.runtime.watch import View, watch_in_view
from perdure.models import DEFAULT_POOL, Budget, Goal, Parameters
from perdure.schemas.control import RunAgainResponse
from perdure.schemas.many_goals import GoalFilter, GoalOutcome, ManyGoalsResponse

if TYPE_CHECKING:
    import asyncio
    from contextlib import AsyncExitStack

    from pydantic import JsonValue

    from perdure.stores.access.audit import PendingEntry
    from perdure.temporal.client.many_runs import ManyOutcomes
    from perdure.temporal.session import Session


class LocalControl:
    """Control of goals in a session; see :class:`.Control`.

    What it does is entered into the audit table.

    Args:
        session: The session.
        stack: Closes another session, where the command whose server this one uses ends before a
            goal has been started there. Without one, that start fails.
    """

    def __init__(self, session: "Session", stack: "AsyncExitStack | None" = None) -> None:
        self._stack = stack
        self._use(session)

    def _use(self, session: "Session") -> None:
        self._session = session
        self._service = session.service
        self._goals = session.stores.goals
        self._audit = LocalAudit(session.stores)

    @property
    def outlives_command(self) -> bool:
        """Whether another process has the server."""
        return self._session.server is None

    @property
    def session(self) -> "Session":
        """The session that is used."""
        return self._session

    async def start(self, goal: Goal) -> str:  # noqa: D102 -- as the protocol has it
        details: dict[str, JsonValue] = {"agent_type": goal.agent_type}
        async with self._audit.doing("goal.start", goal.goal_id, details, goal.tenant) as action:
            entry = await self._audit.with_record(action)
            workflow_id = action.subject = await self._start(goal, entry)
        return workflow_id

    async def _start(self, goal: Goal, entry: "PendingEntry") -> str:
        from perdure.temporal.client.connection import TemporalUnavailable
        from perdure.temporal.session import open_session

        if self._stack is None or not self._session.is_borrowed:
            return await self._service.start(goal, entry=entry)
        # With a key it is one run, should the server have started it and ended before it said so.
        key = f"start-{uuid.uuid4()}"
        while True:
            try:
                return await self._service.start(goal, key, entry=entry)
            except TemporalUnavailable:
                if not self._session.is_borrowed:
                    raise
                session = open_session(self._session.settings, print_message)
                self._use(await self._stack.enter_async_context(session))

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
        details: dict[str, JsonValue] = {"made_from": workflow_id, "from_step": from_step}
        async with self._audit.doing("goal.start", workflow_id, details) as action:
            rerun = await self._service.run_again(
                workflow_id,
                by=by,
                from_step=from_step,
                description=description,
                parameters=parameters,
                budget=budget,
            )
            action.subject = rerun.workflow_id
        return RunAgainResponse(
            workflow_id=rerun.workflow_id, made_from=workflow_id, taken_over=rerun.taken_over
        )

    async def cancel(self, workflow_id: str) -> str:
        """Ask a run to stop, and wait until it has where the server ends with this command."""
        async with self._audit.doing("goal.cancel", workflow_id):
            requested = await self._service.control.cancel(workflow_id)
        if requested:
            await self._end_here([workflow_id])
        status = (await self._goals.get(workflow_id)).status
        return status.value if status.final else "cancelling"

    async def pause(self, workflow_id: str) -> None:  # noqa: D102 -- as the protocol has it
        async with self._audit.doing("goal.pause", workflow_id):
            await self._service.control.pause(workflow_id)

    async def resume(self, workflow_id: str) -> None:  # noqa: D102 -- as the protocol has it
        async with self._audit.doing("goal.resume", workflow_id):
            await self._service.control.resume(workflow_id)

    async def terminate(self, workflow_id: str, reason: str) -> str:  # noqa: D102 -- as there
        async with self._audit.doing("goal.terminate", workflow_id, {"reason": reason}):
            await self._service.control.terminate(workflow_id, reason)
        return (await self._goals.get(workflow_id)).status.value

    async def retry(self, workflow_id: str) -> None:  # noqa: D102 -- as the protocol has it
        async with self._audit.doing("goal.retry", workflow_id):
            await self._service.control.retry(workflow_id)

    async def retry_all(self, agent_type: str | None) -> list[str]:  # noqa: D102 -- as there
        async with self._audit.doing_to_many("goal.retry") as done:
            retried = await self._service.control.retry_all(agent_type)
            done.extend(retried)
        return retried

    async def cancel_many(self, runs: Sequence[str] | GoalFilter) -> ManyGoalsResponse:
        """Cancel runs, and wait until they have ended where the server ends with this command."""
        async with self._audit.doing_to_many("goal.cancel") as done:
            outcomes = await self._service.many.cancel(runs)
            done.extend(_done(outcomes))
        await self._end_here([run.workflow_id for run in outcomes.runs if run.status == _STOPPING])
        return _response(outcomes)

    async def retry_many(self, runs: Sequence[str] | GoalFilter) -> ManyGoalsResponse:  # noqa: D102
        async with self._audit.doing_to_many("goal.retry") as done:
            outcomes = await self._service.many.retry(runs)
            done.extend(_done(outcomes))
        return _response(outcomes)

    async def missing_pool(self, workflow_id: str) -> str | None:
        """Return the goal's pool if no worker of it is there: an embedded server has one."""
        from perdure.temporal.client.goal_details import missing_pool

        record = await self._goals.get(workflow_id)
        if self._session.server is not None and record.pool == DEFAULT_POOL:
            return None
        return await missing_pool(self._session.stores, record)

    async def watch(self, workflow_id: str, name: str, *, quiet: bool) -> bool:
        """Show a run to its end, and see to it that it goes on.

        When the session uses the server of another command, and that command ends first, a server
        is started here.

        Raises:
            DevelopmentServerFailed: The session's own server ended meanwhile.
        """

        async def show(view: View) -> None:
            import asyncio

            watching = asyncio.create_task(self._show_events(workflow_id, name, view))
            try:
                await keep_going(watching, self._session)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

        return await watch_in_view(name, show, quiet=quiet)

    async def watch_when_temporary(self, workflow_ids: Sequence[str], *, quiet: bool) -> None:
        """Show runs to their end if the session's server is temporary."""
        if self._session.is_temporary:
            await self._watch_each(workflow_ids, quiet=quiet)

    async def _end_here(self, workflow_ids: Sequence[str]) -> None:
        if self._session.server is not None:
            await self._watch_each(workflow_ids, quiet=True)

    async def _watch_each(self, workflow_ids: Sequence[str], *, quiet: bool) -> None:
        for workflow_id in workflow_ids:
            name = (await self._goals.get(workflow_id)).agent_type
            await self.watch(workflow_id, name, quiet=quiet)

    async def _show_events(self, workflow_id: str, name: str, view: View) -> None:
        async for event in self._session.stores.events.follow(workflow_id):
            view.show(name, event)


_STOPPING = "cancelling"


def _done(outcomes: "ManyOutcomes") -> list[str]:
    return [run.workflow_id for run in outcomes.runs if run.error is None]


def _response(outcomes: "ManyOutcomes") -> ManyGoalsResponse:
    return ManyGoalsResponse(
        goals=[
            GoalOutcome(
                workflow_id=run.workflow_id,
                status=run.status or None,
                problem=str(run.error.args[0]) if run.error else None,
            )
            for run in outcomes.runs
        ],
        more=outcomes.more,
    )


async def keep_going(watching: "asyncio.Task[None]", session: "Session") -> None:
    """Return when what is watched has ended; start a server here when the lent one ends."""
    import asyncio

    from perdure.temporal.session import open_session, until_installation_ends

    if session.server is not None:
        server = asyncio.create_task(session.server.watch())
    elif session.lender is not None and session.is_temporary:
        server = asyncio.create_task(until_installation_ends(session.settings.home, session.lender))
    else:
        await watching
        return
    try:
        await asyncio.wait([watching, server], return_when=asyncio.FIRST_COMPLETED)
        if server.done():
            server.result()
        if watching.done():
            watching.result()
            return
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
    print_message("the command whose server this goal ran on has ended: it goes on here")
    async with open_session(session.settings, print_message) as next_session:
        await keep_going(watching, next_session)
