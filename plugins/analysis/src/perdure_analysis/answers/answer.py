"""What is answered: sentences, and the queries and rows that every figure in them comes from."""

from typing import Final, Literal

from pydantic import JsonValue

from perdure_analysis.facts import Fact
from perdure_analysis.questions.queries import Query

Status = Literal["answered", "several", "refused"]
Way = Literal["rules", "model"]

# Between what cannot be told and the answers by each way of reading.
EACH: Final = " Each is answered: "


class Rows(Fact):
    """What a query yields.

    Attributes:
        sql: The query, as DuckDB takes it over the table ``data``.
        columns: The names of its columns.
        rows: Its rows, the first thousand at most.
        more: Whether there are more.
        years: Those of its columns that hold years, which are written without thousands' marks.
    """

    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    more: bool = False
    years: tuple[str, ...] = ()

    def for_people(self) -> "Rows":
        """Return the rows with years as text, as they are written for people."""
        places = {place for place, name in enumerate(self.columns) if name in self.years}
        if not places:
            return self
        rows = (
            tuple(_year(value) if place in places else value for place, value in enumerate(row))
            for row in self.rows
        )
        return self.model_copy(update={"rows": tuple(rows)})


def _year(value: JsonValue) -> JsonValue:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.6g}" if is_number else value


class Reading(Fact):
    """An answer by one way of reading the question.

    Attributes:
        sentence: The answer in words.
        query: What was reckoned; ``None`` where a model wrote the query.
        result: The rows that the figures come from.
        columns: Columns that were used.
        matching: How many rows met the conditions.
        notes: What was taken for what, and which rows were left out.
    """

    sentence: str
    query: Query | None = None
    result: Rows
    columns: tuple[str, ...] = ()
    matching: int = 0
    notes: tuple[str, ...] = ()


class Answer(Fact):
    """The answer to one question.

    Attributes:
        question: The question.
        status: ``several`` where it cannot be told which way to read it and each is named.
        sentence: The answer in words, or why there is none.
        readings: One, or one for each way of reading; none where it is refused.
        candidates: Columns that may have been meant.
        way: What found the query: the rules for forms of questions, or a model.
        why: Why this way.
    """

    question: str
    status: Status
    sentence: str
    readings: tuple[Reading, ...] = ()
    candidates: tuple[str, ...] = ()
    way: Way = "rules"
    why: str = ""
