"""The embedded server of a ``perdure run``, which other commands of its home use meanwhile."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import install_plugin
from tests.support.processes import read_document, read_line
from tests.support.until import until

# Its parameters are checked when a goal is prepared, and once more just before it is started.
HELD = """
import time
import traceback
from pathlib import Path
from pydantic import BaseModel, field_validator
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

class Parameters(BaseModel):
    gate: Path

    @field_validator("gate")
    @classmethod
    def hold(cls, gate):
        callers = {Path(frame.f_code.co_filename).stem for frame, _ in traceback.walk_stack(None)}
        if "goal_service" in callers:
            gate.with_name("held").touch()
            while not gate.exists():
                time.sleep(0.05)
        return gate

async def held(run: Run, goal: Goal) -> Result:
    return Result(summary="went on")

@hookimpl
def register_agents():
    return [AgentSpec(name="held", description="Waits.", agent=held, parameters=Parameters)]
"""


def ended(process: Any) -> Any:
    """Return the document of a command that ends well."""
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    return json.loads(out)


def test_other_commands_use_the_server_of_a_run(
    perdure: Any, own_home: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first = perdure.start("run", "echo", "x", "-p", f"wait_for={gate}", "--json")
    until(lambda: gate.with_name("gate.bill").exists(), "the first goal to begin")
    running = json.loads((own_home / "running.json").read_text())
    assert (running["pid"], running["command"]) == (first.pid, "run")

    second = perdure.json("run", "echo", "y", "-p", "text=meanwhile")
    assert second["result"]["summary"] == "said meanwhile"
    asking = perdure.start("run", "echo", "z", "-p", "ask=really?", "--json")
    approval = until(lambda: perdure.json("approvals")["approvals"], "the question")[0]
    perdure("approvals", "approve", approval["approval_id"])
    assert ended(asking)["success"]
    assert not perdure("run", "echo", "x", "--detach").stdout  # nothing would go on with it
    assert first.poll() is None

    gate.touch()
    assert ended(first)["success"]
    assert not (own_home / "running.json").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, None])
def test_a_goal_goes_on_when_the_run_whose_server_it_used_ends(
    perdure: Any, tmp_path: Path, how: signal.Signals | None
) -> None:
    gates = tmp_path / "first", tmp_path / "second"
    first = perdure.start("run", "echo", "x", "-p", f"wait_for={gates[0]}", "--json")
    until(lambda: gates[0].with_name("first.bill").exists(), "the first goal to begin")
    second = perdure.start("run", "echo", "y", "-p", f"wait_for={gates[1]}", "--json")
    until(lambda: perdure.journaled(2), "both payments to be journaled")
    if how is None:
        gates[0].touch()
    else:
        first.send_signal(how)
    first.wait(timeout=60)
    read_line(second, "the command whose server this goal ran on has ended: it goes on here")
    gates[1].touch()
    assert ended(second)["result"]["data"]["paid"] == 1


def test_dev_waits_for_the_end_of_a_run(perdure: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run = perdure.start("run", "echo", "x", "-p", f"wait_for={gate}", "--json")
    until(lambda: gate.with_name("gate.bill").exists(), "the goal to begin")
    dev = perdure.start("dev", "--json", "--port", "0", "--temporal-port", "0")
    line = read_line(dev, "this starts when it has ended")
    assert f"process {run.pid}" in line
    gate.touch()
    assert ended(run)["success"]
    assert read_document(dev)["command"] == "dev"


def test_two_runs_that_start_at_once(perdure: Any) -> None:
    runs = [perdure.start("run", "echo", f"{number}", "--json") for number in range(3)]
    assert all(ended(run)["success"] for run in runs)


def test_a_goal_starts_when_the_run_whose_server_it_found_has_just_ended(
    perdure: Any, tmp_path: Path
) -> None:
    install_plugin(tmp_path / "site", "perdure-held", HELD)
    perdure.environment["PERDURE_PLUGINS_ALLOW"] = "perdure-echo,perdure-held"
    gates = tmp_path / "first", tmp_path / "second"
    first = perdure.start("run", "echo", "x", "-p", f"wait_for={gates[0]}", "--json")
    until(perdure.journaled, "the first goal to run")
    second = perdure.start("run", "held", "y", "-p", f"gate={gates[1]}", "--json")
    until((tmp_path / "held").exists, "the second goal to be about to start")
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=60)
    gates[1].touch()
    assert ended(second)["result"]["summary"] == "went on"
    assert len(perdure.json("goals", "list", "--agent", "held")["goals"]) == 1
