"""Plugin files: one file becomes a plugin, known to every command, and new with every change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import read_document, read_line
from tests.support.until import until

StartDev = Callable[..., Any]

SOURCE = """
import asyncio
from pathlib import Path
from pydantic import BaseModel, Field
from perdure.agents import Goal, Result, Run, agent, hookimpl

WORD = "rain"

class Parameters(BaseModel):
    gate: str = Field("", description="What to wait for.")

@agent
async def weather(run: Run, goal: Goal, parameters: Parameters) -> Result:
    "Tells the weather."
    Path(f"{parameters.gate}.here").touch()
    while parameters.gate and not Path(parameters.gate).exists():
        await asyncio.sleep(0.02)
    return Result(summary=await run.step("look", look))

def look() -> str:
    return WORD

@hookimpl
def register_agents():
    return [weather]
"""


@pytest.fixture
def file(perdure: Any) -> Path:
    """Return a plugin file in the current folder."""
    place: Path = perdure.folder / "my_agent.py"
    place.write_text(SOURCE)
    return place


def plugin(perdure: Any, name: str = "my_agent.py", **environment: str) -> Any:
    listed = perdure.json("plugins", **environment)["plugins"]
    return next((one for one in listed if one["distribution"] == name), None)


def test_other_commands_know_it_while_dev_is_up(
    perdure: Any, start_dev: StartDev, file: Path
) -> None:
    assert plugin(perdure) is None
    dev = start_dev("--plugin", "my_agent.py", "--port", "0", "--temporal-port", "0")
    assert dev.document["plugin_files"] == [{"path": str(file), "reason": ""}]
    known = plugin(perdure)
    assert (known["status"], known["version"], known["module"]) == ("loaded", "file", str(file))
    assert perdure.json("agents", "weather")["agents"][0]["distribution"] == "my_agent.py"
    assert "What to wait for." in perdure("run", "weather", "--help").stdout
    done = perdure.json("run", "weather", "x")
    assert done["result"]["summary"] == "rain"
    assert done["agent_version"] == "my_agent.py file"
    dev.stop()
    assert plugin(perdure) is None
    refused = perdure("run", "weather", "x")
    assert "start perdure dev with --plugin my_agent.py" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_change_is_for_what_begins_later(perdure: Any, start_dev: StartDev, file: Path) -> None:
    dev = start_dev("--plugin", str(file), "--port", "0", "--temporal-port", "0")
    gate = perdure.folder / "gate"
    first = perdure.start("run", "weather", "x", "-p", f"gate={gate}", "--json")
    read_line(dev.process, "agent started")
    file.write_text(SOURCE.replace("rain", "snow"))
    read_line(dev.process, "is loaded anew")
    assert perdure.json("run", "weather", "x")["result"]["summary"] == "snow"
    gate.touch()
    out, err = first.communicate(timeout=60)
    assert json.loads(out)["result"]["summary"] == "rain", err


def test_a_broken_change_keeps_what_was_good_and_a_removal_is_told(
    perdure: Any, start_dev: StartDev, file: Path
) -> None:
    dev = start_dev("--plugin", str(file), "--port", "0", "--temporal-port", "0")
    file.write_text(SOURCE + "\ndef (")
    told = read_line(dev.process, "cannot be loaded")
    assert "its last good version goes on" in told
    assert "SyntaxError" in told
    assert perdure.json("run", "weather", "x")["result"]["summary"] == "rain"
    assert "SyntaxError" in plugin(perdure)["reason"]

    file.write_text(SOURCE.replace("rain", "sun"))
    read_line(dev.process, "is loaded anew")
    assert perdure.json("run", "weather", "x")["result"]["summary"] == "sun"

    file.write_text(
        SOURCE.replace("async def weather", "async def echo").replace("[weather]", "[echo]")
    )
    assert "claimed by perdure-echo already" in read_line(dev.process, "cannot be loaded")

    file.unlink()
    read_line(dev.process, "is gone")
    assert "there is no file" in perdure("run", "weather", "x").stderr
    file.write_text(SOURCE)
    read_line(dev.process, "is loaded anew")
    assert perdure.json("run", "weather", "x")["result"]["summary"] == "rain"


def test_a_file_that_is_broken_from_the_start_is_told_and_picked_up_later(
    perdure: Any, start_dev: StartDev, file: Path
) -> None:
    file.write_text("import no_such_module")
    dev = start_dev("--plugin", str(file), "--port", "0", "--temporal-port", "0")
    assert "no_such_module" in read_line(dev.process, "cannot be loaded")
    file.write_text(SOURCE)
    read_line(dev.process, "is loaded anew")
    assert perdure.json("run", "weather", "x")["result"]["summary"] == "rain"


def test_run_takes_a_file_with_a_server_of_its_own(perdure: Any, file: Path) -> None:
    done = perdure.json("run", "weather", "x", "--plugin", "my_agent.py")
    assert done["result"]["summary"] == "rain"
    helped = perdure("run", "weather", "--plugin", "my_agent.py", "--help").stdout
    assert "gate=" in helped
    missing = perdure("run", "weather", "x", "--plugin", "gone.py")
    assert missing.returncode == 2
    assert "gone.py" in missing.stderr


def test_run_refuses_a_file_whose_agent_another_plugin_has(
    perdure: Any, start_dev: StartDev, file: Path
) -> None:
    file.write_text(SOURCE.replace("weather", "echo"))
    reason = (
        f"perdure: {file} is not used: agent name 'echo' is claimed by perdure-echo already: choose"
        " another, or leave that one out, PERDURE_PLUGINS_DENY=perdure-echo\n"
    )
    asked = ("run", "echo", "x", "--plugin", "my_agent.py")
    refused = perdure(*asked)
    assert (refused.returncode, refused.stderr) == (1, reason)
    done = perdure.json(*asked, PERDURE_PLUGINS_DENY="perdure-echo")
    assert done["result"]["summary"] == "rain"
    start_dev("--plugin", "my_agent.py", "--port", "0", "--temporal-port", "0")
    assert perdure(*asked).stderr == reason
    assert perdure.json("run", "echo", "x", "-p", "text=hi")["result"]["summary"] == "said hi"


def test_watch_goes_on_with_a_goal_whose_run_was_killed(perdure: Any, file: Path) -> None:
    gate = perdure.folder / "gate"
    asked = ("run", "weather", "x", "--plugin", str(file), "-p", f"gate={gate}")
    killed = perdure.start(*asked, "--goal-id", "killed")
    until(Path(f"{gate}.here").exists, "the agent's start", 60)
    killed.kill()
    killed.communicate(timeout=60)
    gate.touch()
    done = perdure.json("goals", "watch", "killed", "--plugin", str(file))
    assert done["result"]["summary"] == "rain"


def test_run_refuses_a_file_that_the_server_does_not_know(
    perdure: Any, start_dev: StartDev, file: Path
) -> None:
    start_dev()
    done = perdure("run", "weather", "x", "--plugin", "my_agent.py")
    assert done.returncode == 1
    assert f"start it again with --plugin {file}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_worker_loads_the_files_of_its_settings(
    perdure: Any, start_dev: StartDev, file: Path
) -> None:
    start_dev()
    worker = perdure.start("worker", "--json", PERDURE_PLUGIN_FILES="my_agent.py")
    assert read_document(worker)["agents"] == ["echo", "weather"]
    file.write_text(SOURCE.replace("rain", "snow"))
    read_line(worker, "is loaded anew")
    assert plugin(perdure, PERDURE_PLUGIN_FILES="my_agent.py")["status"] == "loaded"
