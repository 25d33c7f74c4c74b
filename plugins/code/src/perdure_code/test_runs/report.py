"""Writing about tests in Markdown."""

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from perdure_code.markdown import cell, code
from perdure_code.sandbox.isolation import Isolation
from perdure_code.test_runs.outcomes import Outcome, TestsResult

_FAILURES: Final = 20
_KEPT_FAILURES: Final = 50
_RAN: Final = {Outcome.PASSED, Outcome.FAILED}


def outcome_of(tests: TestsResult) -> str:
    """Say how the tests went."""
    if tests.outcome in _RAN and not tests.passed + tests.failed + tests.skipped:
        # A command says whether they pass, and not how many there are.
        said = "pass" if tests.outcome is Outcome.PASSED else f"fail: {tests.ended}"
        return f"Its tests {said} ({tests.seconds:.1f} s)."
    counts = f"{tests.passed:,} passed, {tests.failed:,} failed, {tests.skipped:,} skipped"
    match tests.outcome:
        case Outcome.PASSED:
            skipped = f", {tests.skipped:,} skipped" if tests.skipped else ""
            return f"Its tests pass ({tests.passed:,} passed{skipped}, {tests.seconds:.1f} s)."
        case Outcome.FAILED:
            return f"Its tests fail ({counts}, {tests.seconds:.1f} s)."
        case Outcome.NONE:
            return "It has no tests."
        case Outcome.OFF:
            return "Its tests were not run, as asked."
        case Outcome.TIMEOUT | Outcome.UNABLE:
            what = "did not end" if tests.outcome is Outcome.TIMEOUT else "could not be run"
            return f"Its tests {what}: {tests.ended}."


def tests_section(tests: TestsResult) -> Iterator[str]:
    """Write the section about the tests."""
    yield "## Tests"
    yield ""
    yield outcome_of(tests) + (f" Run by {tests.runner}{_where(tests)}." if tests.runner else "")
    yield ""
    for note in tests.notes:
        yield f"Note: {cell(note)}."
        yield ""
    if tests.failures:
        yield "| Test | Where | What it says |"
        yield "|:--|:--|:--|"
        for failure in tests.failures[:_FAILURES]:
            where = f"{failure.path}:{failure.line}" if failure.line else failure.path
            yield (
                f"| {cell(code(failure.id))} | {cell(code(where)) if where else ''}"
                f" | {cell(failure.message)} |"
            )
        yield ""
        if tests.failed > _FAILURES:
            yield f"{tests.failed - _FAILURES:,} more failed."
            yield ""
    if tests.output:
        yield "The end of what was printed:"
        yield ""
        yield from (f"    {line}".rstrip() for line in tests.output.splitlines()[-30:])
        yield ""


def _where(tests: TestsResult) -> str:
    if tests.isolation == Isolation.NONE:
        return ", without a sandbox: with the worker's rights"
    return ", in a sandbox"


def tests_data(tests: TestsResult) -> dict[str, JsonValue]:
    """Return what a program that goes on from here needs of the tests."""
    facts: dict[str, JsonValue] = tests.model_dump(mode="json", exclude={"output", "cases"})
    failures: list[JsonValue] = [
        case.model_dump(mode="json") for case in tests.failures[:_KEPT_FAILURES]
    ]
    return {**facts, "failures": failures}
