"""The metrics of an installation as a whole, read when somebody wants them."""

import asyncio
import shutil
import time
from pathlib import Path
from typing import Final

from perdure.messages import WaitKind
from perdure.models import GoalStatus
from perdure.stores import StoreUnavailable
from perdure.stores.runs.current_counts import CurrentCounts
from perdure.telemetry import conventions
from perdure.telemetry.metrics import recording
from perdure.telemetry.metrics.busiest import OTHER
from perdure.telemetry.metrics.families import Family
from perdure.telemetry.metrics.instruments import Instruments
from perdure.temporal.client.goal_service import GoalService

# Several may scrape it, and each often.
FRESH_SECONDS: Final = 5.0
# Prometheus gives up after ten; a connection that went silent is noticed after minutes only.
ANSWER_SECONDS: Final = 5.0
OPEN: Final = tuple(status.value for status in GoalStatus if not status.final)


class InstallationMetrics:
    """Reads what no process counts: what is open, who is there, what is left of the disk."""

    def __init__(
        self, service: GoalService, home: Path, *, fresh_seconds: float = FRESH_SECONDS
    ) -> None:
        """Bind it to an installation.

        Args:
            service: Knows the stores and Temporal.
            home: The home, of whose disk the free space is said.
            fresh_seconds: How long what was read is not read again.
        """
        self._service = service
        self._home = home
        self._fresh_seconds = fresh_seconds
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def read(self) -> list[Family]:
        """Return the metrics of this process, with those of the installation read anew.

        Stores that do not answer are a metric too, and so is a Temporal that does not.
        """
        own = recording.start()
        async with self._reading:
            if time.monotonic() - self._read_at >= self._fresh_seconds:
                is_up, counts, disk = await asyncio.gather(
                    self._service.is_up(), self._counts(), asyncio.to_thread(self._disk)
                )
                set_installation(own, counts, is_up=is_up, disk=disk)
                self._read_at = time.monotonic()
        return await asyncio.to_thread(own.families)

    async def _counts(self) -> CurrentCounts | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._service.stores.counts.read()
        except (StoreUnavailable, TimeoutError):
            return None

    def _disk(self) -> tuple[int, int] | None:
        try:
            usage = shutil.disk_usage(self._home)
        except OSError:
            return None
        return usage.total, usage.free


def set_installation(
    own: Instruments, counts: CurrentCounts | None, *, is_up: bool, disk: tuple[int, int] | None
) -> None:
    """Set what is read.

    Args:
        own: The instruments.
        counts: What the stores say; ``None`` if they do not answer.
        is_up: Whether Temporal answers.
        disk: Size and free space of the home's disk; ``None`` if they cannot be read.
    """
    own.set(conventions.TEMPORAL_UP, value=is_up)
    own.set(conventions.STORES_UP, value=counts is not None)
    if disk is not None:
        own.set(conventions.HOME_SIZE, value=disk[0])
        own.set(conventions.HOME_FREE, value=disk[1])
    own.clear(conventions.GOALS, conventions.WAITS, conventions.DEAD_LETTERS, conventions.WORKERS)
    if counts is None:
        return
    # Zeros too: a series that comes and goes cannot be compared with a limit.
    goals = {(status, OTHER): 0 for status in OPEN}
    for (status, agent), count in counts.open_goals.items():
        key = status, own.agents.label(agent, counted=False)
        goals[key] = goals.get(key, 0) + count
    for labels, count in goals.items():
        own.set(conventions.GOALS, *labels, value=count)
    for kind in WaitKind:
        own.set(conventions.WAITS, kind.value, value=counts.open_waits.get(kind.value, 0))
    own.set(conventions.DEAD_LETTERS, value=counts.dead_letters)
    own.set(conventions.WORKERS, value=counts.workers)
