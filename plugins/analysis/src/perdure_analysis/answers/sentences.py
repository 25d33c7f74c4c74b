"""Answers in words; every number in them is a value of the query's rows."""

from typing import Final

from pydantic import JsonValue

from perdure_analysis.answers.answer import Rows
from perdure_analysis.answers.wording import (
    LISTED,
    groups_counted,
    groups_said,
    having_said,
    key_said,
    list_of,
    name_of,
    ordinal,
    rest_of,
    said,
    shown,
    where,
    which_groups,
)
from perdure_analysis.language.names import Table
from perdure_analysis.questions.queries import Figure, Query


def sentence(query: Query, result: Rows, table: Table) -> str:
    """Return the answer in words."""
    text = _sentence(query, result, table)
    return text[:1].upper() + text[1:] + "."


def _sentence(query: Query, result: Rows, table: Table) -> str:
    conditions = where(query.conditions, table)
    if not result.rows:
        return _nothing(query, conditions, table)
    if query.form == "list":
        kept = which_groups(query, table)
        return _listing(query, result, f" {kept}{conditions}" if kept else conditions)
    write = _WRITERS.get(query.form)
    if write is not None:
        return write(query, result, conditions)
    in_table = {"figures": _figures, "count of groups": _count_of_groups, "ratio": _ratio}
    return in_table[query.form](query, result, conditions, table)


def _nothing(query: Query, conditions: str, table: Table) -> str:
    if query.position is not None:
        before = "equal ones stand before it, or there are fewer"
        return f"nothing takes place {query.position}{conditions}: {before}"
    if query.having or query.none:
        kept = which_groups(query, table)
        return f"there are no {groups_counted(query.groups)} {kept}{conditions}"
    return f"no row answers this{conditions}"


def _figures(query: Query, result: Rows, conditions: str, table: Table) -> str:
    first = query.figures[0]
    if first.aggregate == "share":
        return _share(query, result, conditions, table)
    if first.aggregate == "correlation":
        return _correlation(first, result, conditions)
    if query.groups:
        return _by_groups(query, result, conditions)
    if first.aggregate == "value":
        return _value(first, result, conditions)
    if first == Figure(aggregate="count"):
        rows = result.rows[0][0]
        are = "is 1 row" if rows == 1 else f"are {shown(rows)} rows"
        return f"there {are}{conditions}"
    parts = [
        f"{name_of(one)} is {shown(value)}"
        for one, value in zip(query.figures, result.rows[0], strict=False)
    ]
    return f"{' and '.join(parts)}{conditions}"


def _mean_of_groups(query: Query, result: Rows, conditions: str) -> str:
    mean, groups = result.rows[0][:2]
    figure = name_of(query.figures[0]).removeprefix("the ")
    return (
        f"the mean over {shown(groups)} {groups_counted(query.groups)} of the {figure} is"
        f" {shown(mean)}{conditions}"
    )


def _correlation(figure: Figure, result: Rows, conditions: str) -> str:
    pearson, spearman, rows = result.rows[0]
    both = f"`{figure.column}` and `{figure.other}`"
    if pearson is None or pearson == "nan":
        why = "one does not vary, or hardly a row has both"
        return f"{both} have no correlation{conditions}: {why}"
    return (
        f"{both} correlate with r = {shown(pearson)} (Pearson; in rank {shown(spearman)}, Spearman)"
        f" over {shown(rows)} rows{conditions}"
    )


def _value(figure: Figure, result: Rows, conditions: str) -> str:
    distinct, low, mean, high = result.rows[0]
    if distinct == 0:
        return f"`{figure.column}` has no value{conditions}"
    if distinct == 1:
        return f"`{figure.column}` is {shown(low)}{conditions}"
    return (
        f"`{figure.column}` has {shown(distinct)} different values{conditions}, from {shown(low)}"
        f" to {shown(high)}; their mean over all rows is {shown(mean)}"
    )


def _by_groups(query: Query, result: Rows, conditions: str) -> str:
    count = len(query.groups)
    place = count
    figure = name_of(query.figures[0])
    if query.rank:
        return _ranking(query, result, conditions)
    if query.having:
        (condition,) = query.having
        kept = having_said(condition).replace(name_of(condition.figure), "it")
        listed = list_of(result.rows, query.groups, place)
        return f"{figure} by {groups_said(query.groups)}{conditions}, where {kept}: {listed}"
    if len(query.figures) == 1:
        listed = list_of(result.rows, query.groups, place)
        return f"{figure} by {groups_said(query.groups)}{conditions}: {listed}"
    names = " and ".join(map(name_of, query.figures))
    parts = [
        f"{key_said(row, query.groups)} "
        + " and ".join(map(shown, row[place : place + len(query.figures)]))
        for row in result.rows[:LISTED]
    ]
    return (
        f"{names} by {groups_said(query.groups)}{conditions}: {'; '.join(parts)}"
        f"{rest_of(result.rows)}"
    )


def _ranking(query: Query, result: Rows, conditions: str) -> str:
    place = len(query.groups)
    extreme = "largest" if query.rank == "most" else "smallest"
    what = name_of(query.figures[0]).removeprefix("the ")
    if query.figures[0].aggregate in {"minimum", "maximum"}:
        what = f"`{query.figures[0].column}` of a row"
    if query.within:
        return _ranking_within(query, result, f"the {extreme} {what}", conditions)
    best = result.rows[0][place]
    ties = [row for row in result.rows if row[place] == best]
    if query.limit is None or query.limit == 1:
        names = " and ".join(key_said(row, query.groups) for row in ties[:LISTED])
        tied = f" ({len(ties):,} are equal)" if len(ties) > 1 else ""
        have = "have" if len(ties) > 1 else "has"
        next_row = next((row for row in result.rows if row[place] != best), None)
        then = ""
        if next_row is not None:
            then = f"; next is {key_said(next_row, query.groups)} with {shown(next_row[place])}"
        if query.position is not None:
            extreme = f"{ordinal(query.position)} {extreme}"
        return (
            f"{groups_said(query.groups)} {names} {have} the {extreme} {what}{conditions}:"
            f" {shown(best)}{tied}{then}"
        )
    listed = list_of(result.rows, query.groups, place)
    number = f"{len(result.rows):,} values of {groups_said(query.groups)}"
    if query.groups[0].unit is not None:
        number = f"{len(result.rows):,} {groups_said(query.groups)}s"
    return f"the {number} with the {extreme} {what}{conditions}: {listed}"


def _ranking_within(query: Query, result: Rows, what: str, conditions: str) -> str:
    """Write which groups come first in each of the outer groups."""
    outer, inner = query.groups[: query.within], query.groups[query.within :]
    parts: dict[str, list[str]] = {}
    for row in result.rows[:LISTED]:
        value = f"{key_said(row[query.within :], inner)} {shown(row[len(query.groups)])}"
        parts.setdefault(key_said(row, outer), []).append(value)
    listed = "; ".join(f"{key}: {', '.join(values)}" for key, values in parts.items())
    if query.position is not None:
        what = what.replace("the ", f"the {ordinal(query.position)} ", 1)
    number = f"{query.limit:,} values" if (query.limit or 1) > 1 else "value"
    return (
        f"the {number} of {groups_said(inner)} with {what} in each {groups_said(outer)}"
        f"{conditions}: {listed}{rest_of(result.rows)}"
    )


def _count_of_groups(query: Query, result: Rows, conditions: str, table: Table) -> str:
    kept = which_groups(query, table)
    of = f"the number of {groups_counted(query.groups)} {kept}{conditions}"
    return f"{of}: {shown(result.rows[0][0])}"


def _ratio(query: Query, result: Rows, conditions: str, table: Table) -> str:
    figure = query.figures[0]
    if query.against:
        above, below = (
            " and ".join(said(one, table) for one in some) for some in (query.part, query.against)
        )
        name = f"the ratio of the rows where {above} to those where {below}"
    elif figure.aggregate == "mean":
        name = f"the mean of `{figure.column}` divided by `{figure.other}` in each row"
    else:
        name = f"the total of `{figure.column}` divided by that of `{figure.other}`"
    if query.groups:
        listed = list_of(result.rows, query.groups, len(query.groups))
        return f"{name} by {groups_said(query.groups)}{conditions}: {listed}"
    values = dict(zip(result.columns, result.rows[0], strict=True))
    of = f": {shown(values['above'])} to {shown(values['below'])}" if "above" in values else ""
    if values.get("zeros"):
        of = f"; rows where `{figure.other}` is 0 are left out: {shown(values['zeros'])}"
    return f"{name} is {shown(values['ratio'])}{conditions}{of}"


def _share(query: Query, result: Rows, conditions: str, table: Table) -> str:
    figure = query.figures[0]
    of = f"the total of `{figure.column}`" if figure.column else "the rows"
    if not query.part:
        place = result.columns.index("percent")
        listed = list_of(result.rows, query.groups, place, " %")
        return f"the share of {of} by {groups_said(query.groups)}{conditions}: {listed}"
    part = " and ".join(said(one, table) for one in query.part)
    if query.groups:
        place = result.columns.index("percent")
        listed = list_of(result.rows, query.groups, place, " %")
        return (
            f"the share of {of} where {part}, by {groups_said(query.groups)}{conditions}: {listed}"
        )
    values = dict(zip(result.columns, result.rows[0], strict=True))
    if values["percent"] is None:
        return f"there is nothing of which {part} could be a share{conditions}"
    known = " that have a value" if "all_rows" in values and not figure.column else ""
    amount = shown(values["part"] if values["part"] is not None else 0)
    text = (
        f"{shown(values['percent'])} %: {part} in {amount} of {shown(values['whole'])} rows{known}"
    )
    if figure.column:
        text = (
            f"{shown(values['percent'])} %: where {part}, `{figure.column}` is {amount} of"
            f" {shown(values['whole'])}"
        )
    if "all_rows" in values and values["all_rows"] != values["whole"]:
        text += (
            f"; of all, those without a value too, {shown(values['percent_of_all'])} % of"
            f" {shown(values['all_rows'])}"
        )
    return f"{text}{conditions}"


def _rows(query: Query, result: Rows, conditions: str) -> str:
    count = len(result.rows)
    more = "more than " if result.more else ""
    if query.form == "rows":
        are = "is 1 row" if count == 1 else f"are {more}{count:,} rows"
        return f"there {are}{conditions}"
    figure = query.figures[0]
    place = result.columns.index(figure.column)
    best = shown(result.rows[0][place])
    row = ", ".join(
        f"`{name}` {shown(value)}"
        for name, value in zip(result.columns, result.rows[0], strict=True)
        if name != figure.column and value is not None
    )
    if query.limit is None or query.limit == 1:
        in_rows = "1 row" if count == 1 else f"{more}{count:,} rows, the first of which has"
        name = name_of(figure)
        if query.position is not None:
            name = name.replace("the ", f"the {ordinal(query.position)} ", 1)
        return f"{name} is {best}{conditions}, in {in_rows}: {row}".replace(": :", ":")
    listed = ", ".join(shown(one[place]) for one in result.rows[:LISTED])
    ends = "largest" if figure.aggregate == "maximum" else "smallest"
    return (
        f"the {count:,} {ends} values of `{figure.column}`{conditions}: {listed}"
        f"{rest_of(result.rows)}"
    )


def _listing(query: Query, result: Rows, conditions: str) -> str:
    listed = ", ".join(key_said(row, query.groups) for row in result.rows[:LISTED])
    more = "more than " if result.more else ""
    count = len(result.rows)
    values = "1 value" if count == 1 else f"{more}{count:,} values"
    return f"`{query.groups[0].column}` has {values}{conditions}: {listed}{rest_of(result.rows)}"


def _growth(query: Query, result: Rows, conditions: str) -> str:
    figure = name_of(query.figures[0])
    if query.earlier is None or query.later is None:
        percent = result.columns.index("percent")
        parts = [
            f"{key_said(row, query.groups)} {shown(row[1])}"
            + (f" ({_signed(row[percent])} %)" if row[percent] is not None else "")
            for row in result.rows[:LISTED]
        ]
        return (
            f"{figure} by {groups_said(query.groups)}{conditions}, with the change:"
            f" {', '.join(parts)}{rest_of(result.rows)}"
        )
    spans = [" to ".join(dict.fromkeys(one.values)) for one in (query.earlier, query.later)]
    if query.groups:
        change = result.columns.index("change")
        listed = ", ".join(
            f"{key_said(row, query.groups)} {_signed(row[change])}" for row in result.rows[:LISTED]
        )
        return (
            f"the change of {figure} from {spans[0]} until {spans[1]} by"
            f" {groups_said(query.groups)}{conditions}: {listed}{rest_of(result.rows)}"
        )
    values = dict(zip(result.columns, result.rows[0], strict=True))
    if not values["rows_earlier"] or not values["rows_later"]:
        lacking = spans[0] if not values["rows_earlier"] else spans[1]
        return f"there is nothing to compare: no row lies in {lacking}{conditions}"
    percent_said = f", {_signed(values['percent'])} %" if values["percent"] is not None else ""
    return (
        f"{figure} was {shown(values['earlier'])} in {spans[0]} and {shown(values['later'])} in"
        f" {spans[1]}{conditions}: a change of {_signed(values['change'])}{percent_said}"
    )


def _signed(value: JsonValue) -> str:
    text = shown(value)
    return text if text.startswith("-") or value is None or value == 0 else f"+{text}"


_WRITERS: Final = {
    "growth": _growth,
    "row": _rows,
    "rows": _rows,
    "mean of groups": _mean_of_groups,
}
