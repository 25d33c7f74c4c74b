"""What a change of the code made of the tests, one by one."""

from collections.abc import Collection
from typing import Final

from perdure_code.facts import Fact
from perdure_code.test_runs.outcomes import CaseOutcome, TestCase, TestsResult

_SHOWN_FAILURES: Final = 8
_SHOWN_DETAILS: Final = 3
_MOST_DETAILS: Final = 1_200
_BAD: Final = frozenset({CaseOutcome.FAILED, CaseOutcome.ERROR})


class Comparison(Fact):
    """What became of the tests between two states of the code.

    Attributes:
        mended: Those that failed and pass now.
        failing: Those that fail now, and did before or were not run.
        broken: Those that passed, and do no more; they fail, are skipped, or are gone.
        unsteady: Those that failed, and pass now and then without any change.
    """

    mended: tuple[str, ...]
    failing: tuple[str, ...]
    broken: tuple[str, ...]
    unsteady: tuple[str, ...] = ()


def passed_tests(result: TestsResult) -> frozenset[str]:
    """Return the tests that passed."""
    return frozenset(case.id for case in result.cases if case.outcome == CaseOutcome.PASSED)


def failed_tests(result: TestsResult) -> frozenset[str]:
    """Return the tests that failed, could not be collected, or never ended."""
    failed = {case.id for case in result.cases if case.outcome in _BAD}
    return frozenset(failed | ({result.stopped_in} if result.stopped_in else set()))


def pass_all(result: TestsResult) -> bool:
    """Say whether tests ran to their end, there are some, and none failed."""
    return not result.ended and bool(passed_tests(result)) and not failed_tests(result)


def failed_alike(result: TestsResult) -> list[list[str]]:
    """Return what tells one way to fail from another."""
    failed = [[case.id, case.message] for case in result.cases if case.outcome in _BAD]
    return [*sorted(failed), [result.ended, result.stopped_in]]


def tests_of(result: TestsResult, paths: Collection[str]) -> tuple[TestCase, ...]:
    """Return the tests of some files."""
    return tuple(case for case in result.cases if case.id.split("::")[0] in paths)


def without_tests_of(result: TestsResult, paths: Collection[str]) -> TestsResult:
    """Return a result without the tests of some files."""
    kept = tuple(case for case in result.cases if case.id.split("::")[0] not in paths)
    return result.model_copy(update={"cases": kept})


def compare(before: TestsResult, after: TestsResult) -> Comparison:
    """Return what became of each test that was run before."""
    failed, passed = failed_tests(before), passed_tests(before)
    passes, fails = passed_tests(after), failed_tests(after)
    mended = {name for name in failed if name in passes or _is_collected(name, passes, fails)}
    return Comparison(
        mended=tuple(sorted(mended)),
        failing=tuple(sorted((failed - mended) | (fails - passed))),
        broken=tuple(sorted(passed - passes)),
    )


def told_outcomes(result: TestsResult) -> str:
    """Say to a model how the tests went."""
    passed, failed = len(passed_tests(result)), failed_tests(result)
    skipped = sum(case.outcome == CaseOutcome.SKIPPED for case in result.cases)
    lines = [f"{passed} passed, {len(failed)} failed, {skipped} skipped."]
    if result.ended:
        lines.append(f"They did not run to their end: {result.ended}.")
    if result.stopped_in:
        lines.append(f"{result.stopped_in} did not end and was stopped.")
    failures = [case for case in result.cases if case.outcome in _BAD]
    for place, case in enumerate(failures[:_SHOWN_FAILURES]):
        where = f" ({case.path}:{case.line})" if case.line else ""
        lines.append(f"{case.id}{where}: {case.message}")
        if place < _SHOWN_DETAILS and case.details:
            lines.append(case.details[-_MOST_DETAILS:])
    if len(failures) > _SHOWN_FAILURES:
        lines.append(f"… and {len(failures) - _SHOWN_FAILURES} more that failed.")
    return "\n".join(lines)


def _is_collected(name: str, passes: Collection[str], fails: Collection[str]) -> bool:
    """Say whether a file that could not be collected is, and all its tests pass."""
    if "::" in name or name in fails:
        return False
    return any(one.startswith(f"{name}::") for one in passes) and not any(
        one.startswith(f"{name}::") for one in fails
    )
