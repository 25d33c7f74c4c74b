"""Whether a value is the same after it was written as JSON and read back."""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, zip_longest
from typing import Any, Final

from pydantic import BaseModel

_ATOMS: Final = frozenset({str, int, float, bool, type(None)})
_A_KEY: Final = " among its keys"
MISSING: Final = object()

# How a part's place is written, the place, the part, and the other value's part there.
_Part = tuple[str, object, object, object]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a value.

    Attributes:
        value: The part.
        path: How to get there from the whole, such as ``['lines'][0].price``; empty for the whole.
    """

    value: object
    path: str = ""

    @property
    def where(self) -> str:
        """The path in words, to follow what is said of the part."""
        return f" at {self.path}".replace(f"at {_A_KEY}", _A_KEY[1:]) if self.path else ""


def first_not_plain(value: object) -> Place | None:
    """Return the first part of a value that JSON does not read back as it is.

    Plain are text, numbers, true, false, nothing, and lists and dictionaries by text of these; of
    these very types, since of a subclass only the base comes back.
    """
    return _first_part(value, lambda part: type(part) not in _ATOMS)


def first_text(plain: object, refused: Callable[[str], object]) -> Place | None:
    """Return the first text of a plain value, or key in it, that is refused."""
    return _first_part(plain, lambda part: isinstance(part, str) and refused(part))


def _first_part(value: object, refused: Callable[[object], object]) -> Place | None:
    kind = type(value)
    if kind is not list and kind is not dict:
        return Place(value) if refused(value) else None
    if isinstance(value, dict):
        for key in value:
            if type(key) is not str or refused(key):
                return Place(key, _A_KEY)
    items: Iterable[tuple[object, object]] = (
        value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    )
    for step, part in items:
        if (place := _first_part(part, refused)) is not None:
            return Place(place.value, f"[{step!r}]{place.path}")
    return None


def first_difference(given: object, read: object) -> tuple[Place, object] | None:
    """Return where two values differ in type or content, and what the second has there.

    It is :data:`MISSING` where one of them has nothing.

    Models and dataclasses are compared field by field, whether they define equality or not. Other
    objects without an equality of their own are the same when they are of one type.
    """
    if type(given) is not type(read):
        return Place(given), read
    parts = None if type(given) in _ATOMS else _parts_of(given, read)
    if parts is None:
        return None if _equal(given, read) else (Place(given), read)
    for path, step, one, other in parts:
        if one is other or (type(one) in _ATOMS and type(one) is type(other) and one == other):
            continue
        if (difference := first_difference(one, other)) is not None:
            place, found = difference
            return Place(place.value, path.format(step) + place.path), found
    return None


def _parts_of(given: Any, read: Any) -> Iterable[_Part] | None:
    """Return the parts of two values of one type; ``None`` if they have none."""
    if isinstance(given, BaseModel):
        return _parts_of_models(given, read)
    if isinstance(given, list | tuple | deque):
        pairs = enumerate(zip_longest(given, read, fillvalue=MISSING))
        return (("[{}]", index, one, other) for index, (one, other) in pairs)
    if isinstance(given, Mapping):
        keys = zip_longest(given, read, fillvalue=MISSING)
        return chain(((_A_KEY, "", *pair) for pair in keys), _by_key("[{!r}]", given, read))
    if dataclasses.is_dataclass(given):
        return _fields(given, read, [field.name for field in dataclasses.fields(given)])
    return None


def _parts_of_models(given: BaseModel, read: BaseModel) -> Iterator[_Part]:
    yield from _fields(given, read, type(given).model_fields)
    for one, other in (
        (given.__pydantic_extra__, read.__pydantic_extra__),
        (given.__pydantic_private__, read.__pydantic_private__),
    ):
        if one or other:
            yield from _by_key(".{}", one or {}, other or {})


def _by_key(path: str, given: Mapping[Any, object], read: Mapping[Any, object]) -> Iterator[_Part]:
    for key, value in given.items():
        yield path, key, value, read.get(key, MISSING)
    for key in read:
        if key not in given:
            yield path, key, MISSING, read[key]


def _fields(given: object, read: object, names: Iterable[str]) -> Iterator[_Part]:
    for name in names:
        yield ".{}", name, getattr(given, name, MISSING), getattr(read, name, MISSING)


def _equal(given: object, read: object) -> bool:
    """Return whether two values of one type are equal, also when their equality does not say."""
    if isinstance(given, date | time) and isinstance(read, date | time):
        # Times of two zones in the hour that comes twice are never equal.
        return (given.isoformat(), _fold(given)) == (read.isoformat(), _fold(read))
    if isinstance(given, set | frozenset) and isinstance(read, set | frozenset):
        return {(type(item), item) for item in given} == {(type(item), item) for item in read}
    if type(given).__eq__ is object.__eq__:
        return True
    try:
        if given == read:
            return True
        differs_from_itself = given != given  # noqa: PLR0124 -- as not-a-number does
    except Exception:  # noqa: BLE001 -- equality is anybody's code
        differs_from_itself = True
    return bool(differs_from_itself) and repr(given) == repr(read)


def _fold(moment: date | time) -> int:
    """Return which of the two hours is meant where there is no zone to say so."""
    return moment.fold if isinstance(moment, datetime | time) and moment.tzinfo is None else 0
