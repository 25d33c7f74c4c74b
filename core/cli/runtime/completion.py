"""Shell completion of agents, plugins, goals and approvals.

It imports no plugin, and answers nothing where something fails: a prompt is no place for errors.
"""

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from perdure.stores import Stores

# Stores that do not answer by then are not waited for.
_STORES_SECONDS: Final = 2.0

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _or_nothing(complete: Complete) -> Complete:
    @functools.wraps(complete)
    def run(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        # What is known here says nothing of a server.
        if context.find_root().params.get("server"):
            return []
        try:
            return complete(context, parameter, incomplete)
        except Exception:  # noqa: BLE001 -- whatever is wrong, the command itself says it
            return []

    return run


@_or_nothing
def complete_agents(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the agents that are known whose names begin with the text."""
    from perdure.cli.runtime.known_agents import known_agents

    files = [Path(file) for file in context.params.get("plugin_files") or ()]
    return [
        CompletionItem(name, help=description)
        for name, description in sorted(known_agents(files).items())
        if name.startswith(incomplete)
    ]


@_or_nothing
def complete_plugins(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the installed plugins whose distributions begin with the text."""
    from perdure.cli.runtime.known_agents import installed_plugins

    return [CompletionItem(name) for name in installed_plugins() if name.startswith(incomplete)]


@_or_nothing
def complete_disabled_plugins(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the disabled plugins whose distributions begin with the text."""
    from perdure.cli.runtime.known_agents import disabled_plugins

    return [CompletionItem(name) for name in disabled_plugins() if name.startswith(incomplete)]


@_or_nothing
def complete_goals(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the newest goals whose ids begin with the text."""

    async def newest_goals(stores: "Stores") -> list[CompletionItem]:
        return [
            CompletionItem(record.workflow_id, help=record.status.value)
            for record in await stores.goals.list(limit=100)
            if record.workflow_id.startswith(incomplete)
        ]

    return _from_stores(newest_goals)


@_or_nothing
def complete_approvals(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the open approvals whose ids begin with the text."""
    from perdure.schemas.approvals import ApprovalStatus

    async def open_approvals(stores: "Stores") -> list[CompletionItem]:
        return [
            CompletionItem(approval.approval_id, help=approval.question[:60])
            for approval in await stores.approvals.list(limit=100, status=ApprovalStatus.OPEN)
            if approval.approval_id.startswith(incomplete)
        ]

    return _from_stores(open_approvals)


def _from_stores(
    read: "Callable[[Stores], Awaitable[list[CompletionItem]]]",
) -> list[CompletionItem]:
    import asyncio

    from perdure.settings import Settings
    from perdure.stores import open_stores

    async def main() -> list[CompletionItem]:
        async with asyncio.timeout(_STORES_SECONDS), open_stores(Settings()) as stores:
            return await read(stores)

    return asyncio.run(main())
