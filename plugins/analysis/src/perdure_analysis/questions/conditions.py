"""Reading conditions: comparisons with numbers, values, yes and no, missing values, periods."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.words import comparable, stem
from perdure_analysis.questions.queries import (
    Comparison,
    Condition,
)
from perdure_analysis.questions.sentence import Placed, Sentence

_NONE_OR_ZERO = {
    "no",
    "with no",
    "have no",
    "has no",
    "had no",
    "without",
    "without a",
    "without any",
}
_HAVING = {"have", "has", "had", "having", "with"}
_LINKS = {"is", "are", "was", "were", "of", "be", "the", "a", "an", "in", "with", "from", "for"}


def read_conditions(sentence: Sentence, table: Table) -> list[Placed]:
    """Read the conditions of a question but its periods, and use up their mentions.

    Raises:
        CannotTell: It cannot be told what is compared.
    """
    found = [
        *_numbers(sentence, table),
        *_numbers_had(sentence, table),
        *_missing(sentence, table),
        *_values(sentence, table),
    ]
    _refuse_either(sentence, found)
    return found


def _numbers(sentence: Sentence, table: Table) -> Iterator[Placed]:
    for place in sentence.free("between"):
        first = sentence.free_after(place)
        second = None if first is None else sentence.free_after(first)
        if first is None or second is None:
            continue
        if sentence.kind(first) == sentence.kind(second) == "number":
            column = _compared(sentence, table, place, second)
            sentence.use(place, first, second)
            yield _compare(sentence, table, column, first, "least", place)
            yield _compare(sentence, table, column, second, "most", place)
    for place in sentence.free("postfix"):
        number = sentence.before(place)
        if number is None or sentence.kind(number) != "number" or number in sentence.used:
            raise CannotTell(f"what '{sentence.mentions[place].said}' belongs to")
        column = _compared(sentence, table, number, place)
        sentence.use(place, number)
        yield _compare(sentence, table, column, number, sentence.mentions[place].meaning, place)
    for place in sentence.free("compare"):
        number = sentence.free_after(place)
        if number is None or sentence.kind(number) != "number":
            if sentence.mentions[place].meaning == "is" and sentence.kind(number) == "value":
                sentence.use(place)
                continue
            raise CannotTell(
                f"what '{sentence.mentions[place].said}' is compared with: a number must follow"
            )
        column = _compared(sentence, table, place, number)
        sentence.use(place, number)
        yield _compare(sentence, table, column, number, sentence.mentions[place].meaning, place)
    for place in sentence.free("number"):
        before = sentence.before(place)
        if before is None or sentence.kind(before) != "column":
            continue
        if not sentence.between(before, place) <= _LINKS:
            continue
        columns = tuple(filter(table.is_number, sentence.mentions[before].columns))
        if columns:
            sentence.use(before, place)
            yield _compare(sentence, table, (before, columns), place, "is", place)


def _numbers_had(sentence: Sentence, table: Table) -> Iterator[Placed]:
    """Read ``flats with 3 rooms``, ``have 3 rooms``."""
    for place in sentence.free("number"):
        after = sentence.free_after(place)
        is_had = place > 0 and sentence.mentions[place - 1].said.lower() in _HAVING
        if not is_had or after != place + 1 or sentence.kind(after) != "column":
            continue
        columns = tuple(filter(table.is_measure, sentence.mentions[after].columns))
        if columns:
            sentence.use(place)
            yield _compare(sentence, table, (after, columns), place, "is", place)


def _compared(
    sentence: Sentence, table: Table, first: int, last: int
) -> tuple[int, tuple[str, ...]]:
    """Return the place and the candidates of the column that a comparison is about."""
    said = sentence.mentions[first].said.lower()
    if said.startswith(("older", "younger")):
        ages = tuple(filter(table.is_measure, table.partly_named(["age"])))
        if ages:
            return first, ages
    options = []
    after, before = sentence.after(last), sentence.before(first)
    if after is not None and not sentence.between(last, after) - {"of", "a", "the", "in"}:
        options.append(after)
    if before is not None:
        options.append(before)
    for place in options:
        mention = sentence.mentions[place]
        columns = tuple(name for name in mention.columns if _may_be_compared(table, mention, name))
        if mention.kind == "column" and columns and place not in sentence.used:
            if place > last and _are_things(mention, columns):
                raise CannotTell(
                    f"whether '{mention.said}' are counted or {code_list(columns)} is compared",
                    columns,
                )
            return place, columns
    number = sentence.mentions[last].said
    raise CannotTell(f"which column is compared with {number}", table.measures())


def _may_be_compared(table: Table, mention: Mention, name: str) -> bool:
    """Say whether a number may be compared with a column: with a key only where it is named."""
    named = comparable(mention.said) == comparable(name)
    return table.is_number(name) and (named or table.is_year(name) or not table.is_key(name))


def _are_things(mention: Mention, columns: tuple[str, ...]) -> bool:
    """Say whether a plural is of a word in a column's name: ``60 bills`` and ``total_bill``."""
    said = mention.said.lower()
    words = {word for name in columns for word in comparable(name).split()}
    return not mention.exact and said.endswith("s") and said not in words and stem(said) != said


def _is_a_part(table: Table, column: str, mention: Mention) -> bool:
    """Say whether a percentage is written as a part of one in a column."""
    numbers = table.columns[column].numbers
    return mention.percent and numbers is not None and numbers.maximum <= 1


def _compare(
    sentence: Sentence,
    table: Table,
    column: tuple[int, tuple[str, ...]],
    number: int,
    meaning: str,
    place: int,
) -> Placed:
    where, columns = column
    mention = sentence.mentions[number]
    sentence.use(where)
    value = mention.number or Decimal(0)
    comparisons: dict[str, Comparison] = {
        name: name for name in ("is", "is not", "above", "least", "below", "most")
    }
    comparison = comparisons[meaning]
    return Placed(
        place,
        tuple(
            Condition(
                column=name,
                comparison=comparison,
                values=(format(value / 100 if _is_a_part(table, name, mention) else value, "f"),),
            )
            for name in columns
        ),
        doubt=_which(columns),
        candidates=columns,
    )


def _missing(sentence: Sentence, table: Table) -> Iterator[Placed]:
    for place in sentence.free("missing"):
        after, before = sentence.free_after(place), sentence.before(place)
        chosen = next(
            (
                one
                for one in (after, before)
                if one is not None and one not in sentence.used and sentence.kind(one) == "column"
            ),
            None,
        )
        if chosen is None:
            raise CannotTell(f"what '{sentence.mentions[place].said}' belongs to: no column does")
        columns = sentence.mentions[chosen].columns
        sentence.use(place, chosen)
        comparison: Comparison = "missing"
        if before is not None and sentence.kind(before) == "not" and before not in sentence.used:
            sentence.use(before)
            comparison = "present"
        options = [_lacking(table, name, comparison) for name in columns]
        doubt = _which(columns)
        if sentence.mentions[place].said.lower() in _NONE_OR_ZERO:
            zeros = [
                name for name in columns if _has_zeros(table, name) and table.flag(name) is None
            ]
            zero: Comparison = "is" if comparison == "missing" else "is not"
            options += [Condition(column=name, comparison=zero, values=("0",)) for name in zeros]
            doubt = doubt or f"whether {code_list(zeros)} is to be missing or 0"
        yield Placed(place, tuple(options), doubt=doubt, candidates=columns)


def _lacking(table: Table, name: str, comparison: Comparison) -> Condition:
    """Return a condition that a value is missing; of yes and no, that it is no yes."""
    flag = table.flag(name)
    if flag is None:
        return Condition(column=name, comparison=comparison)
    has: Comparison = "is not" if comparison == "missing" else "is"
    return Condition(column=name, comparison=has, values=flag)


def _has_zeros(table: Table, name: str) -> bool:
    numbers = table.columns[name].numbers
    return numbers is not None and numbers.zeros > 0


def _values(sentence: Sentence, table: Table) -> Iterator[Placed]:
    """Read values; those of one column in a list are alternatives of each other."""
    places = [
        place
        for place in sentence.free("value", "column")
        if sentence.mentions[place].values
        and (sentence.kind(place) == "value" or _is_value_here(sentence, place))
    ]
    sentence.use(*places)
    groups: list[list[int]] = []
    for place in places:
        if groups and _go_together(sentence, groups[-1][-1], place):
            groups[-1].append(place)
        else:
            groups.append([place])
    for group in groups:
        yield _alternatives(sentence, table, group)


def _is_value_here(sentence: Sentence, place: int) -> bool:
    """Say whether words that are a column and a value are meant as the value."""
    before = sentence.before(place)
    return sentence.kind(before) not in {"group", "every", "subject", "aggregate", "share"}


def _go_together(sentence: Sentence, first: int, second: int) -> bool:
    shared = _columns(sentence.mentions[first]) & _columns(sentence.mentions[second])
    return bool(shared) and sentence.after(first) in {second, sentence.before(second)}


def _columns(mention: Mention) -> set[str]:
    return {column for column, _ in mention.values}


def _alternatives(sentence: Sentence, table: Table, group: list[int]) -> Placed:
    mentions = [sentence.mentions[place] for place in group]
    shared = set.intersection(*map(_columns, mentions))
    qualifier = _qualifier(sentence, group, shared)
    if qualifier is not None:
        sentence.use(qualifier)
        shared &= set(sentence.mentions[qualifier].columns)
    columns = tuple(name for name in table.columns if name in shared)
    negation = sentence.before(group[0] if qualifier is None else min(qualifier, group[0]))
    if negation is None or sentence.kind(negation) != "not":
        negation = sentence.before(group[0])
    is_negated = negation is not None and sentence.kind(negation) == "not"
    if is_negated and negation is not None:
        sentence.use(negation)
    before = sentence.before(group[0])
    is_every = len(group) > 1 and "both" in sentence.between(
        -1 if before is None else before, group[0]
    )
    options, assumptions = [], []
    for name in columns:
        for spellings, assumption in _spellings(mentions, name):
            comparison: Comparison = "is not" if is_negated else "is"
            every = is_every and len(spellings) == len(group) and not is_negated
            options.append(
                Condition(column=name, comparison=comparison, values=spellings, every=every)
            )
            assumptions.append(assumption)
    doubt = _which(columns) if len(columns) > 1 else "which spellings are meant"
    together = len(group) > 1 and "or" not in sentence.between(group[0], group[-1])
    return Placed(group[0], tuple(options), tuple(assumptions), doubt, columns, together)


def _qualifier(sentence: Sentence, group: list[int], shared: set[str]) -> int | None:
    """Return the place of a column's name beside its value: ``region West``, ``West region``."""
    before_group = sentence.before(group[0])
    while before_group is not None and sentence.kind(before_group) in {"compare", "not"}:
        before_group = sentence.before(before_group)
    for place, edge in ((before_group, group[0]), (sentence.after(group[-1]), group[-1])):
        if place is None or place in sentence.used or sentence.kind(place) != "column":
            continue
        if not set(sentence.mentions[place].columns) & shared:
            continue
        before = sentence.before(place)
        grouped = sentence.kind(before) in {"group", "every", "subject", "rank"}
        if not grouped and sentence.between(min(place, edge), max(place, edge)) <= _LINKS | {
            "not",
            "=",
            "equals",
            "!=",
        }:
            return place
    return None


def _spellings(mentions: list[Mention], column: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the spellings that may be meant: the one written, and all that differ in case."""
    written: list[str] = []
    every: list[str] = []
    for mention in mentions:
        texts = [text for name, text in mention.values if name == column]
        exact = [text for text in texts if text == mention.said]
        written += exact or texts
        every += texts
    if written != every:
        others = code_list((text for text in every if text not in written), "and")
        yield tuple(written), f"{others} not counted in"
        yield tuple(every), f"{others} counted in"
    else:
        yield tuple(every), ""


def read_flags(sentence: Sentence, table: Table, places: list[int]) -> Iterator[Placed]:
    """Read columns of yes and no as conditions: ``returned orders``, ``not returned``."""
    for place in places:
        mention = sentence.mentions[place]
        columns = tuple(name for name in mention.columns if table.flag(name))
        before = sentence.before(place)
        is_negated = before is not None and sentence.kind(before) == "not"
        if is_negated and before is not None:
            sentence.use(before)
        sentence.use(place)
        yield Placed(
            place,
            tuple(
                Condition(
                    column=name,
                    comparison="is not" if is_negated else "is",
                    values=table.flag(name) or (),
                )
                for name in columns
            ),
            doubt=_which(columns),
            candidates=columns,
        )


def _refuse_either(sentence: Sentence, found: list[Placed]) -> None:
    """Refuse "or" between conditions on different columns, which are joined by "and" here."""
    ordered = sorted(found, key=lambda one: one.place)
    for first, second in pairwise(ordered):
        if "or" in sentence.between(first.place, second.place) and {
            one.column for one in first.options
        } != {one.column for one in second.options}:
            raise CannotTell("which of the conditions around 'or' belong together")


def _which(columns: tuple[str, ...]) -> str:
    return f"which column is meant: {code_list(columns)}" if len(columns) > 1 else ""


def without_repeats(placed: Placed) -> Placed:
    """Return a condition whose options are all different."""
    kept = dict(zip(placed.options, placed.assumptions or [""] * len(placed.options), strict=True))
    return replace(placed, options=tuple(kept), assumptions=tuple(kept.values()))
