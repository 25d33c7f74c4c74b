"""The value of a step: its JSON text, which reads back as what the function returned."""

import json
import reprlib
from collections.abc import Iterable
from types import GenericAlias
from typing import Any, Final, Union

from pydantic import ValidationError

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.fidelity import (
    MISSING,
    Place,
    first_difference,
    first_not_plain,
    first_text,
)
from perdure.agents.steps.return_types import ReturnType, UnreadableType, of_annotation
from perdure.models.texts import LONE_SURROGATE

# What json.dumps makes of half a surrogate pair, and of whole ones.
_SURROGATE_ESCAPE: Final = "\\ud"
_NOT_WRITTEN: Final = (ValueError, TypeError, RecursionError)
# Of how many types an annotation that is suggested may be the union.
_MOST_TYPES: Final = 3


def encode_value(value: object, returned: ReturnType, *, step: str) -> tuple[str, object]:
    """Return a step's value as JSON text, and as it reads back from it.

    Args:
        value: What the step's function returned.
        returned: What it is annotated to return.
        step: The step's name.

    Raises:
        PermanentError: The value has no JSON form, does not fit the annotation, or would read back
            as something else.
    """
    try:
        if returned.adapter is None:
            if (place := first_not_plain(value)) is not None:
                raise PermanentError(_not_plain(value, place, returned, step))
            text = _dump(value, step)
            return text, json.loads(text)
        return _encode_annotated(value, returned, step)
    except _NOT_WRITTEN as error:
        raise PermanentError(
            f"the value of step {step!r} cannot be journaled ({_reason(error)}): return plain data,"
            " or a Pydantic model or dataclass of it"
        ) from error


def decode_value(text: str, returned: ReturnType, *, step: str) -> object:
    """Return a step's value from its JSON text.

    Raises:
        PermanentError: It does not fit what the step's function is annotated to return by now.
    """
    if returned.adapter is None:
        return json.loads(text)
    try:
        return returned.adapter.validate_json(text)
    except ValueError as error:
        raise PermanentError(
            f"the journaled value of step {step!r} does not fit -> {returned.name}"
            f" ({_reason(error)}): raise the step's version, or let the function return again what"
            " it returned when the goal was started"
        ) from error


def _encode_annotated(value: object, returned: ReturnType, step: str) -> tuple[str, object]:
    adapter = returned.adapter
    assert adapter is not None
    try:
        # The annotation decides: a tuple that is annotated as a list is a list.
        meant = adapter.validate_python(value)
    except ValidationError as error:
        raise PermanentError(
            f"step {step!r} returned {_described(value)}, which does not fit its function's"
            f" annotation -> {returned.name} ({_reason(error)}): correct one of the two"
        ) from error
    plain = adapter.dump_python(meant, mode="json", round_trip=True, warnings=False)
    text = _dump(plain, step)
    try:
        read = adapter.validate_json(text)
    except ValueError as error:
        raise PermanentError(
            f"the value of step {step!r} would not read back from its JSON as -> {returned.name}"
            f" ({_reason(error)}): annotate a type that reads what it writes, or return plain data"
        ) from error
    difference = first_difference(meant, read)
    if difference is not None:
        place, other = difference
        if isinstance(place.value, str) and LONE_SURROGATE.search(place.value):
            raise _holds_lone_surrogate(place, step)
        raise PermanentError(
            f"the value of step {step!r} would read back from its JSON as something else:"
            f" {_described(place.value)}{place.where} as {_described(other)}; annotate more exactly"
            f" than -> {returned.name}, or return plain data"
        )
    return text, read


def _dump(plain: object, step: str) -> str:
    text = json.dumps(plain)
    if _SURROGATE_ESCAPE in text:
        _refuse_lone_surrogates(plain, step)
    return text


def _refuse_lone_surrogates(plain: object, step: str) -> None:
    place = first_text(plain, LONE_SURROGATE.search)
    if place is not None:
        raise _holds_lone_surrogate(place, step)


def _holds_lone_surrogate(place: Place, step: str) -> PermanentError:
    return PermanentError(
        f"the value of step {step!r} holds half a surrogate pair{place.where}, which is no"
        " character: decode what it was made from with errors='replace'"
    )


def _not_plain(value: object, place: Place, returned: ReturnType, step: str) -> str:
    has = "holds" if place.path else "is"
    found = f"the value of step {step!r} {has} {_described(place.value)}{place.where}"
    found += ", which plain JSON does not keep: "
    if returned.unknown:
        return (
            f"{found}its function is annotated -> {returned.name}, which means nothing where it is"
            " defined; import that there, also at run time, or return plain data"
        )
    suggested = _suggested_annotation(value)
    if suggested is None:
        return f"{found}return plain data, or a Pydantic model or dataclass that is annotated"
    return f"{found}annotate its function with -> {suggested}, or return plain data"


def _suggested_annotation(value: object) -> str | None:
    """Return an annotation with which a value reads back; ``None`` when there is no simple one."""
    annotation = _annotation_of(value)
    try:
        returned = of_annotation(annotation)
        if returned.adapter is not None:
            _encode_annotated(value, returned, "")
    except (UnreadableType, PermanentError, *_NOT_WRITTEN):
        return None
    return returned.name or None


def _annotation_of(value: object) -> object:
    kind = type(value)
    if isinstance(value, list | set | frozenset) and kind in (list, set, frozenset):
        return GenericAlias(kind, _union_of(value))
    if isinstance(value, tuple) and kind is tuple:
        return GenericAlias(tuple, tuple(map(_annotation_of, value)))
    if isinstance(value, dict) and kind is dict:
        return GenericAlias(dict, (_union_of(value), _union_of(value.values())))
    return kind


def _union_of(values: Iterable[object]) -> object:
    kinds = list(dict.fromkeys(map(_annotation_of, values)))
    return Union[tuple(kinds)] if 0 < len(kinds) <= _MOST_TYPES else Any  # noqa: UP007


def _described(value: object) -> str:
    name = type(value).__name__
    if value is None or value is MISSING:
        return "None" if value is None else "nothing"
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    if type(value) in (str, int, float, bool):
        return f"{article} {name} ({reprlib.repr(value)})"
    return f"{article} {name}"


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]
    if isinstance(error, RecursionError):
        return "it is nested too deep, or in itself"
    return str(error).partition("\n")[0].removeprefix("Error serializing to JSON: ")
