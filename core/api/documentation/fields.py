"""What each field, parameter and answer means: what the models' docstrings say, where it shows."""

import inspect
import re
from typing import Any, Final

_SECTION: Final = re.compile(r"\n\nAttributes:\n((?:    .*(?:\n|$)|\n)+)")
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)
_ROLE: Final = re.compile(r":[a-z]+:`[.~]*([^`]+)`")
_COMPONENT: Final = "#/components/schemas/"
_NO_DESCRIPTION: Final = "Successful Response"

# Names that mean the same wherever they stand.
_MEANINGS: Final = {
    "agent_type": "The name of an agent, as `GET /api/agents` lists it.",
    "approval_id": "The approval, as `GET /api/approvals` lists it.",
    "batch_id": "The batch: its id, or its name.",
    "budget": "What it may use at most; what is not set is not limited.",
    "cost": "US dollars.",
    "goal_id": "The caller's own name for the goal; two runs may share it.",
    "key_id": "The key: the part of it that is no secret.",
    "limit": "How many at most.",
    "parameters": "The agent's own settings, checked against its schema.",
    "upload_id": "The `id` of the file, as its hand-in returned it.",
    "workflow_id": "The run: the `workflow_id` that its start returned.",
}


def describe_fields(document: dict[str, Any]) -> None:
    """Move what a schema's description says of attributes to the fields that it says it of.

    Answers get the description of what they are, and what has none the meaning of its name.
    """
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        _describe_schema(schema)
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _describe(parameter["name"], parameter)
            for response in operation["responses"].values():
                _describe_response(response, schemas)


def _describe_schema(schema: dict[str, Any]) -> None:
    fields = schema.get("properties", {})
    description = _in_markdown(inspect.cleandoc(schema.get("description", "")))
    if description:
        section = _SECTION.search(f"{description}\n")
        for name, meaning in _ATTRIBUTE.findall(section[1]) if section else ():
            if name in fields:
                fields[name].setdefault("description", " ".join(meaning.split()))
        schema["description"] = description[: section.start() if section else None].strip()
    for name, field in fields.items():
        _describe(name, field)


def _describe(name: str, described: dict[str, Any]) -> None:
    if name in _MEANINGS and "description" not in described:
        described["description"] = _MEANINGS[name]


def _describe_response(response: dict[str, Any], schemas: dict[str, Any]) -> None:
    if response.get("description") != _NO_DESCRIPTION:
        return
    body = response.get("content", {}).get("application/json", {}).get("schema", {})
    schema = schemas.get(body.get("$ref", "").removeprefix(_COMPONENT), {})
    if "description" in schema:
        response["description"] = schema["description"].partition("\n\n")[0].replace("\n", " ")


def _in_markdown(text: str) -> str:
    """Return what a docstring says in Markdown, and in the words of JSON."""
    named = _ROLE.sub(r"`\1`", text)
    return named.replace("``None``", "`null`").replace("``", "`")
