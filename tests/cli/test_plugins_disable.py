"""``perdure plugins disable`` and ``enable``, and plugins whose process died meanwhile."""

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.plugins import install_plugin
from tests.support.until import until

TORTOISE = """
from pathlib import Path
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

Path(__file__).with_name("imported").touch()

async def tortoise(run: Run, goal: Goal) -> Result:
    return Result(summary="arrived")

@hookimpl
def register_agents():
    return [AgentSpec(name="tortoise", description="Walks.", agent=tortoise)]
"""
BOTH = {"PERDURE_PLUGINS_ALLOW": "perdure-echo,perdure-slow-walker"}
ENABLE = "perdure plugins enable perdure-slow-walker"


@pytest.fixture
def walker(perdure: Any, tmp_path: Path) -> Any:
    """Install, beside the agent echo, a plugin whose agent is not called as the plugin is."""
    install_plugin(tmp_path / "site", "perdure-slow-walker", TORTOISE)
    perdure.environment |= BOTH
    return perdure


def plugin(perdure: Any, name: str = "perdure-slow-walker") -> Any:
    listed = perdure.json("plugins")["plugins"]
    return next(one for one in listed if one["distribution"] == name)


@pytest.mark.parametrize(
    "name", ["perdure-slow-walker", "Perdure.Slow_Walker", "slow-walker", "SLOW__walker"]
)
def test_a_disabled_plugin_is_imported_by_no_command(
    name: str, walker: Any, tmp_path: Path
) -> None:
    walker.json("agents")
    imported = tmp_path / "site" / "imported"
    imported.unlink()
    first = walker.json("plugins", "disable", name)
    assert first == {"distribution": "perdure-slow-walker", "disabled": True, "changed": True}
    again = walker("plugins", "disable", name)
    assert (again.returncode, again.stdout) == (
        0,
        f"perdure-slow-walker is disabled already: {ENABLE} takes it back\n",
    )

    listed = plugin(walker)
    assert (listed["status"], listed["agents"]) == ("disabled", ["tortoise"])
    assert listed["reason"] == f"it is disabled in this home: {ENABLE}"
    agents = walker("agents")
    assert "tortoise" not in agents.stdout
    assert ENABLE in agents.stderr
    (unavailable,) = [
        one
        for one in walker.json("agents")["unavailable_plugins"]
        if one["distribution"] == "perdure-slow-walker"
    ]
    assert (unavailable["status"], unavailable["agents"]) == ("disabled", ["tortoise"])
    report = walker.json("doctor")
    (checked,) = [one for one in report["checks"] if one["part"] == "perdure-slow-walker"]
    assert (checked["status"], ENABLE in checked["advice"]) == ("disabled", True)
    asked = walker.json("run", "tortoise", "Walk", status=1)["error"]
    assert asked["message"] == (
        f"agent 'tortoise' is of perdure-slow-walker, which is disabled: {ENABLE}"
    )
    assert not imported.exists()

    assert walker.json("plugins", "enable", name)["changed"] is True
    assert walker.json("plugins", "enable", name)["changed"] is False
    assert plugin(walker)["status"] == "loaded"
    assert imported.exists()


def test_neither_dev_nor_its_pages_have_a_disabled_plugin(
    walker: Any, start_dev: Any, tmp_path: Path
) -> None:
    walker.json("plugins", "disable", "slow-walker")
    dev = start_dev()
    url = dev.document["api_url"]
    listed = httpx.get(f"{url}/api/agents").json()
    assert [agent["name"] for agent in listed["agents"]] == ["echo"]
    assert ENABLE in next(
        one["reason"] for one in listed["unavailable_plugins"] if one["status"] == "disabled"
    )
    assert ENABLE in httpx.get(f"{url}/agents").text
    # It was never loaded in this home: its agent is not known.
    assert not (tmp_path / "site" / "imported").exists()
    enabled = walker("plugins", "enable", "slow-walker")
    assert f"process {dev.process.pid}, loads perdure-slow-walker when it is started again" in (
        enabled.stderr
    )
    dev.stop()


def test_a_plugin_that_fails_or_hangs_can_be_disabled(walker: Any, tmp_path: Path) -> None:
    (tmp_path / "site" / "perdure_slow_walker.py").write_text("import time\ntime.sleep(60)\n")
    walker.json("plugins", "disable", "slow-walker", PERDURE_PLUGIN_IMPORT_SECONDS="60")
    assert plugin(walker)["status"] == "disabled"
    # Its agent is not known: the name that it is likely to have is.
    asked = walker.json("run", "slow-walker", "Walk", status=1)["error"]
    assert ENABLE in asked["message"]


def test_one_that_is_uninstalled_can_be_enabled_and_stays_disabled_until_then(
    walker: Any, tmp_path: Path
) -> None:
    walker.json("plugins", "disable", "slow-walker")
    information = tmp_path / "site" / "perdure_slow_walker-1.0.dist-info"
    information.rename(tmp_path / "away")
    assert walker.json("plugins", "disable", "slow-walker")["changed"] is False
    (tmp_path / "away").rename(information)
    assert plugin(walker)["status"] == "disabled"
    information.rename(tmp_path / "away")
    assert walker.json("plugins", "enable", "slow-walker")["changed"] is True


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("slow-wolker", "no plugin 'slow-wolker' is installed: did you mean perdure-slow-walker?"),
        ("perdure-eco", "no plugin 'perdure-eco' is installed: did you mean perdure-echo"),
        ("tortoise", "'tortoise' is an agent and no plugin: name its plugin, perdure-slow-walker"),
        ("perdure", "'perdure' is the core and no plugin"),
        ("\x1b[31mred", "no plugin '\\\\x1b[31mred' is installed: perdure plugins lists"),
    ],
)
@pytest.mark.parametrize("command", ["disable", "enable"])
def test_an_unknown_name_is_refused_with_the_nearest(
    command: str, name: str, message: str, walker: Any
) -> None:
    walker.json("agents")
    refused = walker("plugins", command, name)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"perdure: {message}")
    assert not (Path(walker.environment["PERDURE_HOME"]) / "plugins" / "disabled.json").exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"disabled": "perdure-echo"}', '{"disabled": [1]}', "[" * 100_000]
)
def test_a_damaged_record_is_said_and_ends_no_command(content: str, walker: Any) -> None:
    record = Path(walker.environment["PERDURE_HOME"]) / "plugins" / "disabled.json"
    walker.json("plugins", "disable", "slow-walker")
    record.write_text(content)
    done = walker("plugins", "--json")
    assert done.returncode == 0
    statuses = {one["distribution"]: one["status"] for one in json.loads(done.stdout)["plugins"]}
    assert statuses["perdure-slow-walker"] == "loaded"
    assert f"which plugins are disabled cannot be read from {record} (it is damaged)" in done.stderr
    assert "Traceback" not in done.stderr
    assert walker.json("plugins", "disable", "slow-walker")["changed"] is True
    done = walker("plugins")
    assert "cannot be read" not in done.stderr
    assert ENABLE in done.stdout


def test_a_record_that_is_a_folder_is_said_too(walker: Any) -> None:
    record = Path(walker.environment["PERDURE_HOME"]) / "plugins" / "disabled.json"
    record.mkdir(parents=True)
    done = walker("plugins")
    assert done.returncode == 0
    assert f"cannot be read from {record} (Is a directory)" in done.stderr
    refused = walker("plugins", "disable", "slow-walker")
    assert refused.returncode == 1
    assert "whether perdure-slow-walker is disabled cannot be written" in refused.stderr


def test_two_that_disable_at_once_lose_nothing(walker: Any) -> None:
    commands = [
        walker.start("plugins", "disable", name) for name in ("echo", "slow-walker") for _ in "12"
    ]
    assert [command.wait(60) for command in commands] == [0, 0, 0, 0]
    listed = walker.json("plugins")["plugins"]
    assert {one["distribution"] for one in listed if one["status"] == "disabled"} == {
        "perdure-echo",
        "perdure-slow-walker",
    }


# It loads well in a process of its own, where it is tried, and then never ends.
HANGS_HERE = """
import sys, time
from pathlib import Path
if sys.argv != ["perdure"]:
    Path(__file__).with_name("hangs").touch()
    time.sleep(60)
"""
INTERRUPTED = "ended while it loaded the plugin perdure-slow-walker: if that happens again"


@pytest.mark.parametrize("stage", ["trial", "import"])
def test_the_next_start_says_what_was_being_loaded(stage: str, walker: Any, tmp_path: Path) -> None:
    hangs = HANGS_HERE if stage == "import" else HANGS_HERE.replace("!=", "==")
    module = tmp_path / "site" / "perdure_slow_walker.py"
    module.write_text(hangs + TORTOISE)
    sign = tmp_path / "site" / "hangs"
    patient = {"PERDURE_PLUGIN_IMPORT_SECONDS": "60"}
    first = walker.start("agents", **patient)
    until(sign.exists, "the import")

    # Another process, which goes on: it blames nobody who lives.
    echo = {"PERDURE_PLUGINS_ALLOW": "perdure-echo"}
    assert INTERRUPTED not in walker("agents", **echo).stderr
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    said = walker("agents", "--json", **echo)
    assert said.returncode == 0
    assert f"process {first.pid} {INTERRUPTED}, perdure plugins disable perdure-slow-walker" in (
        said.stderr
    )
    json.loads(said.stdout)
    assert INTERRUPTED not in walker("agents", **echo).stderr


def test_who_was_stopped_in_order_is_not_blamed(walker: Any, tmp_path: Path) -> None:
    (tmp_path / "site" / "perdure_slow_walker.py").write_text(HANGS_HERE + TORTOISE)
    first = walker.start("agents", PERDURE_PLUGIN_IMPORT_SECONDS="60")
    until((tmp_path / "site" / "hangs").exists, "the import")
    first.send_signal(signal.SIGINT)
    assert first.wait(30) == 130
    assert INTERRUPTED not in walker("plugins", "disable", "slow-walker").stderr
    assert "ended while" not in walker("agents").stderr


def test_a_plugin_file_that_ends_the_process_is_named_at_the_next_start(
    walker: Any, tmp_path: Path
) -> None:
    file = tmp_path / "work" / "quits.py"
    file.write_text("import os\nos._exit(0)\n")
    walker("agents", PERDURE_PLUGIN_FILES=str(file))
    said = walker("agents").stderr
    assert f"ended while it loaded the plugin {file}: if that happens again, correct {file}" in said


NOTES_ITS_TRIAL = """
import sys
from pathlib import Path
if sys.argv == ["perdure"]:
    Path(__file__).with_name("tried").touch()
"""


def test_what_died_is_tried_in_a_process_of_its_own_again(walker: Any, tmp_path: Path) -> None:
    site, home = tmp_path / "site", Path(walker.environment["PERDURE_HOME"])
    (site / "perdure_slow_walker.py").write_text(NOTES_ITS_TRIAL + TORTOISE)
    walker.json("agents")
    (site / "tried").unlink()
    walker.json("agents")
    assert not (site / "tried").exists()  # its files are those that loaded well
    marker = home / "plugins" / "loading" / "1-dead"
    marker.write_text("perdure-echo\n\nperdure-slow-walker\n")
    assert f"process 1 {INTERRUPTED}" in walker("agents").stderr
    assert (site / "tried").exists()
    assert not marker.exists()
