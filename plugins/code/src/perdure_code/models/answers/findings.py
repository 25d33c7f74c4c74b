"""A model's findings in a review, each with its place and the words that stand there."""

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, Field

from perdure.agents import AnswerRefused
from perdure_code.facts import Fact
from perdure_code.models.answers.citations import Citation, quoted_place
from perdure_code.models.conversation.characters import storable
from perdure_code.models.conversation.rounds import converse
from perdure_code.models.conversation.tools import RepositoryTools
from perdure_code.models.editing.edited_repository import EditedRepository

if TYPE_CHECKING:
    from pydantic_ai.models import Model

TOOL: Final = "report_findings"
MOST_FINDINGS: Final = 30
MOST_REFUSALS: Final = 10
_LONGEST_MESSAGE: Final = 500
_INSTRUCTIONS: Final = (
    "You review a repository. Read its code with the tools, and report what is wrong in it: bugs,"
    " risks, and what misleads a reader, the gravest first. Each finding names the file, the line"
    " on which the code begins, a quote of that code copied letter by letter, and in one or two"
    " sentences what is wrong and what happens because of it. Leave out matters of taste and what a"
    " linter says. No finding is better than a doubtful one."
)


class ReportedFinding(BaseModel):
    """A finding, as a model reports it."""

    path: str = Field(description="the file, relative to the repository")
    line: int = Field(description="the line on which the quoted code begins, from 1")
    quote: str = Field(description="that code, copied letter by letter, one to five lines")
    level: Literal["error", "risk", "warning", "style"]
    message: str = Field(description="what is wrong, and what happens because of it")


class ReportedFindings(BaseModel):
    """What a model reports."""

    findings: list[ReportedFinding]


class ModelFinding(Fact):
    """A finding of a model; that its code stands there is checked, and nothing else of it."""

    place: Citation
    level: Literal["error", "risk", "warning", "style"]
    message: str


class ModelFindings(Fact):
    """The findings of a model whose quotes stand where they say.

    Attributes:
        findings: In the model's order.
        refused: Why others are left out, at most ten, each a sentence.
        left_out: How many are.
    """

    findings: tuple[ModelFinding, ...]
    refused: tuple[str, ...] = ()
    left_out: int = 0


async def find_with_model(
    model: "Model", tools: RepositoryTools, description: str, known: str
) -> ModelFindings:
    """Return what a model finds in a repository, as far as it stands there.

    Args:
        model: The model.
        tools: What it may read.
        description: The goal in words.
        known: What is known of the repository already.

    Raises:
        AnswerRefused: It came to no end, or all that it reports is not in the files.
    """
    from pydantic_ai import ToolOutput

    output = ToolOutput(ReportedFindings, name=TOOL, description="Report the findings.")
    prompt = f"The goal: {description}\n\n{known}"
    ended = await converse(
        model, _INSTRUCTIONS, prompt, tools.for_reading(), output, tools.progress
    )
    if ended.answer is None:
        raise AnswerRefused(ended.why)
    reported = [
        (*map(storable, (one.path, one.quote, one.level, one.message)), one.line)
        for one in ended.answer.findings
    ]
    check = partial(check_findings, tools.repository)
    checked = await tools.run.step("check the findings", check, reported)
    if reported and not checked.findings:
        raise AnswerRefused(" ".join(checked.refused[:3]))
    return checked


def check_findings(
    repository: EditedRepository, reported: list[tuple[str, str, str, str, int]]
) -> ModelFindings:
    """Keep the findings whose quotes stand where they say.

    Args:
        repository: The files.
        reported: Each finding's path, quote, level, message and line.
    """
    kept: list[ModelFinding] = []
    refused: list[str] = []
    for path, quote, level, message, line in reported:
        said = " ".join(message.split())[:_LONGEST_MESSAGE]
        try:
            place = quoted_place(repository, path, line, quote)
        except AnswerRefused as why:
            refused.append(f"{said[:80]!r} is left out: {why}.")
            continue
        finding = ModelFinding.model_validate({"place": place, "level": level, "message": said})
        if said and finding not in kept:
            kept.append(finding)
    return ModelFindings(
        findings=tuple(kept[:MOST_FINDINGS]),
        refused=tuple(refused[:MOST_REFUSALS]),
        left_out=len(refused) + max(0, len(kept) - MOST_FINDINGS),
    )
