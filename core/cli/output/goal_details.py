"""Showing where a goal stands: what it has spent, what it waits for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from perdure.models import GoalRecord, Spending, Usage
    from perdure.stores import Stores
    from perdure.stores.journal.waits import OpenWait


@dataclass(frozen=True)
class Standing:
    """What a goal has spent, and what it waits for.

    Attributes:
        spending: The ledger's sums.
        waits: What it waits for; nothing once it has ended.
    """

    spending: "Spending"
    waits: "list[OpenWait]"

    def as_json(self) -> dict[str, object]:
        """Return it as it is printed with ``--json``."""
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


async def standing_of(stores: "Stores", record: "GoalRecord") -> Standing:
    """Return what a goal has spent and what it waits for."""
    spending = await stores.ledger.of(record.workflow_id)
    waits = [] if record.status.final else await stores.waits.pending(record.workflow_id)
    return Standing(spending, waits)


def print_standing(standing: Standing) -> None:
    """Print it for people; nothing where there is nothing to tell."""
    spending = standing.spending
    if spending.requests or spending.steps:
        at_work = f"{spending.steps} steps, {spending.seconds:.1f} s at work"
        click.echo(
            f"spent      {_money(spending.spent)} in {spending.requests} requests; {at_work}"
        )
    for word, usage in (("lost", spending.thrown_away), ("saved", spending.saved)):
        if usage.tokens_used:
            click.echo(f"{word:10} {_money(usage)}")
    for wait in standing.waits:
        click.echo(f"waits for  {_described(wait)}")


def _money(usage: "Usage") -> str:
    return f"{usage.tokens_used:,} tokens, {usage.cost:.4f} $"


def _described(wait: "OpenWait") -> str:
    until = f", until {wait.until.astimezone():%Y-%m-%d %H:%M:%S}" if wait.until else ""
    if wait.is_over:
        return f"its turn: {wait.kind.value} {wait.about!r} is there"
    what = {
        "approval": f"an answer to {wait.about!r}{until}: perdure approvals show {wait.wait_id}",
        "delegate": f"the goal {wait.child} that it delegated to {wait.about}",
        "signal": f"the signal {wait.about!r}{until}",
    }
    return what.get(wait.kind.value, f"a while{until}")
