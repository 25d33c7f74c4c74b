"""``perdure run``: start a goal and follow it to its end."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.output.results import default_folder, print_result, save_result
from perdure.cli.runtime.agent_help import CommandWithAgent
from perdure.cli.runtime.completion import complete_agents
from perdure.cli.runtime.connections import settings_with_files
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import json_option, plugin_option
from perdure.cli.runtime.parameters import read_parameters
from perdure.cli.runtime.watch import watch_to_end

if TYPE_CHECKING:
    from perdure.agents.plugins.registry import InstalledAgent
    from perdure.models import Goal
    from perdure.settings import Settings
    from perdure.temporal.session import Session


class FileNotServed(Exception):
    """A plugin file was given that the running installation does not know."""


@click.command(cls=CommandWithAgent)
@click.argument("agent", shell_complete=complete_agents)
@click.argument("description")
@click.option(
    "--param",
    "-p",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the agent; a value that is no plain text is given as JSON.",
)
@click.option("--goal-id", help="Your own name for the goal.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the files it makes; under PERDURE_HOME when not given.",
)
@plugin_option
@click.option("--detach", is_flag=True, help="Hand the goal in and return; a server must run.")
@json_option
@handle_errors
def run(
    agent: str,
    description: str,
    params: tuple[str, ...],
    goal_id: str | None,
    output: Path | None,
    plugin_files: tuple[Path, ...],
    detach: bool,
    as_json: bool,
) -> None:
    """Hand a goal to AGENT and see it through.

    Uses the server that is configured (TEMPORAL_ADDRESS) or runs (perdure dev), and starts the
    embedded one for the time of the run when there is none. DESCRIPTION says what to achieve.
    With an AGENT, --help shows the parameters it takes.
    """
    goal_id = goal_id or f"{agent}-{time.strftime('%Y%m%d-%H%M%S')}"
    main = _run_goal(agent, description, params, goal_id, output, plugin_files, detach, as_json)
    sys.exit(run_async(main))


async def _run_goal(
    agent: str,
    description: str,
    params: tuple[str, ...],
    goal_id: str,
    output: Path | None,
    plugin_files: tuple[Path, ...],
    detach: bool,
    as_json: bool,
) -> int:
    from perdure.agents.parameters import check_parameters
    from perdure.models import Goal
    from perdure.temporal.installation import NoInstallation, installation_address
    from perdure.temporal.session import open_session

    settings = settings_with_files(plugin_files)
    _check_plugin_files(settings)
    # A goal that cannot run is refused before a server is started for it.
    spec = (await _look_up_agent(agent, settings)).spec
    parameters = read_parameters(params, spec.parameters)
    goal = Goal(goal_id=goal_id, description=description, agent_type=agent, parameters=parameters)
    check_parameters(spec, parameters)
    if detach and installation_address(settings.home) is None:
        raise NoInstallation(
            "no server runs that could go on with the goal: start one, perdure dev"
        )
    async with open_session(settings, print_message) as session:
        workflow_id = await session.service.start(goal)
        if detach:
            if as_json:
                print_json({"workflow_id": workflow_id, "status": "started"})
            else:
                click.echo(workflow_id)
            return 0
        return await _follow(session, goal, workflow_id, output, settings.home, as_json)


async def _look_up_agent(name: str, settings: "Settings") -> "InstalledAgent":
    from perdure.activities.agent_lookup import find_agent
    from perdure.stores import open_stores
    from perdure.temporal.installation import load_agents

    registry = load_agents(settings)
    if name in registry.agents:
        return registry.agents[name]
    async with open_stores(settings) as stores:
        return await find_agent(registry, stores, name)


def _check_plugin_files(settings: "Settings") -> None:
    from perdure.temporal.installation import installation_address, read_installation

    running = read_installation(settings.home)
    if running is None or installation_address(settings.home) != running.temporal_address:
        return
    known = {file.path for file in running.plugin_files}
    missing = [str(file) for file in settings.plugin_files if file not in known]
    if missing:
        raise FileNotServed(
            f"perdure dev runs and does not know {', '.join(missing)}: start it again with"
            f" --plugin {missing[0]}"
        )


async def _follow(
    session: "Session",
    goal: "Goal",
    workflow_id: str,
    output: Path | None,
    home: Path,
    as_json: bool,
) -> int:
    """Show a goal to its end, write its files, print its result.

    Returns:
        The exit status: 0 when the goal completed, 1 when not, 130 after Ctrl-C.
    """
    if session.server is None and not await session.service.has_worker():
        print_message(
            "no worker is there to take the goal: start one, perdure worker; the goal waits for it"
        )
    if not await watch_to_end(session, goal.agent_type, workflow_id, quiet=as_json):
        _print_what_goes_on(session, workflow_id, as_json)
        return 130
    record = await session.stores.goals.get(workflow_id)
    folder = None
    if record.artifacts or output:
        folder = await save_result(session.stores, record, output or default_folder(home, record))
    if as_json:
        print_json(record.model_dump(mode="json") | {"folder": str(folder) if folder else None})
    else:
        print_result(record, folder)
    return 0 if record.success else 1


def _print_what_goes_on(session: "Session", workflow_id: str, as_json: bool) -> None:
    if session.server is None:
        state = "the goal goes on without you"
    else:
        state = "the goal is kept, and goes on when a server runs again"
    print_message(
        f"\n{state}: perdure goals watch {workflow_id} picks it up,"
        f" perdure goals cancel {workflow_id} ends it"
    )
    if as_json:
        print_json({"workflow_id": workflow_id, "status": "running"})
