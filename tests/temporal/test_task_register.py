"""The register of a worker's executions, after the worker has died."""

import subprocess
import sys
from pathlib import Path

from perdure.temporal.worker.task_register import (
    RegisteredTask,
    TaskRegister,
    dead_workers_registers,
)

WORKER = """
import os, sys
from pathlib import Path
from perdure.temporal.worker.task_register import RegisteredTask, TaskRegister

register = TaskRegister(Path(sys.argv[1]))
for number in range(3):
    register.add(RegisteredTask(b"token %d" % number, f"goal-{number}", f"run-{number}"))
register.remove(RegisteredTask(b"token 1", "goal-1", "run-1"))
if sys.argv[2] == "forks" and os.fork() == 0:
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
elif sys.argv[2] == "lives":
    print("ready", flush=True)
    sys.stdin.read()
os.kill(os.getpid(), 9)
"""


def _worker(home: Path, ending: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home), ending],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _open_tasks(home: Path) -> list[list[tuple[bytes, str, str]]]:
    return [
        [(task.token, task.workflow_id, task.run_id) for task in tasks]
        for _, tasks in dead_workers_registers(home)
    ]


OPEN = [(b"token 0", "goal-0", "run-0"), (b"token 2", "goal-2", "run-2")]


def test_executions_that_a_killed_worker_did_not_end_are_found(tmp_path: Path) -> None:
    with _worker(tmp_path, "dies") as worker:
        worker.communicate()
    assert _open_tasks(tmp_path) == [OPEN]


def test_the_register_of_a_worker_that_lives_is_left_alone(tmp_path: Path) -> None:
    with _worker(tmp_path, "lives") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        assert _open_tasks(tmp_path) == []
        worker.communicate()
    assert _open_tasks(tmp_path) == [OPEN]


def test_a_process_that_was_forked_keeps_no_dead_worker_alive(tmp_path: Path) -> None:
    with _worker(tmp_path, "forks") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        worker.wait()
        assert _open_tasks(tmp_path) == [OPEN]
        worker.communicate()


def test_a_line_that_was_cut_off_is_ignored(tmp_path: Path) -> None:
    with _worker(tmp_path, "dies") as worker:
        worker.communicate()
    path = next((tmp_path / "workers").iterdir())
    with path.open("a") as file:
        file.write("+dG9rZW4gMw== goal-3")
    assert _open_tasks(tmp_path) == [OPEN]


def test_the_register_of_this_process_is_that_of_a_living_worker(tmp_path: Path) -> None:
    register = TaskRegister(tmp_path)
    register.add(RegisteredTask(b"token", "goal", "run"))
    assert _open_tasks(tmp_path) == []
    register.close()
    assert _open_tasks(tmp_path) == [[(b"token", "goal", "run")]]
