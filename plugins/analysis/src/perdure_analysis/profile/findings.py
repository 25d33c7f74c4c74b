"""What stands out in a table, in sentences, weightiest first."""

from collections.abc import Iterator
from typing import Final

from perdure_analysis.facts import (
    Column,
    Columns,
    Correlation,
    Loaded,
    Measure,
    Relations,
    Trend,
    Trends,
)
from perdure_analysis.formatting import code, counted, expected, listed, number, share

_STRONG: Final = 0.5
_NEARLY_THE_SAME: Final = 0.999
_NOTABLE_LEAD: Final = 1.2
_SHOWN_COLUMNS: Final = 3
_SHOWN_CORRELATIONS: Final = 3


def find(loaded: Loaded, columns: Columns, relations: Relations, trends: Trends) -> tuple[str, ...]:
    """Say what stands out.

    Args:
        loaded: How the table was read.
        columns: Its columns.
        relations: What they have to do with each other.
        trends: How they go over time.
    """
    return (
        _extent(loaded, columns),
        *_measure(columns, relations),
        *(line for trend in trends.trends[:1] for line in _trend(trend)),
        *(line for trend in trends.trends[1:] if trend.clear for line in list(_trend(trend))[:1]),
        *_missing(loaded, columns),
        *_quality(loaded, columns, relations),
        *_outliers(columns),
        *_correlations(relations.correlations),
    )


def summarise(loaded: Loaded, columns: Columns, relations: Relations, trends: Trends) -> str:
    """Say the most important in a few sentences; takes what :func:`find` takes."""
    parts = (
        [_extent(loaded, columns)],
        list(_measure(columns, relations))[:2],
        [line for trend in trends.trends[:1] for line in _trend(trend)][:1],
        list(_missing(loaded, columns))[:1],
        list(_correlations(relations.correlations))[:1],
    )
    return " ".join(line for part in parts for line in part)


def _extent(loaded: Loaded, columns: Columns) -> str:
    text = f"{counted(loaded.rows, 'row')} and {counted(len(loaded.columns), 'column')}"
    dated = max(columns.of("date"), key=lambda column: column.count, default=None)
    if dated is not None and dated.dates is not None:
        first, last = (_moment(when) for when in (dated.dates.earliest, dated.dates.latest))
        text += f", {code(dated.name)} from {first} to {last}"
    return text + "."


def _moment(when: str) -> str:
    return when.removesuffix("+00").removesuffix(" 00:00:00")


def _measure(columns: Columns, relations: Relations) -> Iterator[str]:
    measure = relations.measure
    column = next((one for one in columns.columns if measure and one.name == measure.column), None)
    if measure is None or column is None or column.numbers is None:
        yield from _commonest(columns)
        return
    numbers = column.numbers
    if measure.additive:
        text = f"{code(measure.column)} comes to {number(numbers.total)} in all"
    else:
        text = f"{code(measure.column)} is {number(numbers.mean)} on average"
    yield f"{text}, {number(numbers.median)} in the middle (median)."
    yield from _leaders(measure, relations)


def _commonest(columns: Columns) -> Iterator[str]:
    for column in [one for one in columns.of("category") if one.top][:1]:
        top = column.top[0]
        yield (
            f"The most frequent {code(column.name)} is {code(top.value)}"
            f" ({counted(top.count, 'row')}, {share(top.share)})."
        )


def _leaders(measure: Measure, relations: Relations) -> Iterator[str]:
    for breakdown in relations.breakdowns[:_SHOWN_COLUMNS]:
        first, last = breakdown.groups[0], breakdown.groups[-1]
        if first.share is not None:
            yield (
                f"By {code(breakdown.category)}, {code(first.value)} leads with"
                f" {share(first.share)} of {code(measure.column)} ({number(first.measure)})."
            )
        elif last.measure <= 0 or first.measure / last.measure >= _NOTABLE_LEAD:
            lowest = "" if breakdown.others else f", the lowest for {code(last.value)}"
            lowest += "" if breakdown.others else f" ({number(last.measure)})"
            yield (
                f"By {code(breakdown.category)}, the {measure.verb} of {code(measure.column)} is"
                f" highest for {code(first.value)} ({number(first.measure)}){lowest}."
            )


def _trend(trend: Trend) -> Iterator[str]:
    values = [(point.value, point.start) for point in trend.points if point.value is not None]
    followed = (
        "the number of rows"
        if trend.verb == "rows"
        else f"the {trend.verb} of {code(trend.column)}"
    )
    if trend.slope is None or trend.intercept is None or trend.r_squared is None:
        return
    if trend.clear:
        way = "rises" if trend.slope > 0 else "falls"
        typical = sum(value for value, _ in values) / len(values)
        relative = f" ({share(abs(trend.slope / typical))} of its mean)" if typical > 0 else ""
        yield (
            f"Over time, {followed} {way} by about {number(abs(trend.slope))} a {trend.unit}"
            f"{relative}; a straight line explains {share(trend.r_squared)} of the ups and downs."
        )
    else:
        yield (
            f"Over time, {followed} by {trend.unit} shows no clear trend (a straight line explains"
            f" {share(trend.r_squared)} of the ups and downs)."
        )
    yield from _years(trend)
    complete = [
        (point.value, point.start)
        for point in trend.points
        if point.value is not None and point.complete
    ]
    if len(complete) > 2:
        high, low = max(complete), min(complete)
        yield (
            f"The highest {trend.unit} is {period(high[1], trend)} ({number(high[0])}), the lowest"
            f" {period(low[1], trend)} ({number(low[0])})."
        )
    empty = [period(point.start, trend) for point in trend.points if not point.rows]
    if empty and trend.unit != "day":
        yield f"No row falls into {listed(empty)}."


def period(start: str, trend: Trend) -> str:
    """Name a period by its first day: ``2024-03``, ``2024 Q1``, ``the week of 2024-03-04``."""
    if trend.unit == "year":
        return start[:4]
    if trend.unit == "quarter":
        return f"{start[:4]} Q{(int(start[5:7]) + 2) // 3}"
    if trend.unit == "month":
        return start[:7]
    return f"the week of {start}" if trend.unit == "week" else start


def _years(trend: Trend) -> Iterator[str]:
    """Compare the last two calendar years that are covered whole."""
    periods = {"month": 12, "quarter": 4}.get(trend.unit)
    years: dict[str, list[float]] = {}
    for point in trend.points:
        if point.complete and point.value is not None:
            years.setdefault(point.start[:4], []).append(point.value)
    whole = [(year, sum(values)) for year, values in years.items() if len(values) == periods]
    if trend.verb == "mean" or len(whole) < 2 or whole[-2][1] <= 0:
        return
    (before, first), (year, last) = whole[-2:]
    what = "the number of rows" if trend.verb == "rows" else f"the total of {code(trend.column)}"
    change = last / first - 1
    way = f"{share(abs(change))} {'above' if change > 0 else 'below'}" if change else "equal to"
    yield f"In {year}, {what} is {number(last)}, {way} {before} ({number(first)})."


def _missing(loaded: Loaded, columns: Columns) -> Iterator[str]:
    empty = [code(column.name) for column in columns.of("empty")]
    if empty:
        yield f"{listed(empty)} {'holds' if len(empty) == 1 else 'hold'} no value at all."
    gaps = sorted(
        (column for column in columns.columns if 0 < column.missing < loaded.rows),
        key=lambda column: -column.missing,
    )
    if not gaps and not empty:
        yield "No value is missing."
    for column in gaps[:_SHOWN_COLUMNS]:
        yield (
            f"{code(column.name)} lacks {counted(column.missing, 'value')}"
            f" ({share(column.missing / loaded.rows)})."
        )
    if len(gaps) > _SHOWN_COLUMNS:
        more = len(gaps) - _SHOWN_COLUMNS
        yield f"{counted(more, 'further column')} {'lacks' if more == 1 else 'lack'} values."


def _quality(loaded: Loaded, columns: Columns, relations: Relations) -> Iterator[str]:
    yield from loaded.notes
    if relations.duplicates:
        repeat = "row repeats" if relations.duplicates == 1 else "rows repeat"
        yield f"{relations.duplicates:,} {repeat} an earlier row in every column."
    for column in columns.of("identifier"):
        if column.distinct < column.count:
            repeated = column.count - column.distinct
            yield f"{code(column.name)} repeats values in {counted(repeated, 'row')}."
    for column in columns.columns:
        if column.texts is not None and column.texts.variants and column.kind == "category":
            groups = [" = ".join(map(code, group)) for group in column.texts.variants]
            yield f"{code(column.name)} spells the same value in several ways: {listed(groups)}."
        if column.numbers is not None and column.numbers.not_finite:
            yield (
                f"{code(column.name)} holds {counted(column.numbers.not_finite, 'value')} that"
                " are infinite, not a number or beyond 1e100; they count as missing."
            )
    constant = [
        code(column.name)
        for column in columns.columns
        if column.distinct == 1 and column.count == loaded.rows > 1
    ]
    if constant:
        same = "has the same value" if len(constant) == 1 else "have the same value"
        yield f"{listed(constant)} {same} in every row."


def _outliers(columns: Columns) -> Iterator[str]:
    found = [
        column
        for column in columns.of("number")
        if column.numbers is not None and column.numbers.extremes
    ]
    for column in sorted(found, key=_reach, reverse=True)[:_SHOWN_COLUMNS]:
        numbers = column.numbers
        if numbers is not None:
            far = numbers.extremes[0]
            yield (
                f"{code(column.name)} has {counted(numbers.outliers or 0, 'outlier')}, the farthest"
                f" {number(far.value)} in row {far.row:,} (expected: {expected(numbers)})."
            )


def _reach(column: Column) -> float:
    """Return how far the farthest outlier lies from the median, in quartile distances."""
    numbers = column.numbers
    if numbers is None or not numbers.extremes:
        return 0.0
    distance = numbers.upper_quartile - numbers.lower_quartile
    return abs(numbers.extremes[0].value - numbers.median) / distance if distance else 0.0


def _correlations(correlations: tuple[Correlation, ...]) -> Iterator[str]:
    strong = [one for one in correlations if max(abs(one.pearson), abs(one.spearman)) >= _STRONG]
    for one in strong[:_SHOWN_CORRELATIONS]:
        first, second = code(one.first), code(one.second)
        if abs(one.pearson) >= _NEARLY_THE_SAME:
            yield f"{first} and {second} say nearly the same (r = {one.pearson:.3f})."
            continue
        way = "rise together" if one.spearman > 0 else "run against each other"
        yield f"{first} and {second} {way} (r = {one.pearson:.2f}, in rank {one.spearman:.2f})."
