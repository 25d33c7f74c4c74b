"""Running the tests of small repositories, as a step of a run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from perdure.agents import Goal, Run
from perdure_code.test_runs.outcomes import TestsResult
from perdure_code.test_runs.pytest_run import run_tests
from perdure_code.test_runs.settings import TestSettings


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Write a repository, and return its folder."""

    def written(files: Mapping[str, str]) -> Path:
        root = tmp_path / "repo"
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root

    return written


@pytest.fixture
def run_the_tests(write: Any) -> Any:
    """Write a repository and run its tests, as a step."""

    async def ran(files: Mapping[str, str], *tests: str, **settings: Any) -> TestsResult:
        root = write(files)
        run = Run(Goal(goal_id="goal", description="Test this", agent_type="code"))

        async def step() -> TestsResult:
            return await run_tests(run, root, TestSettings(**settings), tests=tests)

        return await run.step("test", step)

    return ran
