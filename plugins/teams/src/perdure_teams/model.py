"""Asking the run's model for an answer of a given form."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pydantic import BaseModel

from perdure.agents import InputError, Run, StepFailed

A = TypeVar("A", bound=BaseModel)

_TRIES: Final = 3
_ANSWER_TOKENS: Final = 8_000


class NoAnswer(Exception):
    """The model gave no answer that can be used, in as many tries as it had."""


async def ask(
    run: Run,
    answer: type[A],
    tool: str,
    instructions: str,
    prompt: str,
    check: Callable[[A], Awaitable[None]] | None = None,
) -> A:
    """Return a model's answer.

    Args:
        run: The run, whose model is asked; each request is a step.
        answer: The form of the answer; its docstring tells the model what it is for.
        tool: What the model calls to give it.
        instructions: What the model is to do.
        prompt: What it is asked.
        check: Raises :class:`~perdure.agents.InputError`, or the failure of a step, for an answer
            that cannot be used: the model is told why, and tries again.

    Raises:
        NoAnswer: It gave none that can be used.
    """
    from pydantic_ai import Agent, ModelRetry, ToolOutput
    from pydantic_ai.exceptions import UnexpectedModelBehavior, UsageLimitExceeded
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.usage import UsageLimits

    refused = ""
    output = ToolOutput(answer, name=tool, description=(answer.__doc__ or tool).strip())
    agent = Agent(run.model, output_type=output, instructions=instructions, retries=_TRIES - 1)

    @agent.output_validator
    async def checked(given: A) -> A:
        nonlocal refused
        if check is not None:
            try:
                await check(given)
            except (InputError, StepFailed) as error:
                refused = str(error)
                raise ModelRetry(refused) from error
        return given

    try:
        answered = await agent.run(
            prompt,
            usage_limits=UsageLimits(request_limit=_TRIES),
            model_settings=ModelSettings(max_tokens=_ANSWER_TOKENS, temperature=0.0),
        )
    except (UnexpectedModelBehavior, UsageLimitExceeded) as error:
        raise NoAnswer(refused or str(error)) from error
    return answered.output
