"""The executions of a worker process, in a file that others read after its death."""

import asyncio
import base64
import fcntl
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from weakref import WeakSet

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from perdure.messages import EXECUTE_ACTIVITY

FOLDER: Final = "workers"
SUFFIX: Final = ".tasks"
# An execution that has ended is reported to Temporal a moment later: until then it may be lost.
REPORTING_SECONDS: Final = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RegisteredTask:
    """An execution in a register.

    Attributes:
        token: Temporal's token of the activity.
        workflow_id: The run.
        run_id: The Temporal run.
    """

    token: bytes
    workflow_id: str
    run_id: str


class TaskRegister:
    """The executions of this process, in a file that is locked as long as the process lives.

    The kernel releases the lock however the process ends, and what was written stays: a register
    that is not locked is that of a dead worker.

    Attributes:
        running: How many executions go on now.
    """

    def __init__(self, home: Path) -> None:
        """Open a register.

        Args:
            home: The home folder.

        Raises:
            OSError: The folder cannot be written.
        """
        self.running = 0
        folder = home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        # Made under another name and locked first, or it would be taken for a dead worker's.
        path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        hidden = path.with_suffix(".new")
        self._file: IO[str] = hidden.open("a", buffering=1, encoding="ascii")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        _OPEN.add(self)
        hidden.rename(path)

    def add(self, task: RegisteredTask) -> None:
        """Add an execution that starts."""
        token = base64.b64encode(task.token).decode()
        self._write(f"+{token} {task.workflow_id} {task.run_id}\n")

    def remove(self, task: RegisteredTask) -> None:
        """Remove an execution that has ended."""
        self._write(f"-{base64.b64encode(task.token).decode()}\n")

    def close(self) -> None:
        """Close the file here; the lock lasts as long as a process that shares it has it open."""
        self._file.close()

    def _write(self, line: str) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            # A full disk: should this worker die now, its goals go on after the heartbeat timeout.
            log.warning("execution not registered", reason=str(error))


_OPEN: Final[WeakSet[TaskRegister]] = WeakSet()


def _close_in_child() -> None:
    for register in _OPEN:
        register.close()


# A process that an agent forks, as multiprocessing does, shares the lock: where it outlived its
# worker, that one would not be taken for dead.
os.register_at_fork(after_in_child=_close_in_child)


class RegisterInterceptor(Interceptor):
    """Keeps a worker's register up to date."""

    def __init__(self, home: Path) -> None:
        """Open the register in the home folder."""
        self._register = TaskRegister(home)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        """Register each execution of an agent."""
        return _RegisterActivityInterceptor(next, self._register)


class _RegisterActivityInterceptor(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, register: TaskRegister) -> None:
        super().__init__(inner)
        self._register = register

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 -- the SDK's name
        info = activity.info()
        if info.activity_type != EXECUTE_ACTIVITY:
            return await super().execute_activity(input)
        task = RegisteredTask(info.task_token, info.workflow_id or "", info.workflow_run_id or "")
        self._register.add(task)
        self._register.running += 1
        try:
            return await super().execute_activity(input)
        finally:
            self._register.running -= 1
            loop = asyncio.get_running_loop()
            loop.call_later(REPORTING_SECONDS, self._register.remove, task)


def executions_running() -> int:
    """Return how many executions of agents go on in this process."""
    return sum(register.running for register in _OPEN)


def dead_workers_registers(home: Path) -> Iterator[tuple[Path, list[RegisteredTask]]]:
    """Yield the register of each dead worker, with the executions that it did not end.

    It is locked meanwhile, so that two processes do not both recover it.
    """
    for path in sorted((home / FOLDER).glob(f"*{SUFFIX}")):
        try:
            register = path.open("r+", encoding="ascii")
        except FileNotFoundError:
            continue  # another process has recovered it meanwhile
        with register:
            try:
                fcntl.flock(register, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if path.exists():
                yield path, _open_tasks(register)


def _open_tasks(register: IO[str]) -> list[RegisteredTask]:
    tasks: dict[str, RegisteredTask] = {}
    for line in register:
        if not line.endswith("\n"):
            break  # the process died in the middle of it
        match line[0], line[1:].split():
            case "+", [token, workflow_id, run_id]:
                tasks[token] = RegisteredTask(base64.b64decode(token), workflow_id, run_id)
            case "-", [token]:
                tasks.pop(token, None)
    return list(tasks.values())
