"""What other processes do, looked up from outside."""

import json
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Any

import psutil


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended, and that nobody has waited for, does not."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            # Killed, its first thread ends first, and the others still hold its files and locks.
            return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [child.pid for child in psutil.Process(pid).children()]


def read_document(process: "subprocess.Popen[str]", seconds: float = 60.0) -> Any:
    """Return the JSON document that a command with ``--json`` prints when it is ready."""
    text = ""
    for line in _lines(process, process.stdout, seconds):
        text += line
        if line == "}\n":
            return json.loads(text)
    raise AssertionError(f"it printed no document: {text}{process.communicate()[1]}")


def read_line(process: "subprocess.Popen[str]", words: str, seconds: float = 60.0) -> str:
    """Return the first line with these words in it that a process writes to stderr."""
    read = ""
    for line in _lines(process, process.stderr, seconds):
        if words in line:
            return line
        read += line
    raise AssertionError(f"it never said {words!r} but:\n{read}")


def _lines(
    process: "subprocess.Popen[str]", stream: IO[str] | None, seconds: float
) -> Iterator[str]:
    # A read has no limit of its own: the process is killed, and the stream ends.
    assert stream is not None
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        for line in stream:  # noqa: UP028 -- `yield from` would close it with this generator
            yield line
    finally:
        watchdog.cancel()
