"""What came of running a repository's own tests."""

from enum import StrEnum

from perdure_code.facts import Fact
from perdure_code.sandbox.limits import Limit


class Outcome(StrEnum):
    """What came of running the tests."""

    PASSED = "passed"
    FAILED = "failed"
    UNABLE = "unable"
    TIMEOUT = "timeout"
    NONE = "none"
    OFF = "off"


class CaseOutcome(StrEnum):
    """What came of one test; an error is a failure before or after the test itself."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class TestCase(Fact):
    """One test that was run.

    Attributes:
        id: Pytest's node id, such as ``tests/test_basket.py::TestBasket::test_total[2]``.
        outcome: What came of it; an expected failure counts as skipped.
        message: The first line of what it says, when it failed.
        seconds: How long it took, what was set up for it included.
        path: The file that raised, relative to the repository; empty when it is not known.
        line: The line that raised; 0 when it is not known.
        details: The end of the traceback, for the first failures.
    """

    __test__ = False  # pytest would take the name for a class of tests

    id: str
    outcome: CaseOutcome
    message: str = ""
    seconds: float = 0.0
    path: str = ""
    line: int = 0
    details: str = ""


class TestsResult(Fact):
    """The outcome of a repository's own tests.

    Attributes:
        outcome: What came of running them.
        ended: Why they were not run to their end, in one sentence; empty when they were.
        passed: How many.
        failed: How many, errors included.
        skipped: How many, expected failures included.
        seconds: How long they took.
        cases: Each test that was run, in that order.
        stopped_in: The test that was running when a limit stopped them.
        limit: The limit that stopped them.
        notes: What had to be changed to run them at all, one sentence each.
        output: The end of what was printed, when they could not be run.
        runner: Which pytest on which Python, and whose.
        isolation: What kept them from the rest of the machine.
    """

    __test__ = False  # likewise

    outcome: Outcome
    ended: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    cases: tuple[TestCase, ...] = ()
    stopped_in: str = ""
    limit: Limit | None = None
    notes: tuple[str, ...] = ()
    output: str = ""
    runner: str = ""
    isolation: str = ""

    @property
    def failures(self) -> tuple[TestCase, ...]:
        """The tests that failed."""
        bad = {CaseOutcome.FAILED, CaseOutcome.ERROR}
        return tuple(case for case in self.cases if case.outcome in bad)
