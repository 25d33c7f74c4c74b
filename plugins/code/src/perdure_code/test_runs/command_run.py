"""Running a repository's tests by a command that the goal names, whatever language they are in."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from perdure.agents import InputError, Run
from perdure_code.environments.choice import choose_environment
from perdure_code.environments.declarations import read_declarations
from perdure_code.repository.working_copy import python_files
from perdure_code.repository.workspace import open_workspace
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import CommandResult, Limit, Limits
from perdure_code.sandbox.sandbox import Mount, Sandbox
from perdure_code.test_runs.outcomes import Outcome, TestsResult
from perdure_code.test_runs.settings import TestSettings

_OUTPUT: Final = 4000
_NOT_FOUND: Final = 127
# What package managers have put beside the sources, and copies leave out.
_PACKAGES: Final = "node_modules"
# Where the tools of other languages keep what they build; none of them may ask a network.
_VARIABLES: Final = {
    "CARGO_HOME": "/tmp/cargo",  # noqa: S108 -- in the sandbox
    "CARGO_NET_OFFLINE": "true",
    "CI": "true",
    "GOCACHE": "/tmp/go-build",  # noqa: S108 -- likewise
    "GOFLAGS": "-mod=mod",
    "GOPATH": "/tmp/go",  # noqa: S108 -- likewise
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "npm_config_offline": "true",
    "PYTHONDONTWRITEBYTECODE": "1",
}


async def run_test_command(
    run: Run,
    root: Path,
    settings: TestSettings,
    *,
    prepare: Callable[[Path], object] | None = None,
) -> TestsResult:
    """Run the command of the settings in a copy of a repository; call it in a step.

    Where the repository has Python files, the command finds the Python that its tests would run on.

    Args:
        run: The run that it belongs to.
        root: The repository.
        settings: How tests are to be run; the command is one line for a shell.
        prepare: Called in a thread with the folder of the copy, before anything of it is run.

    Raises:
        InputError: The repository is too large.
        SandboxUnavailable: There is no sandbox on this machine.
    """
    async with open_workspace(root, prepare=prepare) as workspace:
        sandbox = Sandbox(run, workspace, settings.isolation, settings.limits)
        path, described, notes = "", "", tuple[str, ...]()
        variables = dict(_VARIABLES)
        if await asyncio.to_thread(_has_python, root):
            declared = await asyncio.to_thread(read_declarations, root)
            found = await choose_environment(root, sandbox, declared, install=settings.install)
            sandbox = replace(sandbox, mounts=found.mounts)
            path, described = f"{Path(found.python).parent}:", f", {found.description}"
            notes = found.notes
            variables |= found.variables
        packages = root / _PACKAGES
        if sandbox.isolation is Isolation.BUBBLEWRAP and await asyncio.to_thread(packages.is_dir):
            shown = Mount(str(packages), f"{sandbox.root}/{_PACKAGES}")
            sandbox = replace(sandbox, mounts=(*sandbox.mounts, shown))
        done = await sandbox.execute(
            ["sh", "-c", settings.command],
            name="test command",
            variables={**variables, "PATH": f"{path}/usr/local/bin:/usr/bin:/bin"},
        )
    result = _judge(done, settings.limits, sandbox.root)
    return result.model_copy(
        update={
            "runner": f"the command `{settings.command}`{described}",
            "notes": notes,
            "isolation": sandbox.isolation.value,
        }
    )


def _has_python(root: Path) -> bool:
    try:
        return bool(python_files(root))
    except InputError:
        return False


def _judge(done: CommandResult, limits: Limits, root: str) -> TestsResult:
    output = done.output.replace(f"{root}/", "")[-_OUTPUT:]
    outcome, ended = Outcome.PASSED, ""
    if done.limit is not None:
        outcome = Outcome.TIMEOUT if done.limit is Limit.TIME else Outcome.UNABLE
        ended = limits.sentence(done.limit)
    elif done.status == _NOT_FOUND:
        outcome, ended = Outcome.UNABLE, "a program of the command is not found in the sandbox"
    elif done.status != 0:
        outcome, ended = Outcome.FAILED, f"the command ended with status {done.status}"
    return TestsResult(
        outcome=outcome, ended=ended, seconds=done.seconds, limit=done.limit, output=output
    )
