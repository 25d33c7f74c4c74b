"""The page of the client: its parts with their methods, and its errors."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import perdure.client
from perdure.client.operations import Iteration, Operation, Resource
from reference.docstrings import opening


def markdown() -> str:
    """Return a section for each client, each part of the API, and each error."""
    with perdure.client.Client("http://127.0.0.1") as client:
        parts = [
            f"## client.{name}\n\n{inspect.getdoc(type(part))}\n\n" + _table(type(part))
            for name, part in vars(client).items()
            if isinstance(part, Resource)
        ]
    clients = [_directive("autoclass", name) for name in ("Client", "AsyncClient")]
    errors = [
        _directive("autoexception", name)
        for name in perdure.client.__all__
        if issubclass(getattr(perdure.client, name), Exception)
    ]
    return "\n".join(["## Clients\n", *clients, *parts, "## Errors\n", *errors])


def _directive(kind: str, name: str) -> str:
    return f"### {name}\n\n```{{eval-rst}}\n.. {kind}:: perdure.client.{name}\n```\n"


def _table(part: type[Resource]) -> str:
    rows = "\n".join(
        f"| `{name}({_parameters(function)})` | {_first_sentence(function)} | {returned} |"
        for name, function, returned in _methods(part)
    )
    return f"| method | what it does | returns |\n|---|---|---|\n{rows}\n"


def _methods(part: type[Resource]) -> Iterator[tuple[str, Callable[..., Any], str]]:
    for name, value in vars(part).items():
        if name.startswith("_"):
            continue
        function = value
        if isinstance(value, Operation | Iteration):
            function = value.request
        result = inspect.signature(function).return_annotation
        if isinstance(value, Operation):
            returned = _name(typing.get_args(result)[0])
        elif isinstance(value, Iteration):
            returned = "an iterator of what all pages list"
        else:
            returned = _name(result)
        yield name, function, returned


def _parameters(function: Callable[..., Any]) -> str:
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]
    return str(inspect.Signature(parameters))[1:-1]


def _first_sentence(function: Callable[..., Any]) -> str:
    text = opening(inspect.getdoc(function)).partition("\n\n")[0]
    text = re.sub(r":\w+:(?=`)", "", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


def _name(result: Any) -> str:
    if result is None or result is type(None):
        return "nothing"
    if typing.get_origin(result) is not None and typing.get_args(result):
        names = [_name(argument) for argument in typing.get_args(result)]
        return (
            " or ".join(names)
            if "Union" in str(typing.get_origin(result)) or "|" in str(result)
            else f"an iterator of `{names[0].strip('`')}`"
        )
    return f"`{result.__name__}`"
