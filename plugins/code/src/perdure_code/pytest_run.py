"""Running a repository's own tests, in a copy of it."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from perdure_code.facts import Outcome, Tests
from perdure_code.junit import read_report
from perdure_code.process import Ended, run_program
from perdure_code.ruff_run import Ruff
from perdure_code.working_copy import copy_of_all

MAX_BYTES: Final = 1 << 30
_LOOK_SECONDS: Final = 30.0
_OUTPUT: Final = 4000
_ENVIRONMENTS: Final = (".venv/bin/python", "venv/bin/python")
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_SETTINGS: Final = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
_FAILED, _INTERRUPTED, _USAGE, _NO_TESTS = 1, 2, 4, 5
_ASK: Final = (
    "import platform, pytest; print('pytest', pytest.__version__, 'on Python',"
    " platform.python_version())"
)


async def run_tests(root: str, seconds: float, fixed: bool = False) -> Tests:
    """Run a repository's tests in a copy of it.

    They run on the repository's own ``.venv`` where that has pytest, else on the worker's Python,
    and see no variable of the worker's environment but the path and the language.

    Args:
        root: The repository's folder.
        seconds: After how long they are stopped.
        fixed: Whether to apply the linter's safe fixes to the copy first.
    """
    stack = ExitStack()
    copying = asyncio.ensure_future(
        asyncio.to_thread(stack.enter_context, _copied(Path(root), fixed))
    )
    try:
        copy = await asyncio.shield(copying)
        if copy is None:
            return Tests(
                outcome=Outcome.UNABLE,
                reason=f"the repository is larger than {MAX_BYTES >> 30} GiB, too large to copy",
            )
        return await _run(copy, Path(root), seconds)
    finally:
        # Shielded, for a cancellation would leave the copy on the disk.
        await asyncio.shield(_remove(copying, stack))


async def _remove(copying: asyncio.Future[Path | None], stack: ExitStack) -> None:
    await asyncio.wait([copying])
    await asyncio.to_thread(stack.close)


@contextmanager
def _copied(root: Path, fixed: bool) -> Iterator[Path | None]:
    with copy_of_all(root, MAX_BYTES) as copy:
        if copy is not None and fixed:
            Ruff(copy).check("--fix-only")
        yield copy


async def _run(copy: Path, root: Path, seconds: float) -> Tests:
    environment = await asyncio.to_thread(_prepare, copy)
    python, runner = await _choose_python(root, copy, environment)
    if not runner:
        return Tests(
            outcome=Outcome.UNABLE, reason=f"{python} cannot import pytest: install it there"
        )
    report = copy.parent / "junit.xml"
    command = [python, "-m", "pytest", "-q", "--color=no", f"--rootdir={copy}"]
    command += [f"--junit-xml={report}", "-o", "junit_family=xunit1"]
    ended = await run_program(command, folder=copy, environment=environment, seconds=seconds)
    note = ""
    if ended.status == _USAGE and ended.seconds < seconds:
        # Options for plugins that are not installed here are the usual reason.
        note = "pytest refused the options that the repository sets, which were left out"
        ended = await run_program(
            [*command, "-o", "addopts="],
            folder=copy,
            environment=environment,
            seconds=seconds - ended.seconds,
        )
    told = await asyncio.to_thread(read_report, report, copy)
    facts = {"seconds": ended.seconds, "note": note, "runner": runner}
    return _judge(told, ended, seconds, copy).model_copy(update=facts)


def _judge(told: Tests | None, ended: Ended, seconds: float, copy: Path) -> Tests:
    if told is not None and told.passed + told.failed + told.skipped == 0:
        told = None
    if ended.status == _NO_TESTS and told is None:
        return Tests(outcome=Outcome.NONE, reason="pytest found no test")
    if ended.status == 0 and told is not None:
        return told
    if ended.status == _FAILED and told is not None and told.failed:
        return told
    outcome, reason = Outcome.UNABLE, f"pytest ended with status {ended.status}"
    if ended.status is None:
        outcome = Outcome.TIMEOUT
        reason = f"they were stopped after {seconds:g} s: raise the parameter 'tests_timeout'"
    elif ended.status == _INTERRUPTED and told is not None:
        reason = _why_interrupted(told)
    output = ended.output.replace(f"{copy}/", "")[-_OUTPUT:]
    return (told or Tests(outcome=outcome)).model_copy(
        update={"outcome": outcome, "reason": reason, "output": output}
    )


def _why_interrupted(told: Tests) -> str:
    missing = sorted(
        {
            found[1]
            for failure in told.failures
            if (found := re.search(r"No module named '([^']+)'", failure.message))
        }
    )
    if missing:
        return (
            f"the Python that ran them lacks {', '.join(missing)}: give the repository a .venv with"
            " its dependencies and pytest"
        )
    return "some test files cannot be imported"


async def _choose_python(root: Path, copy: Path, environment: dict[str, str]) -> tuple[str, str]:
    """Return a Python, and what it says of its pytest: nothing when none has any."""
    own = [str(root / name) for name in _ENVIRONMENTS if os.access(root / name, os.X_OK)]
    for python in (*own, sys.executable):
        try:
            asked = await run_program(
                [python, "-c", _ASK],
                folder=copy.parent,
                environment=environment,
                seconds=_LOOK_SECONDS,
            )
        except OSError:
            continue
        if asked.status == 0 and asked.output.strip():
            return python, asked.output.strip().splitlines()[-1]
    return sys.executable, ""


def _prepare(copy: Path) -> dict[str, str]:
    """Keep the run to its copy, and return the environment for it."""
    home, temporary = copy.parent / "home", copy.parent / "tmp"
    home.mkdir()
    temporary.mkdir()
    if not any(_says(copy / name, what) for name, what in _SETTINGS.items()):
        # Without settings here, pytest would look for some in every folder above.
        (copy / "pytest.ini").write_text("[pytest]\n")
    # Keys and tokens of the worker are none of the tests' business.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return environment | {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        # The copy goes before an editable installation of the repository itself.
        "PYTHONPATH": os.pathsep.join((str(copy / "src"), str(copy))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def _says(file: Path, what: str) -> bool:
    try:
        return what in file.read_text("utf-8", errors="replace")
    except OSError:
        return False
