"""What commands connect to: the settings, the stores, a goal's record, the decision service."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.cli.runtime.event_loop import run_async

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.temporal.client.decisions import DecisionService


def settings_with_files(plugin_files: tuple[Path, ...]) -> "Settings":
    """Return the settings, with the plugin files that a command was given added."""
    from perdure.settings import Settings

    settings = Settings()
    added = [file.expanduser().absolute() for file in plugin_files]
    files = tuple(dict.fromkeys([*settings.plugin_files, *added]))
    return settings.model_copy(update={"plugin_files": files})


def run_with_stores(action: "Callable[[Stores, Settings], Awaitable[None]]") -> None:
    """Run a command that needs the stores and no server."""
    from perdure.settings import Settings
    from perdure.stores import open_stores

    async def main() -> None:
        settings = Settings()
        async with open_stores(settings) as stores:
            await action(stores, settings)

    run_async(main())


async def find_goal_record(goal: str, stores: "Stores") -> "GoalRecord":
    """Return the record of the run that a person named; see :meth:`.GoalStore.find`."""
    return await stores.goals.get(await stores.goals.find(goal))


async def read_goal_record(goal: str) -> "GoalRecord":
    """Return the record of the run that a person named, from the stores alone: no server runs."""
    from perdure.settings import Settings
    from perdure.stores import open_stores

    async with open_stores(Settings()) as stores:
        return await find_goal_record(goal, stores)


@asynccontextmanager
async def open_decisions() -> "AsyncIterator[tuple[Stores, DecisionService]]":
    """Open the stores and the service that takes votes and signals.

    The service notifies the server when one is known; it needs none.
    """
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.temporal.client.connection import connect
    from perdure.temporal.client.decisions import DecisionService
    from perdure.temporal.client.workflow_gateway import WorkflowGateway
    from perdure.temporal.installation import installation_address

    settings = Settings()
    address = installation_address(settings.home)
    gateway = WorkflowGateway(await connect(address, lazy=True)) if address is not None else None
    async with open_stores(settings) as stores:
        yield stores, DecisionService(gateway, stores)
