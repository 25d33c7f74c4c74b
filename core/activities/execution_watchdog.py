"""The watchdog of the executions in this process.

One poll every half second serves all of them: it reads what is requested (cancel, pause), and looks
at a thousand of them, in turn: whether each makes progress, has time left, and still has its run.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from perdure.agents.steps.run_closed import (
    Cancelled,
    Fenced,
    Interrupted,
    OutOfTime,
    RunClosed,
    Stalled,
    StepTooLong,
)
from perdure.agents.steps.steps import Steps
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.database.fencing import Claim

POLL_SECONDS: Final = 0.5
CHECKED_AT_ONCE: Final = 1_000
# Temporal times an execution out after thirty minutes. Before that its run goes on in another one.
DRAIN_AFTER_SECONDS: Final = 25 * 60.0
CLOSE_AFTER_SECONDS: Final = 29 * 60.0

log = structlog.get_logger()


@dataclass(slots=True)
class Execution:
    """One execution of an agent.

    Attributes:
        claim: Its claim on the run.
        steps: The steps of the agent.
        last_emitted_at: Returns when the agent last emitted something, in
            :func:`time.monotonic` seconds.
        seconds_left: How many seconds the goal's budget leaves it.
        paused: Whether somebody asked to pause the run.
        started_at: When it started, in :func:`time.monotonic` seconds.
    """

    claim: Claim
    steps: Steps
    last_emitted_at: Callable[[], float]
    seconds_left: float | None = None
    paused: bool = False
    started_at: float = field(default_factory=time.monotonic)


class ExecutionWatchdog:
    """Drains or closes the executions of this process when something asks for it."""

    def __init__(self, stores: Stores, stall_seconds: float) -> None:
        """Prepare to watch executions.

        Args:
            stores: Where requests are stored.
            stall_seconds: How long an agent may make no progress.
        """
        self._stores = stores
        self._stall_seconds = stall_seconds
        self._executions: dict[str, Execution] = {}
        self._unchecked: list[str] = []
        self._polling: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, execution: Execution) -> AsyncIterator[None]:
        """Watch an execution for as long as the block runs."""
        fence = execution.claim.fence
        self._executions[fence] = execution
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            del self._executions[fence]
            if not self._executions and self._polling is not None:
                self._polling.cancel()
                self._polling = None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            checked = self._next()
            for execution in checked:
                self._check_time(execution)
            try:
                await self._check_requests()
                await self._check_fences(checked)
            except StoreUnavailable as error:
                log.info("requests not read", reason=str(error))
            except Exception:  # nothing else checks times and requests
                log.exception("requests not read")

    def _next(self) -> list[Execution]:
        """Return those whose turn it is."""
        if not self._unchecked:
            self._unchecked = list(self._executions)
        turn = self._unchecked[-CHECKED_AT_ONCE:]
        del self._unchecked[-CHECKED_AT_ONCE:]
        return [self._executions[fence] for fence in turn if fence in self._executions]

    def _check_time(self, execution: Execution) -> None:
        now, steps = time.monotonic(), execution.steps
        elapsed = now - execution.started_at
        if now - max(steps.last_active_at, execution.last_emitted_at()) > self._stall_seconds:
            steps.close(Stalled(f"the agent made no progress for {self._stall_seconds:g} seconds"))
        elif execution.seconds_left is not None and elapsed > execution.seconds_left:
            steps.close(OutOfTime("the goal was at work for as long as its budget allows"))
        elif elapsed > CLOSE_AFTER_SECONDS:
            steps.close(_out_of_time(steps, now))
        elif elapsed > DRAIN_AFTER_SECONDS:
            steps.drain()

    async def _check_requests(self) -> None:
        for request, fence in (await self._stores.executions.requested()).values():
            execution = self._executions.get(fence or "")
            if execution is None:
                continue  # another worker executes it
            if request == "cancel":
                execution.steps.close(Cancelled("somebody asked for it"))
            elif request == "pause":
                execution.paused = True
                execution.steps.drain()

    async def _check_fences(self, executions: list[Execution]) -> None:
        # One that was frozen may be listed beside the one that has taken its run over.
        runs = {execution.claim.workflow_id for execution in executions}
        requests = await self._stores.executions.requests(list(runs)) if runs else {}
        for execution in executions:
            workflow_id = execution.claim.workflow_id
            _, fence = requests.get(workflow_id, (None, None))
            if fence != execution.claim.fence:
                execution.steps.close(Fenced(f"another execution of {workflow_id} has taken over"))


def _out_of_time(steps: Steps, now: float) -> RunClosed:
    """Return why: a step that no execution has time for, or one that the next may end."""
    for key, started_at in steps.started_at.items():
        if now - started_at > DRAIN_AFTER_SECONDS:
            return StepTooLong(
                f"step {key.name!r} was not done in {DRAIN_AFTER_SECONDS / 60:.0f} minutes, which"
                " is all that one step may take: split it into several"
            )
    return Interrupted("its time is up")
