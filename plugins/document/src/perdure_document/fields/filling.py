"""Deciding what a field's value is, from what rules propose; in doubt it is said to be unsure."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from perdure_document.facts import Document
from perdure_document.fields.evidence import EvidenceCheck
from perdure_document.fields.filled import Evidence, FilledField, Reading, Status
from perdure_document.fields.labels import concept_of
from perdure_document.fields.lines import lines_of
from perdure_document.fields.rules import Candidate, Rules
from perdure_document.fields.schema import WantedField

_BY_FORM: Final = frozenset({"email", "iban", "phone"})
_NOT_BY_RULES: Final = frozenset({"boolean", "other"})
_MOST_ALTERNATIVES: Final = 10
_SHORT_CODE: Final = 4
_CENT: Final = 0.011


def fill_fields(document: Document, fields: Sequence[WantedField]) -> list[FilledField]:
    """Fill fields by rules; every value found is checked against the file once more.

    Args:
        document: The file.
        fields: The fields of the schema.
    """
    rules = Rules(lines_of(document))
    candidates = {field.path: _candidates(rules, field) for field in fields}
    amounts = _amounts(rules)
    check = EvidenceCheck(document)
    return [
        check.checked(_filled(field, candidates[field.path], amounts), field) for field in fields
    ]


def _candidates(rules: Rules, field: WantedField) -> list[Candidate]:
    if field.kind in _NOT_BY_RULES:
        return []
    found = rules.candidates(field)
    told_by_form = field.kind in _BY_FORM and not found
    uncertain = field.kind == "currency" and all(one.value.doubt for one in found)
    if field.many or told_by_form or uncertain:
        found = found + rules.unannounced(field)
    return found


def _amounts(rules: Rules) -> dict[str, set[JsonValue]]:
    """Return what a document says of net, tax and total, for they must add up."""
    found: dict[str, set[JsonValue]] = {}
    for name in ("net amount", "vat", "total"):
        field = WantedField(path=name, words=(name,), kind="amount")
        found[name] = {
            one.value.readings[0]
            for one in rules.candidates(field)
            if len(one.value.readings) == 1 and one.value.plain
        }
    return found


def _filled(
    field: WantedField, candidates: Sequence[Candidate], amounts: Mapping[str, set[JsonValue]]
) -> FilledField:
    if field.kind in _NOT_BY_RULES:
        return _absent(field, "values of this type are not filled by rules")
    candidates = [one for one in candidates if field.allows(one.value.readings[0])]
    if not candidates:
        return _absent(field, "nothing in the file says it")
    if field.many:
        return _list(field, candidates)
    # Amounts with cents or a currency count for more than bare numbers.
    if any(one.value.plain for one in candidates):
        candidates = [one for one in candidates if one.value.plain]
    return _decided(field, candidates, amounts)


def _decided(
    field: WantedField, candidates: Sequence[Candidate], amounts: Mapping[str, set[JsonValue]]
) -> FilledField:
    distinct = _by_value(candidates)
    if len(distinct) > 1 and (one := _that_adds_up(field, distinct, amounts)) is not None:
        return _found(field, one, "it is the one that net and tax add up to")
    best = min(candidates, key=lambda one: (one.rank, bool(one.doubt or one.value.doubt)))
    doubt = best.doubt or best.value.doubt or _weakness(field, best) or _conflict(field, amounts)
    if doubt or len(distinct) > 1:
        return _unsure(field, candidates, doubt or _difference(field, distinct))
    if best.announced:
        return _found(field, best, f"announced by {best.announced!r}")
    return _found(field, best, "the only one in the file")


def _weakness(field: WantedField, best: Candidate) -> str:
    """Say why a label alone is too little; empty when it is enough."""
    value = str(best.value.readings[0])
    if concept_of(field) is None or not best.rank or not best.announced:
        return ""
    is_short = field.kind == "code" and value.isdigit() and len(value) <= _SHORT_CODE
    if field.kind == "text" or is_short:
        return f"{best.announced!r} may announce something else"
    return ""


def _conflict(field: WantedField, amounts: Mapping[str, set[JsonValue]]) -> str:
    """Say that net, tax and total of a document do not fit each other; empty where they may.

    Then one of them is something else: a total less what was paid, a net without the freight.
    """
    concept = concept_of(field)
    if field.kind != "amount" or concept is None or concept.name not in amounts:
        return ""
    net, tax, total = (_numbers(amounts[name]) for name in ("net amount", "vat", "total"))
    # Taxes at several rates are stated one by one.
    sums = {one + other for one in net for other in (*tax, math.fsum(tax))}
    if not (net and tax and total):
        return ""
    fits = any(abs(one - other) < _CENT for one in sums for other in total)
    return "" if fits else "net, tax and total in the file do not add up"


def _difference(field: WantedField, distinct: Mapping[str, Candidate]) -> str:
    return f"the file says {len(distinct)} different values that may be {field.words[0]}"


def _by_value(candidates: Iterable[Candidate]) -> dict[str, Candidate]:
    """Return the first candidate of each value; the same in other letters is the same."""
    found: dict[str, Candidate] = {}
    for one in sorted(candidates, key=lambda one: one.rank):
        for reading in one.value.readings:
            found.setdefault(re.sub(r"[\s-]", "", str(reading)).casefold(), one)
    return found


def _that_adds_up(
    field: WantedField, distinct: Mapping[str, Candidate], amounts: Mapping[str, set[JsonValue]]
) -> Candidate | None:
    """Return the one candidate with which net and tax make the total, if there is just one."""
    concept = concept_of(field)
    if field.kind != "amount" or concept is None or concept.name not in amounts:
        return None
    sums = {
        (net, tax, total)
        for net in _numbers(amounts["net amount"])
        for tax in _numbers(amounts["vat"])
        for total in _numbers(amounts["total"])
        if abs(net + tax - total) < _CENT and net != total
    }
    place = ("net amount", "vat", "total").index(concept.name)
    fitting = {one[place] for one in sums}
    if len(fitting) != 1:
        return None
    (value,) = fitting
    return next(
        (
            one
            for one in distinct.values()
            if len(one.value.readings) == 1 and one.value.readings[0] == value
        ),
        None,
    )


def _numbers(values: Iterable[JsonValue]) -> list[float]:
    return [float(value) for value in values if isinstance(value, int | float)]


def _list(field: WantedField, candidates: Sequence[Candidate]) -> FilledField:
    """Fill a list with every value of its kind, in the file's order."""
    distinct: dict[str, Candidate] = {}
    for one in sorted(candidates, key=lambda one: (one.line.block, one.line.row, one.value.start)):
        distinct.setdefault(str(one.value.readings[0]), one)
    doubts = [one.value.doubt for one in distinct.values() if one.value.doubt]
    if field.kind not in _BY_FORM | {"date", "currency"}:
        doubts.append("which of the values belong to it is not certain")
    return FilledField(
        path=field.path,
        status="unsure" if doubts else "found",
        value=[one.value.readings[0] for one in distinct.values()],
        required=field.required,
        why=doubts[0] if doubts else "all in the file",
        evidence=tuple(_evidence(one) for one in distinct.values()),
    )


def _evidence(one: Candidate) -> Evidence:
    return one.line.evidence(one.value.start, one.value.end, one.label)


def _absent(field: WantedField, why: str) -> FilledField:
    return FilledField(path=field.path, status="absent", required=field.required, why=why)


def _found(field: WantedField, one: Candidate, why: str) -> FilledField:
    return _with_value(field, "found", one, why, ())


def _unsure(field: WantedField, candidates: Sequence[Candidate], why: str) -> FilledField:
    best = min(candidates, key=lambda one: (one.rank, bool(one.doubt or one.value.doubt)))
    alternatives = [
        Reading(value=reading, evidence=_evidence(one))
        for one in _by_value(candidates).values()
        for reading in one.value.readings
    ]
    seen: set[str] = {str(best.value.readings[0])}
    others = []
    for one in alternatives:
        if str(one.value) not in seen:
            seen.add(str(one.value))
            others.append(one)
    return _with_value(field, "unsure", best, why, tuple(others[:_MOST_ALTERNATIVES]))


def _with_value(
    field: WantedField, status: Status, one: Candidate, why: str, others: tuple[Reading, ...]
) -> FilledField:
    return FilledField(
        path=field.path,
        status=status,
        value=one.value.readings[0],
        required=field.required,
        why=why,
        evidence=(_evidence(one),),
        alternatives=others,
    )
