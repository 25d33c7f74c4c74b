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
