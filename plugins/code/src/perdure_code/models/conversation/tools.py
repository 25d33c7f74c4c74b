"""What a model has in hand: it reads a repository, edits it, and runs its tests; each a step."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from perdure.agents import Run
from perdure_code.models.conversation.characters import storable
from perdure_code.models.conversation.circles import Circles, WentInCircles
from perdure_code.models.conversation.reading import read_lines, search_text, show_outline
from perdure_code.models.conversation.round_progress import RoundProgress
from perdure_code.models.conversation.test_outcomes import failed_alike, pass_all, told_outcomes
from perdure_code.models.editing.edited_repository import EditedRepository
from perdure_code.models.editing.edits import Edited, add_file, replace_text
from perdure_code.models.editing.patches import patch_of
from perdure_code.models.editing.permissions import Purpose
from perdure_code.repository.working_copy import is_test
from perdure_code.test_runs.outcomes import TestsResult

if TYPE_CHECKING:
    from pydantic_ai import Tool

MOST_EDITS: Final = 30
MOST_TEST_RUNS: Final = 12
_AROUND: Final = 3
_MOST_PATCH: Final = 8_000

TestRun = Callable[[Mapping[str, str], Sequence[str]], Awaitable[TestsResult]]


class RepositoryTools:
    """The tools that read a repository; what they give is data and of bounded size.

    Attributes:
        run: The run whose steps the calls are.
        repository: The files as they are by now.
        progress: Reports what they do.
    """

    def __init__(self, run: Run, repository: EditedRepository, progress: RoundProgress) -> None:
        """Bind them to a run.

        Args:
            run: The run.
            repository: The files.
            progress: Reports what they do.
        """
        self.run = run
        self.repository = repository
        self.progress = progress
        self.circles = Circles()

    def for_reading(self) -> "list[Tool[None]]":
        """Return the tools that only read."""
        return [
            _tool(self.show_outline),
            _tool(self.read_lines),
            _tool(self.search_text),
        ]

    async def show_outline(self, folder: str = "") -> str:
        """Show the files, and what they define, with line numbers.

        Args:
            folder: Only what lies below this folder, or this file.
        """
        self.circles.read(self.repository.digest, "show_outline", folder)
        await self.progress.report(f"looking at {folder or 'the files'}")
        return await self.run.step(
            "show the outline", partial(show_outline, self.repository), storable(folder)
        )

    async def read_lines(self, path: str, first: int = 1, last: int = 0) -> str:
        """Read lines of a file, at most 160 at once.

        Args:
            path: The file, relative to the repository.
            first: The first line, from 1.
            last: The last line; 0 for as many as may be read at once.
        """
        self.circles.read(self.repository.digest, "read_lines", path, first, last)
        await self.progress.report(f"reading {path} from line {max(first, 1)}")
        reading = partial(read_lines, self.repository)
        return await self.run.step("read lines", reading, storable(path), first, last)

    async def search_text(self, text: str, folder: str = "") -> str:
        """Find the lines that hold a text, letter by letter.

        Args:
            text: The text, within one line; no pattern.
            folder: Only what lies below this folder, or this file.
        """
        self.circles.read(self.repository.digest, "search_text", text, folder)
        await self.progress.report(f"searching {folder or 'the files'} for {text!r}")
        searching = partial(search_text, self.repository)
        return await self.run.step("search", searching, storable(text), storable(folder))


class EditingTools(RepositoryTools):
    """The tools that also edit, in memory, and run the tests on what was edited.

    Attributes:
        test: Runs the tests, as a step, with some files changed.
        edits: What was edited so far.
    """

    def __init__(
        self,
        run: Run,
        repository: EditedRepository,
        progress: RoundProgress,
        purpose: Purpose,
        test: TestRun,
    ) -> None:
        """Bind them to a run.

        Args:
            run: The run.
            repository: The files.
            progress: Reports what they do.
            purpose: What edits are for.
            test: Runs tests by their ids, all when there are none, as a step, with some files
                changed.
        """
        super().__init__(run, repository, progress)
        self._purpose = purpose
        self.test = test
        self._attempted = 0
        self._tested: dict[str, TestsResult] = {}
        self.edits: list[Edited] = []

    def for_editing(self) -> "list[Tool[None]]":
        """Return the tools that read, edit and test."""
        return [
            *self.for_reading(),
            _tool(self.replace),
            _tool(self.add_file),
            _tool(self.run_tests),
            _tool(self.show_diff),
        ]

    async def replace(self, path: str, search: str, replace: str, line: int | None = None) -> str:
        """Replace one passage of a file by another.

        Args:
            path: The file, relative to the repository.
            search: The passage, copied letter by letter with its indentation; it must stand there
                exactly once.
            replace: What takes its place.
            line: The line on which the passage begins, if it stands there more than once.
        """
        self._count_edit("replace", path, search, replace, line)
        await self.progress.report(f"editing {path}")
        replacing = partial(replace_text, self.repository, self._purpose)
        given = map(storable, (path, search, replace))
        return self._took(await self.run.step("edit", replacing, *given, line))

    async def add_file(self, path: str, content: str) -> str:
        """Add a new file.

        Args:
            path: Where, relative to the repository; nothing may be there yet.
            content: Its whole text.
        """
        self._count_edit("add_file", path, content)
        await self.progress.report(f"adding {path}")
        adding = partial(add_file, self.repository, self._purpose)
        edited = await self.run.step("add a file", adding, storable(path), storable(content))
        return self._took(edited)

    async def run_tests(self) -> str:
        """Run the tests on the files as they are by now; edits of existing tests do not count."""
        state = self.repository.digest
        self.circles.called(state, "run_tests")
        if state not in self._tested:
            if len(self._tested) >= MOST_TEST_RUNS:
                raise WentInCircles(f"it has the tests run more than {MOST_TEST_RUNS} times")
            changed = testable(self.repository)
            await self.progress.report(_about_test_run(len(self._tested) + 1, changed))
            outcomes = await self.test(changed, ())
            self._tested[state] = outcomes
            if not pass_all(outcomes):
                self.circles.failed(failed_alike(outcomes))
        return told_outcomes(self._tested[state])

    async def show_diff(self) -> str:
        """Show what was edited so far, as a unified diff."""
        self.circles.read(self.repository.digest, "show_diff")
        shown = await self.run.step("show the diff", partial(patch_text, self.repository))
        return shown[:_MOST_PATCH] or "Nothing was edited so far."

    def _count_edit(self, tool: str, *arguments: Any) -> None:
        self._attempted += 1
        if self._attempted > MOST_EDITS:
            raise WentInCircles(f"it makes more than {MOST_EDITS} edits")
        self.circles.called(self.repository.digest, tool, *arguments)

    def _took(self, edited: Edited) -> str:
        """Go on with an edited file, and say what there is now."""
        if edited.text is None:
            self.circles.refused()
            return f"Refused: {edited.refusal}."
        before = self.repository.digest
        self.repository = self.repository.with_file(edited.path, edited.text)
        self.circles.changed(before, self.repository.digest)
        self.edits.append(edited)
        begin, end = max(1, edited.first - _AROUND), edited.last + _AROUND
        lines = edited.text.splitlines()[begin - 1 : end][:40]
        shown = "\n".join(f"{begin + place:>5}| {line[:300]}" for place, line in enumerate(lines))
        note = f"\n{edited.note}." if edited.note else ""
        return f"Done. {edited.path} has there now:\n{shown}{note}"


def _about_test_run(number: int, changed: Mapping[str, str]) -> str:
    files = f", with {', '.join(sorted(changed))} changed" if changed else ""
    return f"running the tests, time {number} of at most {MOST_TEST_RUNS}{files}"


def testable(repository: EditedRepository) -> dict[str, str]:
    """Return the changed files that count in a run of the tests: tests that are there stay."""
    return {
        path: text
        for path, text in repository.changed.items()
        if not is_test(path) or repository.original(path) is None
    }


def patch_text(repository: EditedRepository) -> str:
    """Return the changes as a unified diff."""
    return patch_of(repository, repository.changed)


def _tool(function: Callable[..., Awaitable[str]]) -> "Tool[None]":
    from pydantic_ai import Tool

    # One after another: what one reads depends on what the one before has edited.
    return Tool(function, sequential=True, max_retries=3, docstring_format="google")
