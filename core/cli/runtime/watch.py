"""Showing goals while they run: a live view on a terminal, lines elsewhere."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from perdure.cli.output.plain_view import Lines
from perdure.cli.runtime.command import take_back_cancel

if TYPE_CHECKING:
    from perdure.models import Event
    from perdure.stores import Stores
    from perdure.temporal.session import Session


class Display(Protocol):
    """Where progress is shown."""

    def show(self, name: str, event: "Event") -> None:
        """Show an event of the goal of that name."""


async def watch(
    stores: "Stores", goals: Mapping[str, str], display: Display, after: int = 0
) -> None:
    """Show the events of several goals until each has ended.

    Args:
        stores: Where the events are.
        goals: Workflow ids by the name to show.
        display: Where to show them.
        after: The number of the last event not to show again.
    """
    from perdure.stores.events.follow import follow_events

    async def one(name: str, workflow_id: str) -> None:
        async for event in follow_events(stores, workflow_id, after):
            display.show(name, event)

    await asyncio.gather(*(one(name, workflow_id) for name, workflow_id in goals.items()))


async def watch_one(session: "Session", name: str, workflow_id: str, *, quiet: bool) -> bool:
    """Show one goal to its end.

    Returns:
        Whether it ended; not, when Ctrl-C or SIGTERM came first.

    Raises:
        DevelopmentServerFailed: The session's own server ended meanwhile.
    """
    try:
        with display_for([name], quiet=quiet) as display:
            watching = asyncio.create_task(watch(session.stores, {name: workflow_id}, display))
            tasks = [watching]
            if session.server is not None:
                tasks.append(asyncio.create_task(session.server.watch()))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    if task.done():
                        task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    except asyncio.CancelledError:
        take_back_cancel()
        return False
    return True


@contextmanager
def display_for(names: Sequence[str], *, quiet: bool) -> Iterator[Display]:
    """Give the display that fits: nothing, a live view, or lines; all of it on stderr."""
    if quiet:
        yield _Nothing()
    elif sys.stderr.isatty():
        from perdure.cli.output.live_view import LiveView

        with LiveView(names) as view:
            yield view
    else:
        yield Lines()


class _Nothing:
    def show(self, name: str, event: "Event") -> None:
        pass
