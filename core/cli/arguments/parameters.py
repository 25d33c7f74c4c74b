"""Parameters of agents on the command line: ``--param NAME=VALUE``."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue

    from perdure.cli.arguments.parameter_types import ParameterTypes

# Before a path, it says that the file is here and nowhere else.
_HERE: Final = "@"


class WrongParameter(Exception):
    """``--param`` was given something else than NAME=VALUE, or a file that is not there."""


def read_parameters(
    params: Iterable[str], model: "type[BaseModel] | None"
) -> "dict[str, JsonValue]":
    """Return the parameters of ``NAME=VALUE`` pairs, typed for an agent's parameters model.

    A value that the parameter takes as text stays text; any other is read as JSON. A parameter that
    takes a list may be given several times, once for each item. A path that exists is made
    absolute, because the worker may run in another folder; ``@`` before one has it checked.

    Raises:
        WrongParameter: A pair has no ``=``, or there is no file that has ``@`` before it.
    """
    from perdure.cli.arguments.parameter_types import ModelTypes

    types = ModelTypes(model)
    return {
        name: _absolute_path(name, value) if types.is_path(name) else value
        for name, value in read_values(params, types).items()
    }


def read_values(params: Iterable[str], types: "ParameterTypes") -> "dict[str, JsonValue]":
    """Return the parameters of ``NAME=VALUE`` pairs, with paths as they were given.

    Raises:
        WrongParameter: A pair has no ``=``.
    """
    given: dict[str, list[str]] = {}
    for pair in params:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise WrongParameter(f"--param {pair!r} has no value: write NAME=VALUE")
        given.setdefault(name, []).append(text)
    return {name: _read_values(name, texts, types) for name, texts in given.items()}


def local_file(name: str, path: str) -> Path | None:
    """Return the absolute path of what a path names on this machine; ``None`` for nothing.

    Args:
        name: The parameter that takes it.
        path: The path as it was given, perhaps with ``@`` before it.

    Raises:
        WrongParameter: It has ``@`` before it, and there is no such file.
    """
    if not path:
        return None
    if _exists(path):
        return Path(path).expanduser().absolute()
    if not path.startswith(_HERE):
        return None
    if path == _HERE or not _exists(path.removeprefix(_HERE)):
        raise WrongParameter(
            f"--param {name}={path}: there is no file {path.removeprefix(_HERE)!r} here, give"
            " another path"
        )
    return Path(path.removeprefix(_HERE)).expanduser().absolute()


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long for a path, a null character, no home
        return False


def _read_values(name: str, texts: list[str], types: "ParameterTypes") -> "JsonValue":
    """Return the value of a parameter; of one that takes no list the last that was given."""
    value = _read_value(name, texts[-1], types)
    is_item = not types.take(name, value) and not texts[-1].lstrip().startswith("[")
    if (len(texts) > 1 or is_item) and types.take(name, [*texts]):
        return [*texts]
    return value


def _read_value(name: str, text: str, types: "ParameterTypes") -> "JsonValue":
    if types.take(name, text) or not types.know(name):
        return text
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _absolute_path(name: str, value: "JsonValue") -> "JsonValue":
    if isinstance(value, list):
        return [_absolute_path(name, item) for item in value]
    found = local_file(name, value) if isinstance(value, str) else None
    return str(found) if found is not None else value
