"""Errors of commands: one line on stderr or a JSON document, and the exit status."""

import functools
import signal
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from perdure.cli.output.printing import JSON_PRINTED, print_json

P = ParamSpec("P")
T = TypeVar("T")


class WrongInput(Exception):
    """A command was given arguments that do not fit."""


def handle_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors of Perdure into one line on stderr, or a JSON document, and status 1."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo("\nperdure: stopped before it was done; nothing was lost", err=True)
            sys.exit(128 + signal.SIGINT)
        except Exception as error:
            message = error_message(error)
            if message is None:
                raise
            # A command that has printed its document, such as dev when ready, prints no second.
            if kwargs.get("as_json") and JSON_PRINTED not in click.get_current_context().meta:
                print_json({"error": {"type": type(error).__name__, "message": message}})
            else:
                click.echo(f"perdure: {message}", err=True)
            sys.exit(1)

    return run


def error_message(error: Exception) -> str | None:
    """Return the sentence of an error that Perdure raised; ``None`` for any other."""
    if type(error).__module__.partition(".")[0] == "perdure":
        return str(error.args[0]) if error.args else str(error)
    if type(error).__module__.startswith("pydantic") and hasattr(error, "errors"):
        is_setting = getattr(error, "title", "") == "Settings"
        return "; ".join(
            f"{_field_name(item['loc'], is_setting)}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
    return None


def _field_name(location: tuple[str | int, ...], is_setting: bool) -> str:
    name = ".".join(map(str, location))
    return f"PERDURE_{name.upper()}" if is_setting else name
