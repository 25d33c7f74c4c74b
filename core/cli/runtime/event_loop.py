"""The event loop of a command, and how Ctrl-C and SIGTERM end it."""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from perdure.cli.runtime.logs import configure_logs

SHUTDOWN_SECONDS: Final = 8.0

T = TypeVar("T")


@dataclass
class _Shutdown:
    """How long stopping may take; set by a command, read where a signal is handled."""

    seconds: float = SHUTDOWN_SECONDS


_shutdown: Final = _Shutdown()


def run_async(
    main: Coroutine[object, object, T], *, log_level: int = logging.WARNING, traced: bool = False
) -> T:
    """Run a command's coroutine in an event loop of its own.

    SIGTERM ends it like Ctrl-C: by cancellation, so that everything is stopped in order.

    Args:
        main: The coroutine.
        log_level: From which level on is logged.
        traced: Whether the command runs goals, or starts them, and records that where the
            environment says where to.

    Raises:
        ValidationError: A setting is wrong.
        TelemetryRefused: Traces are asked for in a way that cannot be followed.
    """
    import asyncio

    from perdure.settings import Settings

    try:
        configure_logs(log_level, Settings().log_levels or {})
        if traced:
            from perdure.telemetry.traces.process import start

            start()
    except Exception:
        main.close()  # or Python warns that it was never awaited
        raise
    try:
        with asyncio.Runner() as runner:
            return runner.run(_cancel_on_sigterm(main))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    finally:
        # A Temporal client that dies during interpreter shutdown can abort the process
        # (sdk-python#300); here it dies while the interpreter is whole.
        if "temporalio" in sys.modules:
            gc.unfreeze()
            gc.collect()
        if traced:
            from perdure.telemetry.traces.process import stop

            stop()


async def until_stopped(
    watched: Coroutine[object, object, None] | None = None,
    *,
    shutdown_seconds: float = SHUTDOWN_SECONDS,
) -> None:
    """Wait until Ctrl-C or SIGTERM, which end it without an error.

    Args:
        watched: What must go on meanwhile; it raises when it does not.
        shutdown_seconds: How long stopping may take before the process is ended by force.
    """
    import asyncio

    _shutdown.seconds = shutdown_seconds
    freeze_heap()
    try:
        await (watched or asyncio.Event().wait())
    except asyncio.CancelledError:
        exit_after()
        clear_cancellation()


def freeze_heap() -> None:
    """Leave what is there by now, mostly modules, out of all later searches for garbage.

    A search through all of it holds the event loop up for a tenth of a second.
    """
    gc.collect()
    gc.freeze()


def exit_after(seconds: float | None = None) -> None:
    """End the process by force if it has not ended in time, as when an agent blocks the loop.

    The agent's goal goes on at another worker.

    Args:
        seconds: How long it may take; what the command set, or eight seconds, when not given.
    """
    seconds = seconds or _shutdown.seconds
    timer = threading.Timer(seconds, _exit_now, [seconds])
    timer.daemon = True
    timer.start()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what blocks the event loop, such as the import of a plugin, at once."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def clear_cancellation() -> None:
    """Let the current task, which was cancelled, go on to its own end."""
    import asyncio

    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


async def _cancel_on_sigterm(main: Coroutine[object, object, T]) -> T:
    import asyncio

    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        # Not the loop's own signal handler: an agent that blocks the loop would block that too.
        exit_after()
        loop.call_soon_threadsafe(task.cancel)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        return await main
    finally:
        signal.signal(signal.SIGTERM, previous)


def _exit_now(seconds: float) -> None:
    sys.stderr.write(
        f"perdure: an agent did not stop within {seconds:g} s; ended by force, and its"
        " goal goes on when a worker runs again\n"
    )
    sys.stderr.flush()
    os._exit(1)
