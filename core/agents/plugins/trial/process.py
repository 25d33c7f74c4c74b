"""Imports plugins in a process of their own first, which they may end, kill, or hang.

What becomes of the process is said in a sentence, and this process imports only what loaded well
there. :mod:`perdure.agents.plugins.trial.main` is what runs there.
"""

import base64
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.loading.failures import (
    NOTICE_SECONDS,
    explain_delay,
    explain_end,
    log_delay,
)

# How long the process may take until it imports the first plugin, on a machine that is busy.
START_SECONDS: Final = 60.0
# How long the limit of an import may be exceeded before the process is killed: it keeps the
# limit itself, unless the plugin lets no other thread run.
GRACE_SECONDS: Final = 1.0
_DUMP_SECONDS: Final = 2.0

_START: Final = """
import json, sys
order = json.load(sys.stdin)
try:
    from perdure.entry_points import leave_out_damaged
except ImportError:
    sys.path[:] = order["path"]
    from perdure.entry_points import leave_out_damaged
leave_out_damaged()
from perdure.agents.plugins.trial.main import main
main(order)
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A plugin that is to be tried.

    Attributes:
        candidate: The plugin.
        path: The plugin file; ``None`` when it is a distribution.
        source: That file's source.
    """

    candidate: Candidate
    path: Path | None = None
    source: bytes = b""


class TrialImpossible(Exception):
    """No process could be started to try plugins in."""


class Trial:
    """Imports plugins in processes of their own, until each was tried."""

    def __init__(self) -> None:
        """Prepare a trial."""
        self._process: _TrialProcess | None = None
        self._is_stopped = False
        # One that has ended must not be killed: its number may be another's by then.
        self._lock = threading.Lock()

    def run(
        self, subjects: Sequence[Subject], seconds: float, on_begin: Callable[[Candidate], None]
    ) -> dict[Candidate, str]:
        """Try plugins; return why each must not be imported here.

        Those that loaded well are left out. Where no process can be started, nothing is held
        against any plugin.

        Args:
            subjects: The plugins.
            seconds: How long each import may take.
            on_begin: Called with each plugin when its import begins.
        """
        reasons: dict[Candidate, str] = {}
        waiting = list(subjects)
        with suppress(TrialImpossible):
            while waiting and not self._is_stopped:
                with (
                    _TrialProcess(tuple(waiting), seconds, on_begin) as process,
                    self._stoppable(process),
                ):
                    for candidate, reason in process.outcomes():
                        del waiting[0]
                        if reason:
                            reasons[candidate] = reason
        return reasons

    def stop(self) -> None:
        """End the process that runs, from another thread; what it said counts for nothing."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    @contextmanager
    def _stoppable(self, process: "_TrialProcess") -> Iterator[None]:
        with self._lock:
            self._process = process
            if self._is_stopped:
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._process = None


class _TrialProcess:
    """One process, which tries plugins one by one until one of them ends it."""

    def __init__(
        self, subjects: Sequence[Subject], seconds: float, on_begin: Callable[[Candidate], None]
    ) -> None:
        self._subjects = subjects
        self._seconds = seconds
        self._on_begin = on_begin
        self._is_over = False  # it tries no further plugin
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._stderr: IO[bytes] = TemporaryFile()  # noqa: SIM115 -- closed with the process

    def __enter__(self) -> "_TrialProcess":
        if "py" not in os.path.basename(sys.executable or ""):  # noqa: PTH119 -- it may be empty
            self._stderr.close()
            raise TrialImpossible
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,  # with whatever it starts, it is ended as a group
            )
        except OSError as error:
            self._stderr.close()
            raise TrialImpossible from error
        threading.Thread(target=self._receive, name="plugin trial", daemon=True).start()
        with suppress(OSError):  # it has ended already
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(self._order()).encode())
            self._process.stdin.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.wait()
        self._stderr.close()

    def outcomes(self) -> Iterator[tuple[Candidate, str]]:
        """Yield each plugin that was tried with the reason not to import it, or none.

        Raises:
            TrialImpossible: The process ended before any plugin was imported.
        """
        for number, subject in enumerate(self._subjects):
            reason = self._outcome(subject.candidate, is_first=number == 0)
            if reason is None:
                return
            yield subject.candidate, reason
            if self._is_over:
                return

    def _outcome(self, candidate: Candidate, *, is_first: bool) -> str | None:
        action, seconds = "", START_SECONDS
        while True:
            try:
                message = self._next_message(candidate, action, seconds)
            except queue.Empty:
                if not action:
                    raise TrialImpossible from None
                self._is_over = True
                return explain_delay(action + self._stop_and_locate(candidate), self._seconds)
            if message is None:
                return self._explain_end(candidate, action, is_first=is_first)
            if "reason" in message:
                return str(message["reason"])
            if not action:
                self._on_begin(candidate)
            action, seconds = str(message["action"]), self._seconds + GRACE_SECONDS

    def _next_message(
        self, candidate: Candidate, action: str, seconds: float
    ) -> dict[str, Any] | None:
        """Wait for what the process says next; say to people what it waits for.

        Raises:
            Empty: It said nothing for so long.
        """
        if action and seconds > NOTICE_SECONDS + GRACE_SECONDS:
            with suppress(queue.Empty):
                return self._messages.get(timeout=NOTICE_SECONDS)
            log_delay(candidate, action, self._seconds)
            seconds -= NOTICE_SECONDS
        return self._messages.get(timeout=seconds)

    def _explain_end(self, candidate: Candidate, action: str, *, is_first: bool) -> str | None:
        self._is_over = True
        # Whoever was tried before in the same process may have ended it: tried anew, it is first.
        if not is_first:
            return None
        if not action:
            raise TrialImpossible
        try:
            status = self._process.wait(timeout=_DUMP_SECONDS)
        except subprocess.TimeoutExpired:
            status = 0  # it has closed its streams, and who can say what it does now
        return explain_end(candidate, action + self._location(candidate), status)

    def _receive(self) -> None:
        assert self._process.stdout is not None
        with suppress(OSError, ValueError), self._process.stdout as stdout:
            for line in stdout:
                self._messages.put(json.loads(line))
        self._messages.put(None)

    def _order(self) -> dict[str, object]:
        return {
            "path": list(map(str, sys.path)),
            "seconds": self._seconds,
            "plugins": [
                {
                    "candidate": asdict(subject.candidate),
                    "path": str(subject.path) if subject.path else "",
                    "source": base64.b64encode(subject.source).decode(),
                }
                for subject in self._subjects
            ],
        }

    def _stop_and_locate(self, candidate: Candidate) -> str:
        """End the process; return where in the plugin it was."""
        if hasattr(signal, "SIGABRT") and os.name == "posix":
            self._process.send_signal(signal.SIGABRT)  # which has it write down its threads
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_DUMP_SECONDS)
        self.kill()
        return self._location(candidate)

    def _location(self, candidate: Candidate) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace")
        package = candidate.module.partition(".")[0]
        for file, line in re.findall(r'^  File "(.*)", line (\d+) in ', text, re.MULTILINE):
            path = Path(file)
            if package in path.parts or package in {path.stem, path.name}:
                return f" ({path.name}, line {line})"
        return ""

    def kill(self) -> None:
        """End the process, and whatever it started."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
