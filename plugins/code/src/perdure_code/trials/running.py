"""Starting the program that runs the tests, within a sandbox."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from perdure.agents import Run
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import CommandResult
from perdure_code.sandbox.sandbox import Mount, Sandbox
from perdure_code.test_runs.prepared import PreparedTests, prepare_tests
from perdure_code.test_runs.settings import TestSettings
from perdure_code.trials.records import RECORD, AnyRecord, Job

_PROGRAM: Final = Path(__file__).with_name("perdure_trials")
_MOUNTED: Final = "/perdure/trials"
_JOB: Final = "job.json"
_RECORDS: Final = "records.jsonl"
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from perdure_trials.main import main;"
    " del sys.path[0]; main(*sys.argv[2:])"
)
# Beyond the job's own seconds: to start pytest, to collect, and to end what hangs.
_SPARE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Trials:
    """A repository whose tests the program can run; use it within one step.

    Attributes:
        prepared: The repository, its environment and its sandbox.
    """

    prepared: PreparedTests
    _sandbox: Sandbox
    _folder: Path

    @property
    def root(self) -> str:
        """The folder of the repository's copy, as the program sees it."""
        return self._sandbox.root

    async def execute(self, job: Job, *, name: str) -> tuple[list[AnyRecord], str]:
        """Do a job.

        Args:
            job: What to do.
            name: What it is called, shown while it runs.

        Returns:
            What the program wrote, and why it ended early: empty when it did not.
        """
        job = job.model_copy(update={"arguments": tuple(self.prepared.pytest_arguments())})
        (self._folder / _JOB).write_text(job.model_dump_json())
        (self._sandbox.workspace.results / _RECORDS).unlink(missing_ok=True)
        mounted = _seen(self._sandbox, self._folder)
        done = await self._sandbox.execute(
            [
                self.prepared.environment.python,
                "-c",
                _START,
                mounted,
                f"{mounted}/{_JOB}",
                f"{self._sandbox.results}/{_RECORDS}",
            ],
            name=name,
            variables=self.prepared.variables(),
            files=[_RECORDS],
            limits=self._sandbox.limits.model_copy(
                update={"seconds": job.seconds + _SPARE_SECONDS}
            ),
        )
        records = _read(done.files.get(_RECORDS, ""))
        return records, "" if _ended(records) else self._cause(done)

    def _cause(self, done: CommandResult) -> str:
        if done.limit is not None:
            return self._sandbox.limits.sentence(done.limit)
        said = [line.strip() for line in done.output.splitlines() if line.strip()]
        last = f": {said[-1][:300]}" if said else ""
        return f"the program that runs the tests ended with status {done.status}{last}"


@asynccontextmanager
async def open_trials(run: Run, root: Path, settings: TestSettings) -> AsyncIterator[Trials]:
    """Yield a copy of a repository whose tests the program can run.

    Raises:
        InputError: The repository is too large.
        SandboxUnavailable: There is no sandbox on this machine.
    """
    async with prepare_tests(run, root, settings) as prepared:
        sandbox = prepared.sandbox
        folder = sandbox.workspace.folder / "trials"
        folder.mkdir(mode=0o755)
        shutil.copytree(
            _PROGRAM, folder / _PROGRAM.name, ignore=shutil.ignore_patterns("__pycache__")
        )
        mounts = (*sandbox.mounts, Mount(str(folder), _MOUNTED))
        yield Trials(prepared, replace(sandbox, mounts=mounts), folder)


def _seen(sandbox: Sandbox, folder: Path) -> str:
    return _MOUNTED if sandbox.isolation is Isolation.BUBBLEWRAP else str(folder)


def _read(text: str) -> list[AnyRecord]:
    records: list[AnyRecord] = []
    for line in text.splitlines():
        try:
            records.append(RECORD.validate_json(line))
        except ValidationError:
            continue  # cut off where the program was stopped, or written by a test
    return records


def _ended(records: list[AnyRecord]) -> bool:
    return bool(records) and records[-1].kind == "end"
