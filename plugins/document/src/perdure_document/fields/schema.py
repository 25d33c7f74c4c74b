"""Reading a JSON schema: which fields are wanted, and what kind of value each takes."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import JsonValue

from perdure.agents import InputError
from perdure_document.facts import Fact

ValueKind = Literal[
    "date",
    "amount",
    "number",
    "integer",
    "currency",
    "email",
    "iban",
    "phone",
    "code",
    "text",
    "boolean",
    "other",
]
_LARGEST_BYTES: Final = 1_000_000
_MOST_FIELDS: Final = 500
_DEEPEST: Final = 10
_MONEY: Final = re.compile(
    r"total|amount|net|gross|vat|tax|price|sum|due|balance|subtotal|cost|fee|betrag|summe|brutto"
    r"|netto|mwst|preis|montant|prix|importe|precio|importo|prezzo|bedrag",
    re.IGNORECASE,
)
_TOLD_BY_NAME: Final[dict[ValueKind, "re.Pattern[str]"]] = {
    "date": re.compile(r"\bdate\b|datum"),
    "email": re.compile(r"e[\s-]?mail"),
    "phone": re.compile(r"phone|telefon|fax|mobile"),
    "currency": re.compile(r"currency|währung"),
}
_NUMBER: Final = re.compile(
    r"(?<![a-z])(?:number|no|nr|num|id|reference|ref|code|nummer)(?![a-z])", re.IGNORECASE
)


class WantedField(Fact):
    """A field of the schema.

    Attributes:
        path: Where its value goes, such as ``supplier.iban``.
        words: Its name, title and description: by them it is recognised.
        kind: What its value is.
        many: Whether it takes a list of values.
        required: Whether the schema requires it.
        choices: The only values that it may have, if the schema says so.
        pattern: A regular expression that its text must match.
        largest: The largest number it may be.
        smallest: The smallest number it may be.
        items: The fields of each item of a list of objects, their paths within the item.
    """

    path: str
    words: tuple[str, ...]
    kind: ValueKind
    many: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    largest: float | None = None
    smallest: float | None = None
    items: tuple["WantedField", ...] = ()

    def allows(self, value: JsonValue) -> bool:
        """Say whether the schema allows a value of the right kind."""
        if self.choices and str(value) not in self.choices:
            return False
        if self.pattern and isinstance(value, str):
            import regex

            try:
                if regex.search(self.pattern, value, timeout=5) is None:
                    return False
            except (regex.error, TimeoutError):
                return False
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.largest is not None and value > self.largest:
                return False
            return self.smallest is None or value >= self.smallest
        return True


def read_schema(file: str) -> dict[str, JsonValue]:
    """Read a schema from a file.

    Raises:
        InputError: There is no such file, or it holds no JSON object.
    """
    path = Path(file).expanduser()
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(f"json_schema names {path}, which is too large for a JSON schema")
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"json_schema names {path}, which cannot be read as JSON ({error}): give the path of a"
            " JSON schema, or the schema itself"
        ) from error
    if not isinstance(schema, dict):
        raise InputError(f"json_schema names {path}, which holds no JSON object")
    return schema


def wanted_fields(schema: Mapping[str, JsonValue]) -> list[WantedField]:
    """Return the fields of a schema of an object.

    Raises:
        InputError: It describes no object with properties, too many, or leads in a circle.
    """
    fields = list(_fields(schema, schema, "", 0))
    if not fields:
        raise InputError(
            "json_schema describes no properties: give a schema of an object, such as"
            ' {"type": "object", "properties": {"total": {"type": "number"}}}'
        )
    if sum(1 + len(field.items) for field in fields) > _MOST_FIELDS:
        raise InputError(f"json_schema describes more than {_MOST_FIELDS} fields: give fewer")
    return fields


def _fields(
    root: Mapping[str, JsonValue], schema: Mapping[str, JsonValue], path: str, depth: int
) -> Iterator[WantedField]:
    if depth > _DEEPEST:
        raise InputError("json_schema nests deeper than ten objects, or in a circle: flatten it")
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return
    for name, given in properties.items():
        inner = _resolved(root, given)
        where = f"{path}.{name}" if path else name
        if isinstance(inner.get("properties"), dict):
            yield from _fields(root, inner, where, depth + 1)
            continue
        many = inner.get("type") == "array"
        item = _resolved(root, inner.get("items")) if many else inner
        field = _field(
            where,
            name,
            inner,
            item,
            many=many,
            required=isinstance(required, list) and name in required,
        )
        items = tuple(_fields(root, item, "", depth + 1)) if many else ()
        yield field.model_copy(update={"items": items, "kind": "other"}) if items else field


def _resolved(root: Mapping[str, JsonValue], given: JsonValue) -> dict[str, JsonValue]:
    """Follow a reference within the schema, and take the one type beside ``null``."""
    seen = 0
    while isinstance(given, dict) and seen < _DEEPEST:
        seen += 1
        reference = given.get("$ref")
        options = given.get("anyOf") or given.get("oneOf")
        if isinstance(reference, str) and reference.startswith("#/"):
            target: JsonValue = dict(root)
            for part in reference[2:].split("/"):
                target = target.get(part) if isinstance(target, dict) else None
            given = target
        elif isinstance(options, list):
            real = [one for one in options if not _is_null(one)]
            (first, *others) = real or [None]
            if others or not isinstance(first, dict):
                return {}
            given = {**given, "anyOf": None, "oneOf": None, **first}
        else:
            break
    found = dict(given) if isinstance(given, dict) else {}
    if isinstance(found.get("type"), list):
        found["type"] = next((one for one in _list(found["type"]) if one != "null"), "string")
    return found


def _is_null(one: JsonValue) -> bool:
    return isinstance(one, dict) and one.get("type") == "null"


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _field(
    path: str,
    name: str,
    outer: Mapping[str, JsonValue],
    item: Mapping[str, JsonValue],
    *,
    many: bool,
    required: bool,
) -> WantedField:
    spaced = " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+", name)).lower()
    words = [spaced, *(str(outer.get(key) or "") for key in ("title", "description"))]
    choices = tuple(str(one) for one in _list(item.get("enum")) if one is not None)
    return WantedField(
        path=path,
        words=tuple(filter(None, words)),
        kind=_kind(item, " ".join(words), spaced),
        many=many,
        required=required,
        choices=choices,
        pattern=str(item.get("pattern") or ""),
        largest=_number(item.get("maximum")),
        smallest=_number(item.get("minimum")),
    )


def _kind(item: Mapping[str, JsonValue], words: str, name: str) -> ValueKind:
    kind, form = item.get("type"), item.get("format")
    if kind in {"object", "array", "null", "boolean"}:
        return "boolean" if kind == "boolean" else "other"
    if kind in {"number", "integer"}:
        if _MONEY.search(name) and "rate" not in name and "percent" not in name:
            return "amount"
        return "integer" if kind == "integer" else "number"
    if form in {"date", "date-time"}:
        return "date"
    told: Iterator[ValueKind] = (
        value for value, form in _TOLD_BY_NAME.items() if form.search(name)
    )
    if "iban" in words.lower():
        return "iban"
    return next(told, "code" if _NUMBER.search(name) else "text")


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None
