"""Standard output is for what was asked for: what anybody else prints there goes to stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

import click

_ANSWERS: Final = "perdure.cli.answers"


@contextmanager
def native_output_on_stderr() -> Iterator[None]:
    """Send what libraries write to the file descriptor of stdout, past Python, to stderr.

    Temporal's SDK, which is no Python, prints its warnings there.
    """
    python = sys.stdout
    try:
        ours = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # the command was started with one of them closed
        yield
        return
    sys.stdout = os.fdopen(ours, "w", encoding=python.encoding, errors=python.errors, buffering=1)
    try:
        yield
    finally:
        with suppress(OSError):  # the disk is full, or nobody reads: whoever wrote has told
            sys.stdout.flush()
        os.dup2(ours, 1)
        sys.stdout = python


def keep_for_answers(context: click.Context, _: click.Parameter, wanted: bool) -> bool:
    """Send what plugins and agents print to stderr, until the command ends, where JSON is asked."""
    if wanted and not context.resilient_parsing and _ANSWERS not in context.meta:
        stdout = sys.stdout
        context.meta[_ANSWERS] = stdout
        sys.stdout = sys.stderr

        def give_back() -> None:
            sys.stdout = stdout

        context.call_on_close(give_back)
    return wanted


def answers() -> IO[Any]:
    """Return where a command's answer goes."""
    context = click.get_current_context(silent=True)
    kept: IO[Any] | None = context.meta.get(_ANSWERS) if context is not None else None
    return kept or sys.stdout
