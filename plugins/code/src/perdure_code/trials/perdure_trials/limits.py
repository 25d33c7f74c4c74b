"""Ending what does not end by itself: a test by a signal, a process by its parent."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:  # so that Python 3.8 need not understand it
    Record = dict[str, Any]

_AGAIN = 0.1
_CHUNK = 65_536


class Stopped(BaseException):
    """A test took too long. No ``Exception``, so that few tests catch it."""


class Alarm:
    """Raises :class:`Stopped` in the test that runs.

    Seconds are those of the processor, for other programs on the machine are not the test's fault;
    a test that waits is stopped after three times as many seconds on the clock, and one more. It
    is raised again every tenth of a second, for a loop may catch it.
    """

    def __init__(self, before: Callable[[], None] | None = None, notice: float = 0.0) -> None:
        """Prepare, and let ``before`` be called ``notice`` seconds ahead of the first raise."""
        self._before = before
        self._notice = notice
        self._noticed = False

    def start(self, seconds: float) -> None:
        """Let it go off after so many seconds."""
        self._noticed = self._before is None
        for number in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(number, self._ring)
        signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
        signal.setitimer(signal.ITIMER_REAL, 3 * seconds + 1, _AGAIN)

    def cancel(self) -> None:
        """Let it not go off any more."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, *_: object) -> None:
        if not self._noticed and self._before is not None:
            self._noticed = True
            self._before()
            signal.setitimer(signal.ITIMER_PROF, self._notice, _AGAIN)
            signal.setitimer(signal.ITIMER_REAL, 3 * self._notice, _AGAIN)
            return
        raise Stopped


class Child:
    """A forked process that sends records, and is killed when none comes for too long."""

    def __init__(self, work: Callable[[Callable[[Record], None]], None]) -> None:
        """Fork, and do ``work`` in the child, with a function that sends a record."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            _work(work, writing)
        os.close(writing)
        self.reading = reading
        self.heard = time.monotonic()
        self._rest = b""

    def receive(self) -> list[Record] | None:
        """Return the records that have come; ``None`` when it has ended. May wait for them."""
        chunk = os.read(self.reading, _CHUNK)
        if not chunk:
            return None
        self.heard = time.monotonic()
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self) -> int:
        """Kill it and its group if it still runs, and return how it ended."""
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.reading)
        return os.waitpid(self.pid, 0)[1]


def limit_memory(size: int) -> None:
    """Let this process take so many bytes more than it has, so that endless lists end."""
    with suppress(OSError, ValueError):
        with open("/proc/self/statm") as statm:  # noqa: PTH123 -- as quick as it can be
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + size, used + size))


def silence() -> None:
    """Send what tests print nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _work(work: Callable[[Callable[[Record], None]], None], writing: int) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)

        def send(record: Record) -> None:
            data = json.dumps(record).encode() + b"\n"
            while data:
                data = data[os.write(writing, data) :]

        work(send)
        status = 0
    except BaseException as error:  # noqa: BLE001 -- a forked process must not return to its caller
        with suppress(BaseException):
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
    finally:
        os._exit(status)
