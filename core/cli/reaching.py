"""What commands reach: the stores, a goal by its name, a server when one is there or needed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from holdfast.cli.completion import complete_goals
from holdfast.cli.running import run_async

if TYPE_CHECKING:
    from holdfast.models import GoalRecord
    from holdfast.settings import Settings
    from holdfast.stores import Stores
    from holdfast.temporal.answering import Answering

goal_argument = click.argument("goal", shell_complete=complete_goals)


def with_stores(act: "Callable[[Stores, Settings], Awaitable[None]]") -> None:
    """Run a command that needs the stores alone."""
    from holdfast.settings import Settings
    from holdfast.stores import open_stores

    async def main() -> None:
        settings = Settings()
        async with open_stores(settings) as stores:
            await act(stores, settings)

    run_async(main())


async def record_of(goal: str, stores: "Stores") -> "GoalRecord":
    """Return the run that a person means; see :meth:`.GoalStore.find`."""
    return await stores.goals.get(await stores.goals.find(goal))


async def record_by_name(goal: str) -> "GoalRecord":
    """Return the run that a person means, before a server is looked for."""
    from holdfast.settings import Settings
    from holdfast.stores import open_stores

    async with open_stores(Settings()) as stores:
        return await record_of(goal, stores)


@asynccontextmanager
async def answering() -> "AsyncIterator[tuple[Stores, Answering]]":
    """Give the stores, and what takes answers; a server is told if one is known, and not needed."""
    from holdfast.settings import Settings
    from holdfast.stores import open_stores
    from holdfast.temporal.answering import Answering
    from holdfast.temporal.calls import RunCalls
    from holdfast.temporal.connection import connect
    from holdfast.temporal.running import known_address

    settings = Settings()
    address = known_address(settings.home)
    calls = RunCalls(await connect(address, lazy=True)) if address is not None else None
    async with open_stores(settings) as stores:
        yield stores, Answering(calls, stores)
