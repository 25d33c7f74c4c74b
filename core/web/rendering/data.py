"""JSON values as people read them: names and values where they are plain, else set as JSON."""

import json
from collections.abc import Mapping

from pydantic import JsonValue


def pretty(value: JsonValue) -> str:
    """Return a value as JSON on several lines; a text as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2)


def plain_pairs(value: JsonValue) -> Mapping[str, str] | None:
    """Return an object as names and texts, if none of its values is nested; else ``None``."""
    if not isinstance(value, dict) or not value:
        return None
    pairs: dict[str, str] = {}
    for name, item in value.items():
        if isinstance(item, list) and all(isinstance(part, str) for part in item):
            pairs[name] = ", ".join(map(str, item))
        elif isinstance(item, dict | list):
            return None
        else:
            pairs[name] = pretty(item)
    return pairs
