"""The lines that a model suspects, beside those that the rules rank."""

from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field

from perdure.agents import AnswerRefused
from perdure_code.facts import Fact
from perdure_code.models.answers.citations import Citation, quoted_place
from perdure_code.models.conversation.characters import storable
from perdure_code.models.conversation.rounds import converse
from perdure_code.models.conversation.tools import RepositoryTools
from perdure_code.models.editing.edited_repository import EditedRepository
from perdure_code.repository.working_copy import is_test

if TYPE_CHECKING:
    from pydantic_ai.models import Model

TOOL: Final = "suspect_lines"
MOST_SUSPECTS: Final = 10
MOST_REFUSALS: Final = 10
_LONGEST_REASON: Final = 400
_INSTRUCTIONS: Final = (
    "You look for the lines of a repository in which a fault lies. Read its code with the tools;"
    " then name up to ten places, the likeliest first. Each names the file, the line, a quote of"
    " that line copied letter by letter, and in one sentence why the fault may lie there. Name"
    " lines of the code and not of its tests."
)


class ProposedSuspect(BaseModel):
    """A line, as a model names it."""

    path: str = Field(description="the file, relative to the repository")
    line: int = Field(description="the line, from 1")
    quote: str = Field(description="that line, copied letter by letter")
    reason: str = Field(description="why the fault may lie there")


class ProposedSuspects(BaseModel):
    """The lines that a model names."""

    suspects: list[ProposedSuspect]


class ModelSuspect(Fact):
    """A line that a model suspects; that it stands there is checked, and nothing else of it."""

    place: Citation
    reason: str


class ModelSuspects(Fact):
    """The lines that a model suspects.

    Attributes:
        suspects: The likeliest first.
        refused: Why others are left out, at most ten, each a sentence.
        left_out: How many are.
    """

    suspects: tuple[ModelSuspect, ...]
    refused: tuple[str, ...] = ()
    left_out: int = 0


async def suspect_with_model(
    model: "Model", tools: RepositoryTools, description: str, known: str
) -> ModelSuspects:
    """Return the lines that a model suspects.

    Args:
        model: The model.
        tools: What it may read.
        description: The goal in words.
        known: What is known of the fault: the tests that fail, and the lines that rules rank.

    Raises:
        AnswerRefused: It came to no end, or names no line that is there.
    """
    from pydantic_ai import ToolOutput

    output = ToolOutput(ProposedSuspects, name=TOOL, description="Name the lines.")
    prompt = f"The goal: {description}\n\n{known}"
    ended = await converse(
        model, _INSTRUCTIONS, prompt, tools.for_reading(), output, tools.progress
    )
    if ended.answer is None:
        raise AnswerRefused(ended.why)
    proposed = [
        (*map(storable, (one.path, one.quote, one.reason)), one.line)
        for one in ended.answer.suspects
    ]
    check = partial(check_suspects, tools.repository)
    checked = await tools.run.step("check the lines", check, proposed)
    if not checked.suspects:
        raise AnswerRefused(" ".join(checked.refused[:3]) or "it names no line")
    return checked


def check_suspects(
    repository: EditedRepository, proposed: list[tuple[str, str, str, int]]
) -> ModelSuspects:
    """Keep the lines that stand where a model says.

    Args:
        repository: The files.
        proposed: Each line's path, text, why it is suspected, and number.
    """
    kept: list[ModelSuspect] = []
    refused: list[str] = []
    seen = set()
    for path, quote, reason, line in proposed:
        try:
            place = quoted_place(repository, path, line, quote)
        except AnswerRefused as why:
            refused.append(f"{path[:80]}:{line} is left out: {why}.")
            continue
        if is_test(place.path):
            refused.append(f"{path[:80]}:{line} is left out: it is a line of the tests.")
        elif (place.path, place.first) not in seen:
            seen.add((place.path, place.first))
            said = " ".join(reason.split())[:_LONGEST_REASON]
            kept.append(ModelSuspect(place=place, reason=said))
    return ModelSuspects(
        suspects=tuple(kept[:MOST_SUSPECTS]),
        refused=tuple(refused[:MOST_REFUSALS]),
        left_out=len(refused) + max(0, len(kept) - MOST_SUSPECTS),
    )
