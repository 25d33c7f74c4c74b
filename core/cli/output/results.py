"""Showing how a goal ended, and writing its files where a person can open them."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import mark, sized

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.stores import Stores


class UnwritableFolder(Exception):
    """Results cannot be written where they were asked for."""


async def save_result(stores: "Stores", record: "GoalRecord", folder: Path) -> Path:
    """Write a goal's artifacts, and ``result.json``, into a folder and return it.

    Raises:
        UnwritableFolder: It cannot be written.
        UnknownArtifact: A file of the goal is not in this artifact store.
    """
    sources = [
        (stores.artifacts.path(artifact.digest), artifact.name) for artifact in record.artifacts
    ]

    def write() -> None:
        for source, name in sources:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.copyfile(source, fresh)
            fresh.replace(target)
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
    """Return where a goal's files are written when nobody says where."""
    return home / "results" / record.workflow_id


def print_result(record: "GoalRecord", folder: Path | None) -> None:
    """Print how a goal ended for people.

    Args:
        record: The goal.
        folder: Where its files were written, if they were.
    """
    seconds = f" in {record.execution_time:.1f} s" if record.execution_time is not None else ""
    click.echo(f"{mark(record.status.value)}{seconds}  {record.workflow_id}")
    if record.error is not None:
        click.echo(f"{record.error.type}: {record.error.message}")
    if record.result is not None and record.result.summary:
        click.echo(f"\n{record.result.summary}\n")
    if record.artifacts:
        click.echo(f"Files in {folder}" if folder else f"Files: {_how_to_get(record)}")
    for artifact in record.artifacts:
        click.echo(f"  {artifact.name}  ({sized(artifact.size)})")


def _how_to_get(record: "GoalRecord") -> str:
    return f"perdure goals result {record.workflow_id} writes them"
