"""``perdure goals hold`` and ``release``: what is kept whatever its age."""

from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.goal_details import hold_text
from perdure.cli.output.printing import print_json, print_table, print_text
from perdure.cli.runtime.completion import complete_goals
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend

_goal = click.argument("goal", required=False, shell_complete=complete_goals)
_all = click.option(
    "--all", "every", is_flag=True, help="All goals of a tenant, those to come too."
)
_tenant = click.option("--tenant", help="With --all: of this tenant instead of the default one.")


@click.command()
@_goal
@_all
@_tenant
@click.option("--reason", default="", help="Why.")
@json_option
@handle_errors
def hold(goal: str | None, every: bool, tenant: str | None, reason: str, as_json: bool) -> None:
    """Keep a goal, with those that it delegated, whatever its age.

    Until it is released it is not deleted: not by PERDURE_RETENTION_DAYS, and not by hand.
    """
    _check(goal, every, tenant)

    async def put(backend: "Backend") -> None:
        if goal is None:
            held, name = await backend.hold_tenant(tenant, reason), _all_of(tenant)
        else:
            name = await backend.find_goal(goal)
            held = await backend.hold(name, reason)
        if as_json:
            print_json(held.model_dump(mode="json") | _subject(goal, name, tenant))
        else:
            print_text(f"held  {name}  {hold_text(held)}")

    run_with_backend(put)


@click.command()
@_goal
@_all
@_tenant
@json_option
@handle_errors
def release(goal: str | None, every: bool, tenant: str | None, as_json: bool) -> None:
    """Release a goal that was held, or all of a tenant; each takes away its own hold alone."""
    _check(goal, every, tenant)

    async def take_away(backend: "Backend") -> None:
        if goal is None:
            name = _all_of(tenant)
            await backend.release_tenant(tenant)
        else:
            name = await backend.find_goal(goal)
            await backend.release(name)
        if as_json:
            print_json({"status": "released"} | _subject(goal, name, tenant))
        else:
            print_text(f"released  {name}")

    run_with_backend(take_away)


@click.command()
@json_option
@handle_errors
def holds(as_json: bool) -> None:
    """List what is held, the newest first: goals, and whole tenants."""

    async def show(backend: "Backend") -> None:
        found = await backend.holds()
        if as_json:
            print_json({"holds": [each.model_dump(mode="json") for each in found]})
        elif not found:
            print_text("nothing is held")
        else:
            print_table(
                ["TENANT", "GOAL", "HELD"],
                [[each.tenant, each.workflow_id or "all", hold_text(each)] for each in found],
            )

    run_with_backend(show)


def _check(goal: str | None, every: bool, tenant: str | None) -> None:
    if every == (goal is not None):
        raise WrongInput("name a goal, or give --all")
    if tenant is not None and not every:
        raise WrongInput("--tenant goes with --all: a goal is of one tenant anyway")


def _subject(goal: str | None, workflow_id: str, tenant: str | None) -> dict[str, object]:
    return {"tenant": tenant} if goal is None else {"workflow_id": workflow_id}


def _all_of(tenant: str | None) -> str:
    return "all goals" if tenant is None else f"all goals of {tenant}"
