"""Letting a model work with tools until it is done, goes in circles, or has had its share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from perdure.agents import StepFailed
from perdure_code.models.conversation.circles import WentInCircles
from perdure_code.models.conversation.round_progress import MOST_REQUESTS, RoundProgress

if TYPE_CHECKING:
    from pydantic_ai import Tool
    from pydantic_ai.models import Model
    from pydantic_ai.output import OutputSpec

T = TypeVar("T")

_MOST_CALLS: Final = 80
_RETRIES: Final = 3
_ANSWER_TOKENS: Final = 4_000


class Ended(NamedTuple, Generic[T]):
    """How a model's work ended.

    Attributes:
        answer: What it gave at its end; ``None`` where it came to none.
        why: Why it did not, in a sentence without a full stop.
    """

    answer: T | None
    why: str = ""


async def converse(
    model: "Model",
    instructions: str,
    prompt: str,
    tools: "Sequence[Tool[None]]",
    output: "OutputSpec[T]",
    progress: RoundProgress,
) -> Ended[T]:
    """Return what a model gives at the end of its work, or why it came to no end.

    Args:
        model: The model.
        instructions: What its work is.
        prompt: The goal, and what is known.
        tools: What it may call; one call at a time.
        output: What it is to give.
        progress: Reports each round.

    Raises:
        StepFailed: A request failed for good.
    """
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import ProcessHistory
    from pydantic_ai.exceptions import UnexpectedModelBehavior, UsageLimitExceeded
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.usage import UsageLimits

    from perdure_code.models.conversation.history import shorten_history

    async def begin_round(messages: list[ModelMessage]) -> list[ModelMessage]:
        await progress.begin_round()
        return shorten_history(messages)

    agent: Agent[None, Any] = Agent(
        model,
        output_type=output,
        instructions=instructions,
        tools=tools,
        retries=_RETRIES,
        capabilities=[ProcessHistory(begin_round)],
    )
    try:
        given = await agent.run(
            prompt,
            usage_limits=UsageLimits(request_limit=MOST_REQUESTS, tool_calls_limit=_MOST_CALLS),
            model_settings=ModelSettings(max_tokens=_ANSWER_TOKENS, temperature=0.0),
        )
    except StepFailed:  # a failed request is an error of pydantic-ai too
        raise
    except WentInCircles as circles:
        return Ended(None, str(circles))
    except UsageLimitExceeded:
        return Ended(
            None, f"it was not done after {MOST_REQUESTS} requests or {_MOST_CALLS} calls of tools"
        )
    except UnexpectedModelBehavior as error:
        return Ended(None, f"it kept to no form: {' '.join(str(error).split())[:200]}")
    return Ended(given.output)
