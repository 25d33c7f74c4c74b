"""The code agent: from a repository to a review and a patch."""

from collections.abc import AsyncIterator
from typing import Final

from pydantic import JsonValue

from perdure.agents import Agent, Progress, Result, Run
from perdure_code.facts import Lint, Outcome, Review, Survey, Tests
from perdure_code.fixes import make_fixes
from perdure_code.functions import measure_functions
from perdure_code.inventory import survey
from perdure_code.lint import lint
from perdure_code.parameters import CodeParameters
from perdure_code.pytest_run import run_tests
from perdure_code.report import PATCH, counted, summarise, write_review

_FINDINGS: Final = 100
_RAN: Final = {Outcome.PASSED, Outcome.FAILED}


class CodeAgent(Agent[CodeParameters]):
    """Reviews a repository and delivers ``review.md`` and ``fixes.patch``."""

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        super().__init__(run, parameters)
        self._survey: Survey | None = None
        self._lint: Lint | None = None
        self._review: Review | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Look, lint, measure, fix, run the tests before and after the fixes, and write."""
        step = self.run.step
        yield Progress(percentage=0, message=f"looking at {self.parameters.path}")
        self._survey = surveyed = await step("survey", survey, self.parameters.path)
        root = surveyed.root
        yield Progress(percentage=5, message=f"linting {counted(surveyed.files, 'file')}")
        self._lint = linted = await step("lint", lint, root)
        told = f"{counted(linted.total, 'finding')}; measuring functions"
        yield Progress(percentage=25, message=told)
        complexity = await step("measure functions", measure_functions, root)
        yield Progress(percentage=35, message="making the safe fixes in a copy")
        fixes = await step("fix", make_fixes, root)
        if fixes.patch:
            await self.run.artifact(PATCH, fixes.patch, media_type="text/x-diff")
        yield Progress(percentage=45, message=self._about_tests(surveyed))
        tests = await self._run_tests(surveyed)
        fixed = None
        if fixes.patch and tests.outcome in _RAN:
            yield Progress(percentage=70, message="running its tests with the fixes applied")
            fixed = await step("test the fixes", run_tests, root, self._seconds, fixed=True)
        yield Progress(percentage=95, message="writing the review")
        review = Review(
            survey=surveyed,
            lint=linted,
            complexity=complexity,
            fixes=fixes,
            tests=tests,
            fixed=fixed,
        )
        await self.run.artifact("review.md", write_review(review, description))
        self._review = review
        yield Progress(percentage=100, message=f"reviewed {surveyed.name}")

    async def get_results(self) -> Result:
        """Return the review's core, or as much of it as there is."""
        if self._review is not None:
            return Result(summary=" ".join(summarise(self._review)), data=_core(self._review))
        if self._lint is not None:
            found = counted(self._lint.total, "finding")
            return Result(
                summary=f"The linter has {found}; the review was not finished.",
                data={"findings": self._lint.total},
            )
        return Result()

    @property
    def _seconds(self) -> float:
        return self.parameters.tests_timeout

    def _about_tests(self, surveyed: Survey) -> str:
        if not self.parameters.tests:
            return "leaving its tests alone, as asked"
        if not surveyed.test_files:
            return "it has no tests"
        return f"running its tests, {self._seconds:g} s at most"

    async def _run_tests(self, surveyed: Survey) -> Tests:
        if not self.parameters.tests:
            return Tests(outcome=Outcome.OFF)
        if not surveyed.test_files:
            return Tests(outcome=Outcome.NONE)
        return await self.run.step("test", run_tests, surveyed.root, self._seconds)


def _core(review: Review) -> dict[str, JsonValue]:
    """Return what a program that goes on from here needs."""
    lint = review.lint
    return {
        "repository": review.survey.model_dump(mode="json"),
        "findings": {
            **lint.model_dump(mode="json", exclude={"findings"}),
            "heaviest": [one.model_dump(mode="json") for one in lint.findings[:_FINDINGS]],
        },
        "complexity": review.complexity.model_dump(mode="json"),
        "tests": review.tests.model_dump(mode="json", exclude={"output"}),
        "tests_with_fixes": None
        if review.fixed is None
        else review.fixed.model_dump(mode="json", exclude={"output"}),
        "fixes": review.fixes.model_dump(mode="json", exclude={"patch"}),
    }
