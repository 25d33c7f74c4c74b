"""The answers to questions in the report: sentences, tables, pictures, and the queries."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from pydantic import JsonValue

from perdure_analysis.answers.answer import EACH, Answer, Reading
from perdure_analysis.answers.wording import name_of, shown
from perdure_analysis.formatting import cell, code, counted
from perdure_analysis.profile.chart_choice import Bar, Moment, Picture
from perdure_analysis.questions.queries import Query

_ROWS: Final = 20
_COLUMNS: Final = 12
_BARS: Final = 15
_ENOUGH: Final = 2
_ENOUGH_MOMENTS: Final = 3
_MONTHS: Final = {"month": 1, "quarter": 3}


def answer_pictures(answers: Sequence[Answer]) -> list[Picture]:
    """Choose a picture for every answer that has several groups."""
    found = []
    for number, answer in enumerate(answers, start=1):
        for place, reading in enumerate(answer.readings, start=1):
            picture = _picture(reading, f"charts/answer-{number}-{place}.svg")
            if picture is not None:
                found.append(picture)
    return found


def answer_lines(answers: Sequence[Answer], pictures: Sequence[Picture]) -> Iterator[str]:
    """Write the answers in Markdown."""
    if not answers:
        return
    named = {picture.name: picture for picture in pictures}
    yield "## Answers"
    yield ""
    for number, answer in enumerate(answers, start=1):
        yield f"### {cell(answer.question)}"
        yield ""
        if answer.status != "answered":
            yield _prose(answer.sentence.partition(EACH)[0])
            yield ""
        if answer.way == "model":
            yield f"The query was written by a model and checked; {_prose(answer.why)}."
            yield ""
        for place, reading in enumerate(answer.readings, start=1):
            yield from _reading(reading, answer)
            picture = named.get(f"charts/answer-{number}-{place}.svg")
            if picture is not None:
                yield f"![{cell(picture.title)}]({picture.name})"
                yield ""


def _prose(text: str) -> str:
    """Write a sentence so that nothing in it is mark-up but names in backticks."""
    parts = re.split("(`[^`]*`)", text)
    return "".join(
        code(part[1:-1]) if place % 2 else cell(part, edges=True)
        for place, part in enumerate(parts)
        if part
    )


def _reading(reading: Reading, answer: Answer) -> Iterator[str]:
    if answer.status == "answered":
        yield f"**{_prose(reading.sentence)}**"
    else:
        yield _prose(reading.sentence)
    yield ""
    yield from (f"- {_prose(note)}" for note in reading.notes)
    if reading.notes:
        yield ""
    result = reading.result
    if len(result.rows) > 1 or len(result.columns) > 1:
        columns = result.columns[:_COLUMNS]
        yield "| " + " | ".join(map(cell, columns)) + " |"
        yield (
            "|"
            + "|".join(
                "--:" if _is_number(result.rows, place) else ":--" for place in range(len(columns))
            )
            + "|"
        )
        for row in result.for_people().rows[:_ROWS]:
            yield "| " + " | ".join(cell(shown(value)) for value in row[: len(columns)]) + " |"
        yield ""
        rest = len(result.rows) - _ROWS
        if rest > 0 or result.more:
            more = "more than " if result.more else ""
            yield f"{more}{counted(max(rest, 0), 'further row')} in the Parquet file.".capitalize()
            yield ""
    yield f"Reckoned over {counted(reading.matching, 'row')} by"
    yield ""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", result.sql)), default=0))
    yield f"{fence}sql"
    yield re.sub(r"[\r\n]+", " ", result.sql)
    yield fence
    yield ""


def _is_number(rows: Sequence[Sequence[JsonValue]], place: int) -> bool:
    return all(isinstance(row[place], int | float) or row[place] is None for row in rows)


def _picture(reading: Reading, name: str) -> Picture | None:
    query = reading.query
    if query is None or len(query.groups) != 1 or query.form not in {"figures", "growth"}:
        return None
    if not query.figures or (query.form == "growth" and query.earlier is not None):
        return None
    figure = query.figures[0]
    share = figure.aggregate == "share"
    place = reading.result.columns.index("percent") if share else 1
    values = [
        (written, float(value))
        for row, (written, *_) in zip(
            reading.result.rows, reading.result.for_people().rows, strict=True
        )
        if isinstance(value := row[place], int | float)
    ]
    unit = query.groups[0].unit
    title = name_of(figure)[4:5].upper() + name_of(figure)[5:].replace("`", "")
    axis = "percent" if share else name_of(figure).removeprefix("the ").replace("`", "")
    moments = _moments(query, values)
    if len(moments) >= _ENOUGH_MOMENTS:
        return Picture(
            name=name,
            form="line",
            section="answers",
            title=f"{title} by {unit}",
            x=query.groups[0].column,
            y=axis,
            moments=moments,
        )
    if len(values) < _ENOUGH:
        return None
    rest = len(values) - _BARS
    by = query.groups[0].column if unit is None else unit
    return Picture(
        name=name,
        form="bars",
        section="answers",
        title=f"{title} by {by}",
        note=f"{rest:,} further ones are not drawn" if rest > 0 else "",
        x=axis,
        y=by,
        bars=tuple(Bar(label=shown(key)[:40], value=value) for key, value in values[:_BARS]),
    )


def _moments(query: Query, values: Sequence[tuple[JsonValue, float]]) -> tuple[Moment, ...]:
    """Return the values over time in their order; nothing where the groups are no periods."""
    unit = query.groups[0].unit
    if unit is None or unit == "weekday" or query.limit is not None or query.having:
        return ()
    dated = sorted((_first_day(str(key)), value) for key, value in values)
    return tuple(Moment(when=day.isoformat(), value=value) for day, value in dated)


def _first_day(period: str) -> date:
    """Return the first day of a period such as 2024, 2024-Q2, 2024-W07, 2024-03, 2024-03-01."""
    if "-Q" in period:
        year, quarter = period.split("-Q")
        return date(int(year), 3 * int(quarter) - 2, 1)
    if "-W" in period:
        year, week = period.split("-W")
        return date.fromisocalendar(int(year), int(week), 1)
    parts = [int(part) for part in period.split("-")]
    return date(parts[0], *([*parts[1:], 1, 1])[:2])
