"""The command ``perdure`` as a stranger runs it, in processes of its own."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import read_document


@dataclass
class Dev:
    """A ``perdure dev`` that runs.

    Attributes:
        process: Its process.
        document: What it printed when it was ready.
    """

    process: subprocess.Popen[str]
    document: dict[str, Any]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> str:
        """Stop it, and return what it wrote to stderr."""
        self.process.send_signal(how)
        _, err = self.process.communicate(timeout=20)
        return err


@dataclass
class CommandLine:
    """A shell of one's own: a working folder, an environment, and what was started from it."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure.cli", *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def dev(self, *arguments: str, **environment: str) -> Dev:
        """Start ``perdure dev`` on free ports, and return when it is ready."""
        ports = () if "--port" in arguments else ("--port", "0", "--temporal-port", "0")
        process = self.start("dev", "--json", *ports, *arguments, **environment)
        return Dev(process, read_document(process))

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=90)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str, status: int = 0, **environment: str) -> Any:
        """Run a command that has to end with this status; return the document it printed."""
        done = self(*arguments, "--json", **environment)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    def journaled(self, times: int = 1) -> bool:
        """Return whether steps ``pay`` are in the journal: only then is none paid again.

        Args:
            times: How many, of all goals together.
        """
        # Read only, so that whoever asks too soon makes no empty database.
        place = Path(self.environment["PERDURE_HOME"]) / "perdure.db"
        try:
            with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as database:
                found = database.execute("SELECT count(*) FROM steps WHERE name = 'pay'")
                return int(found.fetchone()[0]) >= times
        except sqlite3.OperationalError:  # it is not there, or not yet laid out
            return False

    def end(self) -> None:
        """End whatever still runs."""
        for process in self.started:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
