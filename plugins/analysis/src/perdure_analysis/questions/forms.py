"""Reading a question by its form: every word of it must mean something, or it is refused."""

from typing import Final, NamedTuple

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.meanings import Meanings, meanings_of
from perdure_analysis.language.measure import is_level
from perdure_analysis.language.mentions import mentions_of
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.values import Values
from perdure_analysis.language.vocabulary import IMPERATIVES, OPEN, PHRASES
from perdure_analysis.language.words import pieces, plain_words, words_of
from perdure_analysis.questions import figures as figures_of
from perdure_analysis.questions.combinations import Combination, combinations, doubt_between
from perdure_analysis.questions.conditions import read_conditions, read_flags, without_repeats
from perdure_analysis.questions.counting import Choice, Wanted
from perdure_analysis.questions.dates import read_periods
from perdure_analysis.questions.figures import read_figures
from perdure_analysis.questions.groups import Groups, Rank, read_groups, read_rank
from perdure_analysis.questions.queries import (
    Figure,
    Grouping,
    Query,
    Question,
)
from perdure_analysis.questions.refusals import (
    refuse_all_of,
    refuse_only,
    refuse_totals,
    refuse_unknown,
    refuse_unused,
)
from perdure_analysis.questions.sentence import Placed, Sentence
from perdure_analysis.questions.special.correlations import read_correlation, read_recent
from perdure_analysis.questions.special.growth import Grow, read_growth
from perdure_analysis.questions.special.negations import (
    distinct_without_any,
    without_any,
)
from perdure_analysis.questions.special.ratios import Ratio, read_ratio
from perdure_analysis.questions.special.shares import read_share
from perdure_analysis.questions.special.thresholds import Threshold, read_threshold

_MOST_READINGS: Final = 6
_MOST_QUESTIONS: Final = 12
_LONGEST: Final = 500
_INTERROGATIVES: Final = plain_words("which what who when where how whose whom is are does do")
_FIGURES: Final = plain_words(
    "aggregate share ratio correlation frequency growth rank adverb versus"
)
_DENSE: Final = (True, False)


def questions_in(description: str) -> list[tuple[str, bool]]:
    """Return the sentences of a goal that may ask for figures, not those that want a profile.

    Returns:
        Each, and whether it does for certain: any other is one only where it can be understood.
    """
    found = [
        (piece, certain) for piece in pieces(description) if (certain := _asks(piece)) is not None
    ]
    return found[:_MOST_QUESTIONS]


def _asks(text: str) -> bool | None:
    """Say whether a sentence asks for figures; ``None`` where it wants a profile."""
    words = words_of(text[:_LONGEST])
    if not words or len(text) > _LONGEST:
        return None
    said = {word.plain for word in words}
    meanings = {
        PHRASES[run][0]
        for length in (1, 2, 3, 4)
        for begin in range(len(words) - length + 1)
        if (run := tuple(word.plain for word in words[begin : begin + length])) in PHRASES
    }
    figures = bool(meanings & _FIGURES)
    develops = words[0].plain == "how" and words[1:2] and words[1].plain in {"does", "do", "did"}
    if (said & OPEN and not meanings & {"aggregate", "share", "correlation"}) or (
        develops and not figures
    ):
        return None
    return text.endswith("?") or words[0].plain in _INTERROGATIVES | IMPERATIVES or figures


def understand(text: str, table: Table, values: Values) -> Question:
    """Return the ways to read a question; none, and why, where it cannot be told.

    Args:
        text: The question.
        table: The table's columns.
        values: The texts of the question that are values of the table.
    """
    # Where it cannot even be told what a word is, no word has a certain meaning.
    meanings = Meanings(without=(text,))
    try:
        mentions = mentions_of(words_of(text), table, values)
        meanings = meanings_of(mentions, table)
        refuse_unknown(mentions, table)
        readings, doubt, candidates = _readings(Sentence(mentions), table)
    except CannotTell as refusal:
        return Question(
            text=text,
            doubt=refusal.doubt,
            candidates=refusal.candidates,
            meanings=meanings,
        )
    return Question(
        text=text,
        readings=readings,
        doubt=doubt if len(readings) > 1 else "",
        candidates=candidates if len(readings) > 1 else (),
        meanings=meanings,
    )


class _Forms(NamedTuple):
    """What a question has of forms that decide which figures are wanted."""

    recent: tuple[Figure, ...]
    rank: Rank | None
    correlation: tuple[Figure, ...]
    growth: Grow | None
    special: Threshold | Ratio | None
    share: list[int]


def _readings(sentence: Sentence, table: Table) -> tuple[tuple[Query, ...], str, tuple[str, ...]]:
    recent = read_recent(sentence, table)
    rank = read_rank(sentence)
    correlation = read_correlation(sentence, table)
    growth = read_growth(sentence, table)
    special = read_ratio(sentence, table) or read_threshold(sentence, table)
    conditions = read_conditions(sentence, table)
    groups = read_groups(sentence, table, rank)
    share = sentence.free("share", "rate")
    sentence.use(*share)
    flags = [one for one in sentence.free("column") if _is_flag(sentence, table, one)]
    conditions += read_flags(sentence, table, flags)
    compared = _compared_values(sentence, conditions, groups)
    if compared:
        groups.each.append(compared)
    if growth is None:
        periods = read_periods(sentence, table)
        if len(periods) > 1:
            raise CannotTell("which of the periods is meant: several are named")
        conditions += periods
    forms = _Forms(recent, rank, correlation, growth, special, share)
    conditions, part, choice = _choose(sentence, table, forms, conditions, groups)
    refuse_unused(sentence, table, choice is not None)
    refuse_totals(table, groups, rank, choice, conditions)
    things = _things(sentence, groups, choice)
    refuse_all_of(table, conditions, things)
    refuse_only(sentence, conditions, bool(things or groups.wanted))
    conditions = [without_repeats(one) for one in conditions]
    part = [without_repeats(one) for one in part]
    queries = [
        query
        for one in combinations(choice, groups, conditions, part)
        for query in (
            [special.query(one)]
            if special is not None
            else _with_groups(sentence, table, one, rank, within=groups.within)
        )
    ]
    if growth is not None:
        queries = [query for one in queries for query in growth(one)]
    doubt, candidates = doubt_between(choice, groups, [*conditions, *part])
    if len(queries) > _MOST_READINGS:
        raise CannotTell(doubt, candidates)
    if rank is not None and rank.position is not None:
        queries = [one.model_copy(update={"dense": dense}) for one in queries for dense in _DENSE]
        doubt = doubt if candidates else "whether what is equal takes one place or several"
    return tuple(dict.fromkeys(queries)), doubt, candidates


def _choose(
    sentence: Sentence, table: Table, forms: _Forms, conditions: list[Placed], groups: Groups
) -> tuple[list[Placed], list[Placed], Choice | None]:
    """Return the conditions of all rows, those of a part of them, and the figures wanted."""
    own = forms.correlation or forms.recent
    if forms.special is not None:
        nouns = groups.wanted or (groups.each if forms.special.nouns else ())
        if forms.rank or forms.share or own or forms.growth or nouns:
            raise CannotTell(f"how {forms.special.said} goes with the rest of the question")
        groups.wanted = forms.special.nouns
        return conditions, [], forms.special.choice
    if own:
        return conditions, [], Choice((Wanted(own),))
    if forms.share:
        return read_share(sentence, table, forms.share[0], conditions, groups)
    return conditions, [], read_figures(sentence, table, forms.rank, groups)


def _things(sentence: Sentence, groups: Groups, choice: Choice | None) -> set[str]:
    """Return the columns of what is listed or counted as different things."""
    if choice is None:
        named = [sentence.mentions[one].columns for one in sentence.free("column")]
        return {one.column for one in groups.wanted} | {name for names in named for name in names}
    figures = [one for wanted in choice.options for one in wanted.figures]
    return {one.column for one in figures if one.aggregate == "distinct"}


def _is_flag(sentence: Sentence, table: Table, place: int) -> bool:
    """Say whether a column of yes and no is meant as a condition, not to be reckoned with."""
    mention = sentence.mentions[place]
    if not mention.columns or not all(table.flag(name) for name in mention.columns):
        return False
    before = sentence.before(place)
    if before is None or sentence.kind(before) != "aggregate":
        return True
    return sentence.mentions[before].meaning not in {"mean", "sum"} or not any(
        map(table.is_number, mention.columns)
    )


def _compared_values(
    sentence: Sentence, conditions: list[Placed], groups: Groups
) -> tuple[Grouping, ...]:
    """Return what to group by where values of one column are compared: ``West versus East``."""
    versus = sentence.free("versus")
    if not versus:
        return ()
    sentence.use(*versus, *sentence.free("between"))
    several = [one for one in conditions if any(len(option.values) > 1 for option in one.options)]
    if not several:
        if not groups.each:
            raise CannotTell("what is compared: name two values of a column, or two periods")
        return ()
    columns = tuple(dict.fromkeys(option.column for one in several for option in one.options))
    return (Grouping(column=columns[0]),) if len(columns) == 1 else ()


def _with_groups(
    sentence: Sentence, table: Table, one: Combination, rank: Rank | None, *, within: bool
) -> list[Query]:
    """Return the queries for one combination of figures, groupings and conditions.

    Args:
        sentence: The question.
        table: The table.
        one: The combination.
        rank: Which end of an order is wanted, if one is.
        within: Whether that is wanted in each of the explicit groups.
    """
    query, chosen, noun, each = one.query, one.wanted, one.noun, one.each
    if chosen is None:
        return [_list_or_rows(sentence, table, query, noun, each)]
    counted = _rows_not_things(sentence, table, chosen)
    assumptions = query.assumptions + counted + ((chosen.assumption,) if chosen.assumption else ())
    query = query.model_copy(update={"figures": chosen.figures, "assumptions": assumptions})
    explicit = any(mention.kind == "aggregate" for mention in sentence.mentions)
    if rank is None:
        every = ((noun,) if noun is not None else ()) + each
        if chosen.figures[0].aggregate == "distinct" and not chosen.over_groups:
            return [distinct_without_any(table, query.model_copy(update={"groups": every}))]
        form = "mean of groups" if chosen.over_groups else "figures"
        return [query.model_copy(update={"groups": every, "form": form})]
    ranked = query.model_copy(
        update={"rank": rank.direction, "limit": rank.limit, "position": rank.position}
    )
    if noun is not None and each:
        if not within or noun in each:
            raise CannotTell(
                f"whether the '{rank.said}' of all or of each `{each[0].column}` is wanted"
            )
        limit = None if rank.position is not None else rank.limit or 1
        update = {"groups": (*each, noun), "within": len(each), "limit": limit}
        return [ranked.model_copy(update=update)]
    if each and within and (rank.limit is not None or rank.position is not None):
        raise CannotTell(
            f"which rows of each `{each[0].column}` are wanted: name the column that tells them"
            " apart"
        )
    if noun is not None:
        return [ranked.model_copy(update={"groups": (noun,)})]
    return _without_noun(table, query, ranked, each, explicit=explicit or rank.frequency)


def _rows_not_things(sentence: Sentence, table: Table, chosen: Wanted) -> tuple[str, ...]:
    if chosen.figures[0].aggregate in {"count", "distinct", "share"}:
        return ()
    return tuple(
        f"every row counts, not every '{mention.said}'"
        for place, mention in enumerate(sentence.mentions)
        if place not in sentence.used
        and mention.kind == "column"
        and not mention.sales
        and any(table.columns[name].distinct < table.rows for name in mention.columns)
    )


def _without_noun(
    table: Table, query: Query, ranked: Query, each: tuple[Grouping, ...], *, explicit: bool
) -> list[Query]:
    """Return the queries for a superlative that no noun says whose it is: ``highest price``."""
    first = query.figures[0]
    is_extreme = first.aggregate in {"minimum", "maximum"}
    if not each:
        if explicit or not is_extreme:
            raise CannotTell("of what that is wanted: name a column to group by")
        return [ranked.model_copy(update={"form": "row"})]
    total = Figure(aggregate="sum", column=first.column)
    if explicit or ranked.limit is not None or ranked.position is not None:
        figure = total if is_extreme and not explicit else first
        return [ranked.model_copy(update={"figures": (figure,), "groups": each})]
    extreme = query.model_copy(update={"groups": each})
    if is_level(table.columns[first.column]):
        return [extreme]
    return [extreme, ranked.model_copy(update={"figures": (total,), "groups": each})]


def _list_or_rows(
    sentence: Sentence,
    table: Table,
    query: Query,
    noun: Grouping | None,
    each: tuple[Grouping, ...],
) -> Query:
    if noun is not None and noun.unit is None:
        return without_any(table, query.model_copy(update={"form": "list", "groups": (noun,)}))
    places = [one for one in sentence.free("column") if not sentence.mentions[one].sales]
    columns = [name for one in places for name in sentence.mentions[one].columns]
    exact = [one for one in places if sentence.mentions[one].exact]
    if each:
        raise CannotTell("which column of numbers is meant", table.measures())
    if len(places) == 1 and len(columns) == 1:
        listed = {"form": "list", "groups": (Grouping(column=columns[0]),)}
        return without_any(table, query.model_copy(update=listed))
    if places and (exact or len(columns) > 1) and not sentence.has("rows"):
        raise CannotTell(f"which column is meant: {code_list(columns)}", tuple(columns))
    if query.conditions:
        return query.model_copy(update={"form": "rows"})
    raise CannotTell("what figure is wanted", figures_of.suggestions(table))
