"""How every command runs: its event loop, its errors, its exit status."""

import asyncio
import functools
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Final, ParamSpec, TypeVar

import click

from perdure.cli.output.printing import PRINTED, print_json
from perdure.cli.output.stdout import keep_for_answers

STOP_SECONDS: Final = 8.0


class _Patience:
    """How long stopping may take; set by a command, read where a signal is handled."""

    def __init__(self) -> None:
        self._seconds = STOP_SECONDS

    def get(self) -> float:
        return self._seconds

    def set(self, seconds: float) -> None:
        self._seconds = seconds


_patience: Final = _Patience()

P = ParamSpec("P")
T = TypeVar("T")

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=keep_for_answers,
    help="Print one JSON document on stdout and nothing else.",
)


def command_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors of Perdure into one line on stderr, or a JSON document, and status 1."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo("\nperdure: stopped before it was done; nothing was lost", err=True)
            sys.exit(128 + signal.SIGINT)
        except Exception as error:
            sentence = explained(error)
            if sentence is None:
                raise
            # A command that has printed its document, such as dev when ready, prints no second.
            if kwargs.get("as_json") and PRINTED not in click.get_current_context().meta:
                print_json({"error": {"type": type(error).__name__, "message": sentence}})
            else:
                click.echo(f"perdure: {sentence}", err=True)
            sys.exit(1)

    return run


def explained(error: Exception) -> str | None:
    """Return the sentence of an error that Perdure raised; ``None`` for any other."""
    if type(error).__module__.partition(".")[0] == "perdure":
        return str(error.args[0]) if error.args else str(error)
    if type(error).__module__.startswith("pydantic") and hasattr(error, "errors"):
        is_setting = getattr(error, "title", "") == "Settings"
        return "; ".join(
            f"{_name(item['loc'], is_setting)}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
    return None


def _name(location: tuple[str | int, ...], is_setting: bool) -> str:
    name = ".".join(map(str, location))
    return f"PERDURE_{name.upper()}" if is_setting else name


def run_async(main: Coroutine[object, object, T], *, log_level: int = logging.WARNING) -> T:
    """Run a command's coroutine in an event loop of its own.

    SIGTERM ends it like Ctrl-C: by cancellation, so that everything is stopped in order.
    """
    configure_logs(log_level)
    try:
        with asyncio.Runner() as runner:
            return runner.run(_until_sigterm(main))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    finally:
        # A Temporal client that dies during interpreter shutdown can abort the process
        # (sdk-python#300); here it dies while the interpreter is whole.
        gc.collect()


async def _until_sigterm(main: Coroutine[object, object, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        # Not the loop's own signal handler: an agent that blocks the loop would hold that up too.
        end_soon()
        loop.call_soon_threadsafe(task.cancel)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        return await main
    finally:
        signal.signal(signal.SIGTERM, previous)


def configure_logs(level: int) -> None:
    """Log on stderr: Perdure from ``level`` on, libraries only their warnings.

    A failed attempt is told by us, in one line; the SDK's own traceback of it is left out.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)
    for name in ("temporalio.activity", "temporalio.worker", "temporalio.workflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
    )


def end_soon(seconds: float | None = None) -> None:
    """See that the process ends although an agent does not let go; its goal goes on elsewhere.

    Args:
        seconds: How long it may take; what the command set, or eight seconds, when not given.
    """
    seconds = seconds or _patience.get()
    timer = threading.Timer(seconds, _end_now, [seconds])
    timer.daemon = True
    timer.start()


def _end_now(seconds: float) -> None:
    sys.stderr.write(
        f"perdure: an agent did not let go within {seconds:g} s; ended all the same, and its"
        " goal goes on when a worker runs again\n"
    )
    sys.stderr.flush()
    os._exit(1)


def take_back_cancel() -> None:
    """Let a task that was told to stop go on to its own end, now that it has heard."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


async def until_stopped(
    watching: Coroutine[object, object, None] | None = None, *, patience: float = STOP_SECONDS
) -> None:
    """Wait until Ctrl-C or SIGTERM, which end it without an error.

    Args:
        watching: What must go on meanwhile; it raises when it does not.
        patience: How long stopping may take, in seconds, before the process ends all the same.
    """
    _patience.set(patience)
    try:
        await (watching or asyncio.Event().wait())
    except asyncio.CancelledError:
        end_soon()
        take_back_cancel()
