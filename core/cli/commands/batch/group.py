"""``perdure batch list, show, items, export``, and the group of all that concerns batches."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.batch.control import add, batch_argument, cancel, pause, resume, retry
from perdure.cli.commands.batch.run import run
from perdure.cli.output.printing import print_json, print_message, print_table
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend

_STATUSES = ("waiting", "running", "completed", "failed", "cancelled", "invalid")
_FORMATS = ("csv", "jsonl", "parquet")


@click.group()
def batch() -> None:
    """Have many goals of one agent done, and take their outcome as one table.

    BATCH is a batch's id or its name.
    """


for command in (run, pause, resume, cancel, retry, add):
    batch.add_command(command)


@batch.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@json_option
@handle_errors
def list_batches(limit: int, as_json: bool) -> None:
    """List batches, newest first."""

    async def act(backend: "Backend") -> None:
        from perdure.cli.output.batch_text import progress_text

        async with backend.batches() as batches:
            found = await batches.list(limit)
        if as_json:
            print_json({"batches": [record.model_dump(mode="json") for record in found]})
            return
        rows = [
            (each.status.value, each.name, each.settings.agent_type, progress_text(each))
            for each in found
        ]
        print_table(("status", "name", "agent", "items"), rows)

    run_with_backend(act)


@batch.command()
@batch_argument
@click.option("--follow", is_flag=True, help="Show how it goes, until nothing of it goes on.")
@json_option
@handle_errors
def show(batch: str, follow: bool, as_json: bool) -> None:
    """Show how many items of BATCH have ended and how, how fast it goes and how long it will."""

    async def act(backend: "Backend") -> None:
        from perdure.cli.output.batch_text import BatchProgress, print_batch

        async with backend.batches() as batches:
            if follow:
                progress = BatchProgress(quiet=as_json)
                await batches.follow(batch, progress.show)
                progress.end()
            record = await batches.show(batch)
        if as_json:
            print_json(record)
        else:
            print_batch(record)

    run_with_backend(act)


@batch.command()
@batch_argument
@click.option("--status", type=click.Choice(_STATUSES), help="Only those of this status.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only those with larger numbers.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
@handle_errors
def items(batch: str, status: str | None, after: int, limit: int, as_json: bool) -> None:
    """List the items of BATCH, in the order in which they were handed in."""

    async def act(backend: "Backend") -> None:
        from perdure.cli.output.batch_text import print_items
        from perdure.models.batches import ItemStatus

        chosen = ItemStatus(status) if status else None
        async with backend.batches() as batches:
            found = await batches.items(batch, limit=limit, after=after, status=chosen)
        if as_json:
            print_json({"items": [item.model_dump(mode="json") for item in found]})
        else:
            print_items(found)

    run_with_backend(act)


@batch.command()
@batch_argument
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="csv", show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; standard output when not given.",
)
@handle_errors
def export(batch: str, kind: str, output: Path | None) -> None:
    """Write what became of each item of BATCH as one table: status, fields of results, cost."""
    if output is None and kind == "parquet" and sys.stdout.isatty():
        raise WrongInput("Parquet is nothing to read on a terminal: give --output")

    async def act(backend: "Backend") -> None:
        async with backend.batches() as batches:
            if output is None:
                async for chunk in batches.outcome(batch, kind):
                    click.echo(chunk, nl=False)
                return
            # In its place only once it is whole.
            part = output.with_name(f".{output.name}.part")
            try:
                with part.open("wb") as file:
                    async for chunk in batches.outcome(batch, kind):
                        file.write(chunk)
                part.replace(output)
            except OSError as error:
                raise WrongInput(
                    f"{output} cannot be written ({error.strerror or error}): give another place"
                ) from error
            finally:
                part.unlink(missing_ok=True)
        print_message(f"written to {output}")

    run_with_backend(act)
