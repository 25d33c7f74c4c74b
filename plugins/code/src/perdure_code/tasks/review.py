"""The review: from a repository to findings and a patch of the safe fixes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.agents import Answer, Progress, Result, Run
from perdure_code.markdown import counted
from perdure_code.models.answers.findings import ModelFindings
from perdure_code.models.conversation.round_progress import Share
from perdure_code.models.report.answers import findings_sentence, write_findings
from perdure_code.models.work import ModelWork
from perdure_code.parameters import CodeParameters
from perdure_code.repository.inventory import Survey, survey
from perdure_code.review.facts import Lint, Review
from perdure_code.review.fixes import make_fixes
from perdure_code.review.functions import measure_functions
from perdure_code.review.lint import lint
from perdure_code.review.report import PATCH, summarise, write_review
from perdure_code.review.safe_fixes import apply_safe_fixes
from perdure_code.syntax.mapping import map_repository
from perdure_code.tasks.delivery import deliver
from perdure_code.test_runs.outcomes import Outcome, TestsResult
from perdure_code.test_runs.pytest_run import run_tests
from perdure_code.test_runs.report import tests_data

_FINDINGS: Final = 100
_KNOWN: Final = 20
# What the model's work has of the progress.
_SHARE: Final = Share(85, 95)
_RAN: Final = {Outcome.PASSED, Outcome.FAILED}


class ReviewTask:
    """Reviews a repository and delivers ``review.md`` and ``fixes.patch``."""

    def __init__(self, run: Run, parameters: CodeParameters) -> None:
        self._run = run
        self._parameters = parameters
        self._survey: Survey | None = None
        self._lint: Lint | None = None
        self._review: Review | None = None
        self._found: Answer[ModelFindings | None] | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Look, lint, measure, fix, run the tests before and after the fixes, and write."""
        step = self._run.step
        yield Progress(percentage=0, message=f"looking at {self._parameters.path}")
        self._survey = surveyed = await step("survey", survey, str(self._parameters.path))
        root = surveyed.root
        code_map = await step("map", map_repository, root)
        yield Progress(percentage=5, message=f"linting {counted(surveyed.files, 'file')}")
        self._lint = linted = await step("lint", lint, root)
        told = f"{counted(linted.total, 'finding')}; measuring functions"
        yield Progress(percentage=25, message=told)
        complexity = await step("measure functions", measure_functions, root)
        yield Progress(percentage=35, message="making the safe fixes in a copy")
        fixes = await step("fix", make_fixes, root)
        if fixes.patch:
            await self._run.artifact(PATCH, fixes.patch, media_type="text/x-diff")
        yield Progress(percentage=45, message=self._about_tests())
        tests = await self._run_tests(surveyed)
        fixed = None
        if fixes.patch and tests.outcome in _RAN:
            yield Progress(percentage=70, message="running its tests with the fixes applied")
            fixed = await step("test the fixes", self._test_fixes, root)
        if await self._run.has_model():
            yield Progress(percentage=85, message="having the model review it")
        self._found = found = await self._with_model(root, description, linted)
        yield Progress(percentage=95, message="writing the review")
        review = Review(
            survey=surveyed,
            code_map=code_map,
            lint=linted,
            complexity=complexity,
            fixes=fixes,
            tests=tests,
            fixed=fixed,
            model=found.value,
        )
        text = write_review(review, description)
        if found.value is not None:
            text = "\n".join([text, *write_findings(found.value, found.model)])
        await deliver(self._run, "review", text, review)
        self._review = review
        yield Progress(percentage=100, message=f"reviewed {surveyed.name}")

    async def get_results(self) -> Result:
        """Return the review's core, or as much of it as there is."""
        if self._review is not None:
            said = summarise(self._review)
            if self._found is not None and self._found.value is not None:
                said.append(findings_sentence(self._found.value, self._found.model))
            return Result(summary=" ".join(said), data=_core(self._review))
        if self._lint is not None:
            found = counted(self._lint.total, "finding")
            return Result(
                summary=f"The linter has {found}; the review was not finished.",
                data={"findings": self._lint.total},
            )
        return Result()

    async def _with_model(
        self, root: str, description: str, linted: Lint
    ) -> Answer[ModelFindings | None]:
        """Have the model review it too, which is told what the linter says."""
        lines = [
            f"{one.path}:{one.line}: {one.code} {one.message}" for one in linted.findings[:_KNOWN]
        ]
        known = "\n".join(["The linter says:", *lines]) if lines else "The linter says nothing."
        work = ModelWork(self._run, root, self._parameters.test_settings, _SHARE)
        return await work.find(description, known)

    def _about_tests(self) -> str:
        if not self._parameters.tests:
            return "leaving its tests alone, as asked"
        return f"running its tests, {self._parameters.tests_timeout:g} s at most"

    async def _run_tests(self, surveyed: Survey) -> TestsResult:
        if not self._parameters.tests:
            return TestsResult(outcome=Outcome.OFF)
        return await self._run.step("test", self._test, surveyed.root)

    async def _test(self, root: str) -> TestsResult:
        return await run_tests(self._run, Path(root), self._parameters.test_settings)

    async def _test_fixes(self, root: str) -> TestsResult:
        return await run_tests(
            self._run, Path(root), self._parameters.test_settings, prepare=apply_safe_fixes
        )


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
        "languages": {
            name: total.model_dump(mode="json") for name, total in review.code_map.languages.items()
        },
        "tests": tests_data(review.tests),
        "tests_with_fixes": None if review.fixed is None else tests_data(review.fixed),
        "fixes": review.fixes.model_dump(mode="json", exclude={"patch"}),
        "model_findings": None if review.model is None else review.model.model_dump(mode="json"),
    }
