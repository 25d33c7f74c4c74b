"""Findings, suspected lines and explanations of a model, in Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

from perdure_code.markdown import cell, code, counted, fenced
from perdure_code.models.answers.citations import Citation
from perdure_code.models.answers.explanation import Explanation
from perdure_code.models.answers.findings import ModelFindings
from perdure_code.models.answers.suspects import ModelSuspects

_SUMMARISED: Final = 3


def write_findings(findings: ModelFindings, model: str) -> Iterator[str]:
    """Yield the lines of a section on what a model finds."""
    yield from (f"## Found by {cell(model)}", "")
    if not findings.findings:
        yield from ("It reports nothing.", "")
    else:
        yield "The code stands there word for word; whether it is wrong, nobody has checked."
        yield ""
    for one in findings.findings:
        yield from (f"- **{one.level}** at {_place(one.place)}: {cell(one.message)}", "")
        yield from (f"  {line}" for line in fenced(one.place.quote))
        yield ""
    yield from _left_out(findings.refused, findings.left_out, "finding")


def findings_sentence(findings: ModelFindings, model: str) -> str:
    """Say how much a model found, and what is gravest."""
    if not findings.findings:
        return f"{model} reports nothing."
    first = findings.findings[0]
    return (
        f"{model} has {counted(len(findings.findings), 'finding')}, which nobody has checked; the"
        f" first: {first.message.rstrip('.')} ({_written_place(first.place)})."
    )


def write_suspects(suspects: ModelSuspects, model: str) -> Iterator[str]:
    """Yield the lines of a section on the lines that a model suspects."""
    yield from (f"## Suspected by {cell(model)}", "")
    yield "The lines stand there; the reasons are the model's, and nobody has checked them."
    yield from ("", "| Line | Code | Why |", "|:--|:--|:--|")
    for one in suspects.suspects:
        shown = code(one.place.quote.strip().splitlines()[0]).replace("|", "\\|")
        yield f"| {_place(one.place)} | {shown} | {cell(one.reason)} |"
    yield ""
    yield from _left_out(suspects.refused, suspects.left_out, "line")


def summarise_explanation(explanation: Explanation) -> str:
    """Return the first claims of an explanation, each with its places."""
    said = [
        f"{claim.text.rstrip('.')} ({', '.join(map(_written_place, claim.places))})."
        for claim in explanation.claims[:_SUMMARISED]
    ]
    return " ".join(said)


def write_explanation(explanation: Explanation, model: str) -> Iterator[str]:
    """Yield the lines of a section with a model's explanation."""
    yield from (f"## Explained by {cell(model)}", "")
    for claim in explanation.claims:
        places = ", ".join(map(_place, claim.places))
        yield from (f"{cell(claim.text)} ({places})", "")
    yield (
        "Each claim cites lines that exist and hold the names and numbers it uses; what it makes of"
        " them is the model's."
    )
    yield ""
    yield from _left_out(explanation.refused, explanation.left_out, "claim")


def _place(place: Citation) -> str:
    return code(_written_place(place))


def _written_place(place: Citation) -> str:
    lines = str(place.first) if place.first == place.last else f"{place.first}-{place.last}"
    return f"{place.path}:{lines}"


def _left_out(refused: Sequence[str], count: int, noun: str) -> Iterator[str]:
    if not count:
        return
    yield from (f"{counted(count, noun)} left out:", "")
    yield from (f"- {cell(why)}" for why in refused)
    if count > len(refused):
        yield f"- and {count - len(refused):,} more"
    yield ""
