"""``perdure batch pause, resume, cancel, retry, add``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.batch.item_options import item_options
from perdure.cli.commands.batch.run import follow_to_end
from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.cli.backends.batches import Batches
    from perdure.models.batches import BatchRecord

batch_argument = click.argument("batch")


@click.command()
@batch_argument
@json_option
@handle_errors
def pause(batch: str, as_json: bool) -> None:
    """Start no further item of BATCH until it is resumed; items that run go on to their end."""

    async def act(backend: "Backend") -> None:
        async with backend.batches() as batches:
            _print(await batches.pause(batch), as_json)

    run_with_backend(act)


@click.command()
@batch_argument
@click.option(
    "--budget-cost",
    type=float,
    metavar="DOLLARS",
    help="What its items may use from now on, with what they have used.",
)
@json_option
@handle_errors
def resume(batch: str, budget_cost: float | None, as_json: bool) -> None:
    """Go on with BATCH, which was paused or has stopped."""

    async def act(backend: "Backend") -> None:
        async with backend.batches() as batches:
            await batches.resume(batch, budget_cost)
            await _see_through(batches, batch, as_json)

    run_with_backend(act, traced=True)


@click.command()
@batch_argument
@json_option
@handle_errors
def cancel(batch: str, as_json: bool) -> None:
    """Start no further item of BATCH, and cancel those that run; what they made is kept."""

    async def act(backend: "Backend") -> None:
        async with backend.batches() as batches:
            await batches.cancel(batch)
            await _see_through(batches, batch, as_json)

    run_with_backend(act, traced=True)


@click.command()
@batch_argument
@json_option
@handle_errors
def retry(batch: str, as_json: bool) -> None:
    """Have the failed items of BATCH done again: they go on from their journals."""

    async def act(backend: "Backend") -> None:
        async with backend.batches() as batches:
            _, count = await batches.retry(batch)
            print_message(f"{count:,} items are done again" if count else "no item has failed")
            await _see_through(batches, batch, as_json)

    run_with_backend(act, traced=True)


@click.command()
@batch_argument
@item_options
@json_option
@handle_errors
def add(
    batch: str,
    over: tuple[str, ...],
    parameter: str | None,
    lines: Path | None,
    rows: Path | None,
    columns: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add items to BATCH, while it runs or afterwards; those that it has are left out."""

    async def act(backend: "Backend") -> int:
        from perdure.cli.arguments.batch_items import read_items

        async with backend.batches() as batches:
            agent = (await batches.show(batch)).settings.agent_type
            described = (await backend.agents(agent)).agents[0]
            given = read_items(over, parameter, lines, rows, columns, described.parameters_schema)
            handed_in = await batches.add(batch, given)
            detach = batches.outlives_command
            return await follow_to_end(batches, handed_in, detach=detach, as_json=as_json)

    sys.exit(run_with_backend(act, traced=True))


async def _see_through(batches: "Batches", batch: str, as_json: bool) -> None:
    """Print how a batch stands, at its end if the server ends with this command."""
    from perdure.cli.output.batch_text import BatchProgress

    if not batches.outlives_command:
        progress = BatchProgress(quiet=as_json)
        await batches.follow(batch, progress.show)
        progress.end()
    _print(await batches.show(batch), as_json)


def _print(record: "BatchRecord", as_json: bool) -> None:
    from perdure.cli.output.batch_text import print_batch

    if as_json:
        print_json(record)
    else:
        print_batch(record)
