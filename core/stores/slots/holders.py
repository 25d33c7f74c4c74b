"""Who holds a slot: a worker process, named so that others on its machine can see it dead."""

import hashlib
import os
import socket
from pathlib import Path
from typing import Final

import psutil

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_VIEW: Final = Path("/proc/self/ns/pid")
_CHARACTERS: Final = 16


def holder_name(worker_id: str) -> str:
    """Return the name of this process as one that holds slots: ``place:pid:started:worker id``."""
    return f"{_place()}:{os.getpid()}:{_started(os.getpid())}:{worker_id}"


def worker_of(holder: str) -> str:
    """Return the worker id of a holder."""
    return holder.rpartition(":")[2]


def is_seen_dead(holder: str) -> bool:
    """Return whether a holder ran where this process runs, and has ended.

    Of one elsewhere nothing can be said.
    """
    place, pid, started, _ = holder.split(":")
    return place == _place() and _started(int(pid)) != int(started)


def _place() -> str:
    """Return what names this machine since it was started, and this process's view of others."""
    try:
        seen = f"{_BOOT.read_text(encoding='ascii')} {_VIEW.readlink()}"
    except OSError:
        seen = socket.gethostname()
    return hashlib.sha256(seen.encode()).hexdigest()[:_CHARACTERS]


def _started(pid: int) -> int:
    """Return when a process was started; 0 where there is none, or it is only to be waited for."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return 0
        # To a tenth of a second: another process of that number comes later.
        return round(process.create_time() * 10)
    except psutil.NoSuchProcess:
        return 0
