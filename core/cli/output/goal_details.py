"""The details of a goal: what it has spent, and what it waits for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from perdure.models import GoalRecord, Spending, Usage
    from perdure.stores import Stores
    from perdure.stores.journal.waits import OpenWait


@dataclass(frozen=True)
class GoalDetails:
    """What a goal has spent, and what it waits for.

    Attributes:
        spending: The ledger's sums.
        waits: What it waits for; nothing once it has ended.
    """

    spending: "Spending"
    waits: "list[OpenWait]"

    def as_json(self) -> dict[str, object]:
        """Return the details as ``--json`` prints them."""
        return {
            "spending": self.spending.model_dump(mode="json"),
            "waits": [
                {
                    "wait_id": wait.wait_id,
                    "kind": wait.kind.value,
                    "about": wait.about,
                    "workflow_id": wait.child,
                    "until": wait.until.isoformat() if wait.until else None,
                    "opened_at": wait.opened_at.isoformat(),
                    "over": wait.is_over,
                }
                for wait in self.waits
            ],
        }


async def load_goal_details(stores: "Stores", record: "GoalRecord") -> GoalDetails:
    """Return what a goal has spent and what it waits for."""
    spending = await stores.ledger.of(record.workflow_id)
    waits = [] if record.status.final else await stores.waits.pending(record.workflow_id)
    return GoalDetails(spending, waits)


def print_goal_details(details: GoalDetails) -> None:
    """Print the details for people; nothing for a part that is empty."""
    spending = details.spending
    if spending.requests or spending.steps:
        work = f"{spending.steps} steps, {spending.seconds:.1f} s at work"
        click.echo(
            f"spent      {_usage_text(spending.spent)} in {spending.requests} requests; {work}"
        )
    for label, usage in (("lost", spending.thrown_away), ("saved", spending.saved)):
        if usage.tokens_used:
            click.echo(f"{label:10} {_usage_text(usage)}")
    for wait in details.waits:
        click.echo(f"waits for  {_wait_text(wait)}")


def _usage_text(usage: "Usage") -> str:
    return f"{usage.tokens_used:,} tokens, {usage.cost:.4f} $"


def _wait_text(wait: "OpenWait") -> str:
    until = f", until {wait.until.astimezone():%Y-%m-%d %H:%M:%S}" if wait.until else ""
    if wait.is_over:
        return f"its turn: {wait.kind.value} {wait.about!r} is there"
    texts = {
        "approval": f"an answer to {wait.about!r}{until}: perdure approvals show {wait.wait_id}",
        "delegate": f"the goal {wait.child} that it delegated to {wait.about}",
        "signal": f"the signal {wait.about!r}{until}",
    }
    return texts.get(wait.kind.value, f"a while{until}")
