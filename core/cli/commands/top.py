"""``perdure top``: goals, agents, spending and workers, live."""

import sys
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import clear_cancellation
from perdure.cli.runtime.keyboard import key_sets
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import chosen_server

if TYPE_CHECKING:
    import asyncio

    from perdure.cli.backends.backend import Backend
    from perdure.cli.output.overview import AgentOverview, Overview
    from perdure.models import GoalRecord
    from perdure.models.usage import UsageReport
    from perdure.schemas.many_goals import GoalFilter

_SECONDS: Final = 1.0
# Sums over the ledger and the day's failures are read more seldom than what changes by the second.
_READS_A_SUM: Final = 5
# So long nothing is said of a read that takes its time.
_SILENCE_SECONDS: Final = 3.0
_GOALS: Final = 100
_FAILURES: Final = 5


@click.command()
@json_option
@handle_errors
def top(as_json: bool) -> None:
    """Watch goals, agents, spending and workers, anew each second; q or Ctrl-C ends it.

    Elsewhere than on a terminal it is printed once.
    """

    async def show(backend: "Backend") -> None:
        reader = OverviewReader(backend)
        overview = await reader.read()
        if as_json:
            print_json(overview)
        elif sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower():
            await _show_live(reader, overview)
        else:
            from perdure.cli.output.overview import print_overview

            print_overview(overview)

    run_with_backend(show)


async def _show_live(reader: "OverviewReader", overview: "Overview") -> None:
    import asyncio

    from rich.console import Console
    from rich.live import Live

    from perdure.cli.output.overview_screen import OverviewScreen
    from perdure.client import ClientError
    from perdure.stores import StoreUnavailable

    server = chosen_server()
    where = server.url if server is not None else ""
    ended = asyncio.Event()
    try:
        with (
            Live(
                OverviewScreen(overview, where), console=Console(), screen=True, auto_refresh=False
            ) as live,
            key_sets(ended, "qQ"),
        ):
            live.refresh()
            reading: asyncio.Task[Overview] | None = None
            while not await _is_set(ended, _SECONDS):
                if reading is None:
                    began = asyncio.get_running_loop().time()
                    reading = asyncio.create_task(reader.read())
                # The client repeats what is not answered for a minute: the keys work meanwhile.
                await asyncio.wait({reading}, timeout=_SECONDS / 2)
                problem = ""
                if not reading.done():
                    waited = asyncio.get_running_loop().time() - began
                    if waited < _SILENCE_SECONDS:
                        continue
                    problem = f"no answer for {waited:.0f} s"
                else:
                    try:
                        overview = reading.result()
                    except (ClientError, StoreUnavailable) as error:
                        problem = str(error)
                    reading = None
                live.update(OverviewScreen(overview, where, problem), refresh=True)
            if reading is not None:
                reading.cancel()
    except asyncio.CancelledError:
        clear_cancellation()


async def _is_set(event: "asyncio.Event", seconds: float) -> bool:
    """Wait so long for an event, and return whether it is set."""
    import asyncio

    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class OverviewReader:
    """Reads how an installation stands, again and again, at a small cost.

    Args:
        backend: The installation.
    """

    def __init__(self, backend: "Backend") -> None:
        self._backend = backend
        self._reads = 0
        self._by_agent: UsageReport | None = None
        self._hour: UsageReport | None = None
        self._failures: list[GoalRecord] = []

    async def read(self) -> "Overview":
        """Return how it stands; sums may be some seconds old.

        Raises:
            ClientError: The server does not answer.
            StoreUnavailable: The database does not answer.
        """
        from perdure.cli.output.overview import Overview
        from perdure.models import GoalStatus

        now = datetime.now(UTC)
        today = datetime.combine(now.date(), time.min, UTC)
        backend = self._backend
        failed: GoalFilter = {"status": GoalStatus.FAILED, "ended_since": today}
        if self._by_agent is None or self._hour is None or self._reads % _READS_A_SUM == 0:
            self._by_agent = await backend.usage(today, "agent")
            self._hour = await backend.usage(now - timedelta(hours=1), "day")
            self._failures = await backend.goals(failed, tenant=None, limit=_FAILURES)
        self._reads += 1
        counts = await backend.goal_counts({})
        ended = await backend.goal_counts(failed)
        waiting = GoalStatus.WAITING, GoalStatus.PAUSED
        goals = [
            *await backend.goals({"status": GoalStatus.RUNNING}, tenant=None, limit=_GOALS // 2),
            *await backend.goals({"status": waiting}, tenant=None, limit=_GOALS // 2),
        ]
        return Overview(
            at=now,
            running=counts.get(GoalStatus.RUNNING, 0),
            waiting=sum(counts.get(status, 0) for status in waiting),
            failed_today=ended.get(GoalStatus.FAILED, 0),
            spent_today=self._by_agent.total,
            spent_last_hour=self._hour.total,
            agents=_agents(goals, self._by_agent),
            goals=tuple(goals),
            failures=tuple(self._failures),
            workers=tuple(await backend.workers()),
        )


def _agents(goals: "list[GoalRecord]", report: "UsageReport") -> "tuple[AgentOverview, ...]":
    from perdure.cli.output.overview import AgentOverview
    from perdure.models import GoalStatus

    running = Counter(goal.agent_type for goal in goals if goal.status is GoalStatus.RUNNING)
    waiting = Counter(goal.agent_type for goal in goals if goal.status is not GoalStatus.RUNNING)
    groups = {group.key: group for group in report.groups}
    agents = [
        AgentOverview(
            agent=name,
            running=running[name],
            waiting=waiting[name],
            today=groups[name].goals if name in groups else 0,
            cost=groups[name].spent.cost if name in groups else 0.0,
        )
        for name in {*running, *waiting, *groups}
    ]
    return tuple(
        sorted(agents, key=lambda one: (-one.running, -one.waiting, -one.today, one.agent))
    )
