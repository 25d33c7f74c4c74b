"""Answering the questions in a goal's words from the table."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from perdure_analysis.answers.answer import EACH, Answer, Reading, Rows
from perdure_analysis.answers.sentences import sentence
from perdure_analysis.answers.sql import alias, coverage, statement
from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.exactness import settled
from perdure_analysis.facts import Columns, Source
from perdure_analysis.language.mentions import grams
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.values import find_values
from perdure_analysis.language.words import words_of
from perdure_analysis.questions.forms import questions_in, understand
from perdure_analysis.questions.queries import Query, Question, Questions
from perdure_analysis.table_session import TableSession

SHOWN_ROWS: Final = 1_000
DATA_ROWS: Final = 100
FEWEST_ROWS: Final = 20
MOST_CELLS: Final = 10_000
_LONGEST_TEXT: Final = 500
# Figures of years that are years themselves.
_KEYED: Final = frozenset({"figures", "growth", "ratio"})
_KEEPING_YEARS: Final = frozenset({"minimum", "maximum", "mean", "median", "percentile", "value"})


def understand_questions(
    session: TableSession, source: Source, columns: Columns, description: str
) -> Questions:
    """Find the questions in a goal's words, and the ways to read each.

    Args:
        session: Holds the table, or loads it.
        source: Which file it is.
        columns: Its columns, described.
        description: The goal in words.
    """
    texts = questions_in(description)
    if not texts:
        return Questions()
    database, loaded = session.table(source)
    table = table_of(source, loaded.rows, columns)
    words = [word for text, _ in texts for word in grams(words_of(text))]
    values = find_values(database, columns, words)
    questions = [(understand(text, table, values), certain) for text, certain in texts]
    return Questions(questions=tuple(one for one, certain in questions if certain or one.readings))


def answer_question(
    session: TableSession, source: Source, columns: Columns, question: Question
) -> Answer:
    """Answer a question by every way to read it; one answer where all give the same figures."""
    if not question.readings:
        return Answer(
            question=question.text,
            status="refused",
            sentence=_refusal(question),
            candidates=question.candidates,
            why=_why_refused(question),
        )
    database, loaded = session.table(source)
    table = table_of(source, loaded.rows, columns)
    found = [_read(database, table, one) for one in question.readings]
    readings = _without_equal(database, found)
    why = "every word of the question has a meaning here"
    if len(readings) == 1:
        return Answer(
            question=question.text,
            status="answered",
            sentence=with_notes(readings[0]),
            readings=(readings[0],),
            why=why,
        )
    each = " ".join(with_notes(one) for one in readings)
    return Answer(
        question=question.text,
        status="several",
        sentence=f"It cannot be told {question.doubt}.{EACH}{each}",
        readings=tuple(readings),
        candidates=question.candidates,
        why=f"{why}, but not one alone",
    )


def answer_data(answers: Sequence[Answer]) -> list[JsonValue]:
    """Return answers as the result's data has them, the first hundred rows of each."""
    return [
        {
            "question": answer.question,
            "status": answer.status,
            "answer": answer.sentence,
            "way": answer.way,
            "why": answer.why,
            "candidates": list(answer.candidates),
            "readings": [
                {
                    "answer": reading.sentence,
                    "query": reading.result.sql,
                    "columns": list(reading.result.columns),
                    "rows": [list(row) for row in reading.result.rows[:DATA_ROWS]],
                    "more_rows": reading.result.more or len(reading.result.rows) > DATA_ROWS,
                    "columns_used": list(reading.columns),
                    "rows_matching": reading.matching,
                    "notes": list(reading.notes),
                }
                for reading in answer.readings
            ],
        }
        for answer in answers
    ]


def answer_metadata(answers: Sequence[Answer]) -> dict[str, JsonValue]:
    """Return which way was taken for each question, and why."""
    if not answers:
        return {}
    ways = sorted({answer.way for answer in answers})
    return {
        "way": ways[0] if len(ways) == 1 else "both",
        "way_reason": "; ".join(dict.fromkeys(answer.why for answer in answers)),
        "answered": all(answer.status != "refused" for answer in answers),
    }


def table_of(source: Source, rows: int, columns: Columns) -> Table:
    """Return the table as questions name it."""
    name = source.table or source.name.partition(".")[0]
    return Table(name, rows, columns)


def plain_value(value: object, *, exact: bool = False) -> JsonValue:
    """Return a value of a query's row as JSON has it.

    Args:
        value: The value.
        exact: Whether a double is a value of the table, not one that threads added up.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124 -- NaN is no JSON
        return str(value)
    if isinstance(value, Decimal | int | float):
        return value if exact and isinstance(value, float) else settled(value)
    if isinstance(value, bytes):
        return value.hex()
    text = str(value).removesuffix(" 00:00:00") if isinstance(value, datetime) else str(value)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _read(database: Database, table: Table, query: Query) -> Reading:
    sql = statement(query, table)
    names, found = database.table(sql, most=SHOWN_ROWS + 1)
    most = max(FEWEST_ROWS, min(SHOWN_ROWS, MOST_CELLS // max(1, len(names))))
    as_it_is = query.form in {"row", "rows", "list"}
    result = Rows(
        sql=sql,
        columns=tuple(names),
        rows=tuple(
            tuple(plain_value(value, exact=as_it_is) for value in row) for row in found[:most]
        ),
        more=len(found) > most,
        years=tuple(one for one in names if one in years_in(query, table)),
    )
    counting, lacking = coverage(query, table)
    matching, *missing = (int(str(count)) for count in database.row(counting))
    notes = list(query.assumptions)
    for name, count in zip(lacking, missing, strict=True):
        if count:
            rows = "1 row" if count == 1 else f"{count:,} rows"
            notes.append(f"{rows} without `{name}` left out")
    used = dict.fromkeys(
        [one.column for one in query.figures if one.column]
        + [one.other for one in query.figures if one.other]
        + [one.column for one in query.groups]
        + [one.column for one in (*query.conditions, *query.part, *query.against)]
        + [one.column for one in (query.earlier, query.later) if one is not None]
    )
    return Reading(
        sentence=sentence(query, result.for_people(), table),
        query=query,
        result=result,
        columns=tuple(used),
        matching=matching,
        notes=tuple(notes),
    )


def years_in(query: Query, table: Table) -> set[str]:
    """Return the names that columns of years have in a query's rows."""
    every = table.years()
    figures = [
        one for one in query.figures if one.aggregate in _KEEPING_YEARS and one.column in every
    ]
    named = {alias(one) for one in figures}
    named |= {
        f"{end}_{one.column}"
        for one in figures
        if one.aggregate == "value"
        for end in ("minimum", "mean", "maximum")
    }
    return {*every, *named}


def with_notes(reading: Reading) -> str:
    """Return an answer's sentence with its notes in brackets."""
    if not reading.notes:
        return reading.sentence
    return f"{reading.sentence.removesuffix('.')} ({'; '.join(reading.notes)})."


def _without_equal(database: Database, readings: list[Reading]) -> list[Reading]:
    """Leave out readings that give the same figures of the same groups as one before."""
    kept: list[Reading] = []
    for reading in readings:
        place = next(
            (place for place, one in enumerate(kept) if _are_equal(database, one, reading)), None
        )
        if place is None:
            kept.append(reading)
            continue
        first = kept[place]
        others = [name for name in reading.columns if name not in first.columns]
        note = f"the same by {code_list(others, 'and')}"
        if others and note not in first.notes:
            kept[place] = first.model_copy(update={"notes": (*first.notes, note)})
    return kept


def _are_equal(database: Database, first: Reading, second: Reading) -> bool:
    if _figures(first) != _figures(second):
        return False
    if first.result.rows == second.result.rows or first.query is None or second.query is None:
        return True
    pairs = list(zip(first.query.groups, second.query.groups, strict=False))
    # A name and a number of the same things give each group another name.
    return len(first.query.groups) == len(second.query.groups) and all(
        one.unit == other.unit and one_to_one(database, one.column, other.column)
        for one, other in pairs
    )


def one_to_one(database: Database, first: str, second: str) -> bool:
    """Say whether each value of a column goes with one value of another, and the other way."""
    one, two = quoted(first), quoted(second)
    counted = database.row(
        f"SELECT count(DISTINCT {one}), count(DISTINCT {two}), count(DISTINCT ({one}, {two}))"  # noqa: S608
        f" FROM {TABLE}"
    )
    return len(set(counted)) == 1


def _figures(reading: Reading) -> tuple[tuple[JsonValue, ...], ...]:
    query = reading.query
    keys = len(query.groups) if query is not None and query.form in _KEYED else 0
    return tuple(row[keys:] for row in reading.result.rows)


def _why_refused(question: Question) -> str:
    without = question.meanings.without
    if not without:
        return "the forms of questions do not cover it"
    said = ", ".join(f"'{word}'" for word in without)
    return f"the table has nothing that {said} could mean"


def _refusal(question: Question) -> str:
    named = [name for name in question.candidates if f"`{name}`" not in question.doubt]
    may_be = f" (it may be {code_list(named)})" if named else ""
    return f"Cannot tell {question.doubt}{may_be}."
