"""Shell completion of agents, goals and approvals."""

import click
from click.shell_completion import CompletionItem


def complete_agents(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the installed agents whose names begin with the text."""
    from perdure.settings import Settings
    from perdure.temporal.installation import load_agents

    return [
        CompletionItem(name, help=agent.spec.description)
        for name, agent in sorted(load_agents(Settings()).agents.items())
        if name.startswith(incomplete)
    ]


def complete_goals(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the newest goals whose ids begin with the text."""
    import asyncio

    from perdure.settings import Settings
    from perdure.stores import open_stores

    async def newest_goals() -> list[CompletionItem]:
        async with open_stores(Settings()) as stores:
            return [
                CompletionItem(record.workflow_id, help=record.status.value)
                for record in await stores.goals.list(limit=100)
                if record.workflow_id.startswith(incomplete)
            ]

    return asyncio.run(newest_goals())


def complete_approvals(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the open approvals whose ids begin with the text."""
    import asyncio

    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.stores.journal.approvals import ApprovalStatus

    async def open_approvals() -> list[CompletionItem]:
        async with open_stores(Settings()) as stores:
            return [
                CompletionItem(approval.approval_id, help=approval.question[:60])
                for approval in await stores.approvals.list(limit=100, status=ApprovalStatus.OPEN)
                if approval.approval_id.startswith(incomplete)
            ]

    return asyncio.run(open_approvals())
