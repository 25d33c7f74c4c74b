"""Showing goals while they run: bars on a terminal, a line an event elsewhere."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from holdfast.cli.running import take_back_cancel

if TYPE_CHECKING:
    from holdfast.models import Event
    from holdfast.stores import Stores
    from holdfast.temporal.session import Session


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
    from holdfast.stores.following import follow_events

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
    """Give the display that fits: nothing, bars, or lines; all of it on stderr."""
    if quiet:
        yield _Nothing()
    elif sys.stderr.isatty():
        with _Bars(names) as bars:
            yield bars
    else:
        yield _Lines()


class _Nothing:
    def show(self, name: str, event: "Event") -> None:
        pass


class _Lines:
    def __init__(self) -> None:
        self._started = time.monotonic()

    def show(self, name: str, event: "Event") -> None:
        elapsed = time.monotonic() - self._started
        text = describe(event)
        if text:
            click.echo(f"{elapsed:7.1f} s  {name}  {text}", err=True)


class _Bars:
    def __init__(self, names: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.fields[name]}", style="bold"),
            BarColumn(24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=Console(stderr=True),
        )
        self._tasks = {
            name: self._progress.add_task(name, total=100, name=name, doing="starting")
            for name in names
        }

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, name: str, event: "Event") -> None:
        from rich.markup import escape

        task = self._tasks[name]
        if event.type == "progress":
            percentage = event.data["percentage"]
            assert isinstance(percentage, int | float)
            doing = escape(describe(event, bare=True))
            self._progress.update(task, completed=percentage, doing=doing)
        elif event.type == "run.completed":
            self._progress.update(task, completed=100, doing="[green]completed[/green]")
            self._progress.stop_task(task)
        elif event.type in {"run.failed", "run.cancelled"}:
            self._progress.update(task, doing=f"[red]{event.type.removeprefix('run.')}[/red]")
            self._progress.stop_task(task)
        elif event.type == "run.retrying":
            self._progress.update(task, doing=describe(event))


def describe(event: "Event", *, bare: bool = False) -> str:
    """Return an event as a line for people; empty for one that they need not see.

    Args:
        event: The event.
        bare: Leave a progress event's percentage out.
    """
    data = event.data
    if event.type == "progress":
        doing = str(data.get("message") or data.get("step") or "working")
        return doing if bare else f"{data['percentage']:3.0f} %  {doing}"
    if event.type == "artifact":
        return f"made {data['name']}"
    if event.type == "run.retrying":
        return f"trying again, attempt {data['attempt']}"
    if event.type == "run.failed":
        return f"failed: {data['message']}"
    if event.type in {"run.started", "run.completed", "run.cancelled"}:
        return event.type.removeprefix("run.")
    return ""
