"""Reading conditions on the figures of groups: ``regions with a total revenue above 300``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.questions.combinations import Combination
from perdure_analysis.questions.counting import Choice, Wanted, counted, rows_assumption
from perdure_analysis.questions.figures import measures_of
from perdure_analysis.questions.groups import noun_groupings
from perdure_analysis.questions.queries import (
    Aggregate,
    Comparison,
    Figure,
    GroupCondition,
    Grouping,
    Query,
)
from perdure_analysis.questions.sentence import Sentence

_AGGREGATES: Final[dict[str, Aggregate]] = {
    "mean": "mean",
    "median": "median",
    "sum": "sum",
    "minimum": "minimum",
    "maximum": "maximum",
}
_COMPARISONS: Final[dict[str, Comparison]] = {
    "above": "above",
    "least": "least",
    "below": "below",
    "most": "most",
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number with which a figure of each group is compared.

    Attributes:
        choice: The figures that may be meant.
        comparison: How it is compared.
        value: The number.
        nouns: The groupings that may be meant.
        counts: Whether it is asked how many groups there are, not which.
        said: What it is called where it does not go with the rest of a question.
    """

    choice: Choice
    comparison: Comparison
    value: str
    nouns: tuple[Grouping, ...]
    counts: bool
    said: str = "the condition on groups"

    def query(self, one: Combination) -> Query:
        """Return the query for one way of reading the question."""
        if one.wanted is None or one.noun is None:
            raise CannotTell("what figure is wanted")
        figure = one.wanted.figures[0]
        assumed = (one.wanted.assumption,) if one.wanted.assumption else ()
        condition = GroupCondition(figure=figure, comparison=self.comparison, value=self.value)
        return one.query.model_copy(
            update={
                "form": "count of groups" if self.counts else "figures",
                "figures": one.wanted.figures,
                "groups": (one.noun,),
                "having": (condition,),
                "assumptions": one.query.assumptions + assumed,
            }
        )


def read_threshold(sentence: Sentence, table: Table) -> Threshold | None:
    """Read a condition on groups, and use up its mentions; ``None`` where there is none.

    Either an aggregate stands before what is compared, ``an average price over 20``, or rows are
    counted, ``more than 3 orders``; and a noun for the groups stands before that.
    """
    for place in sentence.free("compare"):
        comparison = _COMPARISONS.get(sentence.mentions[place].meaning)
        number = sentence.free_after(place)
        if comparison is None or number is None or sentence.kind(number) != "number":
            continue
        if sentence.mentions[number].percent or sentence.mentions[number].number is None:
            continue
        for figure in (
            _reckoned(sentence, table, sentence.before(place)),
            _reckoned(sentence, table, sentence.after(number), sentence.before(place)),
            _things(sentence, table, number),
        ):
            if figure is None:
                continue
            choice, places = figure
            read = _of_nouns(sentence, table, min(*places, place))
            if read is not None:
                nouns, counts = read
                sentence.use(place, number, *places)
                value = format(sentence.mentions[number].number or 0, "f")
                return Threshold(choice, comparison, value, nouns, counts)
    return None


def _reckoned(
    sentence: Sentence, table: Table, column: int | None, aggregate: int | None = None
) -> tuple[Choice, tuple[int, ...]] | None:
    """Return the figure that is compared, and its places: ``an average price``.

    Args:
        sentence: The question.
        table: The table.
        column: Where the column may stand.
        aggregate: Where the aggregate may stand; before the column when not given.
    """
    if aggregate is None and column is not None:
        aggregate = sentence.before(column)
    if column is None or aggregate is None or {column, aggregate} & sentence.used:
        return None
    meaning = _AGGREGATES.get(sentence.mentions[aggregate].meaning)
    names = measures_of(table, sentence.mentions[column])
    is_figure = sentence.kind(aggregate) == "aggregate" and sentence.kind(column) == "column"
    if meaning is None or not is_figure or not names:
        return None
    options = tuple(Wanted((Figure(aggregate=meaning, column=name),)) for name in names)
    doubt = f"which column is meant: {code_list(names)}" if len(names) > 1 else ""
    return Choice(options, doubt, names), (aggregate, column)


def _things(sentence: Sentence, table: Table, number: int) -> tuple[Choice, tuple[int, ...]] | None:
    """Return what is counted behind a number, and its place: ``3 orders``."""
    place = sentence.free_after(number)
    if place is None:
        return None
    mention = sentence.mentions[place]
    if mention.kind == "rows":
        rows = Wanted((Figure(aggregate="count"),), rows_assumption(sentence))
        return Choice((rows,)), (place,)
    if mention.kind != "column" or not mention.columns:
        return None
    if not all(table.is_key(name) and not table.is_date(name) for name in mention.columns):
        return None
    options = tuple(
        Wanted((figure,), why) for figure, why in counted(table, mention, distinct=False)
    )
    doubt = f"what is counted as '{mention.said}'"
    return (Choice(options, doubt, mention.columns), (place,)) if options else None


def _of_nouns(
    sentence: Sentence, table: Table, end: int
) -> tuple[tuple[Grouping, ...], bool] | None:
    """Return the groupings that a noun before a place stands for, and whether they are counted."""
    before = list(_before(sentence, end))
    places = [place for place in before if sentence.kind(place) in {"column", "unit"}]
    counting = [place for place in before if sentence.kind(place) == "aggregate"]
    if any(sentence.mentions[place].meaning != "count" for place in counting):
        return None
    for place in places:
        nouns = noun_groupings(sentence, table, place)
        if nouns:
            sentence.use(*counting, *(one for one in before if sentence.kind(one) == "subject"))
            return nouns, bool(counting)
    return None


def _before(sentence: Sentence, end: int) -> Iterator[int]:
    return (
        place for place in sentence.free("column", "unit", "aggregate", "subject") if place < end
    )
