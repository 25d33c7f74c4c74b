"""The page of the HTTP API, from its OpenAPI document."""

from typing import Any, Final, cast

from perdure.api.app import create_app
from perdure.settings import Settings
from perdure.temporal.client.goal_service import GoalService
from reference.docstrings import attributes, opening

_BODY: Final = "application/json"
_COMMON: Final = (
    "Beside what stands at each route, these are answered where they apply: `422`, `408` and `413`"
    " by those that take something, the others by all but `/healthz` and `/readyz`."
)


def document() -> dict[str, Any]:
    """Return the OpenAPI document, without the agents that happen to be installed here.

    No service is needed to describe it.
    """
    return create_app(cast("GoalService", None), Settings(_env_file=None)).without_agents()


def markdown() -> str:
    """Return one section for each route, what any of them may answer, then one for each body."""
    told = document()
    routes = [
        _route(f"{method.upper()} {path}", operation)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    bodies = [_body(name, schema) for name, schema in sorted(told["components"]["schemas"].items())]
    common = ["## Problems of every route\n", _COMMON, "", *_answers(_common(told)), ""]
    return "\n".join(["## Routes\n", *routes, *common, "## Bodies\n", *filter(None, bodies)])


def _common(told: dict[str, Any]) -> dict[str, Any]:
    """Return the problems that routes share, by status."""
    shared = told["components"]["responses"]
    statuses = {
        answer["$ref"].rpartition("/")[2]: status
        for methods in told["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if "$ref" in answer
    }
    return {statuses[name]: shared[name] for name in sorted(shared, key=lambda one: statuses[one])}


def _route(name: str, operation: dict[str, Any]) -> str:
    parts = [f"### {name}\n", opening(operation.get("description")), ""]
    scopes = [
        scope for one in operation.get("security", []) for names in one.values() for scope in names
    ]
    if scopes:
        parts += [f"Needs the scope `{'`, `'.join(scopes)}`.", ""]
    given = [
        f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {one.get('description', '')} |"
        for one in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        ((kind, body),) = operation["requestBody"]["content"].items()
        given.append(f"| | body | {_type(body['schema']) if kind == _BODY else kind} | |")
    if given:
        parts += ["| takes | in | type | |", "|---|---|---|---|", *given, ""]
    own = {status: one for status, one in operation["responses"].items() if "$ref" not in one}
    return "\n".join([*parts, *_answers(own), ""])


def _answers(answers: dict[str, Any]) -> list[str]:
    rows = ["| answers | with |", "|---|---|"]
    for status, answer in answers.items():
        schema = answer.get("content", {}).get(_BODY, {}).get("schema")
        shown = _type(schema) if schema else ", ".join(answer.get("content", {}))
        rows.append(f"| {status} | {answer['description']}{': ' + shown if shown else ''} |")
    return rows


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
