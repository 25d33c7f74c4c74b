"""The work of a goal with a model: each piece falls back to nothing, and the rules go on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from perdure.agents import Answer, AnswerRefused, Run
from perdure_code.models.answers.explanation import Explanation, explain_with_model
from perdure_code.models.answers.findings import ModelFindings, find_with_model
from perdure_code.models.answers.suspects import ModelSuspects, suspect_with_model
from perdure_code.models.changes.fixing import ModelFix, fix_with_model, why_not_plausible
from perdure_code.models.changes.test_writing import WrittenTests, write_tests_with_model
from perdure_code.models.conversation.reading import show_outline
from perdure_code.models.conversation.round_progress import RoundProgress, Share
from perdure_code.models.conversation.tools import EditingTools, RepositoryTools
from perdure_code.models.editing.edited_repository import EditedRepository
from perdure_code.models.editing.permissions import Purpose
from perdure_code.repository.working_copy import is_test
from perdure_code.test_runs.outcomes import CaseOutcome, Outcome, TestCase, TestsResult
from perdure_code.test_runs.pytest_run import run_tests
from perdure_code.test_runs.settings import TestSettings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

T = TypeVar("T")

# So much longer than before the change the tests may take with it.
_PATIENCE: Final = 5.0
_LEAST_SECONDS: Final = 10.0
_COMMAND: Final = "the command"


class ModelWork:
    """What the model that ``PERDURE_MODEL`` names does with a repository.

    What it gives is checked, and an answer's value is ``None`` where there is no model, where it
    failed, or where nothing of it stood the checks; the answer's reason says why.

    Attributes:
        set_aside: A fix with which the tests pass, or some of them, and that is not plausible.
    """

    def __init__(self, run: Run, root: str, settings: TestSettings | None, share: Share) -> None:
        """Bind it to a run.

        Args:
            run: The run.
            root: The repository's folder.
            settings: How its tests are run; ``None`` where they may not be.
            share: What its work has of the goal's progress.
        """
        self._run = run
        self._repository = EditedRepository(Path(root))
        self._settings = settings
        self._share = share
        self._before = TestsResult(outcome=Outcome.NONE)
        self.set_aside: ModelFix | None = None

    async def find(self, description: str, known: str) -> Answer[ModelFindings | None]:
        """Review the repository; ``known`` says what rules have found."""

        async def attempt(model: "Model", goal: str) -> ModelFindings | None:
            return await find_with_model(
                model, self._reading(), goal, await self._with_outline(known)
            )

        return await self._try("review with the model", attempt, description)

    async def suspect(self, description: str, known: str) -> Answer[ModelSuspects | None]:
        """Look for the faulty lines; ``known`` says how the tests go, and what rules suspect."""

        async def attempt(model: "Model", goal: str) -> ModelSuspects | None:
            return await suspect_with_model(
                model, self._reading(), goal, await self._with_outline(known)
            )

        return await self._try("locate with the model", attempt, description)

    async def explain(self, description: str, known: str) -> Answer[Explanation | None]:
        """Explain what the goal asks about; ``known`` says what rules have found."""

        async def attempt(model: "Model", goal: str) -> Explanation | None:
            return await explain_with_model(
                model, self._reading(), goal, await self._with_outline(known)
            )

        return await self._try("explain with the model", attempt, description)

    async def fix(self, description: str, known: str) -> Answer[ModelFix | None]:
        """Repair the repository until its tests pass; ``known`` says what rules have found.

        A fix that is doubtful or a part is :attr:`set_aside`, for the case that rules find none.
        """

        async def attempt(model: "Model", goal: str) -> ModelFix | None:
            self._refuse_unconfined()
            self._before = before = await self._test({}, ())
            tools, text = self._editing("fix"), await self._with_outline(known)
            fix = await fix_with_model(model, tools, before, goal, text)
            if fix.proof.status in {"doubtful", "partial"}:
                self.set_aside = fix
                raise AnswerRefused(f"its fix is {fix.proof.status}: {why_not_plausible(fix)}")
            return fix

        return await self._try("fix with the model", attempt, description)

    async def write_tests(
        self, description: str, known: str, before: TestsResult
    ) -> Answer[WrittenTests | None]:
        """Write tests that pass on the code, and notice when it is changed.

        Args:
            description: The goal in words.
            known: What rules have found.
            before: How the tests go that are there.
        """
        self._before = before

        async def attempt(model: "Model", goal: str) -> WrittenTests | None:
            self._refuse_unconfined()
            tools, text = self._editing("test"), await self._with_outline(known)
            return await write_tests_with_model(model, tools, before, goal, text)

        return await self._try("write tests with the model", attempt, description)

    async def _try(
        self,
        name: str,
        attempt: "Callable[[Model, str], Awaitable[T | None]]",
        description: str,
    ) -> Answer[T | None]:
        async def otherwise(_: str) -> T | None:
            return None

        return await self._run.try_model(name, attempt, otherwise, description)

    def _refuse_unconfined(self) -> None:
        """Refuse to let a model write code that would run with the worker's rights.

        What it writes is read for what it must not do, which somebody who means harm gets round.
        """
        if self._settings is not None and not self._settings.may_run_model_code:
            raise AnswerRefused(
                "what a model writes is run in a sandbox alone: leave out sandbox=none, or pass"
                " trust_model=true to run it with the worker's rights"
            )

    async def _with_outline(self, known: str) -> str:
        outline = await self._run.step("outline", partial(show_outline, self._repository), "")
        return f"{known}\n\nThe files:\n{outline}".strip()

    def _reading(self) -> RepositoryTools:
        return RepositoryTools(self._run, self._repository, self._progress())

    def _editing(self, purpose: Purpose) -> EditingTools:
        return EditingTools(self._run, self._repository, self._progress(), purpose, self._test)

    def _progress(self) -> RoundProgress:
        return RoundProgress(self._run, self._share)

    async def _test(self, changed: Mapping[str, str], tests: Sequence[str]) -> TestsResult:
        if self._settings is None:
            return TestsResult(outcome=Outcome.OFF, ended="its tests were not run, as asked")
        wanted = list(tests)
        if not wanted and self._before.outcome is Outcome.NONE:
            # There are none but those that were added.
            wanted = sorted(path for path in changed if is_test(path))
        running = partial(self._run_tests, self._settings)
        return await self._run.step("test the change", running, dict(changed), wanted)

    async def _run_tests(
        self, settings: TestSettings, changed: dict[str, str], tests: list[str]
    ) -> TestsResult:
        limits = settings.limits
        if not self._before.ended and self._before.cases:
            seconds = max(_LEAST_SECONDS, _PATIENCE * self._before.seconds)
            limits = limits.model_copy(update={"seconds": min(seconds, limits.seconds)})
        settings = settings.model_copy(update={"limits": limits})
        root = self._repository.root
        write = partial(write_files, changed)
        result = await run_tests(self._run, root, settings, tests=tests, prepare=write)
        return as_one_test(result) if settings.command else result


def as_one_test(result: TestsResult) -> TestsResult:
    """Return the outcome of a command as that of one test, whose name is the command's."""
    if result.outcome not in {Outcome.PASSED, Outcome.FAILED, Outcome.TIMEOUT}:
        return result
    passed = result.outcome is Outcome.PASSED
    case = TestCase(
        id=_COMMAND,
        outcome=CaseOutcome.PASSED if passed else CaseOutcome.FAILED,
        message=result.ended,
        details=result.output,
    )
    counts = {"passed": int(passed), "failed": int(not passed), "ended": ""}
    return result.model_copy(update={"cases": (case,), **counts})


def write_files(changed: Mapping[str, str], copy: Path) -> None:
    """Write changed files into a copy of a repository in which nothing was run yet."""
    for path, text in changed.items():
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
