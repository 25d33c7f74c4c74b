"""``perdure goals score``: how good what a goal did is."""

import re
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.goal_details import score_text
from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import goal_argument, json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.models.scores import ScoreValue

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


# A value such as -1 is no option.
@click.command(context_settings={"ignore_unknown_options": True})
@goal_argument
@click.argument("name")
@click.argument("value")
@click.option("--comment", default="", help="Why.")
@click.option("--step", help="The step that it is about; the whole goal when not given.")
@click.option(
    "--by", help="Who says so; your login name, or on a server the key's, when not given."
)
@json_option
@handle_errors
def score(
    goal: str, name: str, value: str, comment: str, step: str | None, by: str | None, as_json: bool
) -> None:
    """Put the score NAME on a goal: a number, true or false, or a label.

    The same name again replaces it. No server needs to run.
    """

    async def put(backend: "Backend") -> None:
        from pydantic import ValidationError

        from perdure.models import ScoreContent

        try:
            content = ScoreContent(name=name, value=_value(value), comment=comment, step=step)
        except ValidationError as error:
            first = error.errors()[0]
            message = str(first["msg"]).removeprefix("Value error, ")
            raise WrongInput(f"the {first['loc'][0]} does not fit: {message}") from error
        workflow_id = await backend.find_goal(goal)
        scored = await backend.score(workflow_id, content, by=by)
        if as_json:
            print_json({"workflow_id": workflow_id, **scored.model_dump(mode="json")})
        else:
            print_text(f"scored  {score_text(scored)}  {workflow_id}")

    run_with_backend(put, traced=True)


def _value(text: str) -> "ScoreValue":
    if text in {"true", "false"}:
        return text == "true"
    return float(text) if _NUMBER.fullmatch(text) else text
