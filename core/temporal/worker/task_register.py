"""Which goals a worker process is executing, written where others can read it after its death."""

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
# What an execution came to reaches Temporal after it has ended here: until then it may be lost.
REPORTING_SECONDS: Final = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LostTask:
    """An execution whose worker is dead.

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

    The kernel gives the lock back however the process ends, and what was written stays: a register
    that is not locked is that of a dead worker.
    """

    def __init__(self, home: Path) -> None:
        """Open a register.

        Args:
            home: The home folder.

        Raises:
            OSError: The folder cannot be written.
        """
        folder = home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        # Made under another name and locked first, or it would be taken for a dead worker's.
        path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        hidden = path.with_suffix(".new")
        self._file: IO[str] = hidden.open("a", buffering=1, encoding="ascii")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        _OPEN.add(self)
        hidden.rename(path)

    def began(self, task: LostTask) -> None:
        """Note that an execution has begun."""
        token = base64.b64encode(task.token).decode()
        self._note(f"+{token} {task.workflow_id} {task.run_id}\n")

    def ended(self, task: LostTask) -> None:
        """Note that an execution has ended."""
        self._note(f"-{base64.b64encode(task.token).decode()}\n")

    def close(self) -> None:
        """Close the file here; the lock lasts as long as a process that shares it has it open."""
        self._file.close()

    def _note(self, line: str) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            # A full disk: should this worker die now, the heartbeat timeout hands its goals on.
            log.warning("execution not registered", reason=str(error))


_OPEN: Final[WeakSet[TaskRegister]] = WeakSet()


def _let_go_of_parents() -> None:
    for register in _OPEN:
        register.close()


# A process that an agent forks, as multiprocessing does, shares the lock: where it outlived its
# worker, that one would not be taken for dead.
os.register_at_fork(after_in_child=_let_go_of_parents)


class Registering(Interceptor):
    """Keeps a worker's register."""

    def __init__(self, home: Path) -> None:
        """Open the register in the home folder."""
        self._register = TaskRegister(home)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        """Note each execution of an agent."""
        return _RegisteringActivities(next, self._register)


class _RegisteringActivities(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, register: TaskRegister) -> None:
        super().__init__(inner)
        self._register = register

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 -- the SDK's name
        info = activity.info()
        if info.activity_type != EXECUTE_ACTIVITY:
            return await super().execute_activity(input)
        task = LostTask(info.task_token, info.workflow_id or "", info.workflow_run_id or "")
        self._register.began(task)
        try:
            return await super().execute_activity(input)
        finally:
            loop = asyncio.get_running_loop()
            loop.call_later(REPORTING_SECONDS, self._register.ended, task)


def registers_of_the_dead(home: Path) -> Iterator[tuple[Path, list[LostTask]]]:
    """Yield the register of each dead worker with the executions that it did not end.

    It is locked while it is looked at, so that two that look do not both take it.
    """
    for path in sorted((home / FOLDER).glob(f"*{SUFFIX}")):
        try:
            register = path.open("r+", encoding="ascii")
        except FileNotFoundError:
            continue  # somebody else has recovered it meanwhile
        with register:
            try:
                fcntl.flock(register, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if path.exists():
                yield path, _open_tasks(register)


def _open_tasks(register: IO[str]) -> list[LostTask]:
    tasks: dict[str, LostTask] = {}
    for line in register:
        if not line.endswith("\n"):
            break  # the process died in the middle of it
        match line[0], line[1:].split():
            case "+", [token, workflow_id, run_id]:
                tasks[token] = LostTask(base64.b64decode(token), workflow_id, run_id)
            case "-", [token]:
                tasks.pop(token, None)
    return list(tasks.values())
