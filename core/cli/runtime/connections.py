"""What commands reach: the stores, a goal by its name, a server when one is there or needed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.runtime.command import run_async
from perdure.cli.runtime.completion import complete_goals

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.temporal.client.decisions import DecisionService

plugin_option = click.option(
    "--plugin",
    "plugin_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A Python file to load like a plugin, anew when it changes; several may be given.",
)

goal_argument = click.argument("goal", shell_complete=complete_goals)


def settings_with(plugin_files: tuple[Path, ...]) -> "Settings":
    """Return the settings, with the plugin files that a command was given besides."""
    from perdure.settings import Settings

    settings = Settings()
    given = [file.expanduser().absolute() for file in plugin_files]
    files = tuple(dict.fromkeys([*settings.plugin_files, *given]))
    return settings.model_copy(update={"plugin_files": files})


def with_stores(act: "Callable[[Stores, Settings], Awaitable[None]]") -> None:
    """Run a command that needs the stores alone."""
    from perdure.settings import Settings
    from perdure.stores import open_stores

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
    from perdure.settings import Settings
    from perdure.stores import open_stores

    async with open_stores(Settings()) as stores:
        return await record_of(goal, stores)


@asynccontextmanager
async def answering() -> "AsyncIterator[tuple[Stores, DecisionService]]":
    """Give the stores, and what takes answers; a server is told if one is known, and not needed."""
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.temporal.client.connection import connect
    from perdure.temporal.client.decisions import DecisionService
    from perdure.temporal.client.workflow_gateway import WorkflowGateway
    from perdure.temporal.installation import installation_address

    settings = Settings()
    address = installation_address(settings.home)
    calls = WorkflowGateway(await connect(address, lazy=True)) if address is not None else None
    async with open_stores(settings) as stores:
        yield stores, DecisionService(calls, stores)
