"""``perdure --server``: the same commands, with the same output, from another machine."""

import getpass
import json
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, Dev
from tests.support.plugins import install_plugin
from tests.support.until import until

READER = """
from pydantic import BaseModel
from perdure.agents import AgentSpec, Goal, InputPath, Result, Run, hookimpl

class Parameters(BaseModel):
    files: list[InputPath] = []
    times: int = 1

async def read(run: Run, goal: Goal) -> Result:
    texts = [open(path).read() for path in goal.parameters["files"]]
    await run.artifact("notes/all.txt", "".join(texts) * goal.parameters["times"])
    return Result(summary=", ".join(texts))

@hookimpl
def register_agents():
    return [AgentSpec(name="reader", description="Reads.", agent=read, parameters=Parameters)]
"""


@dataclass
class Machines:
    """A machine on which ``perdure dev`` runs, and another one that has nothing but the command.

    Attributes:
        here: The command line where the server runs.
        there: That of the other machine: another home, another folder, no plugin.
        url: The server's address.
    """

    here: CommandLine
    there: CommandLine
    url: str

    def both(self, *arguments: str) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
        """Return status, stdout and stderr of a command, given here and from there."""
        runs = [self.here.start(*arguments), self.there.start("--server", self.url, *arguments)]
        ended = [(*run.communicate(timeout=90), run.returncode) for run in runs]
        (out, err, status), (other_out, other_err, other_status) = ended
        return (status, out, err), (other_status, other_out, other_err)

    def json(self, *arguments: str, status: int = 0, **environment: str) -> Any:
        """Return what a command prints from the other machine."""
        return self.there.json("--server", self.url, *arguments, status=status, **environment)


@pytest.fixture
def machines(perdure: CommandLine, start_dev: Callable[..., Dev], tmp_path: Path) -> Any:
    site = Path(perdure.environment["PYTHONPATH"])
    install_plugin(site, "perdure-reader", READER)
    perdure.environment["PERDURE_PLUGINS_ALLOW"] = "perdure-echo,perdure-reader"
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PERDURE_")}
    there = CommandLine(folder, environment | {"PERDURE_HOME": str(tmp_path / "other-home")})
    dev = start_dev()
    yield Machines(perdure, there, dev.document["api_url"])
    there.end()


def test_commands_print_the_same_on_a_server(machines: Machines) -> None:
    done = machines.json("run", "echo", "Say", "-p", "text=moss", "-p", "tags=a", "--goal-id", "g1")
    assert done["status"] == "completed"
    assert done["parameters"]["tags"] == ["a"]
    run = done["workflow_id"]
    failed = machines.json("run", "echo", "Fail", "-p", "fail=true", "--goal-id", "g2", status=1)
    assert failed["error"]["type"] == "InputError"
    asked = machines.json("run", "echo", "Ask", "-p", "ask=Go on?", "--goal-id", "g3", "--detach")
    assert until(lambda: machines.json("approvals")["approvals"], seconds=30)
    (approval,) = machines.json("approvals")["approvals"]

    for arguments in (
        ("goals", "list", "--json"),
        ("goals", "show", "g1", "--json"),
        ("goals", "show", run[:12]),
        ("goals", "show", "nothing", "--json"),
        ("goals", "trace", "g1", "--json"),
        ("goals", "trace", "g2"),
        ("goals", "pause", "g1", "--json"),
        ("approvals", "show", approval["approval_id"][:8]),
        ("agents", "echo"),
        ("agents", "ecco"),
        ("plugins", "--json"),
        ("usage", "--json", "--since", "2026-01-01"),
        ("audit", "--action", "goal.start", "--json"),
        ("run", "reader", "x", "-p", "files=@gone.txt", "--json"),
    ):
        here, there = machines.both(*arguments)
        assert there == here, arguments
        assert "Traceback" not in there[2]

    voted = machines.json("approvals", "approve", approval["approval_id"], "--by", "ann")
    assert voted["votes"][0]["by"] == "ann"
    assert machines.json("goals", "watch", asked["workflow_id"])["status"] == "completed"
    again = machines.json("goals", "again", "g1", "--budget", "steps=9", "--description", "Again")
    assert machines.json("goals", "watch", again["workflow_id"])["budget"] == {
        "tokens": None,
        "cost": None,
        "steps": 9,
        "seconds": None,
    }
    retried = machines.json("goals", "retry", "--status", "failed", "--yes")
    assert [goal["workflow_id"] for goal in retried["goals"]] == [failed["workflow_id"]]


def test_files_go_to_the_server_and_come_back(machines: Machines) -> None:
    folder = machines.there.folder
    (folder / "a.txt").write_text("one")
    (folder / "b.txt").write_text("two")
    (folder / "sub").mkdir()
    given = ["-p", "files=a.txt", "-p", f"files=@{folder / 'b.txt'}", "-p", "times=2"]
    done = machines.json("run", "reader", "Read", *given, "--output", "made")
    assert done["result"]["summary"] == "one, two"
    assert done["folder"] == "made"
    assert (folder / "made" / "notes" / "all.txt").read_text() == "onetwo" * 2
    result = json.loads((folder / "made" / "result.json").read_text())
    assert result["workflow_id"] == done["workflow_id"]
    # The environment does the same as the option.
    saved = machines.there.json("goals", "result", done["workflow_id"], PERDURE_SERVER=machines.url)
    assert Path(saved["folder"], "notes", "all.txt").read_text() == "onetwo" * 2
    refused = machines.there("--server", machines.url, "run", "reader", "Read", "-p", "files=@sub")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "is no file" in refused.stderr
    listed = machines.there("--server", machines.url, "run", "reader", "--help").stdout
    assert "files=" in listed


def test_ctrl_c_leaves_the_goal_running_there(machines: Machines) -> None:
    sign = machines.here.folder / "sign"
    follower = machines.there.start(
        "--server", machines.url, "run", "echo", "Wait", "-p", f"wait_for={sign}"
    )
    assert follower.stderr is not None
    while "listening" not in follower.stderr.readline():
        assert follower.poll() is None
    follower.send_signal(signal.SIGINT)
    _, err = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert "the goal goes on without you: perdure goals watch goal-echo-" in err
    (goal,) = machines.json("goals", "list")["goals"]
    assert goal["status"] == "running"
    assert machines.json("goals", "cancel", goal["workflow_id"])["status"] == "cancelling"


def test_a_server_that_restarts_loses_no_follower(
    perdure: CommandLine, start_dev: Callable[..., Dev]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    sign = perdure.folder / "sign"
    dev = start_dev("--port", port)
    follower = perdure.start(
        *("--server", f"http://127.0.0.1:{port}", "run", "echo", "Wait", "--json"),
        *("-p", f"wait_for={sign}", "-p", "text=there"),
    )
    until(perdure.journaled, seconds=30)
    dev.stop()
    start_dev("--port", port)
    sign.touch()
    out, err = follower.communicate(timeout=90)
    assert follower.returncode == 0, err
    assert json.loads(out)["result"]["summary"] == "said there"


def test_what_a_server_refuses_is_one_sentence(machines: Machines) -> None:
    keys = {
        scope: machines.here.json("keys", "create", scope, "--scope", scope)["key"]
        for scope in ("read", "submit")
    }
    for arguments, key, said in (
        (("goals", "list"), None, "send a key this server knows"),
        (("goals", "list"), "perdure_000000000000_wrong", "the key is not known here"),
        (("run", "echo", "x", "--detach"), keys["read"], "submit"),
        (("audit",), keys["read"], "admin"),
        (("run", "ecco", "x", "--detach"), keys["submit"], "choose one of echo"),
        (("goals", "list"), keys["submit"], "read"),
        (("goals", "list", "--tenant", "acme"), keys["read"], "leave --tenant out"),
        (("goals", "list"), "not a key", "holds a character that no key has"),
    ):
        given = ("--key", key) if key else ()
        done = machines.there("--server", machines.url, *given, *arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert said in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        if key:
            assert key not in done.stderr
    assert machines.json("goals", "list", PERDURE_API_KEY=keys["read"]) == {"goals": []}


def test_a_key_to_hand_goals_in_is_enough_for_it(machines: Machines) -> None:
    key = machines.here.json("keys", "create", "nightly", "--scope", "submit")["key"]
    (machines.there.folder / "a.txt").write_text("moss")
    arguments = ("run", "reader", "Read", "-p", "files=a.txt", "--detach")
    run = machines.json(*arguments, PERDURE_API_KEY=key)["workflow_id"]
    assert machines.here.json("goals", "watch", run)["result"]["summary"] == "moss"
    followed = machines.there(
        *("--server", machines.url, "--key", key, "run", "echo", "Say", "-p", "text=fern")
    )
    assert (followed.returncode, followed.stdout) == (1, "")
    assert "goes on without you" in followed.stderr
    assert "needs the scope read" in followed.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--server", "http://127.0.0.1:1", "goals", "list"), "cannot be reached"),
        (("--server", "perdure.example", "goals", "list"), "is no address of a server"),
        (("--server", "http://127.0.0.1:1", "dev"), "leave --server out"),
        (("--server", "http://127.0.0.1:1", "plugins", "disable", "x"), "leave --server out"),
        (("--server", "http://127.0.0.1:1", "worker"), "leave --server out"),
    ],
)
def test_a_server_that_is_none_is_said(
    perdure: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    done = perdure(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr
    wrong = perdure.json(*arguments[2:], status=1, PERDURE_SERVER=arguments[1])["error"]
    assert wrong["message"].endswith(".") is False
    assert (said in wrong["message"]) or "unset PERDURE_SERVER" in wrong["message"]


def test_what_the_command_line_does_is_in_the_audit_table(
    perdure: CommandLine, start_dev: Callable[..., Dev], tmp_path: Path
) -> None:
    start_dev()
    sign = f"wait_for={tmp_path / 'sign'}"
    run = perdure.json("run", "echo", "x", "-p", sign, "--detach")["workflow_id"]
    until(perdure.journaled, seconds=30)
    perdure.json("goals", "pause", run)
    perdure.json("goals", "resume", run)
    perdure.json("goals", "signal", run, "wake")
    perdure.json("goals", "settle", run, "--step", "pay", "--not-done", "--by", "ann", status=1)
    perdure.json("goals", "terminate", run, "--reason", "enough")
    perdure.json("goals", "cancel", run)  # it has ended: nothing is done
    perdure.json("goals", "retry", run)
    perdure.json("goals", "cancel", "--status", "running", "--yes")
    entries = perdure.json("audit", "--limit", "20")["entries"][::-1]
    assert [(entry["action"], entry["status"]) for entry in entries] == [
        ("goal.start", 200),
        ("goal.pause", 200),
        ("goal.resume", 200),
        ("goal.signal", 200),
        ("step.settle", 409),
        ("goal.terminate", 200),
        ("goal.retry", 200),
        ("goal.cancel", 200),
    ]
    assert {entry["subject"] for entry in entries[:-1]} == {run}
    assert entries[-1]["details"] == {"workflow_ids": [run]}
    assert entries[0]["details"] == {"agent_type": "echo"}
    assert entries[5]["details"] == {"reason": "enough"}
    [who] = {entry["who"] for entry in entries}
    assert who == f"{getpass.getuser()} on the command line"
    [started] = perdure.json("goals", "list", "--started-by", who)["goals"]
    assert started["workflow_id"] == run
    assert perdure.json("goals", "list", "--started-by", "nobody")["goals"] == []
