"""Reading what a question groups by, which groups it wants, and what it is a question of."""

from dataclasses import dataclass, field
from typing import Final, Literal

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.questions.dates import (
    automatic_unit,
    date_columns,
    mention_of_unit,
)
from perdure_analysis.questions.queries import (
    Grouping,
)
from perdure_analysis.questions.sentence import Sentence

_MOST_GROUPS: Final = 3
_EACH: Final = frozenset({"each", "every"})


@dataclass(frozen=True, slots=True)
class Rank:
    """Which end of an order is wanted.

    Attributes:
        place: Where it stands.
        direction: ``most`` or ``least``.
        limit: How many; ``None`` where no number is named.
        hint: A word of the name of the column meant, such as ``price`` for ``most expensive``.
        position: The one place that is wanted, 2 for the second; ``None`` for the first ones.
        frequency: Whether the most or least frequent is wanted.
        said: The words.
    """

    place: int
    direction: Literal["most", "least"]
    limit: int | None
    position: int | None
    hint: str
    frequency: bool
    said: str


@dataclass(slots=True)
class Groups:
    """What a question groups by: for each grouping the ways it may be meant.

    Attributes:
        each: Explicit groupings: ``by region``, ``per month``.
        wanted: The grouping of which some groups are wanted: ``which region``, ``top 5 customers``.
        per_row: Whether a figure for each row was named, which groups nothing.
        within: Whether words such as ``in each`` name them, within which there may be a ranking.
    """

    each: list[tuple[Grouping, ...]] = field(default_factory=list)
    wanted: tuple[Grouping, ...] = ()
    per_row: bool = False
    within: bool = False


def read_rank(sentence: Sentence) -> Rank | None:
    """Read a superlative and its number.

    Raises:
        CannotTell: There are several.
    """
    places = sentence.free("rank", "frequency")
    if not places:
        return None
    place = places[0]
    if len(places) > 1:
        # "The top 5 most expensive" says one thing twice.
        second = sentence.mentions[places[1]]
        first = sentence.mentions[place]
        number = sentence.after(place)
        adjacent = places[1] in {number, None if number is None else sentence.after(number)}
        same = first.meaning.split()[0] == second.meaning.split()[0]
        if len(places) > 2 or not adjacent or not same:
            raise CannotTell(f"whether '{first.said}' or '{second.said}' is wanted: name one")
    meaning = max((sentence.mentions[one].meaning for one in places), key=len)
    limit = None
    beside_subjects = [sentence.after(one) for one in sentence.free("subject")]
    for beside in (sentence.before(place), sentence.after(place), *beside_subjects):
        if beside is not None and sentence.kind(beside) == "number" and beside not in sentence.used:
            number_meant = sentence.mentions[beside].number
            if number_meant is None or number_meant != int(number_meant) or number_meant < 1:
                raise CannotTell(f"how many '{sentence.mentions[beside].said}' are")
            limit = int(number_meant)
            sentence.use(beside)
            break
    position = _position(sentence, places[0], limit)
    sentence.use(*places)
    direction: Literal["most", "least"] = "least" if meaning.startswith("least") else "most"
    return Rank(
        place=places[-1],
        direction=direction,
        limit=limit,
        position=position,
        hint=meaning.partition(" ")[2],
        frequency=any(sentence.kind(one) == "frequency" for one in places),
        said=sentence.mentions[place].said,
    )


def _position(sentence: Sentence, place: int, limit: int | None) -> int | None:
    """Read ``second`` before a superlative."""
    before = sentence.before(place)
    if before is None or sentence.kind(before) != "ordinal":
        return None
    if limit is not None:
        said = sentence.mentions[before].said
        raise CannotTell(f"whether the '{said}' or {limit} of them are wanted: name one")
    sentence.use(before)
    return int(sentence.mentions[before].number or 0)


def read_groups(sentence: Sentence, table: Table, rank: Rank | None) -> Groups:
    """Read what a question groups by, and use up the mentions.

    Raises:
        CannotTell: It is not certain by what.
    """
    groups = Groups()
    for place in sentence.free("group", "every"):
        _read_marker(sentence, table, rank, groups, place)
    for place in sentence.free("adverb"):
        sentence.use(place)
        unit = mention_of_unit(sentence.mentions[place])
        groups.each.append(_times(sentence, table, unit, automatic=unit is None))
    if rank is not None or sentence.has("subject"):
        groups.wanted = _wanted(sentence, table, rank)
    if len(groups.each) > _MOST_GROUPS:
        raise CannotTell(f"what to group by: more than {_MOST_GROUPS} columns are named")
    return groups


def _read_marker(
    sentence: Sentence, table: Table, rank: Rank | None, groups: Groups, place: int
) -> None:
    following = sentence.free_after(place)
    if following is None:
        raise CannotTell(f"what follows '{sentence.mentions[place].said}'")
    mention = sentence.mentions[following]
    if mention.kind == "every":
        sentence.use(place)
        return
    if mention.kind in {"aggregate", "share"} or (mention.kind == "column" and mention.sales):
        sentence.use(place)
        return
    per = sentence.mentions[place].said.lower() == "per"
    if mention.kind == "column" and per and _is_only_a_measure(table, mention):
        raise CannotTell(
            f"whether 'per {mention.said}' groups by {code_list(mention.columns)} or divides by it",
            mention.columns,
        )
    if mention.kind == "column" and _is_a_choice_of_dates(sentence, table, mention):
        sentence.use(place, following)
        return
    if mention.kind == "rows":
        sentence.use(place, following)
        groups.per_row = True
        return
    ordered = rank is not None or bool(sentence.free("versus"))
    if mention.kind == "column" and ordered and _is_only_a_measure(table, mention):
        sentence.use(place)
        return
    current: int | None = following
    previous = place
    while current is not None:
        options = _grouping(sentence, table, sentence.mentions[current])
        listed = previous == place or sentence.are_listed(previous, current)
        if not options or not listed:
            break
        sentence.use(current)
        groups.each.append(options)
        previous, current = current, sentence.free_after(current)
    said = sentence.mentions[place].said.lower()
    groups.within = groups.within or said == "per" or bool(_EACH & set(said.split()))
    if previous == place:
        raise CannotTell(
            f"what '{sentence.mentions[place].said} {mention.said}' groups by",
            tuple(column.name for column in table.of("category", "boolean")),
        )
    sentence.use(place)


def _is_a_choice_of_dates(sentence: Sentence, table: Table, mention: Mention) -> bool:
    """Say whether ``by order date`` says which dates are meant by a period or a unit of time."""
    if not all(map(table.is_date, mention.columns)):
        return False
    in_units = sentence.has("unit", "adverb", "growth")
    return in_units or (sentence.has("period") and len(table.of("date")) > 1)


def _is_only_a_measure(table: Table, mention: Mention) -> bool:
    return all(table.is_measure(name) and table.flag(name) is None for name in mention.columns)


def _grouping(sentence: Sentence, table: Table, mention: Mention) -> tuple[Grouping, ...]:
    if mention.kind == "unit":
        return _times(sentence, table, mention_of_unit(mention))
    if mention.kind != "column" or mention.sales:
        return ()
    return tuple(
        Grouping(column=name)
        for name in mention.columns
        if table.columns[name].kind not in {"nested", "binary"}
    )


def _times(
    sentence: Sentence, table: Table, unit: str | None, *, automatic: bool = False
) -> tuple[Grouping, ...]:
    columns = date_columns(sentence, table)
    if not columns:
        raise CannotTell("what to group by over time: no column holds dates")
    found = []
    for name in columns:
        chosen = (
            automatic_unit(table, name)
            if automatic
            else mention_of_unit(Mention("", "unit", unit or ""))
        )
        found.append(Grouping(column=name, unit=chosen))
    return tuple(found)


def _wanted(sentence: Sentence, table: Table, rank: Rank | None) -> tuple[Grouping, ...]:
    """Read the noun of ``which region``, ``top 5 customers``, ``who``, ``best month``."""
    for place in sentence.free("subject"):
        meaning = sentence.mentions[place].meaning
        sentence.use(place)
        if meaning in {"who", "where"} and rank is not None:
            return _persons_or_places(table, meaning)
        if meaning == "when" and rank is not None:
            return _times(sentence, table, "day")
        if meaning in {"who", "where", "when"}:
            raise CannotTell(f"what '{sentence.mentions[place].said}' asks for")
        noun = sentence.after(place)
        while noun is not None and sentence.kind(noun) in {"rank", "frequency", "number"}:
            noun = sentence.after(noun)
        options = noun_groupings(sentence, table, noun)
        if options:
            return options
    if rank is None:
        return ()
    owner = sentence.before(rank.place)
    if owner is not None and not sentence.between(owner, rank.place) & {"with", "has", "have"}:
        owner = None
    for noun in (owner, sentence.after(rank.place), *sentence.free("column", "unit")):
        after_number = sentence.kind(noun) == "number" and noun is not None
        following = sentence.after(noun) if after_number and noun else noun
        options = noun_groupings(sentence, table, following)
        if options:
            return options
    return ()


def noun_groupings(sentence: Sentence, table: Table, place: int | None) -> tuple[Grouping, ...]:
    """Return the groupings that a noun stands for, and use it; nothing for measures."""
    if place is None or place in sentence.used:
        return ()
    mention = sentence.mentions[place]
    if mention.kind not in {"column", "unit"} or mention.sales:
        return ()
    role, _, unit = mention.meaning.partition(" ")
    if role == "unit" and mention.columns and all(map(table.is_date, mention.columns)):
        # A column of dates that is called "day": "on which day" asks for its days.
        sentence.use(place)
        days = mention_of_unit(Mention("", "unit", unit))
        return tuple(Grouping(column=name, unit=days) for name in mention.columns)
    options = _grouping(sentence, table, mention)
    kept = tuple(
        one
        for one in options
        if one.unit is not None
        or not (table.is_measure(one.column) or table.is_date(one.column) or table.flag(one.column))
    )
    if kept:
        sentence.use(place)
    return kept


def _persons_or_places(table: Table, meaning: str) -> tuple[Grouping, ...]:
    names = table.places() if meaning == "where" else table.persons()
    found = tuple(Grouping(column=name) for name in names)
    if not found:
        raise CannotTell(f"which column '{meaning}' means", tuple(table.columns))
    return found


def groups_said(options: tuple[Grouping, ...]) -> str:
    """Write the columns that a grouping may mean."""
    return code_list(one.column for one in options)
