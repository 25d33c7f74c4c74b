"""Fields with their values and evidence: what steps return, and what ``fields.json`` holds."""

from typing import Literal

from pydantic import JsonValue

from perdure_document.facts import Fact, Place, Position

Status = Literal["found", "unsure", "absent"]


class Evidence(Fact):
    """Where a value comes from.

    Attributes:
        quote: The words of the file that say it.
        place: Their page, slide or sheet, and the heading above.
        position: Exactly where the value stands.
    """

    quote: str
    place: Place
    position: Position


class Reading(Fact):
    """A value that a field may have, and where it comes from."""

    value: JsonValue
    evidence: Evidence


class FilledField(Fact):
    """A field of the schema.

    Attributes:
        path: Where the value goes, such as ``supplier.iban``.
        status: ``found``; ``unsure`` when the file may be read in several ways, or does not say
            plainly that this is the field; ``absent`` when it says nothing of it.
        value: The value, also the likeliest of an unsure field; ``None`` when there is none.
        required: Whether the schema requires it.
        why: What speaks for the value, or against one.
        evidence: Where the value comes from; of a list, of each item.
        alternatives: What else an unsure field may be.
        way: Whether the value comes from the rules, or from a model and was found in the file.
    """

    path: str
    status: Status
    value: JsonValue = None
    required: bool = False
    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    alternatives: tuple[Reading, ...] = ()
    way: Literal["rules", "model"] = "rules"


class FilledSchema(Fact):
    """The fields of one file.

    Attributes:
        path: The file, as it was given.
        title: The document's title.
        values: The values found, as the schema nests them; nothing unsure is among them.
        fields: Every field of the schema.
        complete: Whether every required field was found.
    """

    path: str
    title: str
    values: dict[str, JsonValue]
    fields: tuple[FilledField, ...]
    complete: bool


def nested(fields: tuple[FilledField, ...]) -> dict[str, JsonValue]:
    """Return the values that were found, as the schema nests them."""
    values: dict[str, JsonValue] = {}
    for field in fields:
        if field.status != "found":
            continue
        *parents, name = field.path.split(".")
        target = values
        for parent in parents:
            inner = target.setdefault(parent, {})
            if isinstance(inner, dict):
                target = inner
        target[name] = field.value
    return values
