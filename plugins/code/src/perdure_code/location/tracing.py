"""Running the tests with their lines traced."""

from pathlib import Path
from typing import Final

from pydantic import Field

from perdure.agents import InputError, Run
from perdure_code.facts import Fact
from perdure_code.sandbox.bubblewrap import SandboxUnavailable
from perdure_code.test_runs.settings import TestSettings
from perdure_code.trials.records import (
    AnyRecord,
    CollectedRecord,
    CoverageRecord,
    EndRecord,
    FailureRecord,
    Job,
    TestRecord,
)
from perdure_code.trials.running import open_trials

_TRACED_SECONDS: Final = 2.0
_FAILING: Final = 50
_SHARE: Final = 0.4


class Traced(Fact):
    """What failing and passing tests execute.

    Attributes:
        failing: The tests that fail, at most fifty.
        more_failing: How many fail beyond these.
        passing: The seconds that each passing test took.
        passed_lines: By path and line, how many passing tests execute it.
        tests_of: By path, the passing tests that execute it.
        skipped: How many tests are skipped.
        runner: Which Python ran them.
        notes: What had to be changed to run them, one sentence each.
        ended: Why they were not run to their end; empty when they were.
    """

    failing: tuple[TestRecord, ...] = ()
    more_failing: int = 0
    passing: dict[str, float] = Field(default_factory=dict)
    passed_lines: dict[str, dict[int, int]] = Field(default_factory=dict)
    tests_of: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    skipped: int = 0
    runner: str = ""
    notes: tuple[str, ...] = ()
    ended: str = ""

    @property
    def failures(self) -> dict[str, str]:
        """What each failing test says, by its id."""
        return {record.id: f"{record.error}: {record.message}" for record in self.failing}


async def trace_tests(
    run: Run, root: str, settings: TestSettings, tests: tuple[str, ...] = ()
) -> Traced:
    """Run a repository's tests with their lines traced; call it in a step.

    A test that takes too long while it is traced runs once more without that.

    Args:
        run: The run that they belong to.
        root: The repository.
        settings: How they are to be run.
        tests: The ids of the tests; all when there are none.
    """
    seconds = settings.limits.seconds
    try:
        async with open_trials(run, Path(root), settings) as trials:
            job = Job(
                kind="trace",
                root=trials.root,
                tests=tests,
                test_seconds=min(_TRACED_SECONDS, seconds),
                seconds=seconds,
                memory=settings.limits.memory_bytes // 2,
            )
            records, ended = await trials.execute(job, name="trace the tests")
            if not any(isinstance(record, TestRecord) for record in records):
                # A plain run says best why there is none.
                ended = (await trials.prepared.execute()).ended or ended
            slow = _stopped(records)
            if slow and not ended:
                again = job.model_copy(
                    update={"kind": "run", "tests": slow, "seconds": seconds * _SHARE}
                )
                untraced, _ = await trials.execute(again, name="run slow tests untraced")
                records = _without_tracing(records, untraced)
            environment = trials.prepared.environment
    except (SandboxUnavailable, InputError) as error:
        return Traced(ended=str(error))
    return _gather(records, ended).model_copy(
        update={"runner": environment.description, "notes": environment.notes}
    )


def _stopped(records: list[AnyRecord]) -> tuple[str, ...]:
    return tuple(
        record.id
        for record in records
        if isinstance(record, TestRecord) and record.outcome == "stopped"
    )


def _without_tracing(records: list[AnyRecord], untraced: list[AnyRecord]) -> list[AnyRecord]:
    """Give tests that only tracing made too slow the outcome they have without it."""
    better = {
        record.id: record
        for record in untraced
        if isinstance(record, TestRecord) and record.outcome != "stopped"
    }
    return [
        better[record.id].model_copy(update={"lines": record.lines})
        if isinstance(record, TestRecord) and record.id in better
        else record
        for record in records
    ]


def _gather(records: list[AnyRecord], ended: str) -> Traced:
    tests = [record for record in records if isinstance(record, TestRecord)]
    failing = [record for record in tests if record.fails]
    passing = {record.id: record.seconds for record in tests if record.outcome == "passed"}
    passed: dict[str, dict[int, int]] = {}
    tests_of: dict[str, list[str]] = {}
    for record in records:
        if isinstance(record, CoverageRecord):
            passed = record.passed
            for test, paths in record.tests.items():
                for path in paths:
                    if test in passing:
                        tests_of.setdefault(path, []).append(test)
        elif isinstance(record, FailureRecord):
            ended = ended or record.message
        elif isinstance(record, EndRecord) and record.reason:
            ended = ended or _reason(record.reason)
    if not tests and not ended:
        found = any(isinstance(record, CollectedRecord) for record in records)
        ended = "pytest found no test" if found else "pytest could not be started"
    return Traced(
        failing=tuple(failing[:_FAILING]),
        more_failing=max(0, len(failing) - _FAILING),
        passing=passing,
        passed_lines=passed,
        tests_of={path: tuple(names) for path, names in tests_of.items()},
        skipped=sum(record.outcome == "skipped" for record in tests),
        ended=ended,
    )


def _reason(reason: str) -> str:
    if reason == "time":
        return "the time was up before all tests had run: raise the parameter 'tests_timeout'"
    return reason
