"""Errors of commands: one line on stderr or a JSON document, and the exit status."""

import functools
import signal
import sys
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import click

from perdure.cli.output.printing import JSON_PRINTED, print_json, print_message

P = ParamSpec("P")
T = TypeVar("T")


# The other types of problems are called as the errors that they stand for.
_NAMES: Final = {
    "invalid-parameters": "ParametersRefused",
    "invalid-request": "InputRefused",
    "stores-unavailable": "StoreUnavailable",
    "unauthorized": "Unauthenticated",
}


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
                print_json({"error": {"type": error_name(error), "message": message}})
            else:
                print_message(f"perdure: {message}")
            sys.exit(1)

    return run


def error_name(error: Exception) -> str:
    """Return the name of an error: what a server refused has the one that it has here."""
    problem = getattr(error, "type", "")
    if not (type(error).__module__.startswith("perdure.client.") and problem):
        return type(error).__name__
    return _NAMES.get(problem) or "".join(map(str.title, problem.split("-")))


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
