"""What a question's words stand for in the table, and which of them stand for nothing."""

from collections.abc import Sequence
from typing import Final

from perdure_analysis.facts import Fact
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table

_RECKONED: Final = frozenset({"mean", "median", "sum", "deviation", "variance", "range"})
_COUNTING: Final = frozenset({"count", "distinct"})


class Meanings(Fact):
    """What the words of a question stand for, whether or not its form is known.

    Attributes:
        without: Words that stand for nothing in the table: it cannot answer the question.
        columns: Every column that a word may stand for.
        required: For each word that stands for columns for certain, those columns: an answer must
            use one of them.
        values: Values of the table that are named.
        aggregates: The aggregates that are named.
        counts: Whether something is counted.
    """

    without: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    required: tuple[tuple[str, ...], ...] = ()
    values: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    counts: bool = False


def meanings_of(mentions: Sequence[Mention], table: Table) -> Meanings:
    """Return what the words of a question stand for."""
    without: list[str] = []
    columns: list[str] = []
    required: list[tuple[str, ...]] = []
    for mention in mentions:
        meant = _columns(mention, table)
        if meant is None:
            continue
        if not meant:
            without.append(mention.said)
        columns += meant
        if meant and _is_certain(mention, table):
            required.append(meant)
    aggregates = [one.meaning for one in mentions if one.kind == "aggregate"]
    counts = _counts(mentions, table)
    if not without and not counts and not any(map(table.is_number, columns)):
        without += [
            one.said for one in mentions if one.kind == "aggregate" and one.meaning in _RECKONED
        ]
    return Meanings(
        without=tuple(dict.fromkeys(without)),
        columns=tuple(dict.fromkeys(columns)),
        required=tuple(dict.fromkeys(required)),
        values=tuple(
            dict.fromkeys(
                value for one in mentions if one.kind == "value" for _, value in one.values
            )
        ),
        aggregates=tuple(dict.fromkeys(aggregates)),
        counts=counts,
    )


def _columns(mention: Mention, table: Table) -> tuple[str, ...] | None:
    """Return the columns that a mention may stand for; ``None`` where it names none."""
    hint = _about(mention)
    if hint:
        return table.hinted(hint)
    if mention.kind in {"column", "value"}:
        return tuple(dict.fromkeys((*mention.columns, *(name for name, _ in mention.values))))
    if mention.kind == "period" and mention.period is not None and not mention.period.trouble:
        return table.in_time()
    if mention.kind in {"unit", "adverb", "growth", "recent"}:
        return table.in_time()
    if mention.kind == "subject":
        asked = {"who": table.persons, "where": table.places, "when": table.in_time}
        return asked[mention.meaning]() if mention.meaning in asked else None
    return () if mention.kind in {"unknown", "period"} else None


def _about(mention: Mention) -> str:
    """Return what an adjective is about: ``price`` of ``most expensive``, else nothing."""
    if mention.kind == "rank":
        return mention.meaning.partition(" ")[2]
    aged = mention.kind == "compare" and mention.said.lower().startswith(("older", "younger"))
    return "age" if aged else ""


def _is_certain(mention: Mention, table: Table) -> bool:
    """Say whether an answer must use what a mention stands for, not only may."""
    if mention.kind != "column":
        return True
    return (len(mention.columns) == 1 and mention.exact) or any(
        map(table.is_measure, mention.columns)
    )


def _counts(mentions: Sequence[Mention], table: Table) -> bool:
    """Say whether rows or values are counted: by name, for a share, or for want of a measure."""
    kinds = {one.kind for one in mentions}
    if kinds & {"share", "rate", "frequency", "rows"}:
        return True
    if any(one.kind == "aggregate" and one.meaning in _COUNTING for one in mentions):
        return True
    named = [name for one in mentions for name in one.columns]
    return "rank" in kinds and bool(named) and not any(map(table.is_measure, named))
