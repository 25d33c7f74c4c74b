"""``perdure audit``: who did what, and the group of all that concerns the audit trail."""

from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.audit.erase import erase
from perdure.cli.commands.audit.export import export
from perdure.cli.commands.audit.seal import seal
from perdure.cli.commands.audit.verify import verify
from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import json_line, print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.access import StoredAuditEntry


@click.group(invoke_without_command=True)
@click.option("--tenant", help="Only what was done in this tenant.")
@click.option("--action", help="Only this action, such as goal.start.")
@click.option("--who", help="Only what was done by this name.")
@click.option("--subject", help="Only what was done to this id of a run, an approval, a key.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--before", type=click.IntRange(0), help="Only entries before this number.")
@json_option
@click.pass_context
@handle_errors
def audit(
    context: click.Context,
    tenant: str | None,
    action: str | None,
    who: str | None,
    subject: str | None,
    limit: int,
    before: int | None,
    as_json: bool,
) -> None:
    """List who handed in, voted, cancelled, signed in, made keys, and what was refused.

    Newest first. The numbers say where the next page begins: give the last one as --before. The
    commands are about the audit trail, which others can verify.
    """
    if context.invoked_subcommand is not None:
        return

    async def print_entries(backend: "Backend") -> None:
        entries = await backend.audit(
            tenant, action=action, who=who, subject=subject, limit=limit, before=before
        )
        if as_json:
            print_json({"entries": [entry.model_dump(mode="json") for entry in entries]})
            return
        print_table(
            ["number", "at", "who", "from", "action", "subject", "status", "details"],
            [_row(entry) for entry in entries],
        )

    run_with_backend(print_entries)


for command in (export, verify, seal, erase):
    audit.add_command(command)


def _row(entry: "StoredAuditEntry") -> list[str]:
    return [
        str(entry.number),
        f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}",
        one_line(entry.who),
        entry.address,
        entry.action,
        one_line(entry.subject),
        str(entry.status),
        json_line(entry.details) if entry.details else "",
    ]
