"""Writing about suspected lines in Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

from perdure_code.location.facts import Location, Suspect
from perdure_code.location.tracing import Traced
from perdure_code.markdown import cell, code, counted

_SUSPECTS: Final = 20
_FAILURES: Final = 20


def trace_sentence(traced: Traced) -> str:
    """Say how the traced tests went."""
    failing = len(traced.failing) + traced.more_failing
    if not failing and traced.ended:
        return f"The tests could not be run: {traced.ended}."
    if not failing:
        return f"All {counted(len(traced.passing), 'test')} pass: there is no fault to look for."
    verb = "fails" if failing == 1 else "fail"
    return (
        f"{counted(failing, 'test')} {verb}, {len(traced.passing):,}"
        f" {'passes' if len(traced.passing) == 1 else 'pass'}."
    )


def suspect_sentence(suspects: Sequence[Suspect]) -> str:
    """Say which line is suspected most."""
    if not suspects:
        return "The failing tests execute no line of the repository that is understood."
    first = suspects[0]
    where = f" in {code(first.function)}" if first.function else ""
    if not first.text:
        why = first.evidence[0].reason if first.evidence else ""
        return f"Python stops reading {code(f'{first.path}:{first.line}')}: {cell(why)}."
    return (
        f"The line suspected most is {code(f'{first.path}:{first.line}')}{where}:"
        f" {code(first.text)}."
    )


def failing_section(traced: Traced) -> Iterator[str]:
    """Write the section about the failing tests."""
    yield "## The failing tests"
    yield ""
    if traced.runner:
        yield f"Run on {traced.runner}."
        yield ""
    for note in (*traced.notes, traced.ended):
        if note:
            yield f"Note: {cell(note)}."
            yield ""
    if not traced.failing:
        yield "None."
        yield ""
        return
    yield "| Test | How | What it says |"
    yield "|:--|:--|:--|"
    for record in traced.failing[:_FAILURES]:
        said = record.message.partition("\n")[0]
        raised = f"{record.error}: {said}" if record.error and said else record.error or said
        if record.outcome == "stopped":
            raised = "it did not end"
        yield f"| {cell(code(record.id))} | {record.outcome} | {cell(raised)} |"
    yield ""
    more = len(traced.failing) + traced.more_failing - _FAILURES
    if more > 0:
        yield f"{more:,} more fail."
        yield ""


def suspects_section(location: Location, suspects: Sequence[Suspect]) -> Iterator[str]:
    """Write the section about the suspected lines."""
    yield "## The suspected lines"
    yield ""
    yield (
        f"Of {counted(location.statements, 'statement')} that the failing tests execute, those"
        " suspected most. *Failing* and *passing* count the tests that execute it."
    )
    yield ""
    if location.note:
        yield f"Note: {cell(location.note)}."
        yield ""
    if not suspects:
        return
    yield "| | Where | Line | Failing | Passing | Score | Why |"
    yield "|--:|:--|:--|--:|--:|--:|:--|"
    for number, one in enumerate(suspects[:_SUSPECTS], 1):
        why = "; ".join(
            evidence.reason
            for evidence in sorted(one.evidence, key=lambda evidence: -abs(evidence.weight))
        )
        yield (
            f"| {number} | {cell(code(f'{one.path}:{one.line}'))} | {cell(code(one.text))}"
            f" | {one.failed} | {one.passed} | {one.score:.2f} | {cell(why)} |"
        )
    yield ""


def method_of_location() -> Iterator[str]:
    """Say how the lines are ranked."""
    yield (
        "- A line is suspected the more, the more failing and the fewer passing tests execute it"
        " (Ochiai's coefficient), and by how the failures look: where an exception was raised, what"
        " a loop without end executes, what makes the value that was wrong."
    )
    yield (
        "- Small edits of the lines are tried as well: one with which failing tests pass speaks for"
        " its line."
    )
