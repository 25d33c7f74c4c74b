"""What the parameters of an agent take: by its model here, by its JSON Schema from elsewhere."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue

_BOOLEANS: Final = frozenset(
    {"0", "1", "f", "false", "n", "no", "off", "on", "t", "true", "y", "yes"}
)
_PATH_FORMATS: Final = frozenset({"path", "file-path", "directory-path"})

# The types of JSON Schema that a value of JSON fits, by its type in Python.
_KINDS: Final = {
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    dict: {"object"},
    type(None): {"null"},
}


class ParameterTypes(Protocol):
    """What an agent's parameters take."""

    def know(self, name: str) -> bool:
        """Return whether there is a parameter of that name."""

    def take(self, name: str, value: "JsonValue") -> bool:
        """Return whether the parameter takes a value, text that stands for it included."""

    def is_path(self, name: str) -> bool:
        """Return whether the parameter takes a path, or paths."""


class ModelTypes:
    """The parameters of a model.

    Args:
        model: The model; ``None`` for no parameters.
    """

    def __init__(self, model: "type[BaseModel] | None") -> None:
        self._fields = model.model_fields if model is not None else {}
        self._schema = SchemaTypes(model.model_json_schema() if model is not None else None)

    def know(self, name: str) -> bool:  # noqa: D102 -- as the protocol has it
        return name in self._fields

    def take(self, name: str, value: "JsonValue") -> bool:  # noqa: D102 -- as the protocol has it
        from pydantic import TypeAdapter, ValidationError

        if not self.know(name):
            return False
        annotation: Any = self._fields[name].annotation
        try:
            TypeAdapter(annotation).validate_python(value)
        except ValidationError:
            return False
        return True

    def is_path(self, name: str) -> bool:  # noqa: D102 -- as the protocol has it
        return self._schema.is_path(name)


class SchemaTypes:
    """The parameters of a JSON Schema, as the API describes an agent's.

    It takes what the agent's model would: the text of a number stands for the number. Where the
    model checks more than its schema says, the server refuses what does not fit.

    Args:
        schema: The schema; ``None`` for no parameters.
    """

    def __init__(self, schema: "Mapping[str, JsonValue] | None") -> None:
        found, definitions = (schema or {}).get("properties"), (schema or {}).get("$defs")
        self._properties = found if isinstance(found, dict) else {}
        self._definitions = definitions if isinstance(definitions, dict) else {}

    def know(self, name: str) -> bool:  # noqa: D102 -- as the protocol has it
        return name in self._properties

    def take(self, name: str, value: "JsonValue") -> bool:  # noqa: D102 -- as the protocol has it
        return self.know(name) and self._takes(self._properties[name], value)

    def is_path(self, name: str) -> bool:  # noqa: D102 -- as the protocol has it
        return self._describes_path(self._properties.get(name), depth=0)

    def _alternatives(self, schema: "JsonValue") -> "Iterator[Mapping[str, JsonValue]]":
        """Yield the schemas of which a value has to fit one, references resolved."""
        waiting, seen = [schema], set()
        while waiting:
            each = waiting.pop(0)
            if not isinstance(each, dict):
                continue
            reference = each.get("$ref")
            if isinstance(reference, str):
                if reference not in seen:
                    seen.add(reference)
                    waiting.append(self._definitions.get(reference.rpartition("/")[2]))
                continue
            several = [each.get(word) for word in ("anyOf", "oneOf", "allOf")]
            nested = [part for parts in several if isinstance(parts, list) for part in parts]
            waiting += nested
            if not nested:
                yield each

    def _takes(self, schema: "JsonValue", value: "JsonValue") -> bool:
        return any(self._fits(each, value) for each in self._alternatives(schema))

    def _fits(self, schema: "Mapping[str, JsonValue]", value: "JsonValue") -> bool:
        if "const" in schema:
            return value == schema["const"]
        if isinstance(choices := schema.get("enum"), list):
            return value in choices
        kind = schema.get("type")
        if isinstance(value, str):
            return kind in {"string", None} or _stands_for(value, kind)
        if isinstance(value, list):
            items = schema.get("items") or {}
            return kind in {"array", None} and all(
                not items or self._takes(items, item) for item in value
            )
        return kind is None or kind in _KINDS[type(value)]

    def _describes_path(self, schema: "JsonValue", depth: int) -> bool:
        return depth < 5 and any(
            each.get("format") in _PATH_FORMATS
            or self._describes_path(each.get("items"), depth + 1)
            for each in self._alternatives(schema)
        )


def _stands_for(text: str, kind: "JsonValue") -> bool:
    """Return whether a text is that of a number or a truth value, as models read them."""
    if kind == "boolean":
        return text.lower() in _BOOLEANS
    if kind not in {"integer", "number"}:
        return False
    try:
        (int if kind == "integer" else float)(text)
    except ValueError:
        return False
    return True
