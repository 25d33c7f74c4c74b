"""``perdure approvals``: the approvals that goals ask people for, and voting on them."""

import getpass
import json
from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.event_text import numbered, one_line
from perdure.cli.output.printing import print_json, print_table, print_text, styled_status
from perdure.cli.runtime.completion import complete_approvals
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.approvals import ApprovalRecord

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
    """List what goals ask people and is not decided yet, and answer it.

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
    async def print_approvals(backend: "Backend") -> None:
        records = await backend.approvals(decided_too=show_all)
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
                    numbered(one_line(approval.question[:60]), approval.number),
                    approval.workflow_id,
                ]
                for approval in records
            ],
        )

    run_with_backend(print_approvals)


@approvals.command()
@approval_argument
@json_option
@handle_errors
def show(approval: str, as_json: bool) -> None:
    """Show what is asked, with all that the answer depends on."""

    async def print_approval(backend: "Backend") -> None:
        record = await backend.approval(await backend.find_approval(approval))
        _print_approval(record, as_json)

    run_with_backend(print_approval)


@approvals.command()
@approval_argument
@by_option
@reason_option
@json_option
@handle_errors
def approve(approval: str, by: str | None, reason: str, as_json: bool) -> None:
    """Say yes. It counts at once, whether a server and a worker run or not."""
    _vote(approval, True, by, reason, as_json)


@approvals.command()
@approval_argument
@by_option
@reason_option
@json_option
@handle_errors
def refuse(approval: str, by: str | None, reason: str, as_json: bool) -> None:
    """Say no, which decides."""
    _vote(approval, False, by, reason, as_json)


def _vote(approval: str, approved: bool, by: str | None, reason: str, as_json: bool) -> None:
    async def vote(backend: "Backend") -> None:
        record = await backend.vote(
            await backend.find_approval(approval),
            by=by or getpass.getuser(),
            approved=approved,
            reason=reason,
        )
        _print_approval(record, as_json)

    run_with_backend(vote)


def _print_approval(approval: "ApprovalRecord", as_json: bool) -> None:
    if as_json:
        print_json(approval)
        return
    click.echo(f"{styled_status(approval.status.value)}  {approval.approval_id}")
    print_text(f"asked      {numbered(approval.question, approval.number)}")
    print_text(f"by         {approval.workflow_id}")
    if approval.data is not None:
        print_text(json.dumps(approval.data, indent=2, ensure_ascii=False))
    if approval.of:
        print_text(f"of         {', '.join(approval.of)}")
    if approval.needed > 1:
        print_text(f"needs      {approval.needed} who say yes")
    if approval.expires_at is not None:
        print_text(f"expires    {approval.expires_at.astimezone():%Y-%m-%d %H:%M:%S}")
    for vote in approval.votes:
        reason = f": {vote.reason}" if vote.reason else ""
        print_text(f"{'yes' if vote.approved else 'no':10} {vote.by}{reason}")
