"""Reading what the reporter in pytest has written, line by line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from perdure_code.test_runs.outcomes import CaseOutcome, TestCase

_CASES: Final = 20_000
_TEXT: Final = 300


@dataclass(slots=True)
class ReportedRun:
    """What one run of pytest has reported.

    Attributes:
        runner: Which pytest on which Python; empty when it was not even configured.
        collected: How many tests it was going to run; ``None`` when collecting did not end.
        cases: The tests that it ran.
        collecting: The files that could not be imported, as cases with an error.
        running: The test that had begun and not ended.
        internal: The error inside of pytest, if there was one.
        status: With which status it meant to end; ``None`` when it did not get there.
    """

    runner: str = ""
    collected: int | None = None
    cases: list[TestCase] = field(default_factory=list)
    collecting: list[TestCase] = field(default_factory=list)
    running: str = ""
    internal: str = ""
    status: int | None = None

    def count(self, *outcomes: CaseOutcome) -> int:
        """Return how many tests came to one of the outcomes."""
        return sum(case.outcome in outcomes for case in self.cases)


def read_report(text: str) -> ReportedRun:
    """Return what a report says; a line that a crash has cut off is left out."""
    run = ReportedRun()
    tests: dict[str, TestCase] = {}
    called = True
    for line in _lines(text):
        match line.get("kind"):
            case "session":
                run.runner = f"pytest {_text(line, 'pytest')} on Python {_text(line, 'python')}"
            case "collected":
                run.collected = _number(line, "number")
            case "start":
                run.running, called = _text(line, "id"), False
            case "test":
                _add(tests, line)
                called = called or line.get("when") != "setup" or line.get("outcome") != "passed"
                if line.get("when") == "teardown" and run.running == line.get("id"):
                    run.running = ""
            case "collecting":
                run.collecting.append(_case(line, CaseOutcome.ERROR))
            case "internal":
                run.internal = _text(line, "message")
            case "end":
                run.status = _number(line, "status")
    # Of a test that has been set up and then ended the process, nothing is known.
    if run.running and not called:
        tests.pop(run.running, None)
    run.cases = list(tests.values())[:_CASES]
    return run


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _add(tests: dict[str, TestCase], line: dict[str, Any]) -> None:
    """Add one of the three reports of a test: its set-up, itself, its clean-up."""
    name = _text(line, "id")
    failed = line.get("outcome") == "failed"
    if failed:
        outcome = CaseOutcome.FAILED if line.get("when") == "call" else CaseOutcome.ERROR
    elif line.get("outcome") == "skipped" or line.get("expected"):
        outcome = CaseOutcome.SKIPPED
    else:
        outcome = CaseOutcome.PASSED
    new = _case(line, outcome)
    old = tests.get(name)
    if old is None:
        tests[name] = new
        return
    # A test may fail and its clean-up too: the failure counts.
    worse = new if old.outcome is CaseOutcome.PASSED else old
    tests[name] = worse.model_copy(update={"seconds": round(old.seconds + new.seconds, 4)})


def _case(line: dict[str, Any], outcome: CaseOutcome) -> TestCase:
    return TestCase(
        id=_text(line, "id"),
        outcome=outcome,
        message=_text(line, "message")[:_TEXT],
        seconds=round(_seconds(line), 4),
        path=_text(line, "path"),
        line=_number(line, "line"),
        details=_text(line, "details"),
    )


# The process that writes a report is not to be trusted: any value may be of any type.
def _text(line: dict[str, Any], key: str) -> str:
    value = line.get(key, "")
    return value if isinstance(value, str) else ""


def _number(line: dict[str, Any], key: str) -> int:
    value = line.get(key, 0)
    return value if isinstance(value, int) else 0


def _seconds(line: dict[str, Any]) -> float:
    value = line.get("seconds", 0.0)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else 0.0
