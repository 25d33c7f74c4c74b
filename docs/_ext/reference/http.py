"""The page of the HTTP API, from its OpenAPI document."""

from typing import Any, Final, cast

from fastapi import FastAPI

from perdure.api.app import create_app
from perdure.settings import Settings
from perdure.temporal.client.goal_service import GoalService
from reference.docstrings import attributes, opening

_BODY: Final = "application/json"


def document() -> dict[str, Any]:
    """Return the OpenAPI document, without the agents that happen to be installed here.

    No service is needed to describe it.
    """
    return FastAPI.openapi(create_app(cast("GoalService", None), Settings(_env_file=None)))


def markdown() -> str:
    """Return one section for each route, then one for each body."""
    told = document()
    routes = [
        _route(f"{method.upper()} {path}", operation)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    bodies = [_body(name, schema) for name, schema in sorted(told["components"]["schemas"].items())]
    return "\n".join(["## Routes\n", *routes, "## Bodies\n", *filter(None, bodies)])


def _route(name: str, operation: dict[str, Any]) -> str:
    parts = [f"### {name}\n", opening(operation.get("description")), ""]
    given = [
        f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {one.get('description', '')} |"
        for one in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"][_BODY]["schema"]
        given.append(f"| | body | {_type(schema)} | |")
    if given:
        parts += ["| takes | in | type | |", "|---|---|---|---|", *given, ""]
    parts += ["| answers | with |", "|---|---|"]
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get(_BODY, {}).get("schema")
        shown = _type(schema) if schema else ", ".join(answer.get("content", {}))
        parts.append(f"| {status} | {answer['description']}{': ' + shown if shown else ''} |")
    return "\n".join([*parts, ""])


def _body(name: str, schema: dict[str, Any]) -> str:
    if "properties" not in schema and "enum" not in schema:
        return ""
    parts = [f"### {name}\n", opening(schema.get("description")), ""]
    if "enum" in schema:
        return "\n".join([*parts, f"One of {', '.join(f'`{value}`' for value in schema['enum'])}."])
    told = attributes(schema.get("description"))
    parts += ["| field | type | meaning |", "|---|---|---|"]
    for field, its in schema["properties"].items():
        needed = "" if field in schema.get("required", []) else ", may be left out"
        meaning = its.get("description") or told.get(field, "")
        parts.append(f"| `{field}` | {_type(its)}{needed} | {meaning} |")
    return "\n".join([*parts, ""])


def _type(schema: dict[str, Any]) -> str:
    """Return a type in a word or two; a body's is a link to its section."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any JSON"))
