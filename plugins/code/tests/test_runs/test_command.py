"""Tests that a command of the goal runs, whatever language they are in."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.testing import Rehearsal, rehearse
from perdure_code.sandbox.limits import Limits
from perdure_code.test_runs.outcomes import Outcome


@pytest.mark.parametrize(
    ("command", "outcome", "says"),
    [
        ("test -f main.go && echo fine", Outcome.PASSED, ""),
        ("echo broken; exit 3", Outcome.FAILED, "the command ended with status 3"),
        ("nowhere-to-be-found", Outcome.UNABLE, "is not found in the sandbox"),
        ("sleep 600", Outcome.TIMEOUT, "took longer than 2 s"),
        ("kill -9 $$", Outcome.FAILED, "the command ended with status 137"),
        ("cat node_modules/left/index.js && ! touch node_modules/x", Outcome.PASSED, ""),
    ],
)
async def test_the_status_of_the_command_counts(
    run_the_tests: Any, command: str, outcome: Outcome, says: str
) -> None:
    files = {"main.go": "package main\n", "node_modules/left/index.js": "x\n"}
    result = await run_the_tests(files, command=command, limits=Limits(seconds=2))
    assert result.outcome is outcome
    assert says in result.ended
    assert command in result.runner


async def test_a_command_finds_the_python_of_the_tests(run_the_tests: Any) -> None:
    files = {
        "checks.py": "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): 1 / 0\n"
    }
    result = await run_the_tests(files, command="python -m unittest checks")
    assert result.outcome is Outcome.FAILED
    assert "ZeroDivisionError" in result.output


async def test_a_goal_names_the_command(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main\n")

    async def run_its_tests(command: str) -> Rehearsal:
        parameters: dict[str, JsonValue] = {"path": str(tmp_path), "task": "test"}
        return await rehearse("code", "Test this", {**parameters, "tests_command": command})

    assert (await run_its_tests("true")).result.summary.startswith("Its tests pass (")
    failed = await run_its_tests("echo 'no, not yet'; false")
    assert failed.result.summary.startswith("Its tests fail: the command ended with status 1")
    assert b"no, not yet" in failed.files["tests.md"]
