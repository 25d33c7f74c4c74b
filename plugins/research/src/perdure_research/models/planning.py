"""Splitting a question into parts that can be searched for, before any source is read."""

import re
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field

from perdure_research.answers.question import words_of
from perdure_research.models.evidence.clauses import shared, terms_of
from perdure_research.models.evidence.names import addresses_of
from perdure_research.models.limits import Limits
from perdure_research.sources.source import Fact

if TYPE_CHECKING:
    from pydantic_ai.models import Model

TOOL: Final = "plan"
_ANSWER_TOKENS: Final = 1_500
_LONGEST: Final = 200
_MOST_SEARCHES: Final = 3
# A part with fewer of the question's words asks for something else.
_SHARE_ASKED: Final = 0.5
_MARKUP: Final = re.compile(r"[<>`\[\]{}\\|]")
_INSTRUCTIONS: Final = (
    "You plan how to answer a question from a given collection of sources, which you have not seen."
    " Split it into the parts that must be found out one after another; a question for one fact is"
    " one part. Give each part as a question that can be understood by itself, in the words and the"
    " language of the question, with one to three searches: a few words each, as the sources may"
    " write them, synonyms among them. Add no part that was not asked for."
)


class PlannedPart(BaseModel):
    """A part of a question, as a model gives it."""

    question: str = Field(description="the part, as a question of its own")
    searches: list[str] = Field(description="one to three searches, a few words each")


class Plan(BaseModel):
    """A plan, as a model gives it."""

    parts: list[PlannedPart]


class Part(Fact):
    """A part of the question, and what to search for first."""

    question: str
    searches: tuple[str, ...]


async def plan_parts(model: "Model", question: str, limits: Limits) -> tuple[Part, ...]:
    """Return the parts of a question; the question itself where a model splits off nothing of it.

    Args:
        model: The model.
        question: The question.
        limits: How many parts there may be.
    """
    from pydantic_ai import Agent, ToolOutput
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.usage import UsageLimits

    if limits.parts > 1:
        output = ToolOutput(Plan, name=TOOL, description="Give the parts and their searches.")
        agent = Agent(model, output_type=output, instructions=_INSTRUCTIONS, retries=1)
        given = await agent.run(
            f"At most {limits.parts} parts. Question: {question}",
            usage_limits=UsageLimits(request_limit=2),
            model_settings=ModelSettings(max_tokens=_ANSWER_TOKENS, temperature=0.0),
        )
        parts = tuple(_parts(given.output, question))[: limits.parts]
        if parts:
            return parts
    return (Part(question=question, searches=()),)


def is_plain(text: str) -> bool:
    """Say whether a text is a line of words: no markup, no address, not too long."""
    return (
        0 < len(text) <= _LONGEST
        and not _MARKUP.search(text)
        and not any(addresses_of(text))
        and text.isprintable()
    )


def _parts(plan: Plan, question: str) -> list[Part]:
    """Return the parts that are about the question, each once."""
    asked = terms_of(" ".join(words_of(question)))
    parts: dict[str, Part] = {}
    for one in plan.parts:
        text = " ".join(one.question.split())
        terms = terms_of(text)
        common = shared(terms, asked)
        if is_plain(text) and common and common >= _SHARE_ASKED * len(terms):
            searches = (" ".join(search.split()) for search in one.searches)
            plain = tuple(dict.fromkeys(filter(is_plain, searches)))[:_MOST_SEARCHES]
            parts.setdefault(text.casefold(), Part(question=text, searches=plain))
    return list(parts.values())
