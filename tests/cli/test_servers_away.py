"""Workers and APIs that are started before the servers that they need."""

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from perdure.temporal.server.ports import free_port
from tests.support.postgresql import PostgreSQL
from tests.support.processes import read_document, read_line
from tests.support.until import until

PLUGIN = """
from perdure.agents import Goal, Result, Run, agent, hookimpl

@agent
async def weather(run: Run, goal: Goal) -> Result:
    "Tells the weather."
    return Result(summary="rain")

@hookimpl
def register_agents():
    return [weather]
"""


@pytest.fixture
def file(perdure: Any) -> Path:
    """Return a plugin file in the current folder."""
    place: Path = perdure.folder / "my_agent.py"
    place.write_text(PLUGIN)
    return place


@contextmanager
def forwarded(port: int, to: int) -> Iterator[None]:
    """Let what listens on one port of this machine be reached on another, from now on."""
    listener = socket.create_server(("127.0.0.1", port))

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                ours, _ = listener.accept()
                theirs = socket.create_connection(("127.0.0.1", to))
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.close()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_waits_for_temporal(
    perdure: Any, file: Path, tmp_path: Path, processes: str
) -> None:
    port = free_port()
    address = {"TEMPORAL_ADDRESS": f"127.0.0.1:{port}"}
    worker = perdure.start(
        *("worker", "--plugin", file.name, "--processes", processes, "--json"), **address
    )
    line = read_line(worker, "waiting")
    assert (
        f"waiting: no Temporal server answers at 127.0.0.1:{port} (nothing listens there)" in line
    )
    assert worker.poll() is None

    # A server with a home of its own, as anybody's that runs elsewhere.
    perdure.dev(
        *("--port", "0", "--temporal-port", str(port)),
        PERDURE_HOME=str(tmp_path / "elsewhere"),
        PERDURE_PLUGINS_DENY="perdure-echo",
    )
    ready = read_document(worker)
    assert ready["address"] == f"127.0.0.1:{port}"
    if processes == "1":
        assert ready["agents"] == ["echo", "weather"]


def test_an_api_reports_that_temporal_is_away_and_serves_once_it_is_there(
    perdure: Any, file: Path, own_home: Path
) -> None:
    port = free_port()
    address = {"TEMPORAL_ADDRESS": f"127.0.0.1:{port}"}
    api = perdure.start("api", "--port", "0", "--plugin", file.name, "--json", **address)
    url = read_document(api)["api_url"]
    read_line(api, f"waiting: no Temporal server answers at 127.0.0.1:{port}")

    def execute() -> Any:
        goal = {"goal_id": "g", "description": "look", "agent_type": "weather", "parameters": {}}
        request = urllib.request.Request(
            f"{url}/api/execute-goal",
            json.dumps(goal).encode(),
            {"Content-Type": "application/json"},
        )
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30) as done:
            return json.load(done)

    assert execute() is None
    perdure.dev("--port", "0", "--temporal-port", str(port), "--plugin", file.name)
    workflow_id = until(execute, "the goal to be taken")["workflow_id"]
    assert perdure.json("goals", "watch", workflow_id)["result"]["summary"] == "rain"


@pytest.mark.parametrize("command", ["worker", "api"])
def test_a_command_waits_for_its_database(
    perdure: Any, postgresql: PostgreSQL, postgresql_url: str, command: str
) -> None:
    port = free_port()
    dev = perdure.dev()
    url = postgresql_url.replace(f":{postgresql.port}/", f":{port}/")
    options = ("--port", "0") if command == "api" else ()
    process = perdure.start(command, "--json", *options, PERDURE_DATABASE_URL=url)
    line = read_line(process, "waiting")
    assert "waiting: the database postgresql" in line
    assert "see that it is up and reachable" in line
    with forwarded(port, postgresql.port):
        ready = read_document(process)
        assert ("api_url" if command == "api" else "address") in ready
        process.terminate()
        process.wait(timeout=30)
    dev.stop()


@pytest.mark.parametrize("command", [["worker"], ["api", "--port", "0"]])
def test_a_database_that_refuses_is_not_waited_for(
    perdure: Any, postgresql: PostgreSQL, command: list[str]
) -> None:
    done = perdure(*command, PERDURE_DATABASE_URL=postgresql.url("missing"))
    assert done.returncode == 1
    assert '"missing" does not exist' in done.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"TEMPORAL_PROFILE": "nope"},
            "(Profile 'nope' not found): correct TEMPORAL_PROFILE, which is 'nope'",
        ),
        ({"TEMPORAL_CONFIG_FILE": "bad.toml"}, "correct the settings TEMPORAL_*, or the file"),
        (
            {"TEMPORAL_TLS_CLIENT_CERT_PATH": "/no/x.pem", "TEMPORAL_ADDRESS": "127.0.0.1:1"},
            "Temporal's settings cannot be read",
        ),
    ],
)
@pytest.mark.parametrize(
    "command",
    [["run", "echo", "x"], ["worker"], ["api", "--port", "0"], ["goals", "retry", "--all"]],
)
def test_temporals_own_settings_that_are_wrong_are_said_in_one_line(
    perdure: Any, command: list[str], settings: dict[str, str], sentence: str
) -> None:
    (perdure.folder / "bad.toml").write_text("[profile\n")
    done = perdure(*command, **settings)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("perdure: ")
