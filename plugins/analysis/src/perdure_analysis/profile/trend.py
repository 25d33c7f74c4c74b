"""Following numbers over time."""

import math
import re
from datetime import date, timedelta
from typing import Final

from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.exactness import addable, settled, significant
from perdure_analysis.facts import (
    Column,
    Columns,
    Dates,
    Measure,
    Number,
    Point,
    Source,
    Trend,
    Trends,
    Unit,
)
from perdure_analysis.language.measure import is_named_in
from perdure_analysis.table_session import TableSession

_ENOUGH_PERIODS: Final = 8
_CLEAR: Final = 0.3
_LONGEST_YEARS: Final = 200
_LONGEST: Final[tuple[tuple[int, Unit], ...]] = (
    (62, "day"),
    (400, "week"),
    (366 * 6, "month"),
    (366 * 20, "quarter"),
)
_MONTHS: Final[dict[Unit, int]] = {"month": 1, "quarter": 3, "year": 12}


def follow(
    session: TableSession,
    source: Source,
    columns: Columns,
    measure: Measure | None,
    description: str,
) -> Trends:
    """Follow the measure and the number of rows over time.

    Args:
        session: Holds the table, or loads it.
        source: Which file it is.
        columns: Its columns, described.
        measure: The number to follow.
        description: The goal, which may name the dates.
    """
    database, _ = session.table(source)
    dates = _choose_dates(columns, description)
    if dates is None or dates.dates is None:
        return Trends()
    first, last = (
        date.fromisoformat(text[:10]) for text in (dates.dates.earliest, dates.dates.latest)
    )
    unit = _unit(first, last)
    rows = _follow_one(database, dates.name, unit, None, "CAST(NULL AS DOUBLE)", (first, last))
    followed = next(
        (one for one in columns.columns if measure and one.name == measure.column), None
    )
    if measure is None or followed is None:
        return Trends(trends=(rows,))
    value = f"{'sum' if measure.additive else 'avg'}({addable(followed)})"
    return Trends(
        trends=(_follow_one(database, dates.name, unit, measure, value, (first, last)), rows)
    )


def _choose_dates(columns: Columns, description: str) -> Column | None:
    usable = [
        column
        for column in columns.of("date")
        if column.distinct > 2 and column.dates is not None and _is_a_time_to_follow(column.dates)
    ]
    named = [column for column in usable if is_named_in(column.name, description)]
    return max(named or usable, key=lambda column: column.count, default=None)


def _is_a_time_to_follow(dates: Dates) -> bool:
    """Refuse spans that a stand-in such as 9999-12-31 makes, and years Python has no date for."""
    years = [text[:4] for text in (dates.earliest, dates.latest) if re.match(r"\d{4}-", text)]
    if len(years) < 2 or "BC" in dates.earliest or int(years[1]) > 9000:
        return False
    return int(years[1]) - int(years[0]) <= _LONGEST_YEARS


def _unit(first: date, last: date) -> Unit:
    days = (last - first).days + 1
    return next((unit for longest, unit in _LONGEST if days <= longest), "year")


def _follow_one(
    database: Database,
    dates: str,
    unit: Unit,
    measure: Measure | None,
    value: str,
    reach: tuple[date, date],
) -> Trend:
    when = quoted(dates)
    found = {
        str(start)[:10]: (int(str(rows)), amount)
        for start, rows, amount in database.rows(
            f"SELECT CAST(CAST(date_trunc('{unit}', {when}) AS DATE) AS VARCHAR), count(*), {value}"  # noqa: S608
            f" FROM {TABLE} WHERE {when} IS NOT NULL AND isfinite({when}) GROUP BY 1 ORDER BY 1"
        )
    }
    points = []
    start = date.fromisoformat(next(iter(found)))
    while start <= reach[1]:
        rows, amount = found.get(start.isoformat(), (0, None))
        following = _following(start, unit)
        points.append(
            Point(
                start=start.isoformat(),
                rows=rows,
                value=_value(rows, amount, measure),
                complete=_is_covered(start, following, unit, reach),
            )
        )
        start = following
    return _with_line(
        Trend(
            dates=dates,
            column=measure.column if measure else "",
            verb=measure.verb if measure else "rows",
            unit=unit,
            points=tuple(points),
        )
    )


def _value(rows: int, amount: object, measure: Measure | None) -> Number | None:
    if measure is None:
        return float(rows)
    if amount is None:
        return 0.0 if measure.additive and not rows else None
    return settled(amount)


def _is_covered(start: date, following: date, unit: Unit, reach: tuple[date, date]) -> bool:
    slack = _slack(unit)
    return reach[0] <= start + slack and following - slack <= reach[1] + timedelta(days=1)


def _slack(unit: Unit) -> timedelta:
    """Days at a period's edge without rows that do not make it incomplete, such as a weekend."""
    return timedelta(days={"day": 0, "week": 2}.get(unit, 3))


def _following(start: date, unit: Unit) -> date:
    if unit in _MONTHS:
        months = start.year * 12 + start.month - 1 + _MONTHS[unit]
        return date(months // 12, months % 12 + 1, 1)
    return start + timedelta(days=7 if unit == "week" else 1)


def _with_line(trend: Trend) -> Trend:
    """Add the least-squares line through the complete periods."""
    pairs = [
        (float(number), point.value)
        for number, point in enumerate(trend.points)
        if point.complete and point.value is not None
    ]
    if len(pairs) < 3:
        return trend
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    xx = sum((x - mean_x) ** 2 for x, _ in pairs)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    yy = sum((y - mean_y) ** 2 for _, y in pairs)
    slope = xy / xx
    r_squared = (xy / math.sqrt(xx) / math.sqrt(yy)) ** 2 if yy else 0.0
    return trend.model_copy(
        update={
            "slope": significant(slope),
            "intercept": significant(mean_y - slope * mean_x),
            "r_squared": round(r_squared, 6),
            "clear": r_squared >= _CLEAR and len(pairs) >= _ENOUGH_PERIODS,
        }
    )
