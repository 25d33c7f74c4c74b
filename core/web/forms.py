"""Form fields of an agent's parameters: made from their JSON Schema, and read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from perdure.models import Parameters

FieldKind = Literal["text", "number", "checkbox", "choice", "lines", "json"]
Schema = Mapping[str, JsonValue]

PARAMETER_PREFIX: Final = "parameters."
_KINDS_BY_TYPE: Final[dict[JsonValue, FieldKind]] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "checkbox",
}
_OPTIONAL_BOOLEAN: Final[dict[str, JsonValue]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form.

    Attributes:
        name: The parameter.
        kind: The control; ``lines`` is for a list of strings, ``json`` for anything nested.
        value: Its content; of a checkbox, ``on`` or nothing.
        required: Whether it must be filled in.
        choices: The values to choose from, by the text that is shown.
        description: What the parameter is for.
        problem: What is wrong with the value that was submitted.
    """

    name: str
    kind: FieldKind
    value: str
    required: bool
    choices: Mapping[str, JsonValue]
    description: str
    problem: str = ""


def form_fields(
    schema: Schema | None,
    submitted: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[FormField]:
    """Return the fields for an agent's parameters.

    Args:
        schema: The JSON Schema of the parameters; ``None`` for an agent that takes none.
        submitted: The form as it was submitted; fields hold their defaults when it is ``None``.
        problems: What is wrong with it, by parameter.
    """
    required = (schema or {}).get("required")
    return [
        _field(
            name,
            part,
            schema or {},
            required=isinstance(required, list) and name in required,
            submitted=submitted,
            problem=(problems or {}).get(name, ""),
        )
        for name, part in _properties(schema).items()
    ]


def read_form(schema: Schema | None, submitted: Mapping[str, str]) -> Parameters:
    """Return the parameters of a submitted form.

    An empty field is left out, so that its default counts. A value that cannot be read as its type
    stays a string: the validation by the agent's model reports it.
    """
    parameters: Parameters = {}
    for field in form_fields(schema, submitted):
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
    submitted: Mapping[str, str] | None,
    problem: str,
) -> FormField:
    resolved = _resolve(part, schema)
    choices = _choices(resolved)
    if resolved.get("type") == "boolean" and "anyOf" in part:
        choices = _OPTIONAL_BOOLEAN  # "not set" is a third choice
    kind = _kind(resolved, schema, choices)
    value = _default_text(part.get("default", resolved.get("default")), kind)
    if submitted is not None:
        value = submitted.get(PARAMETER_PREFIX + name, "")
    description = part.get("description") or resolved.get("description") or ""
    return FormField(name, kind, value, required, choices, str(description), problem)


def _properties(schema: Schema | None) -> dict[str, Schema]:
    properties = (schema or {}).get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: part for name, part in properties.items() if isinstance(part, dict)}


def _resolve(part: Schema, schema: Schema) -> Schema:
    """Return a schema with its reference followed and, of an optional one, without ``null``."""
    reference = part.get("$ref")
    definitions = schema.get("$defs")
    if isinstance(reference, str) and isinstance(definitions, dict):
        found = definitions.get(reference.rpartition("/")[2])
        return found if isinstance(found, dict) else {}
    options = part.get("anyOf")
    if isinstance(options, list):
        real = [item for item in options if isinstance(item, dict) and item.get("type") != "null"]
        return _resolve(real[0], schema) if len(real) == 1 else {}
    return part


def _choices(resolved: Schema) -> dict[str, JsonValue]:
    values = resolved.get("enum", [resolved["const"]] if "const" in resolved else [])
    return {_text(value): value for value in values} if isinstance(values, list) else {}


def _kind(resolved: Schema, schema: Schema, choices: Mapping[str, JsonValue]) -> FieldKind:
    if choices:
        return "choice"
    items = resolved.get("items")
    if resolved.get("type") == "array" and isinstance(items, dict):
        return "lines" if _resolve(items, schema).get("type") == "string" else "json"
    return _KINDS_BY_TYPE.get(resolved.get("type"), "json")


def _default_text(default: JsonValue, kind: FieldKind) -> str:
    if default is None:
        return ""
    if kind == "checkbox":
        return "on" if default else ""
    if kind == "lines" and isinstance(default, list):
        return "\n".join(map(str, default))
    return _text(default)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(field: FormField) -> JsonValue:
    if field.kind == "text":
        return field.value.replace("\r\n", "\n")
    if field.kind == "lines":
        return [line.strip() for line in field.value.splitlines() if line.strip()]
    if field.kind == "choice":
        return field.choices.get(field.value, field.value)
    try:
        value: JsonValue = json.loads(field.value, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return field.value
    return value


def _reject_constant(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON")
