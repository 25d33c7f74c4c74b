"""Taking over what a model proposes for fields, as far as the file says it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from pydantic import JsonValue

from perdure_document.facts import Document, Fact
from perdure_document.fields.evidence import Checked, EvidenceCheck, Proposal
from perdure_document.fields.filled import Evidence, FilledField, Reading
from perdure_document.fields.quotes import same_text
from perdure_document.fields.schema import WantedField
from perdure_document.model.naming import names_field, names_part

_MOST_REFUSALS: Final = 20
_MOST_ITEMS: Final = 1_000


class Accepted(Fact):
    """The fields after a model's proposals were checked.

    Attributes:
        fields: Every field; those the rules are certain of as they were.
        taken: How many fields have something that the model proposed.
        refused: Why proposals were refused, the first twenty, each a sentence.
    """

    fields: tuple[FilledField, ...]
    taken: int
    refused: tuple[str, ...]


class _Value(NamedTuple):
    value: JsonValue
    evidence: Evidence
    doubt: str


class _Place(NamedTuple):
    """Where a proposal goes: the item of a list, and the field within the item."""

    item: int
    inner: str


def accept_proposals(
    document: Document,
    fields: Sequence[WantedField],
    filled: Sequence[FilledField],
    proposals: Sequence[Proposal],
    model: str,
) -> Accepted:
    """Check proposals against the file, and take over those that it bears out.

    What the rules found stays. A value that the file says is found where the words beside it name
    the field and may be read in one way only, else unsure; where the rules were unsure, only if
    they think the same likeliest.

    Args:
        document: The file.
        fields: The fields of the schema.
        filled: What the rules say of them, in the same order.
        proposals: What the model proposes.
        model: Its name.
    """
    check = EvidenceCheck(document)
    refused: list[str] = []
    wanted = {
        field.path: field
        for field, one in zip(fields, filled, strict=True)
        if one.status != "found"
    }
    values = _checked(check, wanted, proposals, refused)
    after = [
        _merged(field, one, values[field.path], model) if values.get(field.path) else one
        for field, one in zip(fields, filled, strict=True)
    ]
    taken = sum(bool(values.get(field.path)) for field in fields)
    return Accepted(fields=tuple(after), taken=taken, refused=tuple(refused[:_MOST_REFUSALS]))


def _checked(
    check: EvidenceCheck,
    wanted: Mapping[str, WantedField],
    proposals: Sequence[Proposal],
    refused: list[str],
) -> dict[str, dict[_Place, _Value]]:
    """Return the values that the file says, by field and place; note why others are refused."""
    values: dict[str, dict[_Place, _Value]] = {}
    for proposal in proposals:
        found = _field_of(wanted, proposal.path)
        if found is None:
            refused.append(f"{proposal.path[:80]}: no such field was wanted of it.")
            continue
        path, field, place = found
        names = partial(names_part if place.inner else names_field, field)
        checked = check.check(proposal, field, names)
        if checked.evidence is None or not field.allows(proposal.value):
            why = checked.refusal or "the schema does not allow the value"
            refused.append(f"{proposal.path[:80]}: {why}.")
            continue
        value = _Value(proposal.value, checked.evidence, _doubt(field, checked, names))
        mine = values.setdefault(path, {})
        known = mine.setdefault(place, value)
        if known.value != value.value:
            mine[place] = known._replace(doubt="the model proposes several values")
    return values


def _field_of(
    wanted: Mapping[str, WantedField], given: str
) -> tuple[str, WantedField, _Place] | None:
    """Return the field that a proposal is for, and its place within that; ``None`` without one."""
    if (field := wanted.get(given)) is not None and not field.items:
        return given, field, _Place(0, "")
    for path, field in wanted.items():
        if not field.many or not given.startswith(path):
            continue
        match = re.fullmatch(r"(?:\[(\d{1,4})\]|\.(\d{1,4}))(?:\.(.+))?", given[len(path) :])
        number = int(match[1] or match[2]) if match else _MOST_ITEMS
        if match is None or number >= _MOST_ITEMS:
            continue
        if not field.items and match[3] is None:
            return path, field, _Place(number, "")
        for inner in field.items:
            if inner.path == match[3] and not inner.many:
                return path, inner, _Place(number, inner.path)
    return None


def _doubt(field: WantedField, checked: Checked, names: Callable[[str], bool]) -> str:
    if checked.doubt:
        return checked.doubt
    if not names(checked.around):
        return f"no words beside it say that it is {field.words[0]}"
    return ""


def _merged(
    field: WantedField, rules: FilledField, values: Mapping[_Place, _Value], model: str
) -> FilledField:
    if field.many:
        return _list(field, rules, values, model)
    (value,) = values.values()
    if rules.status == "unsure":
        return _beside_rules(rules, value, model)
    return FilledField(
        path=field.path,
        status="unsure" if value.doubt else "found",
        value=value.value,
        required=field.required,
        why=f"{model} proposes it, and {value.doubt or 'its words name the field'}",
        evidence=(value.evidence,),
        way="model",
    )


def _beside_rules(rules: FilledField, value: _Value, model: str) -> FilledField:
    """Return a field of which the rules are unsure, after the model has said what it thinks."""
    if _same(rules.value, value.value):
        if value.doubt:
            why = f"{rules.why}; {model} proposes the same, but {value.doubt}"
            return rules.model_copy(update={"why": why})
        why = f"rules and {model} agree on it, though {rules.why}"
        return rules.model_copy(
            update={"status": "found", "why": why, "alternatives": (), "way": "model"}
        )
    others = [one for one in rules.alternatives if not _same(one.value, value.value)]
    mine = Reading(value=value.value, evidence=value.evidence)
    why = (
        f"rules and {model} disagree: the rules read {rules.value!r}, {model} reads {value.value!r}"
        f" ({rules.why})"
    )
    return rules.model_copy(update={"why": why, "alternatives": (mine, *others), "way": "model"})


def _list(
    field: WantedField, rules: FilledField, values: Mapping[_Place, _Value], model: str
) -> FilledField:
    items = list(_items(field, values))
    doubts = [item.doubt for item in items if item.doubt]
    if rules.status == "unsure" and isinstance(rules.value, list):
        return _list_beside_rules(rules, items, doubts, model)
    return FilledField(
        path=field.path,
        status="unsure" if doubts else "found",
        value=[item.value for item in items],
        required=field.required,
        why=f"{model} proposes it, and {doubts[0] if doubts else 'its words name the field'}",
        evidence=tuple(item.evidence for item in items),
        way="model",
    )


def _list_beside_rules(
    rules: FilledField, items: Sequence[_Value], doubts: Sequence[str], model: str
) -> FilledField:
    theirs = rules.value if isinstance(rules.value, list) else []
    new = [item for item in items if not any(_same(item.value, one) for one in theirs)]
    left_out = [one for one in theirs if not any(_same(item.value, one) for item in items)]
    if not new and not doubts:
        chosen = "all of them" if not left_out else f"{len(items)} of {len(theirs)}"
        return rules.model_copy(
            update={
                "status": "found",
                "value": [item.value for item in items],
                "evidence": tuple(item.evidence for item in items),
                "why": f"{model} takes {chosen}, and their words name the field",
                "way": "model",
            }
        )
    if not new and not left_out:
        return rules
    told = [f"adds {len(new)}" if new else "", f"leaves out {len(left_out)}" if left_out else ""]
    why = f"rules and {model} disagree: {model} {' and '.join(filter(None, told))} ({rules.why})"
    readings = tuple(Reading(value=item.value, evidence=item.evidence) for item in new)
    return rules.model_copy(update={"why": why, "alternatives": readings, "way": "model"})


def _items(field: WantedField, values: Mapping[_Place, _Value]) -> Iterator[_Value]:
    """Yield the items of a list; an object with the evidence of its first value."""
    for number in sorted({place.item for place in values}):
        found = {place.inner: value for place, value in values.items() if place.item == number}
        if not field.items:
            yield found[""]
            continue
        first = next(iter(found.values()))
        nested: dict[str, JsonValue] = {}
        for path, value in found.items():
            *parents, name = path.split(".")
            target = nested
            for parent in parents:
                inner = target.setdefault(parent, {})
                target = inner if isinstance(inner, dict) else target
            target[name] = value.value
        yield _Value(nested, first.evidence, _doubt_of_object(found))


def _doubt_of_object(found: Mapping[str, _Value]) -> str:
    positions = [value.evidence.position for value in found.values()]
    if len({(one.block, one.row) for one in positions}) > 1:
        return "the values of an item stand in different places"
    if len({(one.block, one.row, one.column, one.start) for one in positions}) < len(positions):
        return "two values of an item are the same words"
    return next((value.doubt for value in found.values() if value.doubt), "")


def _same(one: JsonValue, other: JsonValue) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return same_text(one, other)
    return type(one) is not bool and type(other) is not bool and one == other
