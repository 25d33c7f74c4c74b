"""Workers that are processes of their own, for tests that kill and freeze them.

``python -m tests.support.fork_server MODULE:FUNCTION`` imports the module, which takes a second,
and then reads orders, one line of JSON each. It answers an order with the pid of a process forked
for it, up in a tenth of a second, which passes the order to the function. An order has ``home``,
where the process writes its log, and may have ``environment``. These processes end with the server,
and the server with its standard input.
"""

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Order = dict[str, Any]


class ForkServer:
    """A fork server, seen from the test; its processes run ``module:function``."""

    def __init__(self, function: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", function],
            env=os.environ | {"PYTHONPATH": str(ROOT)},  # for the package `tests`
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, **order: object) -> int:
        """Start a process and return its pid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End the server and every process that it has forked."""
        self._process.communicate(timeout=20)


def _run(function: Callable[[Order], Coroutine[Any, Any, None]], order: Order) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(order.get("environment", {}))
    log = os.open(Path(order["home"]) / f"worker-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
    for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(target, stream)
    asyncio.run(function(order))


def main() -> None:
    """Fork a process for each order."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for the dead
    forked: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                _run(function, json.loads(line))
            finally:
                os._exit(1)
        forked.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in forked:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
