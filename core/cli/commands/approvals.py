"""``perdure approvals``: the approvals that goals ask people for, and voting on them."""

import getpass
import json
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_table, styled_status
from perdure.cli.runtime.completion import complete_approvals
from perdure.cli.runtime.connections import open_decisions, run_with_stores
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.stores.journal.approvals import ApprovalRecord

approval_argument = click.argument("approval", shell_complete=complete_approvals)
all_option = click.option("--all", "show_all", is_flag=True, help="Those that are decided too.")
by_option = click.option("--by", help="Who votes; your login name when not given.")
reason_option = click.option("--reason", default="", help="Why, in your words.")


@click.group(invoke_without_command=True)
@all_option
@json_option
@click.pass_context
@handle_errors
def approvals(context: click.Context, show_all: bool, as_json: bool) -> None:
    """List what goals ask people, and answer it.

    APPROVAL is an id, or the beginning of one, 6 characters or more.
    """
    if context.invoked_subcommand is None:
        _list(show_all, as_json)


@approvals.command("list")
@all_option
@json_option
@handle_errors
def list_approvals(show_all: bool, as_json: bool) -> None:
    """List what is open, newest first."""
    _list(show_all, as_json)


def _list(show_all: bool, as_json: bool) -> None:
    async def print_approvals(stores: "Stores", _: "Settings") -> None:
        from perdure.stores.journal.approvals import ApprovalStatus

        status = None if show_all else ApprovalStatus.OPEN
        records = await stores.approvals.list(limit=500, status=status)
        if as_json:
            print_json({"approvals": [approval.model_dump(mode="json") for approval in records]})
            return
        print_table(
            ["approval", "status", "asked", "question", "goal"],
            [
                [
                    approval.approval_id,
                    approval.status.value,
                    f"{approval.asked_at.astimezone():%Y-%m-%d %H:%M:%S}",
                    approval.question[:60],
                    approval.workflow_id,
                ]
                for approval in records
            ],
        )

    run_with_stores(print_approvals)


@approvals.command()
@approval_argument
@json_option
@handle_errors
def show(approval: str, as_json: bool) -> None:
    """Show what is asked, with all that the answer depends on."""

    async def print_approval(stores: "Stores", _: "Settings") -> None:
        record = await stores.approvals.get(await stores.approvals.find(approval))
        _print_approval(record, as_json)

    run_with_stores(print_approval)


@approvals.command()
@approval_argument
@by_option
@reason_option
@json_option
@handle_errors
def approve(approval: str, by: str | None, reason: str, as_json: bool) -> None:
    """Say yes. It counts at once, whether a server and a worker run or not."""
    run_async(_vote(approval, True, by, reason, as_json))


@approvals.command()
@approval_argument
@by_option
@reason_option
@json_option
@handle_errors
def refuse(approval: str, by: str | None, reason: str, as_json: bool) -> None:
    """Say no, which decides."""
    run_async(_vote(approval, False, by, reason, as_json))


async def _vote(approval: str, approved: bool, by: str | None, reason: str, as_json: bool) -> None:
    from datetime import UTC, datetime

    from perdure.models import Vote

    vote = Vote(by=by or getpass.getuser(), approved=approved, reason=reason, at=datetime.now(UTC))
    async with open_decisions() as (stores, decisions):
        record = await decisions.vote(await stores.approvals.find(approval), vote)
    _print_approval(record, as_json)


def _print_approval(approval: "ApprovalRecord", as_json: bool) -> None:
    if as_json:
        print_json(approval)
        return
    click.echo(f"{styled_status(approval.status.value)}  {approval.approval_id}")
    click.echo(f"asked      {approval.question}")
    click.echo(f"by         {approval.workflow_id}")
    if approval.data is not None:
        click.echo(json.dumps(approval.data, indent=2, ensure_ascii=False))
    if approval.of:
        click.echo(f"of         {', '.join(approval.of)}")
    if approval.needed > 1:
        click.echo(f"needs      {approval.needed} who say yes")
    if approval.expires_at is not None:
        click.echo(f"expires    {approval.expires_at.astimezone():%Y-%m-%d %H:%M:%S}")
    for vote in approval.votes:
        reason = f": {vote.reason}" if vote.reason else ""
        click.echo(f"{'yes' if vote.approved else 'no':10} {vote.by}{reason}")
