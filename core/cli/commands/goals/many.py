"""Cancelling and retrying many goals, which are named or found by a filter."""

import sys
from typing import TYPE_CHECKING, Literal

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.errors import WrongInput

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.many_goals import GoalFilter, ManyGoalsResponse


def act_on_many(
    action: Literal["cancel", "retry"],
    goals: tuple[str, ...],
    criteria: "GoalFilter | None",
    *,
    confirmed: bool,
    as_json: bool,
) -> int:
    """Cancel or retry goals, print what came of each, and return the exit status.

    Args:
        action: What to do.
        goals: The goals as a person named them.
        criteria: Which goals instead.
        confirmed: Do not ask first, which is done for goals that a filter finds.
        as_json: Print one JSON document.

    Raises:
        UnknownGoal: One of the goals that are named is none; nothing is done then.
        AmbiguousName: A name fits several goals.
        WrongInput: Nobody is there to confirm it.
    """
    if criteria is not None and not confirmed:
        _confirm(action)

    async def act(backend: "Backend") -> int:
        runs = criteria or [await backend.find_goal(goal) for goal in goals]
        async with backend.control() as control:
            if action == "cancel":
                outcomes = await control.cancel_many(runs)
            else:
                outcomes = await control.retry_many(runs)
                started = [each.workflow_id for each in outcomes.goals if each.status]
                await control.watch_when_temporary(started, quiet=as_json)
        _print(outcomes, as_json)
        return 1 if any(each.problem is not None for each in outcomes.goals) else 0

    return run_with_backend(act, traced=True)


def _confirm(action: str) -> None:
    if not sys.stdin.isatty():
        raise WrongInput(f"give --yes to {action} every goal that the options fit")
    click.confirm(f"{action} every goal that fits?", abort=True, err=True)


def _print(outcomes: "ManyGoalsResponse", as_json: bool) -> None:
    if as_json:
        goals = [each.model_dump(exclude={"type"}) for each in outcomes.goals]
        print_json({"goals": goals, "more": outcomes.more})
        return
    for goal in outcomes.goals:
        click.echo(f"{goal.status or 'left'}  {goal.workflow_id}")
        if goal.problem:
            print_message(one_line(goal.problem))
    if not outcomes.goals:
        print_message("No goal fits.")
    if outcomes.more:
        print_message("More goals fit: do the same again.")
