"""The passes that this process makes, and what may end one from outside.

One look every half second serves all of them: at what people ask (cancel, pause), at agents that
make no progress, and at the time that is left.
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

LOOK_SECONDS: Final = 0.5
# Temporal ends an execution after thirty minutes. Before that its run goes on in another one.
HOLD_AFTER_SECONDS: Final = 25 * 60.0
CLOSE_AFTER_SECONDS: Final = 29 * 60.0

log = structlog.get_logger()


@dataclass(slots=True)
class Pass:
    """One pass of an agent.

    Attributes:
        claim: The execution it belongs to.
        steps: What the agent does.
        heard_at: When the agent told something last, as :func:`time.monotonic` counts.
        seconds_left: What the goal's budget leaves it.
        paused: Whether somebody asked to pause the run.
        began_at: When it began.
    """

    claim: Claim
    steps: Steps
    heard_at: Callable[[], float]
    seconds_left: float | None = None
    paused: bool = False
    began_at: float = field(default_factory=time.monotonic)


class ExecutionWatchdog:
    """Every pass under way in this process."""

    def __init__(self, stores: Stores, stall_seconds: float) -> None:
        """Watch passes.

        Args:
            stores: Where requests are found.
            stall_seconds: How long an agent may go without any sign of progress.
        """
        self._stores = stores
        self._stall_seconds = stall_seconds
        self._passes: dict[str, Pass] = {}
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watching(self, under_way: Pass) -> AsyncIterator[None]:
        """Watch a pass for as long as the block runs."""
        run = under_way.claim.fence
        self._passes[run] = under_way
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            del self._passes[run]
            if not self._passes and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for under_way in list(self._passes.values()):
                self._look_at_clock(under_way)
            try:
                await self._look_at_requests()
            except StoreUnavailable as error:
                log.info("requests not seen", reason=str(error))
            except Exception:  # nobody else would look at clocks and requests any more
                log.exception("requests not seen")

    def _look_at_clock(self, under_way: Pass) -> None:
        now, steps = time.monotonic(), under_way.steps
        worked = now - under_way.began_at
        if now - max(steps.last_active_at, under_way.heard_at()) > self._stall_seconds:
            steps.close(Stalled(f"the agent made no progress for {self._stall_seconds:g} seconds"))
        elif under_way.seconds_left is not None and worked > under_way.seconds_left:
            steps.close(OutOfTime("the goal was at work for as long as its budget allows"))
        elif worked > CLOSE_AFTER_SECONDS:
            steps.close(_why_out_of_time(steps, now))
        elif worked > HOLD_AFTER_SECONDS:
            steps.drain()

    async def _look_at_requests(self) -> None:
        # One that was frozen may stand beside the one that has taken its run over.
        passes = list(self._passes.values())
        if not passes:
            return
        asked = await self._stores.executions.requests(
            list({under_way.claim.workflow_id for under_way in passes})
        )
        for under_way in passes:
            workflow_id = under_way.claim.workflow_id
            request, fence = asked.get(workflow_id, (None, None))
            if fence != under_way.claim.fence:
                under_way.steps.close(Fenced(f"another execution of {workflow_id} has taken over"))
            elif request == "cancel":
                under_way.steps.close(Cancelled("somebody asked for it"))
            elif request == "pause":
                under_way.paused = True
                under_way.steps.drain()


def _why_out_of_time(steps: Steps, now: float) -> RunClosed:
    """Tell a step that the next execution has time for from one that none has."""
    for key, started_at in steps.started_at.items():
        if now - started_at > HOLD_AFTER_SECONDS:
            return StepTooLong(
                f"step {key.name!r} was not done in {HOLD_AFTER_SECONDS / 60:.0f} minutes, which is"
                " all that one step may take: split it into several"
            )
    return Interrupted("its time is up")
