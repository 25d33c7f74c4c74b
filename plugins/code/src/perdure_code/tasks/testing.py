"""The test: a repository's own tests, run in an environment and a sandbox of their own.

A goal that asks for tests to be written has a model write them, where there is one.
"""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.agents import Answer, Progress, Result, Run
from perdure_code.markdown import cell, head
from perdure_code.models.changes.test_writing import WrittenTests
from perdure_code.models.conversation.round_progress import Share
from perdure_code.models.report.changes import TESTS, verdict_on_tests, write_tests
from perdure_code.models.work import ModelWork
from perdure_code.parameters import CodeParameters
from perdure_code.repository.working_copy import resolve
from perdure_code.test_runs.outcomes import TestsResult
from perdure_code.test_runs.pytest_run import run_tests
from perdure_code.test_runs.report import outcome_of, tests_data, tests_section

# What the model's work has of the progress.
_SHARE: Final = Share(30, 95)
_ASKS: Final = re.compile(
    r"\b(?:add|complete|create|extend|generate|propose|suggest|write)\b.*\btests?\b"
    r"|\bmissing\b.*\btests?\b|\btests?\b.*\b(?:are|is) missing\b",
    re.IGNORECASE | re.DOTALL,
)


def asks_for_tests(description: str) -> bool:
    """Say whether a goal asks for tests to be written, beyond those that are there."""
    return _ASKS.search(description) is not None


class TestTask:
    """Runs a repository's tests and delivers ``tests.md``; new ones as ``tests.patch``."""

    __test__ = False  # pytest would take the name for a class of tests

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        self._run = run
        self._parameters = parameters
        self._tests: TestsResult | None = None
        self._written: Answer[WrittenTests | None] | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Look, run the tests, and write."""
        yield Progress(percentage=0, message=f"looking at {self._parameters.path}")
        root = await self._run.step("find", _find, str(self._parameters.path))
        seconds = self._parameters.tests_timeout
        yield Progress(percentage=5, message=f"running its tests, {seconds:g} s at most")
        tests = await self._run.step("test", self._test, root)
        if asks_for_tests(description):
            yield Progress(percentage=30, message="writing tests")
            work = ModelWork(self._run, root, self._parameters.test_settings, _SHARE)
            self._written = await work.write_tests(description, "", tests)
            if self._written.value is not None:
                patch = self._written.value.patch
                await self._run.artifact(TESTS, patch, media_type="text/x-diff")
        yield Progress(percentage=95, message="writing about them")
        text = "\n".join(self._report(tests, Path(root).name, description)).rstrip() + "\n"
        await self._run.artifact("tests.md", text)
        self._tests = tests
        yield Progress(percentage=100, message=outcome_of(tests))

    async def get_results(self) -> Result:
        """Return how the tests went, if they have been run."""
        if self._tests is None:
            return Result()
        data: dict[str, JsonValue] = {"tests": tests_data(self._tests)}
        if self._written is None:
            return Result(summary=outcome_of(self._tests), data=data)
        return Result(
            summary=f"{outcome_of(self._tests)} {_about_new_tests(self._written)}",
            data=data | {"new_tests": _new_tests_data(self._written.value)},
        )

    async def _test(self, root: str) -> TestsResult:
        return await run_tests(self._run, Path(root), self._parameters.test_settings)

    def _report(self, tests: TestsResult, name: str, description: str) -> Iterator[str]:
        yield from head(f"The tests of {cell(name)}", description)
        yield from tests_section(tests)
        if self._written is not None and self._written.value is not None:
            yield from write_tests(self._written.value, self._written.model)
        elif self._written is not None:
            yield from ("## New tests", "", cell(_about_new_tests(self._written)), "")
        if tests.cases:
            yield "## Each test"
            yield ""
            yield "| Test | Outcome | Seconds |"
            yield "|:--|:--|--:|"
            for case in tests.cases:
                yield f"| {cell(case.id)} | {case.outcome.value} | {case.seconds:.3f} |"


def _find(path: str) -> str:
    return str(resolve(path))


def _about_new_tests(answer: Answer[WrittenTests | None]) -> str:
    if answer.value is not None:
        return verdict_on_tests(answer.value, answer.model)
    return f"No tests were written, which takes a model: {answer.reason}."


def _new_tests_data(written: WrittenTests | None) -> JsonValue:
    if written is None:
        return None
    facts = written.model_dump(mode="json", exclude={"patch", "tried"})
    tried = [
        {**one.mutation.model_dump(mode="json", exclude={"text"}), "noticed": one.noticed}
        for one in written.tried
    ]
    return {**facts, "changes": tried, "noticed": written.noticed}
