"""What commands print about plugins that failed or have warnings."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import install_plugin

BAD = Path(__file__).parents[1] / "agents" / "bad_plugins"
LOUD = """
print("hello from a plugin")
from perdure.agents import Goal, Result, Run, agent, hookimpl

@agent
async def loud(run: Run, goal: Goal) -> Result:
    "Says something."
    return Result(summary="hello")

@hookimpl
def register_agents():
    return [loud]
"""
EVERY = {"PERDURE_PLUGINS_ALLOW": "perdure-echo,perdure-loud,perdure-raises"}
REASON = "importing perdure_raises (perdure_raises.py, line 10) raised RuntimeError: no licence"
WARNING = "loading perdure_loud printed 'hello from a plugin', which went to stderr"


@pytest.fixture
def neighbours(perdure: Any, tmp_path: Path) -> Any:
    """Install, beside the agent echo, a plugin that fails and one that prints."""
    site = tmp_path / "site"
    for name in (BAD / "raises").iterdir():
        if name.is_dir() and name.suffix == ".dist-info":
            shutil.copytree(name, site / name.name)
        elif name.suffix == ".py":
            shutil.copy(name, site)
    install_plugin(site, "perdure-loud", LOUD)
    return perdure


def test_plugins_says_why_one_failed_and_what_to_change(neighbours: Any) -> None:
    done = neighbours("plugins", **EVERY)
    assert "perdure-raises\t1.0\tfailed" in done.stdout
    assert f"perdure-raises 1.0, failed: {REASON}" in done.stdout
    assert f"perdure-loud 1.0, warning: {WARNING}" in done.stdout
    assert "\nhello from a plugin\n" not in f"\n{done.stdout}"
    assert "hello from a plugin\n" in done.stderr
    listed = {one["distribution"]: one for one in neighbours.json("plugins", **EVERY)["plugins"]}
    assert REASON in listed["perdure-raises"]["reason"]
    assert WARNING in listed["perdure-loud"]["warnings"][0]
    assert listed["perdure-echo"]["warnings"] == []


def test_agents_lists_what_works_and_points_to_what_does_not(neighbours: Any) -> None:
    done = neighbours("agents", **EVERY)
    assert done.returncode == 0
    assert "echo  1.0  (perdure-echo)" in done.stdout
    assert "loud  1.0  (perdure-loud)" in done.stdout
    assert "1 plugin is left out: perdure plugins says why" in done.stderr


def test_a_worker_says_at_its_start_which_plugin_is_left_out(
    neighbours: Any, start_dev: Any
) -> None:
    dev = start_dev()
    process = neighbours.start("worker", "--json", **EVERY)
    process.stdout.readline()  # it works: its warnings are printed
    process.terminate()
    _, err = process.communicate(timeout=30)
    (line,) = [line for line in err.splitlines() if "is left out" in line]
    assert "warning" in line
    assert f"plugin perdure-raises 1.0 is left out: {REASON}" in line
    dev.stop()


MANY = """
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

async def work(run: Run, goal: Goal) -> Result: ...

@hookimpl
def register_agents():
    return [AgentSpec(name=f"many-{number}", description="Works.", agent=work)
            for number in range(1000)]
"""


def test_of_very_many_agents_the_first_are_listed_and_the_nearest_named(
    perdure: Any, tmp_path: Path
) -> None:
    install_plugin(tmp_path / "site", "perdure-many", MANY)
    listed = perdure("plugins", PERDURE_PLUGINS_ALLOW="perdure-many").stdout
    assert "many-0, many-1, many-2, many-3, many-4, many-5, many-6, many-7 and 992 more" in listed
    refused = perdure("run", "manny-500", "x", PERDURE_PLUGINS_ALLOW="perdure-many")
    assert refused.returncode == 1
    assert "no agent 'manny-500' is installed: choose one of many-500, " in refused.stderr
    assert ", or of 997 more, which perdure agents lists" in refused.stderr


def test_run_says_why_an_agent_is_left_out(neighbours: Any) -> None:
    refused = neighbours("run", "raises", "x", **EVERY)
    assert refused.returncode == 1
    assert refused.stderr.endswith(
        f"no agent 'raises' is there, for plugin perdure-raises 1.0 is left out: {REASON}; see"
        " whether pip install --upgrade perdure-raises helps, or uninstall it\n"
    )


CHECKED = """
from perdure.agents import AgentSpec, Check, Goal, Result, Run, hookimpl

async def checked(run: Run, goal: Goal) -> Result:
    return Result()

@hookimpl
def register_agents():
    found = [Check(part="lungs", found=True)]
    return [AgentSpec(name="checked", description="", agent=checked, check=lambda: found)]
"""


@pytest.mark.parametrize("damage", [b"[perdure]\nit = \xff\xfe\n", b"[console_scripts]\nnothing\n"])
def test_damaged_entry_points_of_anybody_end_no_command(
    damage: bytes, neighbours: Any, tmp_path: Path
) -> None:
    information = tmp_path / "site" / "beautiful_pots-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.4\nName: beautiful-pots\n")
    (information / "entry_points.txt").write_bytes(damage)
    allow = {"PERDURE_PLUGINS_ALLOW": "perdure-echo,beautiful-pots"}
    assert (
        "beautiful-pots, failed: its entry_points.txt cannot be read: pip install --force-reinstall"
        " beautiful-pots\n"
    ) in neighbours("plugins", **allow).stdout
    assert "echo  1.0" in neighbours("agents", **allow).stdout
    assert neighbours("goals", "list", **allow).returncode == 0
    # In the process of its own in which agents' checks are called, too.
    install_plugin(tmp_path / "site", "perdure-checked", CHECKED)
    checked = allow | {"PERDURE_PLUGINS_ALLOW": "perdure-checked,beautiful-pots"}
    parts = {check["part"] for check in neighbours.json("doctor", status=1, **checked)["checks"]}
    assert "checked: lungs" in parts
    assert neighbours.json("run", "echo", "x", "-p", "text=hi", **allow)["success"]
