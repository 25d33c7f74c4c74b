"""The digest of a model request: the same for the same request in another execution or run.

It covers what the model is shown. Times, ids, and whatever else differs between executions without
a model seeing it, are left out. So are fields that have their default, so that a newer pydantic-ai,
which has more of them, does not make every recorded request a new one.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from datetime import date
from enum import Enum
from typing import Final, cast

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

_IGNORED_FIELDS: Final = frozenset(
    {
        "conversation_id",
        "failed_attempts",
        "history_digest",
        "id",
        "metadata",
        "model_id",
        "model_name",
        "provider_details",
        "provider_name",
        "provider_response_id",
        "provider_url",
        "canonical_system",
        "run_id",
        "signature",
        "timeout",
        "timestamp",
        "usage",
        "workspace_ref",
    }
)
_IGNORED_SETTINGS: Final = frozenset(
    {"extra_headers", "first_event_timeout", "max_retries", "request_timeout", "timeout"}
)
_CALL_ID: Final = "tool_call_id"


def request_digest(
    model: str, messages: object, settings: Mapping[str, object] | None, parameters: object
) -> str:
    """Return the SHA-256, in hexadecimal, of a request as canonical JSON.

    Args:
        model: The provider's and the model's name.
        messages: pydantic-ai's messages.
        settings: Its model settings, as the agent gave them.
        parameters: Its request parameters: tools, output, instructions.
    """
    kept = {
        name: value for name, value in (settings or {}).items() if name not in _IGNORED_SETTINGS
    }
    canonical = _CanonicalForm()
    plain = [model, *(canonical.of(part) for part in (messages, kept, parameters))]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class _CanonicalForm:
    """Turns a request into plain JSON; tool calls are numbered in the order they appear."""

    def __init__(self) -> None:
        self._call_numbers: dict[str, int] = {}

    def of(self, value: object) -> JsonValue:
        if isinstance(value, Enum):
            return self.of(value.value)
        if value is None or isinstance(value, str | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            return f"sha256:{hashlib.sha256(value).hexdigest()}"
        if isinstance(value, date):
            return value.isoformat()
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._of_dataclass(value)
        return self._of_collection(value)

    def _of_collection(self, value: object) -> JsonValue:
        if isinstance(value, BaseModel):
            return self.of(value.model_dump(mode="json"))
        if isinstance(value, Mapping):
            return {str(name): self.of(item) for name, item in value.items()}
        if isinstance(value, Set):
            return sorted((self.of(item) for item in value), key=json.dumps)
        if isinstance(value, Sequence):
            return [self.of(item) for item in value]
        # What has no JSON form, such as a function, is represented by its type.
        plain = to_jsonable_python(value, fallback=lambda other: type(other).__qualname__)
        return cast("JsonValue", plain)

    def _of_dataclass(self, value: object) -> JsonValue:
        kind = getattr(value, "part_kind", None) or getattr(value, "kind", None)
        fields: dict[str, JsonValue] = {"$": str(kind or type(value).__name__)}
        for field in dataclasses.fields(value):  # type: ignore[arg-type]  # it is a dataclass
            if field.name in _IGNORED_FIELDS or field.name.startswith("_"):
                continue
            item = getattr(value, field.name)
            if field.name == _CALL_ID and isinstance(item, str):
                fields[_CALL_ID] = self._call_numbers.setdefault(item, len(self._call_numbers))
            elif not _is_default(field, item):
                fields[field.name] = self.of(item)
        return fields


def _is_default(field: "dataclasses.Field[object]", value: object) -> bool:
    if field.default is not dataclasses.MISSING:
        return type(value) is type(field.default) and value == field.default
    if field.default_factory is not dataclasses.MISSING and isinstance(value, list | dict | set):
        return not value
    return False
