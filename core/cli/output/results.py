"""Results of goals: printed, and written to a folder where a person can open the files."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import format_size, styled_status

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.stores import Stores


class UnwritableFolder(Exception):
    """The result cannot be written to the folder that was named."""


async def save_result(stores: "Stores", record: "GoalRecord", folder: Path) -> Path:
    """Write a goal's artifacts, and ``result.json``, into a folder and return it.

    Raises:
        UnwritableFolder: The folder cannot be written.
        UnknownArtifact: A file of the goal is not in this artifact store.
    """
    import asyncio

    sources = [
        (stores.artifacts.path(artifact.digest), artifact.name) for artifact in record.artifacts
    ]

    def write() -> None:
        for source, name in sources:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.copyfile(source, temporary)
            temporary.replace(target)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text(record.model_dump_json(indent=2), encoding="utf-8")

    try:
        await asyncio.to_thread(write)
    except OSError as error:
        raise UnwritableFolder(
            f"the result cannot be written to {folder} ({error.strerror or error}): name another"
            " folder with --output"
        ) from error
    return folder


def default_folder(home: Path, record: "GoalRecord") -> Path:
    """Return the folder for a goal's files when none was named."""
    return home / "results" / record.workflow_id


def print_result(record: "GoalRecord", folder: Path | None) -> None:
    """Print how a goal ended for people.

    Args:
        record: The goal.
        folder: Where its files were written, if they were.
    """
    seconds = f" in {record.execution_time:.1f} s" if record.execution_time is not None else ""
    click.echo(f"{styled_status(record.status.value)}{seconds}  {record.workflow_id}")
    if record.error is not None:
        click.echo(f"{record.error.type}: {record.error.message}")
    if record.result is not None and record.result.summary:
        click.echo(f"\n{record.result.summary}\n")
    if record.artifacts:
        click.echo(
            f"Files in {folder}"
            if folder
            else f"Files: perdure goals result {record.workflow_id} writes them"
        )
    for artifact in record.artifacts:
        click.echo(f"  {artifact.name}  ({format_size(artifact.size)})")
