"""Watches one command in its sandbox, from outside of it, and stops it at its limits.

It is run by its path and imports the standard library alone, so that it starts in a few hundredths
of a second. What it watches cannot see it: the command has a process namespace of its own.

It reads one JSON object from its standard input:

- ``args``: the command, bubblewrap first where there is a sandbox; ``cwd`` and ``env`` for it;
- ``isolated``: whether ``args`` begins with bubblewrap;
- ``seccomp``: a filter for system calls in base 64, for bubblewrap; empty for none;
- ``seconds``, ``memory``, ``processes``, ``disk``, ``output``: the limits, memory and sizes in
  bytes;
- ``folders``: the folders that the command may write to, whose growth counts as ``disk``;
- ``results``: the folder of files to report, ``files``: their names;
- ``verdict``: the file to write in the end.

What the command prints goes to its standard output, as far as it is short. When the command has
ended, a JSON object goes to the file: ``status`` (or ``None``), ``limit``
(or ``None``), ``seconds``, ``memory`` and ``processes`` (the most that was seen), ``files`` (each
compressed with zlib, in base 64), ``missing``.
"""

# ruff: noqa: PTH118, PTH123 -- pathlib takes long to import

import base64
import ctypes
import json
import os
import resource
import select
import signal
import stat
import sys
import time
import zlib
from contextlib import suppress
from typing import Any, Final

# Run by its path, it knows no folder but the standard library's.
sys.path.append(os.path.abspath(f"{__file__}/../../.."))  # noqa: PTH100 -- likewise

from perdure_code.sandbox.usage import Usage, descendants

_POLL_SECONDS: Final = 0.03
_POLL_SECONDS_OF_ALL: Final = 0.1
_SHOWN_BYTES: Final = 1 << 16
_CHUNK_BYTES: Final = 1 << 16
_END_SECONDS: Final = 5.0
_AFTER_SECONDS: Final = 0.5
_FILE_BYTES: Final = 64 << 20
_PACKED_BYTES: Final = 32 << 20
_OPEN_FILES: Final = 4096
_NICE: Final = 5
_PR_SET_CHILD_SUBREAPER: Final = 36


class Output:
    """Hands on what the command prints: the beginning at once, the end when it has ended."""

    def __init__(self) -> None:
        self.total = 0
        self._tail = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        shown = max(0, min(len(chunk), _SHOWN_BYTES - self.total))
        self.total += len(chunk)
        _write(1, chunk[:shown])
        self._tail += chunk[shown:]
        del self._tail[:-_SHOWN_BYTES]

    def finish(self) -> None:
        """Hand on the end."""
        left_out = self.total - _SHOWN_BYTES - len(self._tail)
        if left_out > 0:
            _write(1, f"\n[{left_out:,} bytes are left out here]\n".encode())
        _write(1, bytes(self._tail))


def _write(stream: int, data: bytes) -> None:
    with suppress(OSError):
        while data:
            data = data[os.write(stream, data) :]


def _pipe_with(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)  # a filter is much smaller than a pipe
    os.close(writing)
    os.set_inheritable(reading, True)
    return reading


def _start(spec: "dict[str, Any]", output: int) -> int:
    """Start the command and return its process id.

    Raises:
        OSError: It cannot be started.
    """
    args = list(spec["args"])
    if spec["seccomp"]:
        filtering = _pipe_with(base64.b64decode(spec["seccomp"]))
        args[1:1] = ["--seccomp", str(filtering)]
    failing, failed = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            _limit_resources(spec)
            if spec["cwd"]:
                os.chdir(spec["cwd"])
            os.execvpe(args[0], args, spec["env"])  # noqa: S606 -- no shell is wanted
        except OSError as error:
            os.write(failed, str(error.errno or 0).encode())
        finally:
            os._exit(127)
    os.close(failed)
    number = os.read(failing, 16)
    os.close(failing)
    if number:
        raise OSError(int(number), os.strerror(int(number)))
    return pid


def _limit_resources(spec: "dict[str, Any]") -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: spec["disk"],
        resource.RLIMIT_DATA: spec["memory"],
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for what, amount in limits.items():
        _, hard = resource.getrlimit(what)
        allowed = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(what, (allowed, allowed))
    os.nice(_NICE)  # so that the monitor and the worker go on, whatever it does
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # should memory run out, the kernel takes these first


def _end(pid: int, status: "int | None") -> "int | None":
    """Kill whatever runs of the command; return its exit status, if it has one."""
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        status = _reap(pid, status)
        left = descendants(os.getpid())
        if not left:
            break
        for one in left:
            with suppress(OSError):
                os.kill(one, signal.SIGKILL)
        time.sleep(0.005)
    return status


def _reap(pid: int, status: "int | None") -> "int | None":
    with suppress(ChildProcessError):
        while True:
            ended, code = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                break
            if ended == pid:
                status = os.waitstatus_to_exitcode(code)
    return status


def _watch(spec: "dict[str, Any]", pid: int, reading: int, output: Output) -> Any:
    """Return the exit status, the limit that was hit, and the usage, once nothing runs any more."""
    usage = Usage(spec, pid if spec["isolated"] else os.getpid())
    poll = _POLL_SECONDS if spec["isolated"] else _POLL_SECONDS_OF_ALL
    deadline = time.monotonic() + spec["seconds"]
    status = limit = None
    looked = 0.0
    is_open = True
    while status is None and limit is None:
        if is_open:
            is_open = _read_on(reading, output, poll)
        else:
            time.sleep(poll)
        now = time.monotonic()
        status = _reap(pid, status)
        if output.total > spec["output"]:
            limit = "output"
        elif now > deadline:
            limit = "time"
        elif now - looked >= poll:
            looked = now
            limit = usage.limit_hit()
    if status is not None:
        limit = None
    _end(pid, status)
    until = time.monotonic() + _AFTER_SECONDS
    while is_open and time.monotonic() < until and output.total <= 2 * spec["output"]:
        is_open = _read_on(reading, output, _AFTER_SECONDS)
    return status, limit, usage


def _read_on(reading: int, output: Output, seconds: float) -> bool:
    """Hand on what there is; return whether more may come."""
    ready, _, _ = select.select([reading], [], [], seconds)
    if not ready:
        return True
    chunk = os.read(reading, _CHUNK_BYTES)
    output.add(chunk)
    return bool(chunk)


def _files(folder: str, names: "list[str]") -> "tuple[dict[str, str], list[str]]":
    files: dict[str, str] = {}
    missing: list[str] = []
    room = _PACKED_BYTES
    for name in names:
        try:
            # A hostile program may have put a link or a pipe in its place.
            file = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError:
            missing.append(name)
            continue
        content = b""
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode) and found.st_size <= _FILE_BYTES:
            with open(file, "rb", closefd=False) as opened:
                content = base64.b64encode(zlib.compress(opened.read(_FILE_BYTES)))
        os.close(file)
        if not content or len(content) > room:
            missing.append(name)
            continue
        room -= len(content)
        files[name] = content.decode()
    return files, missing


def main() -> int:
    """Run the command that the standard input specifies, to its end."""
    spec = json.load(sys.stdin)
    with suppress(OSError, AttributeError):
        # What the command leaves behind becomes a child of this process.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    reading, writing = os.pipe()
    pid = _start(spec, writing)
    os.close(writing)
    signal.signal(signal.SIGTERM, lambda *_: (_end(pid, None), os._exit(143)))
    output = Output()
    status, limit, usage = _watch(spec, pid, reading, output)
    output.finish()
    files, missing = _files(spec["results"], spec["files"])
    verdict = {
        "status": None if limit else status if status is None or status >= 0 else 128 - status,
        "limit": limit,
        "seconds": round(time.monotonic() - started, 3),
        "memory": usage.memory,
        "processes": usage.processes,
        "files": files,
        "missing": missing,
    }
    with open(spec["verdict"], "w", encoding="ascii") as file:
        json.dump(verdict, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
