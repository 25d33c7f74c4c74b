"""Watching goals while they run: in a live view on a terminal, as plain lines elsewhere."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from perdure.cli.output.plain_view import PlainView
from perdure.cli.runtime.event_loop import clear_cancellation

if TYPE_CHECKING:
    from perdure.models import Event, GoalRecord
    from perdure.stores import Stores
    from perdure.temporal.session import Session


class View(Protocol):
    """What shows the events of goals."""

    def show(self, name: str, event: "Event") -> None:
        """Show an event of the goal of that name."""


async def watch_goals(
    stores: "Stores", goals: Mapping[str, str], view: View, after: int = 0
) -> None:
    """Show the events of several goals until each has ended.

    Args:
        stores: Where the events are.
        goals: Workflow ids by the name to show.
        view: Where to show them.
        after: The number of the last event not to show again.
    """
    import asyncio

    async def watch(name: str, workflow_id: str) -> None:
        async for event in stores.events.follow(workflow_id, after):
            view.show(name, event)

    await asyncio.gather(*(watch(name, workflow_id) for name, workflow_id in goals.items()))


async def watch_to_end(session: "Session", name: str, workflow_id: str, *, quiet: bool) -> bool:
    """Show one goal to its end.

    Returns:
        Whether it ended; ``False`` when Ctrl-C or SIGTERM came first.

    Raises:
        DevelopmentServerFailed: The session's own server ended meanwhile.
    """
    import asyncio

    try:
        with open_view([name], quiet=quiet) as view:
            goals = {name: workflow_id}
            tasks = [asyncio.create_task(watch_goals(session.stores, goals, view))]
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
        clear_cancellation()
        return False
    return True


async def watch_when_embedded(session: "Session", record: "GoalRecord", *, quiet: bool) -> None:
    """Show a goal to its end if the session has its own server: no other would go on with it."""
    if session.server is not None:
        await watch_to_end(session, record.agent_type, record.workflow_id, quiet=quiet)


@contextmanager
def open_view(names: Sequence[str], *, quiet: bool) -> Iterator[View]:
    """Open the view that fits: none, a live view, or plain lines; all of it on stderr."""
    if quiet:
        yield _NoView()
    elif sys.stderr.isatty():
        from perdure.cli.output.live_view import LiveView

        with LiveView(names) as view:
            yield view
    else:
        yield PlainView()


class _NoView:
    def show(self, name: str, event: "Event") -> None:
        pass
