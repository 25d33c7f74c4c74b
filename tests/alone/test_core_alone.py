"""The core where no plugin is installed: it starts, and says how to get an agent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.agents import AgentFactory, UnknownAgent

pytestmark = pytest.mark.alone


def run_perdure(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("perdure"), *arguments],
        cwd=home,
        env=os.environ | {"PERDURE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_asking_for_an_agent_says_how_to_install_one() -> None:
    with pytest.raises(UnknownAgent, match="pip install perdure-research"):
        AgentFactory.create("research", {})


@pytest.mark.parametrize("command", ["agents", "plugins"])
def test_the_command_starts_and_says_how_to_install_one(tmp_path: Path, command: str) -> None:
    told = run_perdure(tmp_path, command)

    assert told.returncode == 0
    assert "pip install perdure-" in told.stdout + told.stderr
