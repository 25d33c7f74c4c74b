"""Parameters of agents on the command line: ``--param NAME=VALUE``."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue


class WrongParameter(Exception):
    """``--param`` was given something else than NAME=VALUE."""


def read_parameters(
    params: Iterable[str], model: "type[BaseModel] | None"
) -> "dict[str, JsonValue]":
    """Return the parameters of ``NAME=VALUE`` pairs, typed for an agent's parameters model.

    A value that the parameter takes as text stays text; any other is read as JSON. A path that
    exists is made absolute, because the worker may run in another folder.

    Raises:
        WrongParameter: A pair has no ``=``.
    """
    values: dict[str, JsonValue] = {}
    for pair in params:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise WrongParameter(f"--param {pair!r} has no value: write NAME=VALUE")
        values[name] = _read_value(name, text, model)
    return values


def _read_value(name: str, text: str, model: "type[BaseModel] | None") -> "JsonValue":
    from pydantic import TypeAdapter, ValidationError

    field = model.model_fields.get(name) if model is not None else None
    value: JsonValue = text
    if field is not None and field.annotation is not None:
        try:
            TypeAdapter(field.annotation).validate_python(text)
        except ValidationError:
            try:
                value = json.loads(text)
            except json.JSONDecodeError:
                value = text
    return _absolute_path(value, _is_path(name, model))


def _is_path(name: str, model: "type[BaseModel] | None") -> bool:
    if model is None:
        return False
    return _describes_path(model.model_json_schema().get("properties", {}).get(name, {}))


def _describes_path(schema: "JsonValue") -> bool:
    if isinstance(schema, list):
        return any(map(_describes_path, schema))
    if not isinstance(schema, dict):
        return False
    return schema.get("format") == "path" or any(
        _describes_path(schema.get(part)) for part in ("items", "anyOf")
    )


def _absolute_path(value: "JsonValue", is_path: bool) -> "JsonValue":
    if not is_path:
        return value
    if isinstance(value, list):
        return [_absolute_path(item, is_path) for item in value]
    if isinstance(value, str) and value and Path(value).expanduser().exists():
        return str(Path(value).expanduser().absolute())
    return value
