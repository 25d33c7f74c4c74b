"""Reading what is counted: rows, values, different values, or the total of a column of counts."""

from dataclasses import dataclass

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.measure import is_amount, is_count_of_things, is_level
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table
from perdure_analysis.language.vocabulary import GOODS_NAMES
from perdure_analysis.questions.groups import Groups
from perdure_analysis.questions.queries import Figure
from perdure_analysis.questions.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Wanted:
    """One way to read which figures are wanted.

    Attributes:
        figures: The figures of one answer, the first of which ranks groups.
        assumption: What was taken for what; empty where that is plain.
        over_groups: Whether the mean over groups of the figure is wanted.
    """

    figures: tuple[Figure, ...]
    assumption: str = ""
    over_groups: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The ways to read the figures, and what it is that cannot be told between them."""

    options: tuple[Wanted, ...]
    doubt: str = ""
    candidates: tuple[str, ...] = ()


def read_counts(
    sentence: Sentence, table: Table, places: list[int], meanings: list[str], groups: Groups
) -> Choice:
    """Read ``how many``, ``number of``, ``how many different``, ``average number of``."""
    others = set(meanings) - {"count", "distinct", "sum", "much", "mean"}
    if others:
        raise CannotTell(f"how '{meanings[0]}' and '{meanings[1]}' go together")
    place = max(places)
    distinct = "distinct" in meanings
    over_groups = "mean" in meanings
    if over_groups and not groups.each:
        raise CannotTell("over what the mean of a count is wanted: say per what")
    noun = sentence.free_after(place)
    while noun is not None and sentence.kind(noun) == "rows" and sentence.free_after(noun):
        following = sentence.free_after(noun)
        if sentence.kind(following) != "column" or following is None:
            break
        if sentence.between(noun, following) - {"of", "the"}:
            break
        noun = following
    if noun is None or sentence.kind(noun) not in {"column", "unit"}:
        if distinct:
            raise CannotTell("of which column the different values are counted")
        rows = Wanted((Figure(aggregate="count"),), rows_assumption(sentence), over_groups)
        goods = _goods(sentence, table)
        sentence.use(*sentence.free("rows"))
        pieces = tuple(
            Wanted((Figure(aggregate="sum", column=name),), f"`{name}` added up", over_groups)
            for name in goods
        )
        return Choice((*pieces, rows), "whether rows are counted or what they hold", goods)
    mention = sentence.mentions[noun]
    if mention.kind == "unit":
        raise CannotTell(f"what '{mention.said}' are counted: no column is called so")
    options = counted(table, mention, distinct=distinct)
    if not options:
        return Choice((Wanted((Figure(aggregate="count"),), "", over_groups),))
    sentence.use(noun)
    wanted = tuple(Wanted((figure,), why, over_groups) for figure, why in options)
    return Choice(wanted, f"what is counted as '{mention.said}'", mention.columns)


def _goods(sentence: Sentence, table: Table) -> tuple[str, ...]:
    """Return the columns that say how many pieces a row is of, where pieces were ``sold``."""
    if not any(sentence.mentions[place].sales for place in sentence.free("column")):
        return ()
    return tuple(
        name
        for name in table.measures()
        if GOODS_NAMES & set(table.words(name)) and is_count_of_things(table.columns[name])
    )


def rows_assumption(sentence: Sentence) -> str:
    """Say that every row counts as one, where the question has a word for what the rows are."""
    for place in sentence.free("rows"):
        mention = sentence.mentions[place]
        if mention.meaning == "occurrence":
            return f"every row counted as one of the '{mention.said}'"
    return ""


def counted(table: Table, mention: Mention, *, distinct: bool) -> list[tuple[Figure, str]]:
    """Return what counting a noun may mean: rows, different values, or the sum of a column."""
    found: list[tuple[Figure, str]] = []
    if distinct:
        return [(Figure(aggregate="distinct", column=name), "") for name in mention.columns]
    if not mention.exact and not mention.sales:
        keys = [name for name in mention.columns if not table.is_date(name)]
        if not keys:
            return [(Figure(aggregate="count"), f"every row counted as one of '{mention.said}'")]
    for name in mention.columns:
        column = table.columns[name]
        if table.flag(name) is not None:
            return []
        if table.is_measure(name):
            if not is_level(column):
                found.append((Figure(aggregate="sum", column=name), ""))
            if not (is_amount(column) or (mention.exact and is_count_of_things(column))):
                found.append((Figure(aggregate="count", column=name), ""))
        elif table.is_date(name) and not mention.exact:
            continue
        else:
            found.append((Figure(aggregate="distinct", column=name), ""))
            if column.kind == "identifier" and column.distinct != column.count:
                found.append((Figure(aggregate="count"), ""))
    return found


def read_things(sentence: Sentence, table: Table) -> Choice | None:
    """Read ``which city has the most employees``, ``hires by year``: how many of them there are."""
    for place in sentence.free("column"):
        mention = sentence.mentions[place]
        if mention.sales:
            continue
        options = [
            (figure, why)
            for figure, why in counted(table, mention, distinct=False)
            if figure.aggregate in {"distinct", "count"}
        ]
        if options:
            sentence.use(place)
            wanted = tuple(Wanted((figure,), why) for figure, why in options)
            return Choice(wanted, f"what is counted as '{mention.said}'", mention.columns)
    return None
