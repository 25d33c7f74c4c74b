"""``perdure dev``, ``worker`` and ``api``: they come up, share, survive, and leave nothing."""

import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import children, is_running, read_document
from tests.support.until import until

StartDev = Callable[..., Any]

# Ten on an idle machine, of which eight are what an agent gets; the tests share theirs.
ENDS_WITHIN = 25


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def hand_in(api_url: str, **parameters: object) -> str:
    goal = {"goal_id": "g", "description": "x", "agent_type": "echo", "parameters": parameters}
    return str(ask(f"{api_url}/api/execute-goal", goal)["workflow_id"])


def test_goals_survive_a_restart_and_nothing_is_left_running(
    perdure: Any, start_dev: StartDev, own_home: Path
) -> None:
    dev = start_dev()
    servers = children(dev.process.pid)
    assert servers
    gate = perdure.folder / "go"
    done = hand_in(dev.document["api_url"], text="hi")
    waiting = hand_in(dev.document["api_url"], text="later", wait_for=str(gate))
    until(lambda: ask(f"{dev.document['api_url']}/api/goals/{done}")["status"] == "completed")
    until(perdure.journaled)
    started = time.monotonic()
    told = dev.stop()
    assert time.monotonic() - started < ENDS_WITHIN
    assert dev.process.returncode == 0
    assert "Traceback" not in told
    assert not any(map(is_running, servers))
    assert not (own_home / "running.json").exists()

    again = start_dev()
    api = again.document["api_url"]
    assert ask(f"{api}/api/goals/{done}")["result"]["summary"] == "said hi"
    gate.touch()
    until(lambda: ask(f"{api}/api/goals/{waiting}")["status"] == "completed")
    # The first worker handed the goal on: nothing was paid twice.
    assert Path(f"{gate}.bill").read_text() == "x"


def refused(api_url: str, **parameters: object) -> str:
    with pytest.raises(urllib.error.HTTPError) as answer:
        hand_in(api_url, **parameters)
    problem = json.load(answer.value)
    assert (answer.value.code, problem["errors"][0]["field"]) == (422, "parameters.wait_for")
    return str(problem["detail"])


def test_goals_over_http_name_files_of_the_folder_or_such_as_were_handed_in(
    perdure: Any, start_dev: StartDev
) -> None:
    (perdure.folder / "in").touch()
    (perdure.folder / "link").symlink_to("/etc/passwd")
    dev = start_dev().document["api_url"]
    for path in ("/etc/passwd", "link", "../in"):
        assert "hand the file in" in refused(dev, wait_for=path)
    done = hand_in(dev, wait_for="in")
    until(lambda: ask(f"{dev}/api/goals/{done}")["status"] == "completed")
    # Whoever types a path may read the file.
    assert perdure.json("run", "echo", "x", "--param", f"wait_for={perdure.folder}/in")["success"]

    alone = read_document(perdure.start("api", "--json", "--port", "0"))["api_url"]
    assert "hand the file in" in refused(alone, wait_for=str(perdure.folder / "in"))
    sent = urllib.request.Request(
        f"{alone}/api/uploads?name=go", b"go", {"Content-Type": "application/octet-stream"}
    )
    with urllib.request.urlopen(sent, timeout=20) as answer:
        path = json.load(answer)["path"]
    assert path in refused(alone, wait_for=f"{path}.pdf")
    done = hand_in(alone, wait_for=path)
    until(lambda: ask(f"{alone}/api/goals/{done}")["status"] == "completed")


def test_a_killed_installation_leaves_nothing_and_its_goals_go_on(
    perdure: Any, start_dev: StartDev
) -> None:
    dev = start_dev()
    servers = children(dev.process.pid)
    gate = perdure.folder / "go"
    waiting = hand_in(dev.document["api_url"], wait_for=str(gate))
    until(perdure.journaled)
    dev.stop(signal.SIGKILL)
    until(lambda: not any(map(is_running, servers)))
    api = start_dev().document["api_url"]
    gate.touch()
    # The heartbeat timeout, 30 s, is what proves that the worker is lost.
    until(lambda: ask(f"{api}/api/goals/{waiting}")["status"] == "completed", seconds=90)
    assert Path(f"{gate}.bill").read_text() == "x"


def test_an_agent_that_blocks_does_not_hold_up_the_end(perdure: Any, start_dev: StartDev) -> None:
    dev = start_dev()
    sign = perdure.folder / "blocking"
    hand_in(dev.document["api_url"], block=300, text=str(sign))
    until(sign.exists)
    started = time.monotonic()
    told = dev.stop()
    assert time.monotonic() - started < ENDS_WITHIN
    assert dev.process.returncode == 0, told


@pytest.mark.parametrize("how", ["stuck", "freeze"])
def test_an_agent_that_ignores_its_end_is_left_behind(
    perdure: Any, start_dev: StartDev, how: str
) -> None:
    dev = start_dev()
    servers = children(dev.process.pid)
    sign = perdure.folder / "stuck"
    workflow_id = hand_in(dev.document["api_url"], text=str(sign), **{how: True})
    until(sign.exists)
    started = time.monotonic()
    told = dev.stop()
    assert time.monotonic() - started < ENDS_WITHIN
    assert dev.process.returncode == 1
    assert "did not stop" in told
    until(lambda: not any(map(is_running, servers)))
    assert perdure.json("goals", "show", workflow_id)["status"] == "running"


def test_ports_that_are_taken_are_replaced_and_told(perdure: Any, start_dev: StartDev) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as api,
        socket.create_server(("127.0.0.1", 0)) as temporal,
    ):
        taken = [str(one.getsockname()[1]) for one in (api, temporal)]
        dev = start_dev("--port", taken[0], "--temporal-port", taken[1])
        assert ask(f"{dev.document['api_url']}/readyz")["ready"]
        told = dev.stop()
    for port in taken:
        assert f"port {port} is taken" in told


def test_one_home_has_one_installation(perdure: Any, start_dev: StartDev) -> None:
    start_dev()
    done = perdure("dev", "--port", "0", "--temporal-port", "0")
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "PERDURE_HOME" in done.stderr


def test_worker_and_api_alone(perdure: Any, start_dev: StartDev) -> None:
    dev = start_dev()
    worker, api = perdure.start("worker", "--json"), perdure.start("api", "--port", "0", "--json")
    try:
        assert read_document(worker)["address"] == dev.document["temporal_address"]
        url = read_document(api)["api_url"]
        workflow_id = hand_in(url, text="hi")
        until(lambda: ask(f"{url}/api/goals/{workflow_id}")["status"] == "completed")
    finally:
        for process in (worker, api):
            process.terminate()
        errors = [process.communicate(timeout=30)[1] for process in (worker, api)]
    assert [worker.returncode, api.returncode] == [0, 0], errors


def test_the_api_is_not_opened_to_the_network_without_keys(perdure: Any) -> None:
    done = perdure("api", PERDURE_HOST="0.0.0.0")
    assert done.returncode == 1
    assert "perdure keys create" in done.stderr
    key = perdure.json("api", "--new-key")
    assert re.fullmatch(r"perdure_[0-9a-f]{12}_[\w-]{43}", key["key"])
    assert len(key["digest"]) == 64


def test_a_taken_api_port_is_refused_in_one_line(perdure: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = perdure("api", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert done.stderr.count("\n") == 1


def test_dev_ends_with_a_word_when_its_server_dies(perdure: Any, start_dev: StartDev) -> None:
    dev = start_dev()
    os.kill(children(dev.process.pid)[0], signal.SIGKILL)
    _, told = dev.process.communicate(timeout=30)
    assert dev.process.returncode == 1
    assert "the Temporal server at" in told
    assert "Traceback" not in told
