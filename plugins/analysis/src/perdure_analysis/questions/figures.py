"""Reading which figures a question wants, and of which columns."""

from typing import Final

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.measure import is_amount, is_count_of_things, is_level
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.words import comparable, stem
from perdure_analysis.questions.counting import (
    Choice,
    Wanted,
    read_counts,
    read_things,
    rows_assumption,
)
from perdure_analysis.questions.groups import Groups, Rank
from perdure_analysis.questions.queries import (
    Aggregate,
    Figure,
)
from perdure_analysis.questions.sentence import Sentence

_BY_COUNT: Final = frozenset({"most", "least", "fewest", "top", "bottom"})
_AGGREGATES: Final[dict[str, tuple[Aggregate, ...]]] = {
    "mean": ("mean",),
    "median": ("median",),
    "sum": ("sum",),
    "much": ("sum",),
    "count": ("count",),
    "distinct": ("distinct",),
    "minimum": ("minimum",),
    "maximum": ("maximum",),
    "range": ("minimum", "maximum"),
    "deviation": ("deviation",),
    "variance": ("variance",),
}


def measures_of(table: Table, mention: Mention) -> tuple[str, ...]:
    """Return the columns of numbers that a mention may mean; keys only where nothing else is."""
    measures = tuple(filter(table.is_measure, mention.columns))
    if measures or not mention.exact:
        return measures
    return tuple(
        name for name in mention.columns if table.is_number(name) and not table.numbers_rows(name)
    )


def read_figures(
    sentence: Sentence, table: Table, rank: Rank | None, groups: Groups
) -> Choice | None:
    """Read the figures, and use up their mentions.

    Returns:
        ``None`` where the question names neither a figure nor a column of numbers.

    Raises:
        CannotTell: It is not certain of which column.
    """
    aggregates = sentence.free("aggregate")
    meanings = [sentence.mentions[place].meaning for place in aggregates]
    sentence.use(*aggregates)
    if "distinct" in meanings or "count" in meanings:
        return read_counts(sentence, table, aggregates, meanings, groups)
    if "much" in meanings and len(meanings) > 1:
        aggregates = [one for one in aggregates if sentence.mentions[one].meaning != "much"]
    if not aggregates:
        return _without_aggregate(sentence, table, rank, groups)
    choice = _of_columns(sentence, table, aggregates, groups)
    if rank is not None and rank.hint:
        _refuse_another_order(table, rank, choice)
    return choice


def _refuse_another_order(table: Table, rank: Rank, choice: Choice) -> None:
    """Refuse ``average salary of the oldest``: the one is reckoned, the other decides of which."""
    ordering = set(table.hinted(rank.hint))
    for wanted in choice.options:
        if not {one.column for one in wanted.figures} <= ordering:
            raise CannotTell(
                f"how '{rank.said}' goes with the {wanted.figures[0].aggregate} of"
                f" `{wanted.figures[0].column}`",
                tuple(ordering),
            )


def _without_aggregate(
    sentence: Sentence, table: Table, rank: Rank | None, groups: Groups
) -> Choice | None:
    if rank is not None and rank.frequency:
        _use_rows(sentence)
        return Choice((Wanted((Figure(aggregate="count"),)),))
    places = [one for one in sentence.free("column") if measures_of(table, sentence.mentions[one])]
    if rank is not None and rank.said.lower() in _BY_COUNT:
        # "Most loans" counts them, though a column of that name numbers them.
        places = [one for one in places if not _are_keys(table, sentence.mentions[one])]
    if not places and rank is not None and rank.hint:
        return _hinted(table, rank, groups)
    if not places:
        return _sales_without_column(sentence, table, rank, groups)
    # "Sold" beside a column's name says nothing more.
    named = [one for one in places if not sentence.mentions[one].sales] or places
    sentence.use(*places)
    wanted = [
        (measures_of(table, sentence.mentions[one]), sentence.mentions[one].said) for one in named
    ]
    names, said = max(wanted, key=lambda one: len(one[0]))
    every = tuple(name for some, _ in wanted for name in some)
    if len(wanted) > 1 and (rank is not None or len(names) > 1):
        doubtful = every if rank is not None else names
        raise CannotTell(f"which column is meant: {code_list(doubtful)}", doubtful)
    if rank is not None:
        return _choice([_ranked(table, name, rank, groups, said) for name in names], names)
    if len(wanted) == 1:
        return _choice([_plain_readings(table, name, groups, said) for name in names], names)
    plain = [_plain_readings(table, name, groups, "")[0] for name in every]
    return Choice((Wanted(tuple(figure for one in plain for figure in one.figures)),))


def _are_keys(table: Table, mention: Mention) -> bool:
    return all(
        table.columns[name].kind == "identifier" and not table.is_year(name)
        for name in mention.columns
    )


def _hinted(table: Table, rank: Rank, groups: Groups) -> Choice:
    """Read ``most expensive``: the columns in whose name ``price`` stands."""
    names = table.hinted(rank.hint)
    if not names:
        raise CannotTell(f"which column '{rank.said}' is meant by", table.measures())
    return _choice([_ranked(table, name, rank, groups, rank.said) for name in names], names)


def _sales_without_column(
    sentence: Sentence, table: Table, rank: Rank | None, groups: Groups
) -> Choice | None:
    sales = [one for one in sentence.free("column") if sentence.mentions[one].sales]
    rows = sentence.free("rows")
    if rank is not None:
        if rows:
            why = rows_assumption(sentence)
            sentence.use(*rows)
            return Choice((Wanted((Figure(aggregate="count"),), why),))
        by_count = rank.said.lower() in _BY_COUNT
        things = read_things(sentence, table) if by_count else None
        if things is not None:
            return things
        what = sentence.mentions[sales[0]].said if sales else rank.said
        raise CannotTell(f"which column is meant by '{what}'", table.measures())
    if rows and groups.each:
        why = rows_assumption(sentence)
        sentence.use(*rows)
        return Choice((Wanted((Figure(aggregate="count"),), why),))
    things = read_things(sentence, table) if groups.each else None
    if things is not None:
        return things
    if sales and not rows:
        said = sentence.mentions[sales[0]].said
        raise CannotTell(f"which column is meant by '{said}'", table.measures())
    return None


def _use_rows(sentence: Sentence) -> None:
    sentence.use(*sentence.free("rows"))


def _plain_readings(table: Table, name: str, groups: Groups, said: str) -> list[Wanted]:
    """Read a column without an aggregate: its total or its mean, by what its name says."""
    column = table.columns[name]
    taken = _taken(table, name, said)
    if is_amount(column):
        return [Wanted((Figure(aggregate="sum", column=name),), taken)]
    if is_level(column):
        aggregate: Aggregate = "mean" if groups.each else "value"
        return [Wanted((Figure(aggregate=aggregate, column=name),), taken)]
    return [
        Wanted((Figure(aggregate="sum", column=name), Figure(aggregate="mean", column=name)), taken)
    ]


def _ranked(table: Table, name: str, rank: Rank, groups: Groups, said: str) -> list[Wanted]:
    """Read by what groups are ranked where no aggregate is named."""
    column = table.columns[name]
    extreme: Aggregate = "maximum" if rank.direction == "most" else "minimum"
    taken = _taken(table, name, said)
    if not groups.wanted:
        return [Wanted((Figure(aggregate=extreme, column=name),), taken)]
    by_sum = rank.said.lower() in {"most", "least", "top", "bottom", "best", "worst", "fewest"}
    aggregates: tuple[Aggregate, ...] = ("sum", "mean", extreme)
    if is_amount(column) or is_count_of_things(column):
        aggregates = ("sum",) if by_sum else ("sum", extreme)
    elif is_level(column):
        aggregates = (extreme, "mean")
    return [Wanted((Figure(aggregate=one, column=name),), taken) for one in aggregates]


def _of_columns(sentence: Sentence, table: Table, aggregates: list[int], groups: Groups) -> Choice:
    """Give every aggregate its column: the next one, else the one that the next aggregate has."""
    pairs: list[tuple[str, int]] = []
    waiting: list[str] = []
    ends = [*aggregates[1:], len(sentence.mentions)]
    for place, end in zip(aggregates, ends, strict=True):
        waiting.append(sentence.mentions[place].meaning)
        columns = [one for one in sentence.free("column") if place < one < end]
        columns = [
            one for one in columns if _may_be_reckoned(table, sentence.mentions[one], waiting)
        ]
        if not columns:
            continue
        chosen = columns[:1]
        for one in columns[1:]:
            if not sentence.are_listed(chosen[-1], one):
                break
            chosen.append(one)
        pairs += [(meaning, one) for meaning in waiting for one in chosen]
        sentence.use(*chosen)
        waiting = []
    if waiting:
        left = [
            one
            for one in sentence.free("column")
            if one < aggregates[0] and _may_be_reckoned(table, sentence.mentions[one], waiting)
        ]
        if left:
            sentence.use(left[-1])
            pairs += [(meaning, left[-1]) for meaning in waiting]
        else:
            return _only_column(sentence, table, waiting, bool(pairs))
    return _options(sentence, table, pairs, groups)


def _may_be_reckoned(table: Table, mention: Mention, meanings: list[str]) -> bool:
    if set(meanings) <= {"minimum", "maximum", "range"}:
        return any(map(table.is_orderable, mention.columns))
    return bool(measures_of(table, mention)) or (mention.sales and bool(mention.columns))


def _only_column(sentence: Sentence, table: Table, waiting: list[str], others: bool) -> Choice:
    named = [one for one in sentence.free("column") if sentence.mentions[one].exact]
    if named:
        name = sentence.mentions[named[0]].columns[0]
        what = {"much": "total"}.get(waiting[0], waiting[0])
        raise CannotTell(
            f"what the {what} of `{name}` is: it holds {table.columns[name].kind}, no numbers",
            table.measures(),
        )
    measures = table.measures()
    if len(measures) == 1 and not others and not sentence.free("column"):
        figures = tuple(figure for meaning in waiting for figure in _figures(meaning, measures[0]))
        return Choice((Wanted(figures, f"`{measures[0]}` is the only column of numbers"),))
    raise CannotTell("which column of numbers is meant", measures)


def _options(
    sentence: Sentence, table: Table, pairs: list[tuple[str, int]], groups: Groups
) -> Choice:
    candidates: list[tuple[str, ...]] = []
    for meaning, place in pairs:
        mention = sentence.mentions[place]
        names = measures_of(table, mention)
        if not names and meaning in {"minimum", "maximum", "range"}:
            names = tuple(filter(table.is_orderable, mention.columns))
        candidates.append(names)
    several = [names for names in candidates if len(names) > 1]
    if len(pairs) > 1 and len({place for _, place in pairs}) > 1 and several:
        raise CannotTell(f"which column is meant: {code_list(several[0])}", several[0])
    options: list[Wanted] = []
    for number in range(max(map(len, candidates))):
        figures = []
        for (meaning, _), names in zip(pairs, candidates, strict=True):
            name = names[min(number, len(names) - 1)]
            figures += _figures(meaning, name)
        mention = sentence.mentions[pairs[0][1]]
        name = candidates[0][min(number, len(candidates[0]) - 1)]
        taken = _taken(table, name, mention.said)
        if len(figures) == 1 and figures[0].aggregate == "mean" and is_amount(table.columns[name]):
            options += _mean_readings(table, name, groups, taken)
        else:
            options.append(Wanted(tuple(figures), taken))
    names = several[0] if several else ()
    doubt = f"which column is meant: {code_list(names)}" if names else "what the mean is taken over"
    return Choice(tuple(options), doubt, names)


def _figures(meaning: str, name: str) -> list[Figure]:
    if meaning.startswith("percentile"):
        percent = float(meaning.removeprefix("percentile ")) / 100
        return [Figure(aggregate="percentile", column=name, percent=percent)]
    return [Figure(aggregate=one, column=name) for one in _AGGREGATES[meaning]]


def _mean_readings(table: Table, name: str, groups: Groups, taken: str) -> list[Wanted]:
    """Read ``average revenue per customer``: of each one's rows, or of all totals."""
    figure = Figure(aggregate="mean", column=name)
    if len(groups.each) != 1 or not _is_thing(table, groups):
        return [Wanted((figure,), taken)]
    total = Figure(aggregate="sum", column=name)
    return [
        Wanted((figure,), taken),
        Wanted((total,), taken, over_groups=True),
    ]


def _is_thing(table: Table, groups: Groups) -> bool:
    """Say whether what is grouped by is a thing or a time, of which "per" may want totals."""
    first = groups.each[0][0]
    return first.unit not in {None, "weekday"} or table.columns[first.column].kind in {
        "identifier",
        "text",
    }


def _taken(table: Table, name: str, said: str) -> str:
    """Say which column was taken for what was said, unless it is the column's own name."""
    if not said or comparable(said) == comparable(name):
        return ""
    if table.named([stem(part) for part in comparable(said).split()]) == (name,):
        return ""
    return f"`{name}` taken for '{said}'"


def _choice(readings: list[list[Wanted]], names: tuple[str, ...]) -> Choice:
    options = tuple(one for reading in readings for one in reading)
    doubt = (
        f"which column is meant: {code_list(names)}" if len(names) > 1 else "what it is ranked by"
    )
    return Choice(options, doubt, names)


def suggestions(table: Table) -> tuple[str, ...]:
    """Return the columns of numbers, which a question without a figure may have meant."""
    return table.measures()
