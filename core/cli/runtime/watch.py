"""Watching goals while they run: in a live view on a terminal, as plain lines elsewhere."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from perdure.cli.output.plain_view import PlainView
from perdure.cli.runtime.event_loop import clear_cancellation

if TYPE_CHECKING:
    from perdure.models import Event


class View(Protocol):
    """What shows the events of goals."""

    def show(self, name: str, event: "Event") -> None:
        """Show an event of the goal of that name."""


async def watch_in_view(name: str, show: Callable[[View], Awaitable[None]], *, quiet: bool) -> bool:
    """Show a goal to its end.

    Args:
        name: What the goal is called in the view.
        show: Shows its events in a view, until it has ended.
        quiet: Show nothing.

    Returns:
        Whether it ended; ``False`` when Ctrl-C or SIGTERM came first.
    """
    import asyncio

    try:
        with open_view([name], quiet=quiet) as view:
            await show(view)
    except asyncio.CancelledError:
        clear_cancellation()
        return False
    return True


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
