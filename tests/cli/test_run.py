"""``perdure run`` and ``perdure goals``, with a server and without."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import children, read_line


def test_a_goal_without_any_server(perdure: Any, own_home: Path) -> None:
    done = perdure(
        *("run", "echo", "say it", "--param", "text=hello"),
        *("-p", "times=2", "-p", 'tags=["a","b"]', "--output", "out"),
    )
    assert done.returncode == 0, done.stderr
    assert "completed in" in done.stdout
    assert "said hello" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert (perdure.folder / "out" / "echo.txt").read_text() == "hellohello"
    assert "10 %  listening" in done.stderr

    listed = perdure.json("goals", "list")["goals"]
    assert [(goal["agent_type"], goal["status"]) for goal in listed] == [("echo", "completed")]
    workflow_id = listed[0]["workflow_id"]
    record = perdure.json("goals", "show", workflow_id)
    assert record["result"]["data"]["tags"] == ["a", "b"]
    # What the agent's model made of them, not the texts that were typed.
    assert record["parameters"] == {"text": "hello", "times": 2, "tags": ["a", "b"]}
    shown = perdure("goals", "show", workflow_id).stdout
    assert 'parameters {"text": "hello", "times": 2, "tags": ["a", "b"]}\n' in shown
    assert 'data       {"tags": ["a", "b"], "paid": ' in shown
    saved = perdure.json("goals", "result", listed[0]["goal_id"])
    assert Path(saved["folder"]) == own_home / "results" / workflow_id
    assert (own_home / "results" / workflow_id / "echo.txt").exists()
    assert "completed" in perdure("goals", "watch", workflow_id).stdout
    assert perdure.json("goals", "cancel", workflow_id)["status"] == "completed"
    assert perdure("goals", "list", "--status", "failed").stdout.count("\n") == 1


def test_a_goal_that_fails_says_why_and_ends_with_1(perdure: Any) -> None:
    document = perdure.json("run", "echo", "x", "-p", "fail=true", status=1)
    assert document["status"] == "failed"
    assert document["error"]["message"] == "there is no file sales.csv: give another path"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "oracle", "x"], "no agent 'oracle' is installed: choose one of echo"),
        (["run", "echo", "  "], "description: say in words"),
        (["run", "echo", "x" * 100_000], "description: String should have at most 32768"),
        (["run", "echo", "x", "-p", "times=many"], "times: Input should be a valid integer"),
        (["run", "echo", "x", "-p", "colour=red"], "colour: no such parameter"),
        (["run", "echo", "x", "-p", "text"], "write NAME=VALUE"),
        (["run", "echo", "x", "--goal-id", "a b"], "goal_id: "),
        (["run", "echo", "x", "--detach"], "start one, perdure dev"),
        (["goals", "show", "nothing"], "no goal 'nothing' is on record"),
        (["agents", "oracle"], "no agent 'oracle' is installed"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_any_server_starts(
    perdure: Any, own_home: Path, arguments: list[str], sentence: str
) -> None:
    done = perdure(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("perdure: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert sentence in done.stderr
    assert not (own_home / "temporal.db").exists()
    assert sentence in perdure.json(*arguments, status=1)["error"]["message"]


def test_parameters_are_refused_before_anything_heavy_is_imported(perdure: Any) -> None:
    code = """if True:
        import atexit, sys
        atexit.register(lambda: print({"temporalio", "sqlalchemy", "httpx"} & set(sys.modules)))
        sys.argv = ["perdure", "run", "echo", "x", "--param", "times=many"]
        from perdure.cli.main import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=perdure.folder,
        env=perdure.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "times: Input should be a valid integer" in done.stderr
    assert done.stdout == "set()\n", "what takes a second to import is imported for a running goal"


def test_a_home_that_cannot_be_written(perdure: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = perdure("run", "echo", "x", PERDURE_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 1
    assert "PERDURE_HOME" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_another_servers_namespace_and_key_are_not_the_embedded_ones(perdure: Any) -> None:
    others = {"TEMPORAL_NAMESPACE": "theirs", "TEMPORAL_API_KEY": "theirs"}
    assert perdure.json("run", "echo", "x", **others)["status"] == "completed"


def test_a_server_that_accepts_and_never_answers(perdure: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = perdure("run", "echo", "x", TEMPORAL_ADDRESS=address)
    assert done.returncode == 1
    assert f"no Temporal server answers at {address}" in done.stderr


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("PERDURE_PORT", "99999", "PERDURE_PORT"),
        ("PERDURE_PORT", "many", "PERDURE_PORT: Input should be a valid integer"),
        ("PERDURE_DATABASE_URL", "mysql://x", "use sqlite:/// or postgresql://"),
        ("PERDURE_DATABASE_URL", "nonsense", "PERDURE_DATABASE_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    perdure: Any, setting: str, value: str, word: str
) -> None:
    done = perdure("goals", "list", **{setting: value})
    assert done.returncode == 1
    assert word in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_configured_server_that_is_down(perdure: Any) -> None:
    done = perdure("run", "echo", "x", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert done.returncode == 1
    assert "no Temporal server answers at 127.0.0.1:1" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_server_that_is_only_written_down_is_not_waited_for(perdure: Any, own_home: Path) -> None:
    """After a power cut another process may have the process id that was written down."""
    own_home.mkdir(parents=True)
    stale = {"pid": os.getpid(), "temporal_address": "127.0.0.1:1", "api_url": "x", "ui_url": "x"}
    (own_home / "running.json").write_text(json.dumps(stale))
    assert perdure.json("run", "echo", "x")["status"] == "completed"


def test_ctrl_c_keeps_the_goal_and_says_how_to_pick_it_up(perdure: Any) -> None:
    process = perdure.start("run", "echo", "x", "-p", "wait_for=go", "-p", "text=again")
    read_line(process, "20 %  paid")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the goal is kept" in told
    assert "Traceback" not in told
    workflow_id = perdure.json("goals", "list", "--status", "running")["goals"][0]["workflow_id"]
    assert f"perdure goals watch {workflow_id}" in told

    # The place it waits for was not there when it was named, so the worker's folder counts.
    (perdure.folder / "go").touch()
    goal = perdure.json("goals", "watch", workflow_id)
    assert goal["status"] == "completed"
    assert goal["result"]["data"]["paid"] == 1
    assert (perdure.folder / "go.bill").read_text() == "x"


def test_a_server_that_dies_during_the_run_is_told(perdure: Any) -> None:
    process = perdure.start("run", "echo", "x", "-p", "wait_for=go")
    read_line(process, "20 %  paid")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the Temporal server at" in told
    assert "Traceback" not in told


def test_a_kept_goal_can_be_cancelled_without_a_server(perdure: Any) -> None:
    process = perdure.start("run", "echo", "x", "-p", "wait_for=go")
    read_line(process, "20 %  paid")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    workflow_id = perdure.json("goals", "list")["goals"][0]["workflow_id"]
    assert perdure.json("goals", "cancel", workflow_id)["status"] == "cancelled"


def test_a_running_server_is_used_and_goes_on_after_ctrl_c(
    perdure: Any, start_dev: Callable[..., Any]
) -> None:
    start_dev()
    waiting = perdure.folder / "go"
    process = perdure.start("run", "echo", "x", "-p", f"wait_for={waiting}")
    read_line(process, "20 %  paid")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the goal goes on without you" in told
    workflow_id = perdure.json("run", "echo", "y", "--detach")["workflow_id"]
    assert perdure.json("goals", "watch", workflow_id)["status"] == "completed"
    waiting.touch()
    kept = perdure.json("goals", "list")["goals"][-1]["workflow_id"]
    assert perdure.json("goals", "watch", kept)["status"] == "completed"
