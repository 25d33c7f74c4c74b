"""The supervisor of a command: a process between a worker and the command.

It ends the command, and whatever that has started, when the worker asks for it, and also when the
worker is gone, however that ended. It is run by its path and imports the standard library alone, so
that it starts in a few hundredths of a second.

Over the socket whose number is its argument it reads one line, a JSON object:

- ``args``, ``cwd``, ``env`` (``None``: its own), ``memory`` (bytes of address space);
- ``grace_seconds``, from SIGTERM to SIGKILL, and ``kill_seconds``, how long to try the latter;
- ``parent``: the worker's process id.

It writes lines there: ``{"pid": …}``, or ``{"failed": "cwd", "errno": …}`` when the command could
not be started; and ``{"status": …}`` once nothing of it runs any more. When there is nothing left
to be read there, it ends the command.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any, Final, NoReturn

_POLL_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.05
_IS_LINUX: Final = sys.platform == "linux"
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
# Who signals a whole tree of processes, as systemd does, means the command; this one goes with it.
_IGNORED: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# Python ignores these, and a program that is executed would go on to.
_RESTORED: Final = (signal.SIGPIPE, signal.SIGXFSZ)


class NotStarted(Exception):
    """The command could not be started.

    Attributes:
        place: What failed: ``cwd``, ``memory`` or ``program``.
        number: The error's number.
    """

    def __init__(self, place: str, number: int) -> None:
        super().__init__(place, number)
        self.place = place
        self.number = number


class Supervisor:
    """Starts one command, waits for its end, and ends what is left of it.

    Attributes:
        status: The command's exit status, negative for a signal; ``None`` while it runs.
    """

    def __init__(self, specification: dict[str, Any], channel: socket.socket) -> None:
        self.status: int | None = None
        self._specification = specification
        self._channel = channel
        self._pid = 0
        # Written to by the signal handler: it wakes up what waits for the worker.
        self._woken, waking = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _IGNORED}
        if _IS_LINUX:
            # What the command starts and leaves behind becomes a child of this process, even where
            # it has fled into a session of its own.
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self) -> int:
        """Start the command and return its process id.

        Raises:
            NotStarted: It could not be started.
        """
        libc = ctypes.CDLL(None) if _IS_LINUX else None
        reading, writing = os.pipe()  # closed by what is executed
        supervisor = os.getpid()
        try:
            self._pid = os.fork()
        except OSError as error:
            raise NotStarted("fork", error.errno or 0) from error
        if self._pid == 0:
            self._become_command(libc, supervisor, writing)
        os.close(writing)
        failure = os.read(reading, 100).decode()
        os.close(reading)
        # The output ends when the command closes it, not when this process does.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        if failure:
            place, _, number = failure.partition(" ")
            raise NotStarted(place, int(number))
        return self._pid

    def wait(self) -> None:
        """Wait until the command has ended, the worker asks for its end, or the worker is gone."""
        while self._has_children() and self.status is None:
            channel = self._channel.fileno()
            readable, _, _ = select.select([channel, self._woken], [], [], _POLL_SECONDS)
            self._clear_woken()
            if channel in readable and not self._receive():
                return
            # A process that the worker has forked may hold the worker's end of the socket.
            if os.getppid() != self._specification["parent"]:
                return

    def end(self) -> None:
        """End whatever runs of the command: with SIGTERM, after the grace period with SIGKILL."""
        grace = self._specification["grace_seconds"]
        kill = self._specification["kill_seconds"]
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, kill)):
            if not self._is_running():
                return
            self._signal(number)
            deadline = time.monotonic() + seconds
            while self._is_running() and time.monotonic() < deadline:
                select.select([self._woken], [], [], _LOOK_SECONDS)
                self._clear_woken()
                if number == signal.SIGKILL:
                    self._signal(number)  # what was started meanwhile

    def _become_command(self, libc: Any, supervisor: int, writing: int) -> NoReturn:
        specification, place = self._specification, "program"
        try:
            # A session of its own: a group that can be signalled, and no terminal to ask at.
            os.setsid()
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            for number in _RESTORED:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if libc is not None:
                # Should somebody kill the supervisor, the kernel kills the command.
                libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
                if os.getppid() != supervisor:
                    os._exit(127)
            if specification["cwd"] is not None:
                place = "cwd"
                os.chdir(specification["cwd"])
            environment = specification["env"]
            environment = os.environ if environment is None else environment
            if specification["memory"] is not None:
                place = "memory"
                limit = specification["memory"]
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            place = "program"
            args = specification["args"]
            os.execvpe(args[0], args, environment)  # noqa: S606 -- no shell is wanted
        except OSError as error:
            os.write(writing, f"{place} {error.errno or 0}".encode())
        except BaseException:  # noqa: BLE001 -- nothing may get out: this is the forked process
            os.write(writing, f"{place} 0".encode())
        finally:
            os._exit(127)

    def _receive(self) -> bytes:
        try:
            return self._channel.recv(1024)
        except ConnectionError:
            return b""

    def _clear_woken(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 1024)

    def _has_children(self) -> bool:
        """Wait for the children that have ended; return whether any is left."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._pid:
                    self.status = os.waitstatus_to_exitcode(status)
        return False

    def _is_running(self) -> bool:
        if self._has_children():
            return True
        if _IS_LINUX:
            return False
        try:
            os.killpg(self._pid, 0)
        except OSError:
            return False
        return True

    def _signal(self, number: int) -> None:
        if not _IS_LINUX:
            with suppress(OSError):
                os.killpg(self._pid, number)
            return
        groups = descendants(os.getpid())
        if self._pid in groups.values():
            with suppress(OSError):
                os.killpg(self._pid, number)
        for pid, group in groups.items():
            if group != self._pid:
                with suppress(OSError):
                    os.kill(pid, number)


def descendants(root: int) -> dict[int, int]:
    """Return the group of each process that a process has started, or one of those has, by id."""
    groups: dict[int, int] = {}
    started: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 -- pathlib takes long to import
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 -- likewise
                _, parent, group = file.read().rpartition(b")")[2].split()[:3]
        except (OSError, ValueError):
            continue  # it has ended
        groups[int(name)] = int(group)
        started.setdefault(int(parent), []).append(int(name))
    found, pending = dict[int, int](), [root]
    while pending:
        for pid in started.get(pending.pop(), ()):
            if pid not in found:
                found[pid] = groups[pid]
                pending.append(pid)
    return found


def main(channel: socket.socket) -> None:
    """Run the command that the first line of the channel specifies, to its end."""
    line = channel.makefile("rb").readline()
    if not line.endswith(b"\n"):
        return  # the worker is gone

    def report(**values: object) -> None:
        with suppress(OSError):
            channel.sendall(json.dumps(values).encode() + b"\n")

    supervisor = Supervisor(json.loads(line), channel)
    try:
        report(pid=supervisor.start())
    except NotStarted as error:
        report(failed=error.place, errno=error.number)
        return
    supervisor.wait()
    supervisor.end()
    report(status=supervisor.status)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
