"""A goal as a prompt for another library's agent, and the agent's output as a result."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from perdure.agents import Decision, Goal, Result, Run, Usage

MESSAGES_FILE: Final = "messages.json"
SUMMARY_CHARACTERS: Final = 500

Prompt = Callable[[Goal], str]
"""Returns the prompt for a goal, whose parameters are checked and complete."""


def prompt_for(goal: Goal, prompt: Prompt | None) -> str:
    """Return the prompt for a goal.

    Args:
        goal: What is asked.
        prompt: Returns it; the goal's description, followed by its parameters as JSON where it has
            any, when not given.
    """
    if prompt is not None:
        return prompt(goal)
    if not goal.parameters:
        return goal.description
    return f"{goal.description}\n\n{json.dumps(goal.parameters, indent=1, ensure_ascii=False)}"


async def report_answer(run: Run, number: int, tools: Sequence[str]) -> None:
    """Report progress after an agent's model has answered.

    Nobody knows how many answers there will be: each is taken for one of two more than there were.

    Args:
        run: The run.
        number: How many answers there were, from 1.
        tools: The tools that this one calls.
    """
    message = f"calls {', '.join(tools)}" if tools else "has answered"
    await run.progress(100 * number / (number + 2), message)


def denial_message(decision: Decision) -> str:
    """Return the message to a model whose call of a tool people have refused."""
    reasons = "; ".join(vote.reason for vote in decision.votes if vote.reason)
    return f"The tool call was denied. {reasons}".strip()


def result_for(output: object, usage: Usage) -> Result:
    """Return an agent's output as a result.

    Text is the summary. Anything else is the result's data, under its own keys where it has some
    and else as ``output``; its summary is the same as JSON, cut off where it is long.
    """
    if isinstance(output, str):
        return Result(summary=output, usage=usage)
    plain: JsonValue = to_jsonable_python(output, fallback=str)
    data = plain if isinstance(plain, dict) else {"output": plain}
    text = json.dumps(plain, ensure_ascii=False)
    if len(text) > SUMMARY_CHARACTERS:
        text = f"{text[:SUMMARY_CHARACTERS]}…"
    return Result(summary=text, data=data, usage=usage)
