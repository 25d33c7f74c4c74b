"""A model's explanation of code, each claim with the lines that it is about."""

from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field

from perdure.agents import AnswerRefused
from perdure_code.facts import Fact
from perdure_code.models.answers.citations import Citation, cited_lines, refuse_foreign_names
from perdure_code.models.conversation.characters import storable
from perdure_code.models.conversation.rounds import converse
from perdure_code.models.conversation.tools import RepositoryTools
from perdure_code.models.editing.edited_repository import EditedRepository

if TYPE_CHECKING:
    from pydantic_ai.models import Model

TOOL: Final = "explain"
MOST_CLAIMS: Final = 40
MOST_REFUSALS: Final = 10
_LONGEST_CLAIM: Final = 500
_MOST_CITATIONS: Final = 5
_INSTRUCTIONS: Final = (
    "You explain code to somebody who has not seen it. Read it with the tools; then give a row of"
    " claims, one or two sentences each, in the order in which they are to be read. Each claim"
    " cites the lines that it is about, as file, first and last line. Every name of code and every"
    " number in a claim stands in the lines that it cites, and each claim has such a name."
    " Claim nothing that you have not read."
)


class CitedLines(BaseModel):
    """Lines of a file, as a model cites them."""

    path: str = Field(description="the file, relative to the repository")
    first: int = Field(description="the first line, from 1")
    last: int = Field(description="the last line")


class ProposedClaim(BaseModel):
    """A claim, as a model gives it."""

    claim: str = Field(description="one or two plain sentences")
    lines: list[CitedLines] = Field(description="the lines that bear it out")


class ProposedExplanation(BaseModel):
    """What a model explains."""

    claims: list[ProposedClaim]


class Claim(Fact):
    """A claim about code, and the lines it cites; that these exist is checked."""

    text: str
    places: tuple[Citation, ...]


class Explanation(Fact):
    """The claims whose lines exist and hold the names that the claims use.

    Attributes:
        claims: In the model's order.
        refused: Why others are left out, at most ten, each a sentence.
        left_out: How many are.
    """

    claims: tuple[Claim, ...]
    refused: tuple[str, ...] = ()
    left_out: int = 0


async def explain_with_model(
    model: "Model", tools: RepositoryTools, description: str, known: str
) -> Explanation:
    """Return a model's explanation of what the goal asks about.

    Args:
        model: The model.
        tools: What it may read.
        description: The goal in words.
        known: What is known of the repository already.

    Raises:
        AnswerRefused: It came to no end, or none of its claims cites lines that bear it out.
    """
    from pydantic_ai import ToolOutput

    output = ToolOutput(ProposedExplanation, name=TOOL, description="Give the explanation.")
    prompt = f"What is to be explained: {description}\n\n{known}"
    ended = await converse(
        model, _INSTRUCTIONS, prompt, tools.for_reading(), output, tools.progress
    )
    if ended.answer is None:
        raise AnswerRefused(ended.why)
    proposed = [
        (storable(one.claim), [(storable(at.path), at.first, at.last) for at in one.lines])
        for one in ended.answer.claims
    ]
    check = partial(check_claims, tools.repository)
    checked = await tools.run.step("check the claims", check, proposed)
    if not checked.claims:
        raise AnswerRefused(" ".join(checked.refused[:3]) or "it explains nothing")
    return checked


def check_claims(
    repository: EditedRepository, proposed: list[tuple[str, list[tuple[str, int, int]]]]
) -> Explanation:
    """Keep the claims whose lines exist and hold the names and numbers of the claim.

    Args:
        repository: The files.
        proposed: Each claim, with path, first and last line of what it cites.
    """
    kept: list[Claim] = []
    refused: list[str] = []
    for claim, lines in proposed:
        text = " ".join(claim.split())
        try:
            kept.append(_checked(repository, text, lines))
        except AnswerRefused as why:
            refused.append(f"{text[:80]!r} is left out: {why}.")
    return Explanation(
        claims=tuple(kept[:MOST_CLAIMS]),
        refused=tuple(refused[:MOST_REFUSALS]),
        left_out=len(refused) + max(0, len(kept) - MOST_CLAIMS),
    )


def _checked(repository: EditedRepository, text: str, lines: list[tuple[str, int, int]]) -> Claim:
    if not text or len(text) > _LONGEST_CLAIM:
        raise AnswerRefused(f"it has not one to {_LONGEST_CLAIM} characters")
    if not 1 <= len(lines) <= _MOST_CITATIONS:
        raise AnswerRefused(f"it cites not one to {_MOST_CITATIONS} places")
    places = [cited_lines(repository, *place) for place in lines]
    if not any(place.quote.strip() for place in places):
        raise AnswerRefused("the lines that it cites are blank")
    refuse_foreign_names(text, places)
    shown = tuple(place.model_copy(update={"quote": ""}) for place in places)
    return Claim(text=text, places=shown)
