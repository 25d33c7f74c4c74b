"""How the tests go with the fixes, beside how they go without."""

from collections.abc import Iterator
from typing import Final

from perdure_code.markdown import cell, code
from perdure_code.test_runs.outcomes import TestCase, TestsResult

_FAILURES: Final = 10


def same(before: TestsResult, after: TestsResult) -> bool:
    """Say whether the same tests pass and fail."""
    names = [{failure.id for failure in tests.failures} for tests in (before, after)]
    return names[0] == names[1] and (
        (before.outcome, before.passed, before.failed, before.skipped)
        == (after.outcome, after.passed, after.failed, after.skipped)
    )


def failing_anew(before: TestsResult, after: TestsResult) -> list[TestCase]:
    """Return the tests that fail with the fixes and did not before."""
    known = {failure.id for failure in before.failures}
    return [failure for failure in after.failures if failure.id not in known]


def new_failures(before: TestsResult, after: TestsResult | None) -> Iterator[str]:
    """Write which tests fail with the fixes applied, and how."""
    if after is None or same(before, after):
        return
    failures = failing_anew(before, after)
    if after.ended:
        yield f"With the fixes applied the tests did not end: {cell(after.ended)}."
        yield ""
    elif not failures:
        yield (
            f"With the fixes applied {after.passed:,} tests pass and {after.failed:,} fail; without"
            f" them {before.passed:,} and {before.failed:,}."
        )
        yield ""
    if failures:
        yield "These tests fail with the fixes applied and did not before:"
        yield ""
        yield "| Test | Where | What it says |"
        yield "|:--|:--|:--|"
        for one in failures[:_FAILURES]:
            where = f"{one.path}:{one.line}" if one.line else one.path
            yield (
                f"| {cell(code(one.id))} | {cell(code(where)) if where else ''}"
                f" | {cell(one.message)} |"
            )
        yield ""
    for one in failures[:1]:
        if one.details:
            yield from (f"    {line}".rstrip() for line in one.details.splitlines()[-20:])
            yield ""
