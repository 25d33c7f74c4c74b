"""What a question comes to: the figures to reckon, of which rows, by what."""

from typing import Literal

from perdure_analysis.facts import Fact
from perdure_analysis.language.meanings import Meanings

Aggregate = Literal[
    "count",
    "distinct",
    "sum",
    "mean",
    "median",
    "minimum",
    "maximum",
    "deviation",
    "variance",
    "percentile",
    "correlation",
    "share",
    "value",
]
Comparison = Literal[
    "is", "is not", "above", "least", "below", "most", "within", "missing", "present"
]
TimeUnit = Literal["day", "week", "month", "quarter", "year", "weekday"]
Form = Literal[
    "figures",
    "growth",
    "list",
    "rows",
    "row",
    "ratio",
    "mean of groups",
    "count of groups",
]


class Condition(Fact):
    """A condition that rows meet.

    Attributes:
        column: The column compared.
        comparison: How.
        values: What with: the spellings of a text, one number, or for ``within`` the first and last
            day, the one empty that is open.
        every: Whether a thing in several rows must have all values, ``both Dream and Biscoe``; a
            row has one of them.
    """

    column: str
    comparison: Comparison
    values: tuple[str, ...] = ()
    every: bool = False


class Figure(Fact):
    """An aggregate of a column; of the rows for ``count`` without a column.

    Attributes:
        other: The second column of a correlation, or of a ratio.
        percent: Which percentile.
    """

    aggregate: Aggregate
    column: str = ""
    other: str = ""
    percent: float = 0.0


class Grouping(Fact):
    """A column to group by, in units of time where it holds dates."""

    column: str
    unit: TimeUnit | None = None


class GroupCondition(Fact):
    """A condition that groups meet: on a figure of theirs, compared with a number."""

    figure: Figure
    comparison: Comparison
    value: str


class Query(Fact):
    """A question as one way of reading it has it.

    Attributes:
        form: ``figures``, by groups where there are any; ``growth`` of the first figure from
            ``earlier`` to ``later``, or from one group to the next; ``list`` of the values of the
            first group's column; ``rows`` that meet the conditions; the ``row`` with the extreme
            value of the first figure; ``mean of groups``: of the first figure over the groups;
            ``count of groups``: how many of them meet the conditions on groups; ``ratio`` of the
            first figure's column to its other, or of the rows of ``part`` to those of ``against``.
        figures: What to reckon.
        groups: By what.
        conditions: Which rows count.
        part: Further conditions of the rows of which the share or ratio is wanted.
        against: And of those to which the ratio is wanted.
        having: Which groups count.
        none: What no row of a group that counts may meet.
        rank: Whether the groups with the most or the least are wanted.
        limit: How many of them; ``None`` for all.
        position: The one place that is wanted, 2 for the second; ``None`` for the first ones.
        dense: Whether what is equal takes one place together, not several.
        within: In each group of how many of the first groupings the others are ranked.
        assumptions: What was taken for what, in sentences.
    """

    form: Form = "figures"
    figures: tuple[Figure, ...] = ()
    groups: tuple[Grouping, ...] = ()
    conditions: tuple[Condition, ...] = ()
    part: tuple[Condition, ...] = ()
    against: tuple[Condition, ...] = ()
    having: tuple[GroupCondition, ...] = ()
    none: tuple[Condition, ...] = ()
    earlier: Condition | None = None
    later: Condition | None = None
    rank: Literal["", "most", "least"] = ""
    limit: int | None = None
    position: int | None = None
    dense: bool = False
    within: int = 0
    assumptions: tuple[str, ...] = ()


class Question(Fact):
    """A question, and the ways of reading it.

    Attributes:
        text: As it was written.
        readings: More than one where it cannot be told which is meant.
        doubt: What it is that cannot be told; without readings why there is no answer.
        candidates: The columns that may be meant.
        meanings: What its words stand for, whether or not it could be read.
    """

    text: str
    readings: tuple[Query, ...] = ()
    doubt: str = ""
    candidates: tuple[str, ...] = ()
    meanings: Meanings = Meanings()


class Questions(Fact):
    """Every question in a goal's words."""

    questions: tuple[Question, ...] = ()
