"""The embedded server, really run."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import (
    DevelopmentServer,
    DevelopmentServerFailed,
    run_development_server,
)
from perdure.temporal.server.ports import choose_ports, free_port, is_free
from perdure.temporal.server.state import ServerState
from tests.support.processes import is_running
from tests.support.until import LIMIT_SECONDS, until, until_async

# Runs a server until it is interrupted or killed.
SERVE = """\
import asyncio, sys
from pathlib import Path
from perdure.temporal.server.development_server import run_development_server

async def main():
    async with run_development_server(Path(sys.argv[1]), Path(sys.argv[2]), port=0, ui_port=0) as s:
        print(s.pid, s.address, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def binary(server_binary: Path) -> Path:
    return server_binary


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def put(file: Path, content: bytes = b"") -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)


async def start_workflow(server: DevelopmentServer, workflow_id: str) -> None:
    client = await connect(server.address)
    await client.start_workflow("Sleeps", id=workflow_id, task_queue="nobody-listens")


async def has_workflow(server: DevelopmentServer, workflow_id: str) -> bool:
    client = await connect(server.address)
    try:
        await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        return error.status is not RPCStatusCode.NOT_FOUND
    return True


async def lists_workflow(server: DevelopmentServer, workflow_id: str) -> bool:
    """Return whether a workflow is listed already: the list lags behind."""
    client = await connect(server.address)
    return workflow_id in [execution.id async for execution in client.list_workflows()]


async def test_workflows_can_be_started_at_once_and_are_there_after_a_restart(
    binary: Path, home: Path
) -> None:
    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        await start_workflow(server, "kept")
        first = server.pid
    assert not is_running(first)

    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        assert server.pid != first
        assert await has_workflow(server, "kept")
        await until_async(lambda: lists_workflow(server, "kept"), "the listing")


@pytest.mark.parametrize("tuned", [True, False])
async def test_it_is_tuned_by_default(binary: Path, home: Path, *, tuned: bool) -> None:
    async with run_development_server(binary, home, port=0, ui_port=0, tuned=tuned) as server:
        await start_workflow(server, "any")
        written_ahead = (home / "temporal.db-wal").exists()
    assert written_ahead is tuned


async def test_without_a_home_nothing_stays(binary: Path) -> None:
    async with run_development_server(binary, port=0, ui_port=0) as server:
        await start_workflow(server, "forgotten")
        folder = server.log.parents[1]
        assert (folder / "temporal.db").exists()
    assert not folder.exists()
    assert not is_running(server.pid)


async def test_two_at_once_do_not_clash(binary: Path, tmp_path: Path) -> None:
    port, ui_port = free_port(), free_port()

    async def serve(name: str) -> tuple[int, ...]:
        async with run_development_server(
            binary, tmp_path / name, port=port, ui_port=ui_port
        ) as server:
            await start_workflow(server, name)
            await both.wait()
            has = {one for one in ("first", "second") if await has_workflow(server, one)}
            assert has == {name}
            ports = server.ports
            return ports.grpc, ports.ui, ports.http, ports.metrics

    both = asyncio.Barrier(2)
    first, second = await asyncio.gather(serve("first"), serve("second"))

    assert len({*first, *second}) == 8
    assert port in {first[0], second[0]}


async def test_a_usual_port_that_is_taken_is_named_and_another_one_used(
    binary: Path, home: Path
) -> None:
    ui_port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        async with run_development_server(binary, home, port=taken, ui_port=ui_port) as server:
            await start_workflow(server, "any")
            assert server.ports.grpc != taken
            assert server.ports.ui == ui_port
            assert server.notes == (
                f"port {taken} is taken, so the Temporal server uses {server.ports.grpc}",
            )


def test_free_ports_are_not_chosen_twice() -> None:
    chosen = [choose_ports(0, 0) for _ in range(20)]

    every = {port for ports in chosen for port in vars(ports).values()}
    assert len(every) == 80
    assert all(is_free(port) for port in every)


async def test_a_home_in_use_is_refused_with_the_process_and_its_address(
    binary: Path, home: Path
) -> None:
    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        with pytest.raises(DevelopmentServerFailed) as refused:
            async with run_development_server(binary, home, port=0, ui_port=0):
                pass
        assert f"at {server.address} (process {os.getpid()})" in str(refused.value)
        assert "set PERDURE_HOME" in str(refused.value)
        await start_workflow(server, "undisturbed")


async def test_a_home_that_cannot_be_written_is_refused_in_one_sentence(
    binary: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"

    with pytest.raises(DevelopmentServerFailed, match="set PERDURE_HOME") as refused:
        async with run_development_server(binary, home):
            pass
    assert str(home) in str(refused.value)


async def test_a_server_that_fails_to_start_is_quoted(binary: Path, home: Path) -> None:
    put(home / "temporal.db", b"a shopping list" * 1000)

    with pytest.raises(DevelopmentServerFailed, match="not a database") as failed:
        async with run_development_server(binary, home, port=0, ui_port=0):
            pass
    assert "\n" not in str(failed.value)
    assert (home / "temporal.db").exists()


async def test_a_database_that_was_never_completed_is_created_anew(
    binary: Path, home: Path
) -> None:
    put(home / "temporal.db")
    put(home / "temporal.db.unfinished")

    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        await start_workflow(server, "any")
    assert not (home / "temporal.db.unfinished").exists()


async def test_the_state_of_another_version_is_used_when_its_tables_are_the_same(
    binary: Path, home: Path
) -> None:
    async with run_development_server(binary, home, port=0, ui_port=0, version="1.4.0") as server:
        await start_workflow(server, "kept")
    assert (home / "temporal.version").read_text() == "1.4.0\n"
    async with run_development_server(binary, home, port=0, ui_port=0, version="1.5.1") as server:
        assert await has_workflow(server, "kept")
    assert (home / "temporal.version").read_text() == "1.5.1\n"


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE later (id INTEGER PRIMARY KEY)",
        "DROP TABLE nexus_endpoints",
        "ALTER TABLE task_queues ADD COLUMN later INTEGER",
    ],
)
async def test_the_state_of_another_version_is_refused_when_its_tables_are_others(
    binary: Path, home: Path, change: str
) -> None:
    made_by = "1.4.0 (server 1.28.0)"
    async with run_development_server(binary, home, port=0, ui_port=0, version=made_by):
        pass
    with closing(sqlite3.connect(home / "temporal.db")) as database:
        database.execute(change)
    before = (home / "temporal.db").read_bytes()

    with pytest.raises(DevelopmentServerFailed) as raised:
        async with run_development_server(binary, home, port=0, ui_port=0, version="1.5.1"):
            pass

    message = str(raised.value)
    assert f"temporal.db was made by Temporal {made_by}, and Temporal 1.5.1 has other" in message
    assert "put Temporal 1.4.0 on PATH, or move the file away" in message
    assert (home / "temporal.db").read_bytes() == before
    # Whoever has that version again goes on.
    async with run_development_server(binary, home, port=0, ui_port=0, version=made_by):
        pass


async def test_a_server_that_dies_is_noticed(binary: Path, home: Path) -> None:
    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(DevelopmentServerFailed, match="ended with status -9"):
            await server.watch()


@pytest.mark.parametrize("polite", [True, False])
async def test_it_stops_within_ten_seconds_even_when_it_hangs(
    binary: Path, home: Path, *, polite: bool
) -> None:
    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        if not polite:
            os.kill(server.pid, signal.SIGSTOP)
        async with asyncio.timeout(10):
            await server.stop()
    assert not is_running(server.pid)


async def test_cancelling_while_it_starts_leaves_nothing(binary: Path, home: Path) -> None:
    async def serve() -> None:
        async with run_development_server(binary, home, port=0, ui_port=0):
            pytest.fail("it was not meant to come so far")

    serving = asyncio.create_task(serve())
    log = home / "logs" / "temporal.log"
    await until_async(log.exists, "the server's start")
    serving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await serving
    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        await start_workflow(server, "any")


def serve_elsewhere(binary: Path, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE, str(binary), str(home)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_a_killed_process_takes_its_server_along(binary: Path, home: Path) -> None:
    with serve_elsewhere(binary, home) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[0])
        assert is_running(pid)

        process.kill()

        process.wait()
    until(lambda: not is_running(pid))
    async with run_development_server(binary, home, port=0, ui_port=0) as server:
        await start_workflow(server, "any")


def test_ctrl_c_reaches_the_process_alone_which_then_stops_its_server(
    binary: Path, home: Path
) -> None:
    with serve_elsewhere(binary, home) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[0])
        assert os.getpgid(pid) != process.pid

        os.killpg(process.pid, signal.SIGINT)

        process.wait(10)
    assert not is_running(pid)


async def test_a_server_that_outlived_its_process_keeps_its_state_locked(
    binary: Path, home: Path
) -> None:
    with serve_elsewhere(binary, home) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().split()[0]
        holder = json.loads((home / "temporal.lock").read_text())
        assert holder["server_pid"] == int(pid)
        with pytest.raises(DevelopmentServerFailed, match=f"process {process.pid}"):
            async with run_development_server(binary, home):
                pass
        process.terminate()


@workflow.defn
class Answers:
    """Answers at once."""

    @workflow.run
    async def run(self) -> str:
        return "done"


async def test_what_waits_in_a_home_from_before_fairness_is_done(binary: Path, home: Path) -> None:
    """A server with fairness would not look where one without it has put the tasks."""
    async with run_development_server(binary, home, port=0, ui_port=0, tuned=False) as server:
        client = await connect(server.address)
        await client.start_workflow(Answers.run, id="before", task_queue="waiting")
        await until_async(ServerState(home).has_unfair_backlog, "a task that waits")
    for workflow_id in ("before", "after"):
        async with run_development_server(binary, home, port=0, ui_port=0) as server:
            client = await connect(server.address)
            worker = Worker(
                client,
                task_queue="waiting",
                workflows=[Answers],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
            if workflow_id == "after":
                await client.start_workflow(Answers.run, id="after", task_queue="waiting")
            async with worker:
                handle = client.get_workflow_handle(workflow_id, result_type=str)
                assert await asyncio.wait_for(handle.result(), LIMIT_SECONDS) == "done"


def test_a_backlog_that_a_server_without_fairness_has_left_is_found(tmp_path: Path) -> None:
    state = ServerState(tmp_path)
    assert not state.has_unfair_backlog()
    with closing(sqlite3.connect(state.database)) as database, database:
        database.execute("CREATE TABLE tasks (task_id)")
        database.execute("CREATE TABLE tasks_v2 (task_id)")
        assert not state.has_unfair_backlog()
        database.execute("INSERT INTO tasks VALUES (1)")
        database.commit()
        assert state.has_unfair_backlog()
        database.execute("INSERT INTO tasks_v2 VALUES (2)")
        database.commit()
        assert not state.has_unfair_backlog()
