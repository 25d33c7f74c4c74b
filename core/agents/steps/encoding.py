"""Canonical JSON: how a step's input becomes a digest, and its value a text."""

import hashlib
import inspect
import json
import typing
from collections.abc import Callable, Mapping, Set
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter
from pydantic_core import PydanticSerializationError, to_jsonable_python

from perdure.agents.steps.errors import PermanentError


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
    except PydanticSerializationError as error:
        raise PermanentError(
            f"{what} cannot be journaled ({error}): pass plain data or Pydantic models, and bind"
            " anything else with functools.partial"
        ) from error
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def encode(value: object, *, what: str) -> str:
    """Return a step's value as JSON text.

    Raises:
        PermanentError: The value has no JSON form.
    """
    try:
        return json.dumps(to_jsonable_python(_with_sorted_sets(value), bytes_mode="base64"))
    except PydanticSerializationError as error:
        raise PermanentError(
            f"{what} cannot be journaled ({error}): return plain data or a Pydantic model"
        ) from error


def decode(text: str, type_: object) -> object:
    """Return a value from its JSON text, as the type that its function is annotated with.

    Args:
        text: What :func:`encode` made.
        type_: A type, or :data:`inspect.Signature.empty` for plain JSON.
    """
    if type_ is inspect.Signature.empty or type_ is typing.Any:
        return json.loads(text)
    return _adapter(type_).validate_json(text)


def return_type(function: Callable[..., object]) -> object:
    """Return a function's return annotation; ``inspect.Signature.empty`` when it has none."""
    target = inspect.unwrap(function)
    while hasattr(target, "func"):
        target = target.func
    if not (inspect.isfunction(target) or inspect.ismethod(target)):
        target = type(target).__call__
    try:
        hints = typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError):
        return inspect.Signature.empty
    returned = hints.get("return", inspect.Signature.empty)
    return inspect.Signature.empty if isinstance(returned, typing.TypeVar) else returned


@lru_cache(maxsize=1024)
def _adapter(type_: object) -> TypeAdapter[object]:
    config = ConfigDict(val_json_bytes="base64")
    try:
        return TypeAdapter(type_, config=config)  # type: ignore[arg-type]  # any annotation
    except PydanticUserError:
        # A model brings its own configuration.
        return TypeAdapter(type_)  # type: ignore[arg-type]


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
