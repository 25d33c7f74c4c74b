"""``perdure goals replay``: old and new versions of a plugin over what is on record."""

import json
import sqlite3
import stat
import subprocess
import sys
import sysconfig
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from perdure.cli.replays import process
from perdure.cli.replays.process import ReplayProcess
from perdure.schemas.replays.recording import Recording
from perdure.testing import replay as replay_saved
from tests.cli.conftest import ECHO
from tests.support.command_line import CommandLine
from tests.support.plugins import install_plugin

NEWER = ECHO.replace("summary=f\"said {given['text']}\"", "summary=f\"told {given['text']}\"")
OTHER = NEWER.replace('run.step("pay", pay, given["wait_for"])', 'run.step("pay", pay, "x")')
# Prints, ends its process for one goal, and never ends for another.
WILD = ECHO.replace(
    "    given = goal.parameters\n",
    '    given = goal.parameters\n    print(\'{"kind": "ready"}\')\n'
    "    if given['text'] == 'die':\n        import os; os._exit(3)\n",
)


def upgrade(perdure: CommandLine, tmp_path: Path, source: str, version: str = "2.0") -> Path:
    """Install another version for the commands that follow; return where the old one is."""
    old = Path(perdure.environment["PYTHONPATH"])
    site = tmp_path / f"site-{version}"
    install_plugin(site, "perdure-echo", source, version=version)
    perdure.environment["PYTHONPATH"] = str(site)
    return old


def content(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "perdure.db")) as database:
        return list(database.iterdump())


def run(perdure: CommandLine, text: str, *more: str, status: int = 0) -> str:
    parameters = [part for pair in (f"text={text}", *more) for part in ("--param", pair)]
    done = perdure.json("run", "echo", text, *parameters, status=status)
    return str(done["workflow_id"])


@pytest.fixture
def old_python(tmp_path: Path) -> Any:
    """Return a function that makes an environment with a site of its own, and its interpreter."""

    def make(site: Path) -> Path:
        folder = tmp_path / "old"
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True, timeout=90)
        places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
        own = sysconfig.get_paths()["purelib"]
        lines = [str(site), f"import site; site.addsitedir({own!r})"]
        (Path(places["purelib"]) / "old.pth").write_text("\n".join(lines))
        return folder / "bin" / "python"

    return make


def test_versions_of_a_plugin_are_compared_side_by_side(
    perdure: CommandLine, own_home: Path, tmp_path: Path, old_python: Any
) -> None:
    goal = run(perdure, "hello")
    same = perdure("goals", "replay", goal)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "replayed   perdure-echo 1.0  same" in same.stdout
    python = old_python(upgrade(perdure, tmp_path, NEWER))
    before = content(own_home)
    found = perdure.json("goals", "replay", goal, "--python", str(python), status=1)
    assert content(own_home) == before
    assert (found["workflow_id"], found["status"]) == (goal, "completed")
    assert found["recorded"] == ["perdure-echo 1.0"]
    new, old = found["replays"]
    assert (new["version"], new["same"], new["end"]) == ("perdure-echo 2.0", False, "completed")
    assert (old["version"], old["same"], old["end"]) == ("perdure-echo 1.0", True, "completed")
    assert old["python"] != new["python"]
    assert new["differences"] == [
        {"where": "result.summary", "recorded": '"said hello"', "now": '"told hello"'}
    ]
    assert [step["name"] for step in new["steps"]] == ["pay#1"]
    upgrade(perdure, tmp_path, OTHER, "3.0")
    shown = perdure("goals", "replay", goal, "--python", str(python))
    assert shown.returncode == 1, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[1] == "recorded   perdure-echo 1.0"
    assert lines[2].startswith("replayed   perdure-echo 3.0  different: step pay#1: another input")
    assert lines[3] == f"replayed   perdure-echo 1.0 ({python})  same"
    table = [line.split("\t") for line in lines if "\t" in line]
    assert table[0] == [
        "step", "perdure-echo 3.0", f"perdure-echo 1.0 ({python})", "what it is"
    ]  # fmt: skip
    assert table[1][:3] == ["pay#1", "changed", "same"]
    # What the old one hands the step is what is on record: its digest is.
    assert table[1][3] == (
        'another input than on record: would be executed, with "x", on record ""'
    )


def test_many_goals_are_a_check_before_a_deploy(
    perdure: CommandLine, own_home: Path, tmp_path: Path
) -> None:
    first, failed = run(perdure, "one"), run(perdure, "two", "fail=true", status=1)
    third = run(perdure, "three")
    upgrade(perdure, tmp_path, NEWER)
    before = content(own_home)
    report = perdure.json("goals", "replay", "--agent", "echo", status=1)
    assert content(own_home) == before
    assert (report["same"], report["different"]) == (1, 2)
    assert [goal["workflow_id"] for goal in report["goals"]] == [third, failed, first]
    assert [goal["same"] for goal in report["goals"]] == [False, True, False]
    shown = perdure("goals", "replay", "--status", "failed", "--last", "5")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-1] == "1 the same, 0 different"
    named = perdure("goals", "replay", first, third)
    assert named.returncode == 1
    assert named.stdout.splitlines()[-1] == "0 the same, 2 different"
    none = perdure.json("goals", "replay", "--tenant", "acme")
    assert none == {"same": 0, "different": 0, "goals": []}


def test_an_agent_that_ends_its_process_costs_its_own_replay_alone(
    perdure: CommandLine, tmp_path: Path
) -> None:
    first, last = run(perdure, "die"), run(perdure, "live")
    upgrade(perdure, tmp_path, WILD)
    report = perdure.json("goals", "replay", first, last, status=1)
    lost, lived = (goal["replays"][0] for goal in report["goals"])
    assert (lost["end"], lost["message"]) == ("lost", "its process ended with status 3")
    assert (lived["end"], lived["same"]) == ("completed", True)


def test_a_missing_agent_is_a_difference_and_not_a_crash(
    perdure: CommandLine, tmp_path: Path
) -> None:
    goal = run(perdure, "hello")
    (tmp_path / "empty").mkdir()
    perdure.environment["PYTHONPATH"] = str(tmp_path / "empty")
    found = perdure.json("goals", "replay", goal, status=1)
    (replay,) = found["replays"]
    assert replay["end"] == "refused"
    assert "'echo'" in replay["message"]


async def test_a_record_is_saved_for_tests_of_its_agent(
    perdure: CommandLine, tmp_path: Path
) -> None:
    goal = run(perdure, "hello")
    file = tmp_path / "record.json"
    done = perdure("goals", "replay", goal, "--save", str(file))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Recording.model_validate_json(file.read_text()).workflow_id == goal
    for source, expected in ((ECHO, ""), (NEWER, 'result.summary: "said hello" on record')):
        names: dict[str, Any] = {"__name__": "echoes"}
        exec(compile(source, "echoes.py", "exec", dont_inherit=True), names)
        (spec,) = names["register_agents"]()
        found = await replay_saved(spec, file)
        assert found.same is (expected == "")
        assert found.first.startswith(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name goals, or say which with --agent, --status, --last and the like"),
        (("goal-1", "--agent", "echo"), "name goals, or say which"),
        (("--agent", "echo", "--save", "x.json"), "--save writes one goal's record"),
        (("nothing-of-the-kind",), "no goal"),
    ],
)
def test_what_cannot_be_replayed_is_said(
    perdure: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    done = perdure("goals", "replay", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("perdure: ")
    assert message in done.stderr
    assert perdure.json("goals", "replay", *arguments, status=1)["error"]["message"]


def test_an_interpreter_without_perdure_is_named(perdure: CommandLine, tmp_path: Path) -> None:
    goal = run(perdure, "hello")
    command = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")]
    subprocess.run(command, check=True, timeout=90)
    python = tmp_path / "bare" / "bin" / "python"
    done = perdure("goals", "replay", goal, "--python", str(python))
    assert done.returncode == 1
    assert f"{python} did not start a replay (its process ended with status 1)" in done.stderr
    empty = tmp_path / "python"
    empty.touch()
    done = perdure("goals", "replay", goal, "--python", str(empty))
    assert f"{empty} cannot be run (Permission denied)" in done.stderr


def test_a_servers_goals_need_the_server(perdure: CommandLine) -> None:
    done = perdure("--server", "http://127.0.0.1:9", "goals", "replay", "goal-1")
    assert done.returncode == 1
    assert "http://127.0.0.1:9 cannot be reached" in done.stderr


async def test_an_agent_that_computes_for_ever_is_given_up(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = run(perdure, "hello")
    file = tmp_path / "record.json"
    assert perdure("goals", "replay", goal, "--save", str(file)).returncode == 0
    endless = tmp_path / "endless.py"
    endless.write_text(
        ECHO.replace("    given = goal.parameters\n", "    while True:\n        pass\n", 1)
    )
    monkeypatch.setattr(process, "REPLAY_SECONDS", 2.0)
    for name in ("PERDURE_HOME", "PYTHONPATH"):
        monkeypatch.setenv(name, perdure.environment[name])
    monkeypatch.setenv("PERDURE_PLUGINS_ALLOW", "perdure-none")
    recording = Recording.model_validate_json(file.read_text())

    async def nothing(digest: str) -> bytes:
        raise LookupError(digest)

    async with ReplayProcess.opened(None, [endless]) as replays:
        found = await replays.replay(recording, nothing)
        assert replays._process is None, "it is ended"
    assert found.end == "lost"
    assert found.message == "it took longer than 2 s: see what it does outside of steps"


def test_what_an_agent_prints_is_no_part_of_the_document(
    perdure: CommandLine, tmp_path: Path
) -> None:
    goal = run(perdure, "hello")
    upgrade(perdure, tmp_path, WILD)
    done = perdure("goals", "replay", goal, "--json")
    assert json.loads(done.stdout)["same"], done.stdout
    assert '{"kind": "ready"}' in done.stderr
