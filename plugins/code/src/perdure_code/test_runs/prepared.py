"""A repository ready for its tests to be run, as often as somebody likes."""

import asyncio
import shlex
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from perdure.agents import Run
from perdure_code.environments.choice import borrows, choose_environment
from perdure_code.environments.declarations import Declarations, read_declarations
from perdure_code.environments.environment import Environment, EnvironmentKind
from perdure_code.environments.project_metadata import write_metadata
from perdure_code.repository.workspace import apply_changes, open_workspace
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import CommandResult, Limits
from perdure_code.sandbox.sandbox import Mount, Sandbox
from perdure_code.test_runs.causes import USAGE, unknown_arguments
from perdure_code.test_runs.discovery import Discovery, discover
from perdure_code.test_runs.judgement import judge
from perdure_code.test_runs.outcomes import Outcome, TestsResult
from perdure_code.test_runs.report_lines import ReportedRun, read_report
from perdure_code.test_runs.settings import TestSettings

_REPORTER: Final = Path(__file__).with_name("perdure_pytest_reporter.py")
_DJANGO: Final = Path(__file__).with_name("perdure_pytest_django.py")
_REPORTERS: Final = "/perdure/reporter"
_REPORT: Final = "report.jsonl"
_MAX_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class PreparedTests:
    """A workspace, an environment, and where the tests are.

    Attributes:
        root: The repository.
        sandbox: Where the tests run.
        environment: The Python that they run on.
        discovery: Where they are.
        declared: What the repository declares to need.
    """

    root: Path
    sandbox: Sandbox
    environment: Environment
    discovery: Discovery
    declared: Declarations

    async def execute(
        self,
        tests: Sequence[str] = (),
        *,
        changes: Mapping[str, str | None] | None = None,
        arguments: Sequence[str] = (),
        seconds: float | None = None,
        name: str = "pytest",
    ) -> TestsResult:
        """Run the tests, with some files changed for this run alone.

        What tests themselves write into the workspace stays there for the next run.

        Args:
            tests: The ids of the tests to run; all when there are none.
            changes: New texts of files by their path; ``None`` for one that is gone.
            arguments: Further arguments for pytest.
            seconds: A time limit in place of the settings' own.
            name: What the command is called, shown while it runs.
        """
        limits = self.sandbox.limits
        if seconds is not None:
            limits = limits.model_copy(update={"seconds": seconds})
        if not self.discovery.found and not tests:
            return TestsResult(outcome=Outcome.NONE, ended="there is no test in it")
        if changes:
            await asyncio.to_thread(apply_changes, self.sandbox.workspace, changes)
        try:
            notes, done, report = await self._run(tests, arguments, limits, name)
        finally:
            if changes:
                await asyncio.to_thread(self._undo, changes)
        result = judge(done, report, limits, self.sandbox.root)
        runner = f"{report.runner}, {self.environment.description}".lstrip(", ")
        return result.model_copy(
            update={
                "notes": (
                    *self.environment.notes,
                    *self._about_python(report),
                    *notes,
                    *result.notes,
                ),
                "runner": runner,
                "isolation": self.sandbox.isolation.value,
            }
        )

    async def _run(
        self, tests: Sequence[str], arguments: Sequence[str], limits: Limits, name: str
    ) -> tuple[list[str], CommandResult, ReportedRun]:
        """Run pytest; without the options that it refuses, where the repository sets such."""
        overrides: list[str] = []
        notes: list[str] = []
        left = self.discovery.options
        for attempt in range(_MAX_TRIES):
            await asyncio.to_thread(self._clear_results)
            done = await self.sandbox.execute(
                [*self._command(), *overrides, *arguments, *tests],
                name=name,
                variables=self.variables(),
                files=[_REPORT],
                limits=limits,
            )
            refused = unknown_arguments(done.output) if done.status == USAGE else []
            if not refused or not left:
                break
            left = "" if attempt == _MAX_TRIES - 2 else _without(left, refused)
            overrides = ["-o", f"addopts={left}"]
            notes = [f"pytest refused options that the repository sets: {' '.join(refused)}"]
        return notes, done, read_report(done.files.get(_REPORT, ""))

    def _command(self) -> list[str]:
        command = [self.environment.python, "-m", "pytest", "-q", "--color=no"]
        command += ["-p", _REPORTER.stem, "--continue-on-collection-errors"]
        return [*command, *self.pytest_arguments()]

    def pytest_arguments(self) -> list[str]:
        """Return the arguments that let pytest find the tests, and only the plugins it may."""
        command = [f"--rootdir={self.sandbox.root}"]
        if not self.discovery.settings:
            # Without settings here, pytest would look for some in every folder above.
            command += ["-c", f"{self.sandbox.root}/pytest.ini"]
        for plugin in self.environment.plugins or ():
            command += ["-p", plugin]
        if self.discovery.django:
            command += ["-p", _DJANGO.stem]
        if self.environment.plugins is not None:
            # Options of plugins that are not loaded are no mistake of the tests.
            command += ["-W", "ignore::pytest.PytestConfigWarning"]
        if self.discovery.patterns:
            command += ["-o", f"python_files={' '.join(self.discovery.patterns)}"]
        if self.discovery.doctests:
            command += ["--doctest-modules", "--doctest-ignore-import-errors", "--ignore=setup.py"]
        return command

    def variables(self) -> dict[str, str]:
        """Return the variables of the environment that tests run with."""
        root = self.sandbox.root
        # The copy goes before an editable installation of the repository itself.
        folders = [f"{root}/src", root]
        for project in self.discovery.folders:
            folders += [f"{root}/{project}/src", f"{root}/{project}"]
        folders += borrows(self.sandbox, self.environment)
        folders.append(_reporters(self.sandbox))
        variables = {
            **self.environment.variables,
            "PYTHONPATH": ":".join(folders),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            "PERDURE_TEST_REPORT": f"{self.sandbox.results}/{_REPORT}",
            "PATH": f"{Path(self.environment.python).parent}:/usr/local/bin:/usr/bin:/bin",
        }
        if self.discovery.django:
            variables["DJANGO_SETTINGS_MODULE"] = self.discovery.django
        if self.environment.plugins is not None:
            variables["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        return variables

    def _about_python(self, report: ReportedRun) -> list[str]:
        version = report.runner.rpartition(" ")[2]
        if not version or self.declared.supports(version):
            return []
        return [f"the repository declares Python {self.declared.python}, and this is {version}"]

    def _clear_results(self) -> None:
        (self.sandbox.workspace.results / _REPORT).unlink(missing_ok=True)

    def _undo(self, changes: Mapping[str, str | None]) -> None:
        before: dict[str, str | None] = {}
        for path in changes:
            file = self.root / path
            is_there = file.is_file()
            before[path] = (
                file.read_bytes().decode("utf-8", "surrogateescape") if is_there else None
            )
        apply_changes(self.sandbox.workspace, before)


@asynccontextmanager
async def prepare_tests(
    run: Run,
    root: Path,
    settings: TestSettings,
    *,
    prepare: Callable[[Path], object] | None = None,
) -> AsyncIterator[PreparedTests]:
    """Yield a repository ready for its tests; use it within one step.

    Args:
        run: The run that the tests belong to.
        root: The repository.
        settings: How they are to be run.
        prepare: Called in a thread with the folder of the copy that they run on.

    Raises:
        InputError: The repository is too large.
        SandboxUnavailable: There is no sandbox on this machine.
    """
    discovery = await asyncio.to_thread(discover, root)
    declared = await asyncio.to_thread(read_declarations, root)
    set_up = partial(_set_up, discovery=discovery, prepare=prepare)
    async with open_workspace(root, prepare=set_up) as workspace:
        reporters = workspace.folder / "reporter"
        reporters.mkdir(mode=0o755)
        for plugin in (_REPORTER, _DJANGO):
            await asyncio.to_thread(shutil.copy, plugin, reporters)
        sandbox = Sandbox(
            run,
            workspace,
            settings.isolation,
            settings.limits,
            (Mount(str(reporters), _REPORTERS),),
        )
        environment = await choose_environment(root, sandbox, declared, install=settings.install)
        if environment.kind is not EnvironmentKind.OWN:
            own = await asyncio.to_thread(write_metadata, root, reporters)
            if environment.plugins is not None:
                update = {"plugins": (*environment.plugins, *own)}
                environment = environment.model_copy(update=update)
        sandbox = replace(sandbox, mounts=(*sandbox.mounts, *environment.mounts))
        yield PreparedTests(root, sandbox, environment, discovery, declared)


def _set_up(copy: Path, *, discovery: Discovery, prepare: Callable[[Path], object] | None) -> None:
    if prepare is not None:
        prepare(copy)
    if not discovery.settings:
        (copy / "pytest.ini").write_text("[pytest]\n")


def _reporters(sandbox: Sandbox) -> str:
    if sandbox.isolation is Isolation.BUBBLEWRAP:
        return _REPORTERS
    return str(sandbox.workspace.folder / "reporter")


def _without(options: str, refused: Sequence[str]) -> str:
    """Return options without those that were refused, and without the values of these."""
    try:
        words = shlex.split(options)
    except ValueError:
        return ""
    kept: list[str] = []
    after_refused = False
    for word in words:
        if word in refused:
            after_refused = "=" not in word
        elif after_refused and not word.startswith("-"):
            after_refused = False
        else:
            after_refused = False
            kept.append(word)
    return shlex.join(kept)
