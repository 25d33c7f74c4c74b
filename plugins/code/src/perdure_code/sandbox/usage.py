"""What the processes of a command use: memory, processes, room on the disk.

The monitor imports it; see there.
"""

# ruff: noqa: PTH123, PTH208 -- pathlib takes long to import

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

_WALK_SECONDS: Final = 1.0
# A walk takes at most a tenth of the time.
_WALK_SHARE: Final = 10
# An inode takes room too.
_ENTRY_BYTES: Final = 1024
# Below this share of its memory the machine is in danger, whoever uses it.
_MACHINE_RESERVE: Final = 0.03


class Usage:
    """What the processes of a command use, and the most that was seen.

    Attributes:
        memory: The most memory, in bytes.
        processes: The most processes and threads.
    """

    def __init__(self, spec: "dict[str, Any]", root: int) -> None:
        self.memory = 0
        self.processes = 0
        self._spec = spec
        self._root = root
        self._proc: int | None = None
        self._temporary: list[int] = []
        self._disk = Disk(spec["folders"])
        self._reserve = _machine_reserve()

    def limit_hit(self) -> "str | None":
        """Return the limit that is exceeded now, if one is."""
        tasks = memory = 0
        pids = list(self._pids())
        for pid in pids:
            threads, used = _status(pid, self._proc)
            tasks += threads
            memory += used
        if memory > self._spec["memory"]:
            memory = sum(_proportional(pid, self._proc) for pid in pids)
        # Files in a temporary file system are memory as well.
        memory += sum(_used(folder) for folder in self._temporary)
        self.processes = max(self.processes, tasks)
        self.memory = max(self.memory, memory)
        if tasks >= self._spec["processes"]:
            return "processes"
        if memory > self._spec["memory"]:
            return "memory"
        if _available() < self._reserve:
            return "machine"
        if self._disk.used_more_than(self._spec["disk"], pids, self._proc):
            return "disk"
        return None

    def _pids(self) -> "Iterator[int]":
        if not self._spec["isolated"]:
            yield from descendants(self._root)
            return
        if self._proc is None:
            self._enter()
        if self._proc is None:
            yield from descendants(self._root)
            return
        with suppress(OSError):
            yield from (int(name) for name in os.listdir(self._proc) if name.isdigit())

    def _enter(self) -> None:
        """Open the sandbox's own /proc, which lists its processes alone, once it is there."""
        for child in descendants(self._root):
            root = f"/proc/{child}/root"
            with suppress(OSError):
                folder = _open_folder(f"{root}/proc")
                if _shows_this_process(folder):
                    os.close(folder)
                    continue
                self._proc = folder
                self._temporary = [_open_folder(f"{root}/{name}") for name in ("tmp", "dev/shm")]
                return


class Disk:
    """How much the folders of a command have grown."""

    def __init__(self, folders: "list[str]") -> None:
        self._folders = folders
        self._before = _size(folders)
        self._used = 0
        self._free = self._free_bytes()
        self._walked = time.monotonic()
        self._pause = _WALK_SECONDS

    def used_more_than(self, limit: int, pids: "list[int]", proc: "int | None") -> bool:
        """Look at the folders when enough room has gone, or enough time, since the last look."""
        gone = self._free - self._free_bytes()
        now = time.monotonic()
        if self._used + gone <= limit and now - self._walked < self._pause:
            return False
        size = _size(self._folders) - self._before
        self._used = max(0, size) + _deleted(pids, proc)
        self._free = self._free_bytes()
        self._walked = time.monotonic()
        self._pause = max(_WALK_SECONDS, _WALK_SHARE * (self._walked - now))
        return self._used > limit

    def _free_bytes(self) -> int:
        free = 0
        for folder in self._folders:
            with suppress(OSError):
                system = os.statvfs(folder)
                free = max(free, system.f_bfree * system.f_frsize)
        return free


def descendants(root: int) -> "list[int]":
    """Return the processes that a process has started, or one of those has."""
    started: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                started.setdefault(parent, []).append(int(name))
    found, pending = list[int](), [root]
    while pending:
        for pid in started.get(pending.pop(), ()):
            if pid not in found:
                found.append(pid)
                pending.append(pid)
    return found


def _read(name: str, proc: "int | None") -> bytes:
    path = f"/proc/{name}" if proc is None else name
    try:
        file = os.open(path, os.O_RDONLY, dir_fd=proc)
    except OSError:
        return b""
    try:
        return os.read(file, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(file)


def _status(pid: int, proc: "int | None") -> "tuple[int, int]":
    """Return how many threads a process has, and how many bytes of memory are in use for it."""
    threads = used = 0
    for line in _read(f"{pid}/status", proc).splitlines():
        key, _, value = line.partition(b":")
        if key == b"Threads":
            threads = int(value)
        elif key in (b"RssAnon", b"RssShmem", b"VmSwap"):
            used += int(value.split()[0]) << 10
    return threads, used


def _proportional(pid: int, proc: "int | None") -> int:
    """Return a process's memory, with a share alone of what it shares with others."""
    used, seen = 0, False
    for line in _read(f"{pid}/smaps_rollup", proc).splitlines():
        key, _, value = line.partition(b":")
        if key in (b"Pss_Anon", b"Pss_Shmem", b"SwapPss"):
            used += int(value.split()[0]) << 10
            seen = True
    return used if seen else _status(pid, proc)[1]


def _deleted(pids: "list[int]", proc: "int | None") -> int:
    """Return the size of the files on disk that are open and have no name any more."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in pids:
        folder = f"{pid}/fd" if proc is not None else f"/proc/{pid}/fd"
        with suppress(OSError):
            listed = os.open(folder, os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
            try:
                for name in os.listdir(listed):
                    with suppress(OSError):
                        found = os.stat(name, dir_fd=listed)
                        if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                            sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
            finally:
                os.close(listed)
    return sum(sizes.values())


def _open_folder(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _shows_this_process(proc: int) -> bool:
    try:
        os.readlink("self", dir_fd=proc)
    except FileNotFoundError:
        return False
    return True


def _used(folder: int) -> int:
    try:
        system = os.fstatvfs(folder)
    except OSError:
        return 0
    return (system.f_blocks - system.f_bfree) * system.f_frsize


def _size(folders: "list[str]") -> int:
    total = 0
    pending = list(folders)
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    with suppress(OSError):
                        found = entry.stat(follow_symlinks=False)
                        total += max(found.st_blocks * 512, _ENTRY_BYTES)
                        if stat.S_ISDIR(found.st_mode):
                            pending.append(entry.path)
        except OSError:
            continue
    return total


def _available() -> int:
    for line in _read("meminfo", None).splitlines():
        if line.startswith(b"MemAvailable:"):
            return int(line.split()[1]) << 10
    return 1 << 62


def _machine_reserve() -> int:
    """Return how much memory must stay available; nothing where that little is left already."""
    for line in _read("meminfo", None).splitlines():
        if line.startswith(b"MemTotal:"):
            reserve = int((int(line.split()[1]) << 10) * _MACHINE_RESERVE)
            return reserve if _available() > 2 * reserve else 0
    return 0
