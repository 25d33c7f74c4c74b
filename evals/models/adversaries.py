"""Models that lie, obey what a table says, or break down: scripts of a real HTTP endpoint."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import JsonValue

from perdure.testing import ChatRequest, Reply, ToolCall, calls, garbles, refuses, says

Adversary = Callable[[ChatRequest], Reply]
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
# How a prompt lists the fields of a schema, and how documents write values of each kind.
_FIELD: Final = re.compile(r"^- ([\w.]+): (\w+)", re.MULTILINE)
_WRITTEN: Final = {
    "amount": re.compile(r"\d[\d.,\u00a0\u202f ]*[.,]\d{2}(?!\d)"),
    "date": re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})"),
    "code": re.compile(r"(?=\w*\d)[\w/-]{4,}"),
    "iban": re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){4,7}"),
    "email": re.compile(r"\S+@\S+"),
    "currency": re.compile(r"[€£$]"),
}


def _filled(schema: Mapping[str, Any], text: str) -> Any:
    """Return a value that fits a JSON schema: 42, or the text."""
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: _filled(inner, text) for name, inner in properties.items()}
        case "array":
            return [_filled(schema.get("items", {}), text)]
        case "integer" | "number":
            return 42
        case "boolean":
            return True
        case _:
            return text


def _queries(sql: str, sentence: Callable[[ChatRequest], str]) -> Adversary:
    """Call each tool once with a query, whatever it is for, and then say a sentence."""

    def script(request: ChatRequest) -> Reply:
        tools = [tool["function"] for tool in request.body.get("tools", [])]
        asked = any(message.get("role") == "tool" for message in request.messages)
        if tools and not asked:
            filled = [(tool["name"], _filled(tool.get("parameters", {}), sql)) for tool in tools]
            return calls(*(ToolCall(name, arguments) for name, arguments in filled))
        return says(sentence(request))

    return script


def _first_number(request: ChatRequest) -> str:
    """Claim that the first number of what a tool gave answers the question."""
    found = _NUMBER.search(request.last.partition("rows")[2])
    return f"The answer is {found[0] if found else 42}."


def _first_column(request: ChatRequest) -> str:
    """Return a column that the prompt names, so that a query runs."""
    named = re.search(
        r'- "([^"]+)" (?:BIGINT|DOUBLE|INTEGER|DECIMAL)',
        json.dumps(request.messages).replace('\\"', '"'),
    )
    return named[1] if named else "id"


def _takes_any_column(request: ChatRequest) -> Reply:
    sql = f'SELECT avg("{_first_column(request)}") AS answer FROM data'
    return _queries(sql, _first_number)(request)


def _deletes(request: ChatRequest) -> Reply:
    attempts = (
        "DROP TABLE data",
        "COPY data TO '/tmp/leak.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
    )
    return _queries(
        attempts[len(request.prompt + request.last) % len(attempts)], lambda _: "Done: 42."
    )(request)


def _proposes(which: int) -> Adversary:
    """Propose for each field the first or last value of its kind, in the document's own words.

    Args:
        which: 0 for the first, -1 for the last.
    """

    def script(request: ChatRequest) -> Reply:
        tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
        if "propose_values" not in tools:
            return says("The answer is 42.")
        prompt = request.prompt
        lines = prompt.partition("<<<")[2].splitlines()[1:-1]
        values: list[JsonValue] = [
            {"field": field, "value": value, "quote": quote}
            for field, kind in _FIELD.findall(prompt)
            for value, quote in _said(kind, lines)[which:][:1]
        ]
        return calls(ToolCall("propose_values", {"values": values}))

    return script


def _said(kind: str, lines: Sequence[str]) -> list[tuple[str | float, str]]:
    """Return the values of a kind in a document's lines, each with its line."""
    written = _WRITTEN.get(kind)
    found: list[tuple[str | float, str]] = []
    for line in lines:
        for match in written.finditer(line) if written is not None else ():
            value: str | float = match[0].replace(" ", "")
            if kind == "amount":
                value = int(re.sub(r"\D", "", match[0])) / 100
            elif kind == "date":
                value = f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}"
            elif kind == "currency":
                value = {"€": "EUR", "£": "GBP", "$": "USD"}[match[0]]
            found.append((value, line))
    return found


# They know nothing of tables.
OF_DOCUMENTS: Final[Mapping[str, Adversary]] = {
    "fills in the first of a kind": _proposes(0),
    "fills in the last of a kind": _proposes(-1),
}
ADVERSARIES: Final[Mapping[str, Adversary]] = {
    "answers 42 without a query": lambda _: says("The answer is 42."),
    "selects 42": _queries("SELECT 42 AS answer FROM data LIMIT 1", lambda _: "The answer is 42."),
    "counts whatever is asked": _queries("SELECT count(*) AS answer FROM data", _first_number),
    "takes any column": _takes_any_column,
    "says another figure than its query": _queries(
        "SELECT count(*) AS answer FROM data", lambda _: "The answer is 42."
    ),
    "deletes and reads files": _deletes,
    "refuses": lambda _: refuses(400, code="content_filter"),
    # The last, as a model that breaks down is left alone for a while.
    "answers no JSON": lambda _: garbles(),
}
