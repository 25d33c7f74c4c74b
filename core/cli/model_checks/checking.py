"""Checks the model that agents ask, for ``perdure doctor --model``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.models import Check


async def check_model(name: str) -> "list[Check]":
    """Return what a model can do; where it cannot be asked, why.

    Args:
        name: Its name as pydantic-ai has it; empty for the one that ``PERDURE_MODEL`` names.
    """
    from perdure.agents.runs.run import Run
    from perdure.agents.steps.errors import PermanentError, failure_from
    from perdure.models import Check, Goal
    from perdure.settings import Settings

    name = name or Settings().model
    goal = Goal(goal_id="doctor", description="Find out what the model can.", agent_type="doctor")
    run = Run(goal, model=name)
    await run.import_model()
    try:
        model = run.model.wrapped
    except PermanentError as error:
        return [Check(part=name or "model", found=False, advice=failure_from(error).message)]
    from perdure.cli.model_checks.requests import ask

    async with model:
        return await ask(model, name)
