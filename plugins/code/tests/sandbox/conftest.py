"""What the tests of the sandbox share."""

import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from perdure.agents import Goal, Run
from perdure_code.environments.interpreters import library_variables, worker_mounts
from perdure_code.repository.workspace import Workspace, open_workspace
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import MEBIBYTE, CommandResult, Limits
from perdure_code.sandbox.sandbox import Mount, Sandbox

SMALL = Limits(seconds=30, memory_bytes=256 * MEBIBYTE, processes=64, disk_bytes=32 * MEBIBYTE)

Execute = Callable[..., Coroutine[Any, Any, CommandResult]]


def new_run() -> Run:
    return Run(Goal(goal_id="goal", description="Test this", agent_type="code"))


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Run Python code in a sandbox over a small repository, and return what came of it."""
    root = tmp_path / "repo"
    root.mkdir()

    async def executed(
        code: str,
        *arguments: str,
        limits: Limits = SMALL,
        isolation: Isolation = Isolation.BUBBLEWRAP,
        files: Mapping[str, str] | None = None,
        results: tuple[str, ...] = (),
        then: Callable[[Workspace], None] | None = None,
        shown: Path | None = None,
    ) -> CommandResult:
        for name, text in (files or {"a.py": "x = 1\n"}).items():
            (root / name).write_text(text)
        async with open_workspace(root) as workspace:
            mounts = worker_mounts()
            if shown is not None:
                mounts.append(Mount(str(shown), str(shown)))
            variables = library_variables(mounts)
            sandbox = Sandbox(
                new_run(), workspace, isolation, limits, mounts=tuple(mounts), variables=variables
            )
            result = await sandbox.execute(
                [sys.executable, "-I", "-S", "-c", code, *arguments], files=results
            )
            if then is not None:
                then(workspace)
            return result

    return executed
