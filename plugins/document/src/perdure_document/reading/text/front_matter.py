"""The fields that stand before a Markdown file's text."""

import re
import tomllib
from typing import Final

from perdure_document.formatting import flat

_FRONT: Final = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD: Final = re.compile(r"^([A-Za-z][\w -]{0,40}):[ \t]*(.*)$")
_ELEMENT: Final = re.compile(r"^[ \t]*-[ \t]+(.*)$")


def divided(text: str) -> tuple[dict[str, str], str]:
    """Divide a Markdown file into its fields, lists of values joined by commas, and its text."""
    text = text.removeprefix("\ufeff")
    front = _FRONT.match(text)
    if front is None:
        return {}, text
    if front[1] == "+++":
        try:
            fields = tomllib.loads(front[2])
        except tomllib.TOMLDecodeError:
            return {}, text
        metadata = {
            name.lower(): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in fields.items()
            if not isinstance(value, dict)
        }
        return metadata, text[front.end() :]
    lines = front[2].split("\n")
    if not any(_FIELD.match(line) for line in lines):
        # A rule, then text, then another rule.
        return {}, text
    return _fields(lines), text[front.end() :]


def _fields(lines: list[str]) -> dict[str, str]:
    metadata: dict[str, str] = {}
    name = ""
    for line in lines:
        if field := _FIELD.match(line):
            name = field[1].strip().lower()
            metadata[name] = _value(field[2])
        elif name and (element := _ELEMENT.match(line)):
            metadata[name] = ", ".join(filter(None, (metadata[name], _value(element[1]))))
        elif name and line[:1].isspace() and metadata[name] in {"", ">", "|", ">-", "|-"}:
            metadata[name] = _value(line)
        elif name and line[:1].isspace():
            metadata[name] = f"{metadata[name]} {_value(line)}"
    return {name: value for name, value in metadata.items() if value}


def _value(text: str) -> str:
    text = flat(text)
    if text.startswith("[") and text.endswith("]"):
        return ", ".join(part.strip().strip("\"'") for part in text[1:-1].split(","))
    return text.strip("\"'")
