"""Answering a question with a model, part by part."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from perdure.agents import AnswerRefused
from perdure_research.answers.claims import Claim, Disagreement, Findings, Role
from perdure_research.models.drafts import Refusal
from perdure_research.models.evidence.names import names_of
from perdure_research.models.failures import ends_the_model_only
from perdure_research.models.limits import Limits
from perdure_research.models.planning import Part, plan_parts
from perdure_research.models.relevance import Question
from perdure_research.models.source_access import SourceAccess
from perdure_research.models.writing import AnsweredPart, answer_part
from perdure_research.sources.source import Fact

if TYPE_CHECKING:
    from pydantic_ai.models import Model

_REASONS = 3


class ModelFindings(Fact):
    """What a model found out, after all of it was checked.

    Attributes:
        findings: The claims, and what was not found.
        refused: The sentences that were left out, and why.
        searches: What was searched for.
        stopped: Why not all parts of the question were looked at; empty where they were.
    """

    findings: Findings
    refused: tuple[Refusal, ...] = ()
    searches: tuple[str, ...] = ()
    stopped: str = ""


async def research_with_model(
    model: "Model",
    access: SourceAccess,
    text: str,
    by_rules: Findings,
    limits: Limits,
    report: Callable[[int, int, str], Awaitable[None]],
) -> ModelFindings:
    """Return what a model finds out about a question.

    Where it fails after some parts of the question were answered, these are returned.

    Args:
        model: The model.
        access: The sources.
        text: The question.
        by_rules: What the rules have found.
        limits: How much it may do.
        report: Called before each part with its number from 0, how many there are, and the part.

    Raises:
        AnswerRefused: Nothing that it wrote is borne out by the sources.
    """
    plan = await plan_parts(model, text, limits)
    answered: list[AnsweredPart] = []
    found = (one for claim in by_rules.claims for one in claim.citations)
    citations = list(dict.fromkeys(found))[: limits.excerpts]
    stopped = ""
    for number, part in enumerate(plan):
        await report(number, len(plan), part.question)
        question = Question(text=text, part=part.question, linked=_links(answered))
        try:
            answered.append(
                await answer_part(model, access, question, part, plan, citations, limits)
            )
        except Exception as error:
            if not any(one.claims for one in answered) or not ends_the_model_only(error):
                raise
            stopped = str(error)
            break
    refused = tuple(refusal for one in answered for refusal in one.refused)
    if refused and not any(one.claims for one in answered):
        reasons = [f"{one.sentence!r} is left out: {one.why}" for one in refused[:_REASONS]]
        raise AnswerRefused("; ".join(reasons))
    searches = (query for one in answered for query in one.searches)
    return ModelFindings(
        findings=_gathered(plan, answered),
        refused=refused,
        searches=tuple(dict.fromkeys(searches)),
        stopped=stopped,
    )


def _links(answered: Sequence[AnsweredPart]) -> tuple[str, ...]:
    """Return the names in what was found so far: a further part may ask of them."""
    names = (
        name
        for one in answered
        for claim in one.claims
        for name in names_of(claim.text, lambda _: True)
    )
    return tuple(dict.fromkeys(names))


def _gathered(plan: Sequence[Part], answered: Sequence[AnsweredPart]) -> Findings:
    claims: list[Claim] = []
    disagreements: list[Disagreement] = []
    for one in answered:
        places = []
        for number, claim in enumerate(one.claims):
            known = [each.text.casefold() for each in claims]
            if claim.text.casefold() not in known:
                role: Role = "support" if number else "answer"
                claims.append(claim.model_copy(update={"role": role}))
                known.append(claim.text.casefold())
            places.append(known.index(claim.text.casefold()))
        disagreements += [
            Disagreement(claims=tuple(places[place] for place in group.claims))
            for group in one.disagreements
        ]
    unanswered = [
        part.question
        for number, part in enumerate(plan)
        if number >= len(answered) or not answered[number].claims
    ]
    silent = set.intersection(*(set(one.missing) for one in answered)) if answered else set()
    missing = sorted(name for name in silent if claims and not any(name in q for q in unanswered))
    return Findings(
        claims=tuple(claims),
        disagreements=tuple(disagreements),
        not_found=(*unanswered, *missing),
    )
