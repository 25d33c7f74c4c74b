"""Finds the paths among a goal's parameters, as the JSON Schema of the agent's model has them."""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue

from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.steps.errors import InputError

PathCheck = Callable[[str], str]
"""Returns the path to hand on for one that was given, or raises :class:`InputError`."""

_PATH_FORMATS: Final = frozenset({"path", "file-path", "directory-path"})


def check_paths(
    model: type[BaseModel] | None, parameters: Mapping[str, JsonValue], check: PathCheck
) -> tuple[dict[str, JsonValue], dict[str, str]]:
    """Return the parameters with their paths as a check has them, and what is wrong with which.

    A path is any text that the model's JSON Schema calls one, however deep, unless it is an http or
    https URL, or a JSON object where one may stand in place of a path.
    """
    if model is None:
        return dict(parameters), {}
    schema = schema_of(model)
    by_name = {name: field.alias or name for name, field in model.model_fields.items()}
    return check_described_paths(schema, parameters, check, by_name)


def check_described_paths(
    schema: Mapping[str, JsonValue],
    parameters: Mapping[str, JsonValue],
    check: PathCheck,
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> tuple[dict[str, JsonValue], dict[str, str]]:
    """Do the same by a JSON Schema alone.

    Args:
        schema: The schema.
        parameters: The parameters.
        check: Checks a path.
        aliases: What the schema calls parameters that may be given under another name.
    """
    walk = _Walk(schema, check)
    checked = {
        name: walk.checked(value, walk.property({**schema}, name, aliases.get(name, name)), name)
        for name, value in parameters.items()
    }
    return checked, walk.problems


class _Walk:
    """A walk through values and the schemas that describe them."""

    def __init__(self, schema: Mapping[str, JsonValue], check: PathCheck) -> None:
        self.problems: dict[str, str] = {}
        self._definitions = schema.get("$defs")
        self._check = check

    def property(self, schema: JsonValue, *names: str) -> JsonValue:
        """Return a schema of what an object's schema says of a property, by any of its names."""
        schemas = list(self._alternatives(schema, set()))
        named = [part for name in names for part in _properties(schemas, name)]
        return {"anyOf": [*named, *_parts(schemas, "additionalProperties")]}

    def checked(self, value: JsonValue, schema: JsonValue, place: str) -> JsonValue:
        """Return a value with the paths in it as the check has them."""
        if isinstance(value, str):
            schemas = list(self._alternatives(schema, set()))
            return self._checked_path(value, place) if _is_path(value, schemas) else value
        if isinstance(value, list):
            parts = _parts(list(self._alternatives(schema, set())), "items", "prefixItems")
            return [
                self.checked(item, {"anyOf": parts}, f"{place}.{number}")
                for number, item in enumerate(value)
            ]
        if isinstance(value, dict):
            return {
                name: self.checked(item, self.property(schema, name), f"{place}.{name}")
                for name, item in value.items()
            }
        return value

    def _checked_path(self, path: str, place: str) -> str:
        try:
            return self._check(path)
        except InputError as error:
            self.problems[place] = str(error)
            return path

    def _alternatives(self, schema: JsonValue, seen: set[str]) -> Iterator[dict[str, JsonValue]]:
        """Yield everything that a schema may stand for, itself included."""
        if not isinstance(schema, dict):
            return
        yield schema
        for word in ("anyOf", "oneOf", "allOf"):
            for part in _listed(schema.get(word)):
                yield from self._alternatives(part, seen)
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            if isinstance(self._definitions, dict):
                name = reference.removeprefix("#/$defs/")
                yield from self._alternatives(self._definitions.get(name), seen)


def _is_path(text: str, schemas: list[dict[str, JsonValue]]) -> bool:
    if not any(schema.get("format") in _PATH_FORMATS for schema in schemas):
        return False
    if any(schema.get("type") == "object" for schema in schemas) and _is_object(text):
        return False
    return bool(text.strip()) and not _is_web_address(text.strip())


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        host = address.hostname or ""
    except ValueError:
        return False
    # As a path, http://../.. would lead out of where it is.
    is_path = ".." in text.split("/") or not host.strip(".")
    return address.scheme in {"http", "https"} and not is_path


def _parts(schemas: list[dict[str, JsonValue]], *words: str) -> list[JsonValue]:
    return [part for schema in schemas for word in words for part in _listed(schema.get(word))]


def _properties(schemas: list[dict[str, JsonValue]], name: str) -> list[JsonValue]:
    found = [schema.get("properties") for schema in schemas]
    return [part[name] for part in found if isinstance(part, dict) and name in part]


def _listed(part: JsonValue) -> list[JsonValue]:
    return part if isinstance(part, list) else [part]
