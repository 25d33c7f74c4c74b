"""How a command ends while threads and exit functions of plugins still run."""

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_EXITS: Final = "perdure.agents.plugins.process.exits"
_THREADS: Final = "perdure.agents.plugins.process.threads"
# What libraries clean up takes milliseconds; an answer that is on the screen is not waited for.
EXIT_SECONDS: Final = 3.0


@contextmanager
def plugin_leftovers_left_behind() -> Iterator[None]:
    """End the process after the block without waiting for what plugins began when they were loaded.

    Python itself would wait for their threads, or abort when one is just writing to a stream, and
    for the functions they registered with :mod:`atexit`, however long these take.
    """
    status: int | None = None
    try:
        yield
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code
        _limit_exit(status)
        if not _any_thread_runs():
            raise
    else:
        _limit_exit(status)
    if _any_thread_runs():
        atexit._run_exitfuncs()  # noqa: SLF001 -- what os._exit leaves out
        _exit(status)


def _any_thread_runs() -> bool:
    # Not imported when the command loaded no plugin.
    threads = sys.modules.get(_THREADS)
    return threads is not None and bool(threads.running_plugin_threads())


def _limit_exit(status: int | None) -> None:
    """End the process by force if a plugin's exit functions take too long."""
    exits = sys.modules.get(_EXITS)
    modules = exits.plugins_with_exit_functions() if exits is not None else []
    if modules:
        timer = threading.Timer(EXIT_SECONDS, _exit_now, [modules, status])
        timer.daemon = True
        timer.start()


def _exit_now(modules: list[str], status: int | None) -> None:
    names = ", ".join(modules)
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(
            f"perdure: what {names} registered with atexit takes longer than {EXIT_SECONDS:g} s,"
            " and is not waited for: let the agent clean up after itself\n"
        )
    _exit(status)


def _exit(status: int | None) -> None:
    for stream in (sys.stdout, sys.stderr):
        # The write reported it, or there is none.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status or 0)
