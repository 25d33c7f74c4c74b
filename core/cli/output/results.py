"""Results of goals: printed, and written to a folder where a person can open the files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import format_size, print_text, styled_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.models import GoalRecord
    from perdure.stores import Stores


class UnwritableFolder(Exception):
    """The result cannot be written to the folder that was named."""


async def copy_artifacts(stores: "Stores", record: "GoalRecord", folder: Path) -> None:
    """Copy a goal's artifacts from the artifact store into a folder.

    Args:
        stores: Where they are.
        record: The goal.
        folder: The folder, which is made where it is not there.

    Raises:
        UnknownArtifact: One is not in this artifact store, and none is copied; or one was altered.
        OSError: The folder cannot be written.
    """
    for artifact in record.artifacts:
        await stores.contents.find(artifact.digest)
    for artifact in record.artifacts:
        target = folder / artifact.name
        target.parent.mkdir(parents=True, exist_ok=True)
        await stores.contents.save(artifact.digest, target)


async def save_result(
    record: "GoalRecord",
    folder: Path,
    save_artifacts: "Callable[[GoalRecord, Path], Awaitable[None]]",
) -> Path:
    """Write a goal's artifacts, and ``result.json``, into a folder and return it.

    Args:
        record: The goal.
        folder: The folder.
        save_artifacts: Writes the artifacts into it.

    Raises:
        UnwritableFolder: The folder cannot be written.
        UnknownArtifact: A file of the goal is not in the artifact store.
    """
    import asyncio

    def write() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text(record.model_dump_json(indent=2), encoding="utf-8")

    try:
        await save_artifacts(record, folder)
        await asyncio.to_thread(write)
    except OSError as error:
        raise UnwritableFolder(
            f"the result cannot be written to {folder} ({error.strerror or error}): name another"
            " folder with --output"
        ) from error
    return folder


def default_folder(workflow_id: str) -> Path:
    """Return the folder for a run's files when none was named: it is below ``PERDURE_HOME``."""
    from perdure.settings import Settings

    return Settings().home / "results" / workflow_id


def print_result(record: "GoalRecord", folder: Path | None) -> None:
    """Print how a goal ended for people.

    Args:
        record: The goal.
        folder: Where its files were written, if they were.
    """
    seconds = f" in {record.execution_time:.1f} s" if record.execution_time is not None else ""
    click.echo(f"{styled_status(record.status.value)}{seconds}  {record.workflow_id}")
    if record.error is not None:
        print_text(f"{record.error.type}: {record.error.message}")
    if record.result is not None and record.result.summary:
        print_text(f"\n{record.result.summary}\n")
    if record.result is not None and (reason := record.result.metadata.get("way_reason")):
        part = "In part by rules" if record.result.metadata.get("way") == "both" else "By rules"
        click.echo(one_line(f"{part}, without a model: {reason}") + "\n")
    if record.artifacts:
        click.echo(
            f"Files in {folder}"
            if folder
            else f"Files: perdure goals result {record.workflow_id} writes them"
        )
    for artifact in record.artifacts:
        print_text(f"  {artifact.name}  ({format_size(artifact.size)})")
