"""Form fields of an agent's parameters: made from their JSON Schema, and read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from perdure.models import Parameters

FieldKind = Literal[
    "text", "number", "checkbox", "choice", "choices", "file", "files", "lines", "json"
]
Schema = Mapping[str, JsonValue]

PARAMETER_PREFIX: Final = "parameters."
_KINDS_BY_TYPE: Final[dict[JsonValue, FieldKind]] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "checkbox",
}
# What a browser hands in as a file; a folder it cannot.
_FILE_FORMATS: Final = frozenset({"path", "file-path"})
_LISTS: Final = frozenset({"choices", "files", "lines"})
_ACRONYMS: Final = frozenset({"csv", "html", "id", "json", "mb", "pdf", "sql", "url", "xml"})
# Optional fields beyond these are behind "More settings".
_FIRST_FIELDS: Final = 4
_OPTIONAL_BOOLEAN: Final[dict[str, JsonValue]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form.

    Attributes:
        name: The parameter.
        kind: The control; ``lines`` is for a list of strings, ``choices`` for a list of which each
            is one of a few, ``file`` and ``files`` for paths, ``json`` for anything nested.
        value: Its content; of a checkbox, ``on`` or nothing; of a list, one item a line.
        required: Whether it must be filled in.
        choices: The values to choose from, by the text that is shown.
        description: What the parameter is for, and between what numbers it must be.
        label: Its name for people.
        examples: Values to choose by a click.
        default: The content when nothing was filled in.
        problem: What is wrong with the value that was submitted.
    """

    name: str
    kind: FieldKind
    value: str
    required: bool
    choices: Mapping[str, JsonValue]
    description: str
    label: str
    examples: tuple[str, ...] = ()
    default: str = ""
    problem: str = ""

    @property
    def lines(self) -> list[str]:
        """The items of a list."""
        return [line.strip() for line in self.value.splitlines() if line.strip()]


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


def is_first(field: FormField, number: int) -> bool:
    """Return whether a field, the one of this number from 0, is shown at once.

    Others are behind "More settings", unless something was filled in there.
    """
    return (
        number < _FIRST_FIELDS
        or field.required
        or field.kind in {"file", "files"}
        or bool(field.problem)
        or field.value != field.default
    )


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


def filled_from(schema: Schema | None, parameters: Parameters) -> dict[str, str]:
    """Return the form as it would be submitted for these parameters."""
    filled: dict[str, str] = {}
    for field in form_fields(schema):
        value = parameters.get(field.name)
        text = _default_text(value, field.kind)
        if text:
            filled[PARAMETER_PREFIX + field.name] = text
    return filled


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
    choices = _choices(resolved, schema)
    if resolved.get("type") == "boolean" and "anyOf" in part:
        choices = _OPTIONAL_BOOLEAN  # "not set" is a third choice
    kind = _kind(resolved, schema, choices)
    default = _default_text(part.get("default", resolved.get("default")), kind)
    value = default
    if submitted is not None:
        value = submitted.get(PARAMETER_PREFIX + name, "")
    examples = part.get("examples")
    return FormField(
        name=name,
        kind=kind,
        value=value,
        required=required,
        choices=choices,
        description=_description(part, resolved),
        label=_label(name, part.get("title")),
        examples=tuple(map(_text, examples)) if isinstance(examples, list) else (),
        default=default,
        problem=problem,
    )


def _description(part: Schema, resolved: Schema) -> str:
    """Return what a parameter is for, with its bounds, as a sentence begins and without a stop."""
    text = str(part.get("description") or resolved.get("description") or "").strip()
    least, most = resolved.get("minimum"), resolved.get("maximum")
    bounds = (
        f"{least} to {most}"
        if least is not None and most is not None
        else f"{least} or more"
        if least is not None
        else f"{most} at most"
        if most is not None
        else ""
    )
    return f"{text} ({bounds})" if text and bounds else text or bounds


def _label(name: str, title: JsonValue) -> str:
    if isinstance(title, str) and title and title != name.replace("_", " ").title():
        return title
    words = [word.upper() if word in _ACRONYMS else word for word in name.split("_")]
    label = " ".join(words)
    return label[:1].upper() + label[1:]


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


def _choices(resolved: Schema, schema: Schema) -> dict[str, JsonValue]:
    items = resolved.get("items")
    if resolved.get("type") == "array" and isinstance(items, dict):
        return _choices(_resolve(items, schema), {})
    values = resolved.get("enum", [resolved["const"]] if "const" in resolved else [])
    return {_text(value): value for value in values} if isinstance(values, list) else {}


def _kind(resolved: Schema, schema: Schema, choices: Mapping[str, JsonValue]) -> FieldKind:
    is_list = resolved.get("type") == "array"
    if choices:
        return "choices" if is_list else "choice"
    items = resolved.get("items")
    if is_list and isinstance(items, dict):
        item = _resolve(items, schema)
        if item.get("format") in _FILE_FORMATS:
            return "files"
        return "lines" if item.get("type") == "string" else "json"
    if resolved.get("format") in _FILE_FORMATS:
        return "file"
    return _KINDS_BY_TYPE.get(resolved.get("type"), "json")


def _default_text(default: JsonValue, kind: FieldKind) -> str:
    if default is None:
        return ""
    if kind == "checkbox":
        return "on" if default else ""
    if kind in _LISTS and isinstance(default, list):
        return "\n".join(map(_text, default))
    return _text(default)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(field: FormField) -> JsonValue:
    if field.kind == "text":
        return field.value.replace("\r\n", "\n")
    if field.kind == "file":
        return field.value.strip()
    if field.kind in _LISTS:
        return [field.choices.get(line, line) for line in field.lines]
    if field.kind == "choice":
        return field.choices.get(field.value, field.value)
    try:
        value: JsonValue = json.loads(field.value, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return field.value
    return value


def _reject_constant(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON")
