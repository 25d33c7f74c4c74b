"""The way with a model: taken where one is named and its answer is borne out, else the rules go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from perdure.agents import AnswerRefused, Run
from perdure_research.answers.claims import Claim, Disagreement, Findings
from perdure_research.models.limits import LIMITS
from perdure_research.models.relevance import speaks_of
from perdure_research.models.researching import ModelFindings, research_with_model
from perdure_research.models.source_access import Reader, SourceAccess, Widen
from perdure_research.parameters import Depth
from perdure_research.sources.source import Source

if TYPE_CHECKING:
    from pydantic_ai.models import Model


async def answer_with_model(
    run: Run,
    text: str,
    depth: Depth,
    sources: Sequence[Source],
    reader: Reader,
    *,
    by_rules: Findings,
    percentages: tuple[float, float],
    widen: Widen | None = None,
) -> ModelFindings | None:
    """Return what a model finds out about a question; ``None`` where the rules' answer counts.

    That is so where no model is named, where it fails, where its budget is too small, where nothing
    that it writes is borne out, and where it finds nothing although the rules have an answer.

    Args:
        run: The run.
        text: The question.
        depth: How much may be done.
        sources: The sources that were read.
        reader: What searches and opens them, in steps.
        by_rules: What the rules have found.
        percentages: How far the run is at the beginning and in the end.
        widen: Searches the goal's search providers; see :class:`SourceAccess`.
    """

    async def report(number: int, count: int, part: str) -> None:
        begin, end = percentages
        await run.progress(round(begin + (end - begin) * number / count, 1), f"answering {part}")

    async def with_model(model: "Model", text: str) -> ModelFindings | None:
        access = SourceAccess(run, sources, reader, widen)
        return await research_with_model(model, access, text, by_rules, LIMITS[depth], report)

    async def without_model(_: str) -> ModelFindings | None:
        return None

    def is_no_worse(found: ModelFindings | None) -> None:
        if by_rules.claims and found is not None and not found.findings.claims:
            raise AnswerRefused("it found nothing, and the sources do say something of it")

    answer = await run.try_model("research", with_model, without_model, text, check=is_no_worse)
    return answer.value


def joined_with_rules(found: Findings, by_rules: Findings) -> Findings:
    """Return a model's findings with what the rules see beyond them.

    A contradiction is shown whole: a side that the model left out is added in its source's own
    words. And what no source speaks of is said, where no claim of the model speaks of it either.
    """
    claims = list(found.claims)
    groups = [set(one.claims) for one in found.disagreements]
    for one in by_rules.disagreements:
        group = set[int]()
        for claim in (by_rules.claims[place] for place in one.claims):
            same = [place for place, mine in enumerate(claims) if _quotes_same(mine, claim)]
            if not same:
                claims.append(claim)
            group |= set(same[:1]) or {len(claims) - 1}
        if len(group) > 1 and not any(group <= known for known in groups):
            groups = [known for known in groups if not known <= group] + [group]
    said = "\n".join(text for one in claims for text in (one.text, *_quotes(one)))
    absent = tuple(name for name in by_rules.absent if not speaks_of(said, name))
    return found.model_copy(
        update={
            "claims": tuple(claims),
            "disagreements": tuple(Disagreement(claims=tuple(sorted(one))) for one in groups),
            "not_found": tuple(part for part in found.not_found if part not in absent),
            "absent": absent,
            "nearest": () if claims else by_rules.nearest,
        }
    )


def _quotes(claim: Claim) -> list[str]:
    return [citation.quote for citation in claim.citations]


def _quotes_same(one: Claim, other: Claim) -> bool:
    return any(
        mine.source == its.source and mine.start < its.end and its.start < mine.end
        for mine in one.citations
        for its in other.citations
    )


def model_data(found: ModelFindings | None) -> dict[str, JsonValue]:
    """Return what the result's data says of a model's work: searches, and sentences left out."""
    if found is None:
        return {}
    return {
        "searches": list(found.searches),
        "refused_sentences": [one.model_dump(mode="json") for one in found.refused],
    }


def model_metadata(found: ModelFindings | None) -> dict[str, JsonValue]:
    """Return what the result's metadata says beside the way: why the model's work was cut short."""
    return {"way_reason": found.stopped} if found is not None and found.stopped else {}
