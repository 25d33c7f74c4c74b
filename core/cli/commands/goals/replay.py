"""``perdure goals replay``: where today's code would take another way than the record."""

import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from perdure.cli.commands.goals.filter_options import criteria_of, filter_options
from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.command_settings import settings_with_files
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import goals_argument, json_option, plugin_option
from perdure.cli.runtime.server_choice import chosen_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from perdure.cli.replays.process import ReplayProcess
    from perdure.cli.replays.recordings import Recordings
    from perdure.schemas.many_goals import GoalFilter
    from perdure.schemas.replays.recording import Recording
    from perdure.schemas.replays.replay import GoalReplay
    from perdure.settings import Settings


@click.command()
@goals_argument
@filter_options
@click.option("--tenant", help="Only those of this tenant; of all when not given.")
@click.option(
    "--last",
    type=click.IntRange(1, 500),
    help="Only the newest so many that fit; 50 when not given.",
)
@click.option(
    "--python",
    "pythons",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Replay with the plugins of this Python's environment too, side by side; several may be"
    " given.",
)
@click.option(
    "--with",
    "versions",
    multiple=True,
    metavar="VERSION",
    help="Replay with another version of a plugin too, such as perdure-analysis==1.2, which is"
    " installed for as long as the command runs; several may be given.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all that is on record of the goal there, for tests of its agent.",
)
@plugin_option
@json_option
@handle_errors
def replay(
    goals: tuple[str, ...],
    tenant: str | None,
    last: int | None,
    pythons: tuple[Path, ...],
    versions: tuple[str, ...],
    save: Path | None,
    plugin_files: tuple[Path, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Execute goals' agents over their records, and show where the code takes another way.

    Nothing has an effect: what is on record answers each step, and where there is nothing on record
    the replay stops and says what would be done. No server needs to run; with --server its records
    are replayed, with the agents of this machine, and the key has to be an admin's. The exit status
    is 0 when every goal goes the way of its record.
    """
    criteria = criteria_of(**options)
    if bool(goals) == bool(criteria or tenant or last):
        raise WrongInput("name goals, or say which with --agent, --status, --last and the like")
    if save is not None and len(goals) != 1:
        raise WrongInput("--save writes one goal's record: name one goal")
    chosen = _Chosen(goals, criteria, tenant, last or 50)
    others = _Others(pythons, versions)
    found = run_async(_replay(chosen, others, plugin_files, save, as_json))
    sys.exit(0 if all(goal.same for goal in found) else 1)


class _Others(NamedTuple):
    """What goals are replayed with besides this environment: interpreters, and versions."""

    pythons: tuple[Path, ...]
    versions: tuple[str, ...]


class _Chosen:
    """Which goals are replayed.

    Args:
        goals: As a person has named them.
        criteria: Which ones instead.
        tenant: Whose.
        last: How many of them at most.
    """

    def __init__(
        self, goals: tuple[str, ...], criteria: "GoalFilter", tenant: str | None, last: int
    ) -> None:
        self.are_named = bool(goals)
        self._goals = goals
        self._criteria = criteria
        self._tenant = tenant
        self._last = last

    async def find(self, recordings: "Recordings") -> "Sequence[str]":
        """Return the runs.

        Raises:
            UnknownGoal: One of those that are named is none.
            AmbiguousName: A name fits several goals.
        """
        if self.are_named:
            return [await recordings.find(goal) for goal in self._goals]
        return await recordings.newest(self._criteria, tenant=self._tenant, limit=self._last)


async def _replay(
    chosen: _Chosen,
    others: _Others,
    plugin_files: tuple[Path, ...],
    save: Path | None,
    as_json: bool,
) -> "list[GoalReplay]":
    from perdure.cli.output.replays import print_replay, print_report
    from perdure.schemas.replays.replay import ReplayReport

    found: list[GoalReplay] = []
    async with AsyncExitStack() as stack:
        settings = settings_with_files(plugin_files)
        recordings = await stack.enter_async_context(_open_recordings(settings))
        runs = await chosen.find(recordings)
        processes = await _open_processes(stack, others, plugin_files)
        for workflow_id in runs:
            if save is not None:
                await _save(await recordings.complete(workflow_id), save)
            found.append(await _replay_goal(recordings, workflow_id, processes))
            if not as_json and len(runs) > 1:
                print_message(f"{len(found)} of {len(runs)} replayed")
    same = sum(goal.same for goal in found)
    report = ReplayReport(same=same, different=len(found) - same, goals=tuple(found))
    is_one = chosen.are_named and len(found) == 1
    if as_json:
        print_json(found[0] if is_one else report)
    elif is_one:
        print_replay(found[0])
    else:
        print_report(report)
    return found


@asynccontextmanager
async def _open_recordings(settings: "Settings") -> "AsyncIterator[Recordings]":
    """Yield those of this machine's stores, or of the server that was chosen."""
    from perdure.cli.replays.recordings import LocalRecordings, RemoteRecordings

    server = chosen_server()
    if server is None:
        from perdure.stores import open_stores

        async with open_stores(settings) as stores:
            yield LocalRecordings(stores, settings)
        return
    from perdure.cli.backends.remote import RemoteBackend
    from perdure.client import AsyncClient

    async with AsyncClient(server.url, api_key=server.key or "") as client:
        yield RemoteRecordings(client, RemoteBackend(client))


async def _open_processes(
    stack: AsyncExitStack, others: _Others, plugin_files: tuple[Path, ...]
) -> "list[ReplayProcess]":
    """Open a process of this environment, and one of each of the others."""
    from perdure.cli.replays.environment import environment_with
    from perdure.cli.replays.process import ReplayProcess

    pythons = [*others.pythons]
    for version in others.versions:
        print_message(f"installing {version}")
        pythons.append(await stack.enter_async_context(environment_with(version)))
    return [
        await stack.enter_async_context(ReplayProcess.opened(python, files))
        for python, files in [(None, plugin_files), *((one, ()) for one in pythons)]
    ]


async def _replay_goal(
    recordings: "Recordings", workflow_id: str, processes: "list[ReplayProcess]"
) -> "GoalReplay":
    from perdure.schemas.replays.replay import GoalReplay

    async with recordings.recording(workflow_id) as recording:
        replays = [await process.replay(recording, recordings.read) for process in processes]
    return GoalReplay(
        workflow_id=workflow_id,
        agent_type=recording.goal.agent_type,
        status=recording.status,
        recorded=recording.versions,
        same=all(one.same for one in replays),
        replays=tuple(replays),
    )


async def _save(recording: "Recording", file: Path) -> None:
    import asyncio

    try:
        await asyncio.to_thread(_write, file, recording.model_dump_json(indent=1))
    except OSError as error:
        raise WrongInput(f"{file} cannot be written ({error.strerror or error})") from error


def _write(file: Path, text: str) -> None:
    # It holds what the goal is about, as it is: for its owner alone.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(f"{text}\n")
