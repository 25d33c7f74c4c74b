"""``perdure usage``: what goals have used of models, and what that cost."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.models.usage import ScoreAverage, UsageGroup, UsageGrouping, UsageSum

_DAYS: Final = 30
_SCORES: Final = 3


@click.command()
@click.option(
    "--by",
    type=click.Choice(["day", "agent", "key", "tenant"]),
    default="day",
    show_default=True,
    help="What to sum up by; days are of UTC.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Leave out what was used before this day or time of UTC.  [default: thirty days ago]",
)
@json_option
@handle_errors
def usage(by: "UsageGrouping", since: datetime | None, as_json: bool) -> None:
    """Sum up what goals have used of models: spent, thrown away, and saved by the journal.

    Goals that were deleted are in it. The scores are averages, with how many there are.
    """
    first_day = datetime.combine(datetime.now(UTC) - timedelta(days=_DAYS), time.min, UTC)
    start = since.replace(tzinfo=UTC) if since else first_day

    async def print_usage(backend: "Backend") -> None:
        report = await backend.usage(start, by)
        if as_json:
            print_json(report)
            return
        rows = [_row(group.key or "none", group) for group in report.groups]
        print_table(
            [by, "goals", "requests", "tokens", "cost", "thrown away", "saved", "scores"],
            [*rows, _row("total", report.total)],
        )
        if unpriced := report.total.unpriced_requests:
            click.echo(
                f"The price of {unpriced:,} of the requests is unknown: their tokens are counted,"
                " and no cost is"
            )

    run_with_backend(print_usage)


def _row(key: str, group: "UsageGroup") -> list[str]:
    return [
        key,
        f"{group.goals:,}",
        f"{group.requests:,}",
        f"{group.spent.input_tokens + group.spent.output_tokens:,}",
        _cost(group.spent),
        _cost(group.thrown_away),
        _cost(group.saved),
        _scores(group.scores),
    ]


def _scores(scores: "Sequence[ScoreAverage]") -> str:
    """Return the averages of the names that most scores have, and how many scores these are."""
    most = sorted(scores, key=lambda score: -score.count)[:_SCORES]
    texts = [
        f"{score.name} ({score.count:,})"
        if score.average is None
        else f"{score.name} {score.average:.3g} ({score.count:,})"
        for score in most
    ]
    return ", ".join(texts) + (" …" if len(scores) > _SCORES else "")


def _cost(used: "UsageSum") -> str:
    return "unknown" if used.cost is None else f"{used.cost:.4f} $"
