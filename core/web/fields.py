"""A form of an agent's parameters: drawn from the JSON Schema of their model, and read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from perdure.models import Parameters

Kind = Literal["text", "number", "checkbox", "choice", "lines", "json"]
Schema = Mapping[str, JsonValue]

PREFIX: Final = "parameters."
_KINDS: Final[dict[JsonValue, Kind]] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "checkbox",
}
_EITHER: Final[dict[str, JsonValue]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form.

    Attributes:
        name: The parameter.
        kind: How it is drawn; ``lines`` is a list of texts, ``json`` whatever is deeper.
        value: What stands in it; of a checkbox, ``on`` or nothing.
        required: Whether it must be given.
        choices: What can be chosen, by the text that is shown for it.
        description: What it is for.
        problem: What is wrong with what was given.
    """

    name: str
    kind: Kind
    value: str
    required: bool
    choices: Mapping[str, JsonValue]
    description: str
    problem: str = ""


def fields_of(
    schema: Schema | None,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[Field]:
    """Return the fields for an agent's parameters.

    Args:
        schema: The JSON Schema of the parameters; ``None`` for an agent that takes none.
        given: What somebody has filled in already; the defaults stand there when not given.
        problems: What is wrong with it, by parameter.
    """
    required = (schema or {}).get("required")
    return [
        _field(
            name,
            part,
            schema or {},
            required=isinstance(required, list) and name in required,
            given=given,
            problem=(problems or {}).get(name, ""),
        )
        for name, part in _properties(schema).items()
    ]


def parameters_from(schema: Schema | None, given: Mapping[str, str]) -> Parameters:
    """Return the parameters that somebody filled in.

    What is left empty is left out, so that its default counts. What cannot be read as its type
    stays the text it is: the agent's model says what is wrong with it.
    """
    parameters: Parameters = {}
    for field in fields_of(schema, given):
        if field.kind == "checkbox":
            parameters[field.name] = field.value == "on"
        elif field.value.strip() or (field.required and field.kind == "text"):
            parameters[field.name] = _read(field)
    return parameters


def _field(
    name: str,
    part: Schema,
    schema: Schema,
    *,
    required: bool,
    given: Mapping[str, str] | None,
    problem: str,
) -> Field:
    inner = _inner(part, schema)
    choices = _choices(inner)
    if inner.get("type") == "boolean" and "anyOf" in part:
        choices = _EITHER  # neither is an answer of its own
    kind = _kind(inner, schema, choices)
    value = _shown(part.get("default", inner.get("default")), kind)
    if given is not None:
        value = given.get(PREFIX + name, "")
    description = part.get("description") or inner.get("description") or ""
    return Field(name, kind, value, required, choices, str(description), problem)


def _properties(schema: Schema | None) -> dict[str, Schema]:
    properties = (schema or {}).get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: part for name, part in properties.items() if isinstance(part, dict)}


def _inner(part: Schema, schema: Schema) -> Schema:
    """Return what a schema refers to, and what may be left out without its ``null``."""
    reference = part.get("$ref")
    definitions = schema.get("$defs")
    if isinstance(reference, str) and isinstance(definitions, dict):
        found = definitions.get(reference.rpartition("/")[2])
        return found if isinstance(found, dict) else {}
    options = part.get("anyOf")
    if isinstance(options, list):
        real = [item for item in options if isinstance(item, dict) and item.get("type") != "null"]
        return _inner(real[0], schema) if len(real) == 1 else {}
    return part


def _choices(inner: Schema) -> dict[str, JsonValue]:
    values = inner.get("enum", [inner["const"]] if "const" in inner else [])
    return {_text(value): value for value in values} if isinstance(values, list) else {}


def _kind(inner: Schema, schema: Schema, choices: Mapping[str, JsonValue]) -> Kind:
    if choices:
        return "choice"
    items = inner.get("items")
    if inner.get("type") == "array" and isinstance(items, dict):
        return "lines" if _inner(items, schema).get("type") == "string" else "json"
    return _KINDS.get(inner.get("type"), "json")


def _shown(default: JsonValue, kind: Kind) -> str:
    if default is None:
        return ""
    if kind == "checkbox":
        return "on" if default else ""
    if kind == "lines" and isinstance(default, list):
        return "\n".join(map(str, default))
    return _text(default)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(field: Field) -> JsonValue:
    if field.kind == "text":
        return field.value.replace("\r\n", "\n")
    if field.kind == "lines":
        return [line.strip() for line in field.value.splitlines() if line.strip()]
    if field.kind == "choice":
        return field.choices.get(field.value, field.value)
    try:
        value: JsonValue = json.loads(field.value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return field.value
    return value


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON")
