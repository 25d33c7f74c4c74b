"""Canonical JSON: how a step's input becomes a digest, and other data plain."""

import hashlib
import json
from collections.abc import Mapping, Set

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from perdure.agents.steps.errors import PermanentError
from perdure.models.texts import MAX_NESTING, is_nested_too_deeply


def digest_of(value: object, *, what: str) -> str:
    """Return the SHA-256, in hexadecimal, of a value as canonical JSON.

    Args:
        value: Anything Pydantic can turn into JSON; sets are sorted, so that their order, which
            differs from process to process, does not matter.
        what: What the value is, for the error.

    Raises:
        PermanentError: The value has no JSON form.
    """
    try:
        plain = to_jsonable_python(_with_sorted_sets(value), bytes_mode="base64")
        text = json.dumps(plain, sort_keys=True)
    except (ValueError, TypeError, RecursionError) as error:
        raise PermanentError(
            f"{what} cannot be journaled ({error}): pass plain data or Pydantic models, and bind"
            " anything else with functools.partial"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def to_json(value: object, *, what: str) -> JsonValue:
    """Return a value as JSON, for people to see or for another agent to read.

    Raises:
        PermanentError: The value has no JSON form.
    """
    try:
        plain: JsonValue = to_jsonable_python(_with_sorted_sets(value), bytes_mode="base64")
        json.dumps(plain, ensure_ascii=False).encode()
        if is_nested_too_deeply(plain):
            raise ValueError(f"it is nested on more than {MAX_NESTING} levels")  # noqa: TRY301
    except (ValueError, TypeError, RecursionError) as error:
        raise PermanentError(
            f"{what} has no JSON form ({error}): pass plain data or Pydantic models"
        ) from error
    return plain


def _with_sorted_sets(value: object) -> object:
    if isinstance(value, BaseModel):
        return value
    if isinstance(value, Mapping):
        return {key: _with_sorted_sets(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted((to_jsonable_python(item) for item in value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_with_sorted_sets(item) for item in value]
    return value
