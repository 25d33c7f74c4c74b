"""What a step's function returns, and whether that can be read back from JSON."""

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakKeyDictionary

from pydantic import ConfigDict, JsonValue, PydanticUserError, TypeAdapter

_PLAIN: Final = (inspect.Signature.empty, typing.Any, object, JsonValue)
# JSON's keys are text, from which these cannot be read.
_UNREADABLE_KEYS: Final = frozenset(
    (
        "call",
        "dataclass",
        "dict",
        "frozenset",
        "list",
        "model",
        "named-tuple",
        "none",
        "set",
        "tuple",
    )
)
_UNREADABLE: Final = {
    "callable": "functions have no JSON form",
    "generator": "iterators are used up once they are read, annotate a list",
}
_JSON_TYPES: Final = (str, int, float, bool, type(None), list, dict)
_FIELDS: Final = frozenset({"model-field", "dataclass-field", "typed-dict-field"})
_NO_SCHEMAS: Final = frozenset({"metadata", "serialization", "config"})


class UnreadableType(Exception):
    """A type whose values cannot be read back from JSON; the message says why.

    Attributes:
        annotation: The type, as its author wrote it.
    """

    def __init__(self, annotation: object, why: str) -> None:
        super().__init__(why)
        self.annotation = name_of(annotation)


@dataclass(frozen=True, slots=True)
class ReturnType:
    """What a function is annotated to return.

    Attributes:
        name: The annotation as its author wrote it; empty when there is none.
        adapter: Writes and reads its values; ``None`` when they are plain JSON: there is no
            annotation, or one that says nothing.
        unknown: Whether ``name`` means nothing where the function is defined.
    """

    name: str = ""
    adapter: TypeAdapter[object] | None = None
    unknown: bool = False


# What each function returns, beside the annotation that says so.
_known: Final[WeakKeyDictionary[Callable[..., object], tuple[object, ReturnType]]] = (
    WeakKeyDictionary()
)


def return_type(function: Callable[..., object]) -> ReturnType:
    """Return what a function returns; of a class, its instances.

    Raises:
        UnreadableType: Such values cannot be read back from JSON.
    """
    target = inspect.unwrap(function)
    while hasattr(target, "func"):
        target = target.func
    if isinstance(target, type):
        return of_annotation(target)
    if not (inspect.isfunction(target) or inspect.ismethod(target)):
        target = type(target).__call__
    annotation = getattr(target, "__annotations__", {}).get("return", inspect.Signature.empty)
    if annotation is inspect.Signature.empty:
        return ReturnType()
    if not inspect.isfunction(target):
        return _of_written(annotation, target)
    # A function is called as a step over and over: to read its annotation anew each time would be
    # a tenth of what a step takes of the event loop.
    known = _known.get(target)
    if known is None or known[0] is not annotation:
        known = (annotation, _of_written(annotation, target))
        if not known[1].unknown:  # what it names may be defined later
            _known[target] = known
    return known[1]


def _of_written(annotation: object, function: object) -> ReturnType:
    """Return what an annotation means where a function is defined; it may be a text."""
    only_return = SimpleNamespace(__annotations__={"return": annotation})
    try:
        hints = typing.get_type_hints(
            only_return, globalns=getattr(function, "__globals__", {}), include_extras=True
        )
    except (NameError, TypeError, AttributeError, SyntaxError):
        return ReturnType(name_of(annotation), unknown=True)
    return of_annotation(_awaited(hints["return"]))


def of_annotation(annotation: object) -> ReturnType:
    """Return what a return annotation means.

    Raises:
        UnreadableType: Values of that type cannot be read back from JSON.
    """
    if annotation in _PLAIN or isinstance(annotation, typing.TypeVar):
        return ReturnType()
    # Unions are equal in whatever order, which matters to what is read.
    name = name_of(annotation)
    try:
        hash(annotation)
    except TypeError:  # it holds something that has no hash
        return ReturnType(name, _readable_adapter(annotation))
    return ReturnType(name, _cached_adapter(annotation, repr(annotation)))


def _awaited(annotation: object) -> object:
    """Return what awaiting gives, of a plain function that returns an awaitable."""
    if typing.get_origin(annotation) in (Awaitable, Coroutine):
        return typing.get_args(annotation)[-1]
    return annotation


def name_of(annotation: object) -> str:
    """Return an annotation as its author wrote it."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return annotation if isinstance(annotation, str) else repr(annotation).replace("typing.", "")


def _readable_adapter(annotation: object) -> TypeAdapter[object]:
    adapter = _adapter(annotation)
    if problem := _problem_of(adapter.core_schema):
        raise UnreadableType(annotation, problem)
    return adapter


@functools.lru_cache(maxsize=1024)
def _cached_adapter(annotation: object, _: str) -> TypeAdapter[object]:
    return _readable_adapter(annotation)


def _adapter(annotation: object) -> TypeAdapter[object]:
    config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    try:
        try:
            return TypeAdapter(annotation, config=config)  # type: ignore[arg-type]  # any annotation
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            # A model brings its own configuration.
            return TypeAdapter(annotation)  # type: ignore[arg-type]
    except PydanticUserError as error:
        if error.code == "schema-for-unknown-type":
            raise UnreadableType(annotation, "neither JSON nor Pydantic has such values") from error
        raise UnreadableType(annotation, error.message.partition("\n")[0].rstrip(".")) from error
    except Exception as error:
        raise UnreadableType(
            annotation, f"{type(error).__name__}: {error}".partition("\n")[0]
        ) from error


def _problem_of(schema: object) -> str:
    """Return why values of a Pydantic core schema cannot be read from JSON; empty if they can."""
    problem = ""
    parts: Iterable[object] = ()
    if isinstance(schema, list | tuple):
        parts = schema
    elif isinstance(schema, Mapping):
        kind = schema.get("type")
        kind = kind if isinstance(kind, str) else ""  # the fields of a model may have any name
        problem = _UNREADABLE.get(kind, "")
        if kind == "dict" and schema.get("keys_schema", {}).get("type") in _UNREADABLE_KEYS:
            problem = "the keys of JSON are text, so return a list of pairs, or keys of text"
        if kind == "is-subclass" or (kind == "is-instance" and not _may_be_json(schema["cls"])):
            problem = f"nothing makes {name_of(schema['cls'])} of JSON"
        if kind == "json-or-python":
            parts = (schema["json_schema"],)
        elif kind not in _FIELDS or not _may_be_left_out(schema):
            parts = [part for name, part in schema.items() if not kind or name not in _NO_SCHEMAS]
    return problem or next(filter(None, map(_problem_of, parts)), "")


def _may_be_json(cls: object) -> bool:
    """Return whether an instance of a class can be what reading JSON gives."""
    try:
        return any(issubclass(type_, cls) for type_ in _JSON_TYPES)  # type: ignore[arg-type]
    except TypeError:
        return True


def _may_be_left_out(field: Mapping[str, Any]) -> bool:
    return bool(field.get("serialization_exclude")) or field["schema"].get("type") == "default"
