"""Cancels and retries many runs with one call, and says of each what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from perdure.models import GoalStatus
from perdure.schemas.many_goals import MAX_RUNS, GoalFilter
from perdure.stores import Stores, StoreUnavailable, UnknownGoal
from perdure.stores.database.errors import StateConflict
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.control import RunControl

# At a time: each waits for the Temporal server.
_SIDE_BY_SIDE: Final = 8
_OPEN: Final = tuple(status for status in GoalStatus if not status.final)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of one run.

    Attributes:
        workflow_id: The run.
        status: ``cancelling`` or ``started``, or the final status that it had before; empty when
            nothing was done.
        error: Why nothing was done.
    """

    workflow_id: str
    status: str = ""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class ManyOutcomes:
    """What came of many runs.

    Attributes:
        runs: Each run; of a filter the newest first.
        more: Whether the filter fits more runs than were taken.
    """

    runs: tuple[RunOutcome, ...]
    more: bool = False


class ManyRuns:
    """Control of many runs.

    Each call takes the workflow ids of runs, or a filter, of whose runs it takes the newest, 500 at
    most. What cannot be done to one run keeps none of the others from it. TemporalUnavailable or
    StoreUnavailable is raised when it did so to all.
    """

    def __init__(self, control: RunControl, stores: Stores) -> None:
        self._control = control
        self._stores = stores

    async def cancel(
        self, runs: Sequence[str] | GoalFilter, *, limit: int = MAX_RUNS
    ) -> ManyOutcomes:
        """Cancel runs and their delegates; of a filter that names no status, those that go on."""
        if isinstance(runs, dict):
            if runs.get("status") is None:
                runs = {**runs, "status": _OPEN}
            return await self._each_of(runs, limit, self._cancel)
        return ManyOutcomes(await _each(runs, self._cancel))

    async def retry(
        self, runs: Sequence[str] | GoalFilter, *, limit: int = MAX_RUNS
    ) -> ManyOutcomes:
        """Retry runs: they go on from their journals.

        Of a filter those that failed, unless it names another status, and no delegates unless it
        asks for them: they are retried with the run that delegated them.
        """
        if isinstance(runs, dict):
            if runs.get("status") is None:
                runs = {**runs, "status": GoalStatus.FAILED}
            if runs.get("delegated") is None:
                runs = {**runs, "delegated": False}
            return await self._each_of(runs, limit, self._retry)
        return ManyOutcomes(await _each(runs, self._retry))

    async def _each_of(
        self, criteria: GoalFilter, limit: int, action: Callable[[str], Awaitable[str]]
    ) -> ManyOutcomes:
        records = await self._stores.goals.list(limit=min(limit, MAX_RUNS) + 1, **criteria)
        runs = [record.workflow_id for record in records[: min(limit, MAX_RUNS)]]
        return ManyOutcomes(await _each(runs, action), more=len(records) > len(runs))

    async def _cancel(self, workflow_id: str) -> str:
        if await self._control.cancel(workflow_id):
            return "cancelling"
        status = (await self._stores.goals.get(workflow_id)).status
        # One that Temporal has ended in this moment may be open here: its end is on its way.
        return status.value if status.final else "cancelling"

    async def _retry(self, workflow_id: str) -> str:
        await self._control.retry(workflow_id)
        return "started"


async def _each(
    runs: Sequence[str], action: Callable[[str], Awaitable[str]]
) -> tuple[RunOutcome, ...]:
    limit = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def act(run: str) -> RunOutcome:
        async with limit:
            try:
                return RunOutcome(run, await action(run))
            except (UnknownGoal, StateConflict, TemporalUnavailable, StoreUnavailable) as error:
                return RunOutcome(run, error=error)

    outcomes = await asyncio.gather(*(act(run) for run in dict.fromkeys(runs)))
    away = [
        outcome.error
        for outcome in outcomes
        if isinstance(outcome.error, TemporalUnavailable | StoreUnavailable)
    ]
    if away and len(away) == len(outcomes):
        raise away[0]
    return tuple(outcomes)
