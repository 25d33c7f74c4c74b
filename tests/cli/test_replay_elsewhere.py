"""``perdure goals replay`` of a server's goals, and with versions that are installed for it."""

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ECHO
from tests.support.command_line import CommandLine, Dev

OLDER = ECHO.replace("summary=f\"said {given['text']}\"", "summary=f\"told {given['text']}\"")


def write_wheel(folder: Path, version: str, source: str) -> None:
    """Write a version of the plugin as a package index would have it."""
    folder.mkdir(exist_ok=True)
    information = f"perdure_echo-{version}.dist-info"
    files = {
        "perdure_echo.py": source,
        f"{information}/METADATA": (
            f"Metadata-Version: 2.1\nName: perdure-echo\nVersion: {version}\n"
            "Requires-Dist: perdure>=0.1\n"
        ),
        f"{information}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{information}/entry_points.txt": "[perdure]\nagents = perdure_echo\n",
    }
    record = f"{information}/RECORD"
    rows = [f"{name},sha256={_hash(text)},{len(text.encode())}" for name, text in files.items()]
    with zipfile.ZipFile(folder / f"perdure_echo-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(record, "\n".join([*rows, f"{record},,"]) + "\n")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture
def index(perdure: CommandLine, tmp_path: Path) -> Path:
    """Have commands find versions in a folder alone."""
    folder = tmp_path / "index"
    perdure.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    return folder


def test_a_version_is_installed_for_the_replay_and_compared_side_by_side(
    perdure: CommandLine, index: Path
) -> None:
    write_wheel(index, "0.9", OLDER)
    goal = perdure.json("run", "echo", "Say", "-p", "text=moss")["workflow_id"]
    found = perdure.json("goals", "replay", goal, "--with", "perdure-echo==0.9", status=1)
    now, older = found["replays"]
    assert (now["version"], now["same"]) == ("perdure-echo 1.0", True)
    assert (older["version"], older["same"]) == ("perdure-echo 0.9", False)
    assert older["differences"] == [
        {"where": "result.summary", "recorded": '"said moss"', "now": '"told moss"'}
    ]
    assert not Path(older["python"]).exists(), "its environment is gone"


def test_a_version_that_cannot_be_had_is_said(perdure: CommandLine, index: Path) -> None:
    goal = perdure.json("run", "echo", "Say")["workflow_id"]
    index.mkdir()
    done = perdure.json("goals", "replay", goal, "--with", "perdure-echo==7.7", status=1)
    message = done["error"]["message"]
    assert message.startswith("no environment with perdure-echo==7.7 could be made (ERROR: ")
    assert "No matching distribution found" in message
    assert "name it with --python" in message
    for wrong in ("--index-url=x", "perdure echo", "../old"):
        refused = perdure.json("goals", "replay", goal, "--with", wrong, status=1)["error"]
        assert "names no version of a plugin" in refused["message"]


def test_a_servers_goals_are_replayed_with_the_agents_of_this_machine(
    perdure: CommandLine, start_dev: Callable[..., Dev], tmp_path: Path
) -> None:
    dev = start_dev()
    there = ("--server", dev.document["api_url"])
    first = perdure.json(*there, "run", "echo", "Say", "-p", "text=moss")["workflow_id"]
    perdure.json(*there, "run", "echo", "Say", "-p", "text=fern")
    elsewhere = perdure.environment | {"PERDURE_HOME": str(tmp_path / "other")}
    other = CommandLine(tmp_path, elsewhere)
    found = other.json(*there, "goals", "replay", first)
    assert (found["workflow_id"], found["same"]) == (first, True)
    assert found["recorded"] == ["perdure-echo 1.0"]
    report = other.json(*there, "goals", "replay", "--agent", "echo", "--last", "5")
    assert (report["same"], report["different"]) == (2, 0)

    changed = tmp_path / "changed.py"
    changed.write_text(OLDER)
    other.environment["PERDURE_PLUGINS_ALLOW"] = "perdure-none"
    differing = other.json(*there, "goals", "replay", first, "--plugin", str(changed), status=1)
    assert differing["replays"][0]["first"].startswith("result.summary")
    other.environment["PERDURE_PLUGINS_ALLOW"] = "perdure-echo"
    file = tmp_path / "record.json"
    assert other(*there, "goals", "replay", first, "--save", str(file)).returncode == 0
    assert json.loads(file.read_text())["workflow_id"] == first
    unknown = other.json(*there, "goals", "replay", "nothing", status=1)
    assert "nothing" in unknown["error"]["message"]
    other.end()
