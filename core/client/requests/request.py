"""A request as a value: what is sent, and what its response is read as."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from pydantic import BaseModel, JsonValue, TypeAdapter

T = TypeVar("T")

QueryValue = str | int | bool | datetime | None | Iterable[str]


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """A request, and how its response is read.

    Attributes:
        method: Of HTTP.
        path: Below the server's address, quoted.
        parse: Makes a value of the response's body.
        query: The query's names and values, in order.
        body: What is sent as JSON; nothing is when it is ``None``.
        content: The file whose content is sent as it is, in place of JSON.
        headers: Header fields of this request alone.
        repeatable: Whether it may be sent again when it is not known what became of it.
        seconds: For how long the server may take, beyond what requests usually may.
        statuses: Of errors, those whose body is such a value as well.
    """

    method: str
    path: str
    parse: Callable[[bytes], T]
    query: tuple[tuple[str, str], ...] = ()
    body: JsonValue = None
    content: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    seconds: float = 0.0
    statuses: frozenset[int] = frozenset()


@cache
def _adapter(model: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", model))


def parser(model: type[T]) -> Callable[[bytes], T]:
    """Return a function that reads a body as a model; what a newer server adds is left out."""

    def parse(body: bytes) -> T:
        value: T = _adapter(cast("Hashable", model)).validate_json(body, extra="ignore")
        return value

    return parse


def nothing(_: bytes) -> None:
    """Read a body that says nothing."""


def path(*segments: str) -> str:
    """Return segments as a path; none of them can lead to another route."""
    return "/" + "/".join(map(_segment, segments))


def _segment(text: str) -> str:
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


def query(**values: QueryValue) -> tuple[tuple[str, str], ...]:
    """Return a query; what is ``None`` is left out, and of several values each has the name."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        pairs += [(name, text) for text in _texts(value)]
    return tuple(pairs)


def _texts(value: QueryValue) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, datetime):
        return [value.isoformat()]
    if isinstance(value, str | int):
        return [str(value)]
    return [str(item) for item in value]


def get(segments: tuple[str, ...], model: type[T], **values: QueryValue) -> Request[T]:
    """Return a request that reads something."""
    return Request("GET", path(*segments), parser(model), query(**values), repeatable=True)


def post(
    segments: tuple[str, ...],
    model: type[T],
    body: BaseModel | JsonValue = None,
    *,
    repeatable: bool = False,
) -> Request[T]:
    """Return a request that does something."""
    content: Any = (
        body.model_dump(mode="json", exclude_unset=True) if isinstance(body, BaseModel) else body
    )
    return Request("POST", path(*segments), parser(model), body=content, repeatable=repeatable)
