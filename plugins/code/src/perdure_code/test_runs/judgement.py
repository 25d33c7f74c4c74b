"""What a run of pytest amounts to."""

from typing import Final

from perdure_code.sandbox.limits import CommandResult, Limit, Limits
from perdure_code.test_runs.causes import NO_TESTS, missing_modules, why_ended
from perdure_code.test_runs.outcomes import CaseOutcome, Outcome, TestsResult
from perdure_code.test_runs.report_lines import ReportedRun

_OUTPUT: Final = 4000
_FAILED: Final = 1


def judge(done: CommandResult, report: ReportedRun, limits: Limits, root: str) -> TestsResult:
    """Return the outcome of a run of pytest.

    Args:
        done: What the command came to.
        report: What pytest reported.
        limits: The limits that the command had.
        root: The repository's folder, as pytest saw it.
    """
    ran = bool(report.cases)
    failed = report.count(CaseOutcome.FAILED, CaseOutcome.ERROR) + len(report.collecting)
    result = TestsResult(
        outcome=Outcome.FAILED if failed else Outcome.PASSED,
        passed=report.count(CaseOutcome.PASSED),
        failed=failed,
        skipped=report.count(CaseOutcome.SKIPPED),
        seconds=done.seconds,
        cases=(*report.collecting, *report.cases),
    )
    if done.limit is not None:
        outcome = Outcome.TIMEOUT if done.limit is Limit.TIME else Outcome.UNABLE
        where = f" in {report.running}" if report.running else ""
        ended = f"{limits.sentence(done.limit)}{where and f'; it had got as far as{where[3:]}'}"
        return _ended(result, outcome, ended, done, root).model_copy(
            update={"limit": done.limit, "stopped_in": report.running}
        )
    to_the_end = report.status is not None
    if done.status == NO_TESTS or (done.status == 0 and to_the_end and not ran):
        return TestsResult(outcome=Outcome.NONE, ended="pytest found no test", seconds=done.seconds)
    if ran and to_the_end and done.status in {0, _FAILED}:
        missing = missing_modules(report)
        if missing:
            note = f"some could not be run, because their Python lacks {', '.join(missing)}"
            result = result.model_copy(update={"notes": (note,)})
        return result
    return _ended(result, Outcome.UNABLE, why_ended(done, report, root), done, root)


def _ended(
    result: TestsResult, outcome: Outcome, ended: str, done: CommandResult, root: str
) -> TestsResult:
    output = done.output.replace(f"{root}/", "")[-_OUTPUT:]
    return result.model_copy(update={"outcome": outcome, "ended": ended, "output": output})
