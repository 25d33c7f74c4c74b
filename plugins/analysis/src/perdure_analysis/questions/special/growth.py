"""Reading growth: between two periods, or along all of them."""

from collections.abc import Callable
from datetime import date, timedelta

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.measure import is_amount
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.periods import Period
from perdure_analysis.questions.dates import condition, date_columns, years_and_days
from perdure_analysis.questions.queries import Condition, Grouping, Query, TimeUnit
from perdure_analysis.questions.sentence import Sentence

Grow = Callable[[Query], list[Query]]


def read_growth(sentence: Sentence, table: Table) -> Grow | None:
    """Read ``growth from 2023 to 2024``, ``monthly growth``, ``2024 compared with 2023``.

    Returns:
        What makes a query for the figure one for its growth; ``None`` where none is wanted.

    Raises:
        CannotTell: It is not certain between which periods.
    """
    places = sentence.free("growth")
    periods = sentence.free("period")
    versus = sentence.free("versus")
    spans = [period.ends for place in periods if (period := sentence.mentions[place].period)]
    if not places and not (versus and (len(spans) == 2 or (len(spans) == 1 and spans[0]))):
        return None
    unit = next(
        (sentence.mentions[one].meaning for one in places if sentence.mentions[one].meaning), ""
    )
    sentence.use(*places, *versus, *sentence.free("between"))
    for one in sentence.free("aggregate"):
        if sentence.mentions[one].meaning == "much":
            sentence.use(one)
    dates = date_columns(sentence, table)
    if len(dates) != 1:
        which = (
            f"which column of dates is meant: {code_list(dates)}"
            if dates
            else ("over what time: no column holds dates")
        )
        raise CannotTell(which, dates)
    column = dates[0]
    sentence.use(*periods)
    pair = _pair([p for one in periods if (p := sentence.mentions[one].period)], table, column)
    if pair is not None:
        earlier, later = pair

        def between(query: Query) -> list[Query]:
            return [_grown(table, query, condition(column, earlier), condition(column, later))]

        return between
    if periods:
        raise CannotTell("from when to when the change is wanted: name two periods")

    def along(query: Query) -> list[Query]:
        times = [one for one in query.groups if one.unit is not None]
        chosen = Grouping(column=column, unit=_unit(unit) or _default_unit(table, column))
        groups = query.groups if times else (*query.groups, chosen)
        if len(groups) > 1:
            raise CannotTell("how the change of several groups is wanted: name two periods")
        return [_grown(table, query.model_copy(update={"groups": groups}), None, None)]

    return along


def _unit(name: str) -> TimeUnit | None:
    units: tuple[TimeUnit, ...] = ("week", "month", "quarter", "year")
    return next((unit for unit in units if unit == name), None)


def _default_unit(table: Table, column: str) -> TimeUnit:
    first, last = years_and_days(table, column)
    return "year" if last.year > first.year else "month"


def _grown(table: Table, query: Query, earlier: Condition | None, later: Condition | None) -> Query:
    figures = [
        one.model_copy(update={"aggregate": "mean"}) if one.aggregate == "value" else one
        for one in query.figures
    ]
    if not figures:
        raise CannotTell("of what the change is wanted", table.measures())
    if len(figures) == 2 and {one.aggregate for one in figures} == {"sum", "mean"}:
        figures = [
            one
            for one in figures
            if one.aggregate == "sum" or not is_amount(table.columns[one.column])
        ]
    if query.form not in {"figures", "growth"} or query.rank:
        raise CannotTell("of which groups the change is wanted")
    return query.model_copy(
        update={"form": "growth", "figures": tuple(figures), "earlier": earlier, "later": later}
    )


def _pair(periods: list[Period], table: Table, column: str) -> tuple[Period, Period] | None:
    """Return the two periods that are compared, the earlier first."""
    if len(periods) == 1 and periods[0].ends is not None:
        periods = list(periods[0].ends)
    for period in periods:
        if period.trouble:
            raise CannotTell(f"which days '{period.said}' means: {period.trouble}")
    bound = []
    first, last = years_and_days(table, column)
    if first.year == last.year:
        periods = [one if one.has_year else one.in_year(first.year) for one in periods]
    for period in periods:
        if not period.has_year or period.first is None or period.last is None:
            raise CannotTell(f"which year is meant by '{period.said}': name it")
        bound.append(period)
    if len(bound) == 1:
        only = bound[0]
        if only.first is None or only.last is None:
            return None
        if (only.first.month, only.first.day, only.last.month, only.last.day) != (1, 1, 12, 31):
            raise CannotTell(f"with what '{only.said}' is compared: name two periods")
        if only.first.year != only.last.year:
            raise CannotTell(f"with what '{only.said}' is compared: name two periods")
        before = only.first - timedelta(days=1)
        earlier = Period(date(before.year, 1, 1), before, str(before.year))
        return earlier, only
    if len(bound) == 2:
        ordered = sorted(bound, key=lambda one: one.first or date.min)
        return ordered[0], ordered[1]
    if len(bound) > 2:
        raise CannotTell("between which two of the periods the change is wanted")
    return None
