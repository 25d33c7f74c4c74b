"""``perdure run``: start a goal and follow it to its end."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.arguments.agent_help import CommandWithAgent
from perdure.cli.arguments.budget import budget_option, read_budget
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_message
from perdure.cli.output.results import default_folder, print_result, save_result
from perdure.cli.runtime.completion import complete_agents
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import (
    json_option,
    param_option,
    plugin_option,
    pool_option,
    priority_option,
)

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend, Control
    from perdure.models import Goal
    from perdure.schemas.agents import AgentDescription


def _describe(agent: str, plugin_files: tuple[Path, ...]) -> "AgentDescription":
    return run_with_backend(lambda backend: backend.agents(agent), plugin_files).agents[0]


@click.command(cls=CommandWithAgent, describe=_describe)
@click.argument("agent", shell_complete=complete_agents)
@click.argument("description")
@param_option
@budget_option
@pool_option
@priority_option
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
    budgets: tuple[str, ...],
    pool: str | None,
    priority: int,
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
    limits = read_budget(budgets)

    async def start(backend: "Backend") -> int:
        # A goal that cannot run is refused before a server is started for it, and before what only
        # a goal that runs needs is imported.
        goal = await backend.prepare_goal(
            agent,
            description,
            params=params,
            goal_id=goal_id or f"{agent}-{time.strftime('%Y%m%d-%H%M%S')}",
            budget=limits,
            pool=pool,
            priority=priority,
        )
        async with backend.control(lasting=detach) as control:
            workflow_id = await control.start(goal)
            if detach:
                if as_json:
                    print_json({"workflow_id": workflow_id, "status": "started"})
                else:
                    click.echo(workflow_id)
                return 0
            return await _follow(backend, control, goal, workflow_id, output, as_json)

    sys.exit(run_with_backend(start, plugin_files, span="perdure run"))


async def _follow(
    backend: "Backend",
    control: "Control",
    goal: "Goal",
    workflow_id: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Show a goal to its end, write its files, print its result.

    Returns:
        The exit status: 0 when the goal completed, 1 when not, 130 after Ctrl-C.
    """
    from perdure.models.workers import pool_without_worker

    missing_pool = await control.missing_pool(workflow_id)
    if missing_pool is not None:
        print_message(pool_without_worker(missing_pool))
    if not await control.watch(workflow_id, goal.agent_type, quiet=as_json):
        _print_what_goes_on(control, workflow_id, as_json)
        return 130
    record = await backend.goal(workflow_id)
    folder = None
    if record.artifacts or output:
        folder = await save_result(
            record, output or default_folder(workflow_id), backend.save_artifacts
        )
    if as_json:
        print_json(record.model_dump(mode="json") | {"folder": str(folder) if folder else None})
    else:
        print_result(record, folder)
    return 0 if record.success else 1


def _print_what_goes_on(control: "Control", workflow_id: str, as_json: bool) -> None:
    if control.outlives_command:
        state = "the goal goes on without you"
    else:
        state = "the goal is kept, and goes on when a server runs again"
    print_message(
        f"\n{state}: perdure goals watch {workflow_id} picks it up,"
        f" perdure goals cancel {workflow_id} ends it"
    )
    if as_json:
        print_json({"workflow_id": workflow_id, "status": "running"})
