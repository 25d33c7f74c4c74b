"""``perdure batch run``: hand in many goals of one agent and follow them to their end."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.arguments.budget import budget_option, read_budget
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.batch.item_options import item_options
from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.completion import complete_agents
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import (
    json_option,
    plugin_option,
    pool_option,
    priority_option,
)

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.cli.backends.batches import Batches
    from perdure.models.batches import BatchRecord
    from perdure.schemas.batches import BatchResponse


@click.command()
@click.argument("agent", shell_complete=complete_agents)
@item_options
@click.option(
    "--description", "-d", default="", help="What AGENT is to achieve, where items do not say it."
)
@click.option(
    "--param",
    "-p",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the agent, for items that give no other.",
)
@click.option(
    "--name",
    help="Your own name for the batch; with that of one that is there, items are added to it.",
)
@click.option(
    "--max-parallel",
    type=click.IntRange(1, 1_000),
    default=10,
    show_default=True,
    help="How many items run at once, at most.",
)
@click.option("--per-second", type=float, help="How many items are started a second, at most.")
@click.option("--ordered", is_flag=True, help="Start an item when the one before it has ended.")
@click.option(
    "--stop-after",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="After so many failed items start none any more.",
)
@click.option(
    "--budget-cost", type=float, metavar="DOLLARS", help="What all items together may use."
)
@budget_option
@pool_option
@priority_option
@plugin_option
@click.option("--detach", is_flag=True, help="Hand the batch in and return; a server must run.")
@json_option
@handle_errors
def run(
    agent: str,
    over: tuple[str, ...],
    parameter: str | None,
    lines: Path | None,
    rows: Path | None,
    columns: tuple[str, ...],
    description: str,
    params: tuple[str, ...],
    name: str | None,
    max_parallel: int,
    per_second: float | None,
    ordered: bool,
    stop_after: int | None,
    budget_cost: float | None,
    budgets: tuple[str, ...],
    pool: str | None,
    priority: int,
    plugin_files: tuple[Path, ...],
    detach: bool,
    as_json: bool,
) -> None:
    """Hand many goals in to AGENT, and see them through.

    \b
    perdure batch run document --over 'invoices/*.pdf' -d "Find the total" --max-parallel 20
    perdure batch run analysis --csv sales.csv --column file=path --column id=@key -d "Profile it"

    Each item is a goal of its own. What is handed in twice under one --name is done and paid once.
    """  # noqa: D301 -- \b keeps click from joining the lines
    limits = read_budget(budgets)

    async def start(backend: "Backend") -> int:
        from perdure.cli.arguments.batch_items import read_items
        from perdure.models.batches import BatchSettings

        described = (await backend.agents(agent)).agents[0]
        given = read_items(over, parameter, lines, rows, columns, described.parameters_schema)
        async with backend.batches(lasting=detach) as batches:
            settings = BatchSettings(
                agent_type=agent,
                description=description,
                parameters=await batches.shared_parameters(agent, params),
                budget=limits,
                pool=pool,
                priority=priority,
                max_parallel=max_parallel,
                per_second=per_second,
                ordered=ordered,
                stop_after_failures=stop_after,
                budget_cost=budget_cost,
            )
            batch_name = name or f"{agent}-{time.strftime('%Y%m%d-%H%M%S')}"
            handed_in = await batches.hand_in(batch_name, settings, given)
            return await follow_to_end(batches, handed_in, detach=detach, as_json=as_json)

    sys.exit(run_with_backend(start, plugin_files, span="perdure batch run"))


async def follow_to_end(
    batches: "Batches", handed_in: "BatchResponse", *, detach: bool, as_json: bool
) -> int:
    """Show a batch to its end, and return the exit status.

    It is 0 when every item completed, 1 when not, 130 after Ctrl-C.
    """
    from perdure.cli.output.batch_text import BatchProgress, print_added, print_batch

    batch_id = handed_in.batch.batch_id
    if not as_json:
        print_added(handed_in.items)
    if detach:
        if as_json:
            print_json(handed_in)
        else:
            click.echo(batch_id)
        return 0
    progress = BatchProgress(quiet=as_json)
    has_ended = await batches.follow(batch_id, progress.show)
    progress.end()
    if not has_ended:
        state = "goes on without you" if batches.outlives_command else "is kept for a server"
        print_message(f"\nthe batch {state}: perdure batch show {handed_in.batch.name}")
        if as_json:
            print_json({"batch_id": batch_id, "status": "running"})
        return 130
    record = await batches.show(batch_id)
    if as_json:
        document = handed_in.model_copy(update={"batch": record})
        print_json(document)
    else:
        print_batch(record)
    return 0 if is_good(record) else 1


def is_good(record: "BatchRecord") -> bool:
    """Return whether every item of a batch has completed."""
    return record.counts.completed == record.counts.total
