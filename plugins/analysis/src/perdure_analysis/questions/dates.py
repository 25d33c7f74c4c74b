"""Reading periods as conditions on the table's dates."""

from datetime import date

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.mentions import Mention
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.periods import Period
from perdure_analysis.questions.queries import (
    Condition,
    TimeUnit,
)
from perdure_analysis.questions.sentence import Placed, Sentence

_MOST_YEARS = 4
_SPANS: tuple[tuple[int, TimeUnit], ...] = (
    (62, "day"),
    (400, "week"),
    (366 * 6, "month"),
    (366 * 20, "quarter"),
)


def read_periods(sentence: Sentence, table: Table) -> list[Placed]:
    """Read every period of a question, in its order, and use up their mentions.

    Raises:
        CannotTell: The days are not certain, or there are no dates.
    """
    found = []
    for place in sentence.free("period"):
        period = sentence.mentions[place].period
        if period is None:
            continue
        if period.trouble:
            raise CannotTell(f"which days '{period.said}' means: {period.trouble}")
        sentence.use(place)
        found.append(_conditions(sentence, table, place, period))
    return found


def date_columns(sentence: Sentence, table: Table) -> tuple[str, ...]:
    """Return the columns of dates that may be meant: those named, else all."""
    every = tuple(column.name for column in table.of("date"))
    named: list[str] = []
    for place, mention in enumerate(sentence.mentions):
        if mention.kind != "column":
            continue
        dates = [name for name in mention.columns if name in every]
        others = [name for name in mention.columns if name not in every]
        beside_a_period = "period" in {
            sentence.kind(sentence.after(place)),
            sentence.kind(sentence.before(place)),
        }
        if dates and (
            mention.exact or not others or (beside_a_period and not _is_counted(sentence, place))
        ):
            named += dates
            if place not in sentence.used and _is_only_a_place_in_time(sentence, place):
                sentence.use(place)
    return tuple(dict.fromkeys(named)) or every


def automatic_unit(table: Table, column: str) -> TimeUnit:
    """Return a unit in which a column's dates make up some dozens of periods."""
    first, last = years_and_days(table, column)
    days = (last - first).days + 1
    return next((unit for longest, unit in _SPANS if days <= longest), "year")


def years_and_days(table: Table, column: str) -> tuple[date, date]:
    """Return the first and the last day of a column of dates.

    Raises:
        CannotTell: They lie outside the years 1 to 9999.
    """
    dates = table.columns[column].dates
    if dates is None:
        raise CannotTell(f"which years `{column}` covers")
    try:
        return date.fromisoformat(dates.earliest[:10]), date.fromisoformat(dates.latest[:10])
    except ValueError as error:
        raise CannotTell(f"which years `{column}` covers") from error


def condition(column: str, period: Period) -> Condition:
    """Return the condition that a date lies in a period."""
    return Condition(
        column=column,
        comparison="within",
        values=(
            period.first.isoformat() if period.first else "",
            period.last.isoformat() if period.last else "",
        ),
    )


def _is_counted(sentence: Sentence, place: int) -> bool:
    return sentence.kind(sentence.before(place)) == "aggregate"


def _is_only_a_place_in_time(sentence: Sentence, place: int) -> bool:
    """Say whether a column of dates is named for the sake of a period: ``shipped in May``."""
    after, before = sentence.after(place), sentence.before(place)
    if sentence.kind(before) in {"group", "every", "recent", "subject", "missing", "aggregate"}:
        return False
    return "period" in {sentence.kind(after), sentence.kind(before)}


def _conditions(sentence: Sentence, table: Table, place: int, period: Period) -> Placed:
    columns = date_columns(sentence, table)
    if not columns:
        return _calendar_columns(sentence, table, place, period)
    before = sentence.before(place)
    taken = ""
    if before is not None and len(columns) == 1 and before in sentence.used:
        mention = sentence.mentions[before]
        if mention.kind == "column" and not mention.exact and columns[0] in mention.columns:
            taken = f"`{columns[0]}` taken for '{mention.said}'"
    options, assumptions = [], []
    for name in columns:
        for one, year in _in_years(table, name, period):
            options.append(condition(name, one))
            assumptions.append("; ".join(filter(None, (year, taken))))
    doubt = "which year is meant"
    if len(columns) > 1:
        doubt = f"which column of dates is meant: {code_list(columns)}"
    return Placed(place, tuple(options), tuple(assumptions), doubt, columns)


def _in_years(table: Table, column: str, period: Period) -> list[tuple[Period, str]]:
    """Return a period in each year of the data, where the question names no year."""
    if period.has_year:
        return [(period, "")]
    earliest, latest = years_and_days(table, column)
    if latest.year - earliest.year > 2 * _MOST_YEARS:
        raise CannotTell(f"which year is meant by '{period.said}': name it")
    found = []
    for year in range(earliest.year - 1, latest.year + 1):
        one = period.in_year(year)
        begins_late = one.first is not None and one.first > latest
        ends_early = one.last is not None and one.last < earliest
        if not begins_late and not ends_early:
            found.append(one)
    if not found:
        raise CannotTell(
            f"which year is meant by '{period.said}': `{column}` holds {earliest} to {latest}"
        )
    if len(found) > _MOST_YEARS:
        raise CannotTell(f"which year is meant by '{period.said}': name it")
    return [(one, "" if len(found) == 1 else f"in {_year(one)}") for one in found]


def _year(period: Period) -> int:
    day = period.first or period.last
    return day.year if day is not None else 0


def _calendar_columns(sentence: Sentence, table: Table, place: int, period: Period) -> Placed:
    """Return a condition on a column that holds years as numbers."""
    every = table.years()
    years = [name for name in every if table.words(name)[-1:] == ("year",)] or list(every)
    before = sentence.before(place)
    if before is not None and before not in sentence.used and sentence.kind(before) == "column":
        # "Where the year is between 1871 and 1898".
        named = [name for name in sentence.mentions[before].columns if name in every]
        if named and _is_only_a_place_in_time(sentence, before):
            sentence.use(before)
            years = named
    first, last = period.first, period.last
    if not years:
        raise CannotTell(f"which rows are of '{period.said}': no column holds dates")
    starts = first is None or (first.month, first.day) == (1, 1)
    ends = last is None or (last.month, last.day) == (12, 31)
    if not (starts and ends and period.has_year):
        raise CannotTell(
            f"which rows are of '{period.said}': {code_list(years)} holds years, and no column"
            " dates"
        )
    reach = (str(first.year) if first else "", str(last.year) if last else "")
    options = [Condition(column=name, comparison="within", values=reach) for name in years]
    doubt = f"which column is meant: {code_list(years)}" if len(years) > 1 else ""
    return Placed(place, tuple(options), doubt=doubt, candidates=tuple(years))


def mention_of_unit(mention: Mention) -> TimeUnit | None:
    """Return the unit of time that a mention names."""
    units: tuple[TimeUnit, ...] = ("day", "week", "month", "quarter", "year", "weekday")
    return next((unit for unit in units if unit == mention.meaning), None)
