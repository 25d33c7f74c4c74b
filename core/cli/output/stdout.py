"""Redirecting to stderr what libraries, plugins and agents print on stdout."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

import click

_KEPT_STDOUT: Final = "perdure.cli.stdout"


@contextmanager
def native_output_on_stderr() -> Iterator[None]:
    """Redirect what native code writes to the file descriptor of stdout to stderr.

    Temporal's SDK, whose core is no Python, prints its warnings there.
    """
    python_stdout = sys.stdout
    try:
        descriptor = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # the command was started with stdout or stderr closed
        yield
        return
    sys.stdout = os.fdopen(
        descriptor, "w", encoding=python_stdout.encoding, errors=python_stdout.errors, buffering=1
    )
    try:
        yield
    finally:
        with suppress(OSError):  # the disk is full, or nobody reads: the write reported it
            sys.stdout.flush()
        os.dup2(descriptor, 1)
        sys.stdout = python_stdout


def keep_stdout_for_json(context: click.Context, _: click.Parameter, as_json: bool) -> bool:
    """Keep stdout for the JSON document: what plugins and agents print goes to stderr.

    The callback of ``--json``; stdout is restored when the command ends.
    """
    if as_json and not context.resilient_parsing and _KEPT_STDOUT not in context.meta:
        stdout = sys.stdout
        context.meta[_KEPT_STDOUT] = stdout
        sys.stdout = sys.stderr

        def restore() -> None:
            sys.stdout = stdout

        context.call_on_close(restore)
    return as_json


def json_stdout() -> IO[Any]:
    """Return the stream for a command's JSON document."""
    context = click.get_current_context(silent=True)
    kept: IO[Any] | None = context.meta.get(_KEPT_STDOUT) if context is not None else None
    return kept or sys.stdout
