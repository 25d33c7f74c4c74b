"""SQL for the query that a question comes to."""

import re
from datetime import date, timedelta
from typing import Final

from perdure_analysis.column_types.cells import literal
from perdure_analysis.database.connection import TABLE, quoted
from perdure_analysis.database.exactness import addable
from perdure_analysis.language.names import Table
from perdure_analysis.profile.columns import present
from perdure_analysis.questions.queries import (
    Condition,
    Figure,
    GroupCondition,
    Grouping,
    Query,
)

MOST_ROWS: Final = 10_000
_FUNCTIONS: Final = {
    "sum": "sum({})",
    "mean": "avg({})",
    "median": "median({})",
    "minimum": "min({})",
    "maximum": "max({})",
    "deviation": "stddev_samp({})",
    "variance": "var_samp({})",
    "distinct": "count(DISTINCT {})",
    "count": "count({})",
}
_PERIODS: Final = {
    "day": "strftime({}, '%Y-%m-%d')",
    "week": "strftime({}, '%G-W%V')",
    "month": "strftime({}, '%Y-%m')",
    "quarter": "year({0}) || '-Q' || quarter({0})",
    "year": "strftime({}, '%Y')",
    "weekday": "isodow({0}) || ' ' || dayname({0})",
}
_COMPARISONS: Final = {
    "is": "=",
    "is not": "<>",
    "above": ">",
    "least": ">=",
    "below": "<",
    "most": "<=",
}


def statement(query: Query, table: Table) -> str:
    """Return the SQL whose rows answer a query."""
    return _Compiler(query, table).statement()


def coverage(query: Query, table: Table) -> tuple[str, list[str]]:
    """Return SQL for how many rows meet the conditions and how many of these lack a value.

    Returns:
        The SQL, whose first column counts the rows, and the columns whose missing values the others
        count: those of figures and groupings, among the rows that meet the conditions, and those of
        conditions with "not", among the rows that meet the others.
    """
    compiler = _Compiler(query, table)
    needed = dict.fromkeys(
        [*(one.column for one in query.groups), *(one.column for one in query.figures)]
        + [one.other for one in query.figures]
    )
    columns = [name for name in needed if name and table.columns[name].missing]
    counts = [
        f"count(*) FILTER ({compiler.value(name)} IS NULL) AS {quoted('without ' + name)}"
        for name in columns
    ]
    # What is missing is neither so nor not so.
    for one in query.conditions:
        if one.comparison == "is not" and table.columns[one.column].missing:
            others = tuple(other for other in query.conditions if other != one)
            lacking = compiler.where(others, f"{compiler.value(one.column)} IS NULL")
            counts.append(f"(SELECT count(*) FROM {TABLE}{lacking})")  # noqa: S608
            columns.append(one.column)
    return (
        (
            f"SELECT {', '.join(['count(*) AS matching', *counts])} FROM {TABLE}"  # noqa: S608
            f"{compiler.where(query.conditions)}"
        ),
        columns,
    )


def alias(figure: Figure) -> str:
    """Return the name of a figure's column."""
    if figure.aggregate == "count" and not figure.column:
        return "rows"
    if figure.aggregate == "percentile":
        return f"percentile_{figure.percent * 100:g}_{figure.column}"
    return f"{figure.aggregate}_{figure.column}"


class _Compiler:
    def __init__(self, query: Query, table: Table) -> None:
        self._query = query
        self._table = table

    def statement(self) -> str:
        query = self._query
        if query.form == "figures":
            return self._figures()
        if query.form == "list":
            return self._grouped(["count(*) AS rows"], order="")
        forms = {
            "growth": self._growth,
            "row": self._whole_rows,
            "rows": self._whole_rows,
            "ratio": self._ratio,
            "mean of groups": self._mean_of_groups,
            "count of groups": self._count_of_groups,
        }
        return forms[query.form]()

    def _figures(self) -> str:
        query = self._query
        if query.figures[0].aggregate == "share":
            return self._share()
        if query.figures[0].aggregate == "correlation":
            return self._correlation()
        selected = [
            f"{self.aggregate(one)} AS {quoted(alias(one))}"
            for one in query.figures
            if one.aggregate != "value"
        ]
        for one in query.figures:
            if one.aggregate == "value":
                value = self.value(one.column)
                selected += [
                    f"count(DISTINCT {value}) AS {quoted('distinct_' + one.column)}",
                    f"min({value}) AS {quoted('minimum_' + one.column)}",
                    f"avg({value}) AS {quoted('mean_' + one.column)}",
                    f"max({value}) AS {quoted('maximum_' + one.column)}",
                ]
        if not query.groups:
            return f"SELECT {', '.join(selected)} FROM {TABLE}{self.where(query.conditions)}"  # noqa: S608
        if all(alias(one) != "rows" for one in query.figures):
            selected.append("count(*) AS rows")
        return self._grouped(selected, order=self.aggregate(query.figures[0]))

    def value(self, name: str) -> str:
        """Return SQL for a column's value: NULL where it is missing, exact where it can be."""
        column = self._table.columns[name]
        numbers = column.numbers
        if numbers is not None and column.kind == "number":
            if not numbers.not_finite and "INT" in column.type:
                return quoted(name)
            if not numbers.not_finite and numbers.decimals is not None:
                return f"CAST({quoted(name)} AS DECIMAL(38, {numbers.decimals}))"
            return addable(column)
        return present(name, column.type) if column.missing else quoted(name)

    def aggregate(self, figure: Figure) -> str:
        """Return SQL for a figure."""
        if figure.aggregate == "count" and not figure.column:
            return "count(*)"
        if figure.aggregate == "percentile":
            return f"quantile_cont({self.value(figure.column)}, {figure.percent:g})"
        return _FUNCTIONS[figure.aggregate].format(self.value(figure.column))

    def group(self, grouping: Grouping) -> str:
        """Return SQL for what is grouped by."""
        value = self.value(grouping.column)
        return value if grouping.unit is None else _PERIODS[grouping.unit].format(value)

    def where(self, conditions: tuple[Condition, ...], *more: str) -> str:
        """Return a WHERE clause; nothing where there is no condition."""
        parts = [*map(self.condition, conditions), *more]
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def condition(self, condition: Condition) -> str:
        """Return SQL for a condition."""
        name = condition.column
        column = self._table.columns[name]
        value = quoted(name)
        if condition.comparison in {"missing", "present"}:
            negated = " NOT" if condition.comparison == "present" else ""
            return f"{self.value(name)} IS{negated} NULL"
        if condition.comparison == "within":
            return self._within(condition)
        if self._table.is_number(name):
            if column.numbers is not None and column.numbers.not_finite:
                value = self.value(name)
            return f"{value} {_COMPARISONS[condition.comparison]} {condition.values[0]}"
        if column.kind == "boolean" and column.type == "BOOLEAN":
            return f"{value} {_COMPARISONS[condition.comparison]} {condition.values[0]}"
        texts = ", ".join(map(literal, condition.values))
        if len(condition.values) > 1:
            negated = "NOT " if condition.comparison == "is not" else ""
            return f"{value} {negated}IN ({texts})"
        return f"{value} {_COMPARISONS[condition.comparison]} {texts}"

    def _within(self, condition: Condition) -> str:
        value, (first, last) = quoted(condition.column), condition.values
        if self._table.is_number(condition.column):
            return " AND ".join(
                f"{value} {sign} {year}" for sign, year in ((">=", first), ("<=", last)) if year
            )
        parts = [f"{value} >= DATE '{first}'"] if first else []
        if last:
            after = date.fromisoformat(last) + timedelta(days=1)
            parts.append(f"{value} < DATE '{after.isoformat()}'")
        return " AND ".join(parts)

    def _grouped(self, selected: list[str], order: str, more: tuple[str, ...] = ()) -> str:
        query = self._query
        keys = [self.group(one) for one in query.groups]
        named = [
            f"{key} AS {quoted(one.column if one.unit is None else one.unit)}"
            for key, one in zip(keys, query.groups, strict=True)
        ]
        places = ", ".join(map(str, range(1, len(keys) + 1)))
        present_keys = [f"{self.value(one.column)} IS NOT NULL" for one in query.groups]
        sql = (
            f"SELECT {', '.join(named + selected)} FROM {TABLE}"  # noqa: S608
            f"{self.where(query.conditions, *present_keys, *more)} GROUP BY {places}"
        )
        having = [*map(self._having, query.having)]
        having += [f"count(*) FILTER (WHERE {self.condition(one)}) = 0" for one in query.none]
        if place := self._place():
            having.append(f"{order} IS NOT NULL")
        if having:
            sql += f" HAVING {' AND '.join(having)}"
        inner = keys[: query.within]
        if place:
            among = f"PARTITION BY {', '.join(inner)} " if inner else ""
            ranked = f"OVER ({among}ORDER BY {order} {self._direction()})"
            sql += f" QUALIFY {self._rank()} {ranked} {place}"
        if inner:
            outer = ", ".join(map(str, range(1, len(inner) + 1)))
            return f"{sql} ORDER BY {outer}, {order} {self._direction()}, {places}"
        in_time = all(one.unit is not None for one in query.groups)
        if not order or (in_time and not query.rank):
            return f"{sql} ORDER BY {places}"
        return f"{sql} ORDER BY {order} {self._direction()} NULLS LAST, {places}"

    def _rank(self) -> str:
        return "dense_rank()" if self._query.dense else "rank()"

    def _place(self) -> str:
        """Return which places of a ranking are wanted; nothing for all."""
        query = self._query
        if query.position is not None:
            return f"= {query.position}"
        return f"<= {query.limit}" if query.rank and query.limit is not None else ""

    def _having(self, condition: GroupCondition) -> str:
        sign = _COMPARISONS[condition.comparison]
        return f"{self.aggregate(condition.figure)} {sign} {condition.value}"

    def _direction(self) -> str:
        return "ASC" if self._query.rank == "least" else "DESC"

    def _share(self) -> str:
        query, name = self._query, self._query.figures[0].column
        whole = f"sum({self.value(name)})" if name else "count(*)"
        if not query.part:
            total = f"sum({whole}) OVER ()"
            share = f"100.0 * {whole} / nullif({total}, 0)"
            return self._grouped([f"{whole} AS part", f"{share} AS percent"], order=whole)
        condition = " AND ".join(map(self.condition, query.part))
        known = " AND ".join(
            f"{self.value(one.column)} IS NOT NULL"
            for one in query.part
            if one.comparison not in {"missing", "present"}
            and self._table.columns[one.column].missing
        )
        part = f"{whole} FILTER (WHERE {condition})"
        with_value = f"{whole} FILTER (WHERE {known})" if known else whole
        selected = [f"{part} AS part", f"{with_value} AS whole"]
        selected.append(f"100.0 * {part} / nullif({with_value}, 0) AS percent")
        if known:
            selected += [
                f"{whole} AS all_rows",
                f"100.0 * {part} / nullif({whole}, 0) AS percent_of_all",
            ]
        if query.groups:
            return self._grouped(selected, order=f"{part} / nullif({with_value}, 0)")
        return f"SELECT {', '.join(selected)} FROM {TABLE}{self.where(query.conditions)}"  # noqa: S608

    def _ratio(self) -> str:
        query, figure = self._query, self._query.figures[0]
        both: tuple[str, ...] = ()
        if query.against:
            above, below = (
                f"count(*) FILTER (WHERE {' AND '.join(map(self.condition, conditions))})"
                for conditions in (query.part, query.against)
            )
        else:
            one, two = self.value(figure.column), self.value(figure.other)
            both = (f"{one} IS NOT NULL", f"{two} IS NOT NULL")
            above, below = f"sum({one})", f"sum({two})"
        selected = [f"{above} / nullif({below}, 0) AS ratio", f"{above} AS above"]
        selected.append(f"{below} AS below")
        if figure.aggregate == "mean":
            ratio = f"avg(CAST({one} AS DOUBLE) / nullif(CAST({two} AS DOUBLE), 0))"
            selected = [f"{ratio} AS ratio", f"count(*) FILTER (WHERE {two} = 0) AS zeros"]
        if query.groups:
            return self._grouped(selected, order="", more=both)
        return f"SELECT {', '.join(selected)} FROM {TABLE}{self.where(query.conditions, *both)}"  # noqa: S608

    def _correlation(self) -> str:
        figure = self._query.figures[0]
        one, two = (f"CAST({self.value(name)} AS DOUBLE)" for name in (figure.column, figure.other))
        both = self.where(self._query.conditions, f"{one} IS NOT NULL", f"{two} IS NOT NULL")
        ranks = ", ".join(
            f"rank() OVER (ORDER BY {x}) + (count(*) OVER (PARTITION BY {x}) - 1) / 2.0 AS r{x}"
            for x in ("x", "y")
        )
        return (
            "SELECT corr(x, y) AS pearson, corr(rx, ry) AS spearman, count(*) AS rows"  # noqa: S608
            f" FROM (SELECT x, y, {ranks} FROM (SELECT {one} AS x, {two} AS y FROM {TABLE}{both}))"
        )

    def _mean_of_groups(self) -> str:
        query = self._query
        figure = self.aggregate(query.figures[0])
        keys = ", ".join(f"{self.group(one)} AS g{place}" for place, one in enumerate(query.groups))
        known = [f"{self.value(one.column)} IS NOT NULL" for one in query.groups]
        places = ", ".join(map(str, range(1, len(query.groups) + 1)))
        return (
            f"SELECT avg(figure) AS mean, count(figure) AS groups FROM (SELECT {keys},"  # noqa: S608
            f" {figure} AS figure FROM {TABLE}{self.where(query.conditions, *known)}"
            f" GROUP BY {places})"
        )

    def _count_of_groups(self) -> str:
        inner = re.sub(r" ORDER BY [\d, ]+$", "", self._grouped([], order=""))
        return f"SELECT count(*) AS groups FROM ({inner})"  # noqa: S608

    def _whole_rows(self) -> str:
        query = self._query
        if query.form == "rows":
            return f"SELECT * FROM {TABLE}{self.where(query.conditions)} ORDER BY rowid"  # noqa: S608
        figure = query.figures[0]
        value = self.value(figure.column)
        direction = "DESC" if figure.aggregate == "maximum" else "ASC"
        return (
            f"SELECT * FROM {TABLE}{self.where(query.conditions, f'{value} IS NOT NULL')}"  # noqa: S608
            f" QUALIFY {self._rank()} OVER (ORDER BY {value} {direction})"
            f" {self._place() or '<= 1'}"
            f" ORDER BY {value} {direction}, rowid"
        )

    def _growth(self) -> str:
        query = self._query
        figure = query.figures[0]
        reckoned = self.aggregate(figure)
        if query.earlier is None or query.later is None:
            inner = self._grouped([f"{reckoned} AS figure"], order="")
            key = quoted(str(query.groups[0].unit))
            return (
                f"SELECT {key}, figure AS {quoted(alias(figure))},"  # noqa: S608
                f" figure - lag(figure) OVER (ORDER BY {key}) AS change,"
                f" 100.0 * (figure - lag(figure) OVER (ORDER BY {key}))"
                f" / CASE WHEN lag(figure) OVER (ORDER BY {key}) > 0"
                f" THEN lag(figure) OVER (ORDER BY {key}) END AS percent"
                f" FROM ({inner}) ORDER BY {key}"
            )
        earlier, later = (self.condition(one) for one in (query.earlier, query.later))
        selected = [
            f"{reckoned} FILTER (WHERE {earlier}) AS earlier",
            f"{reckoned} FILTER (WHERE {later}) AS later",
            f"count(*) FILTER (WHERE {earlier}) AS rows_earlier",
            f"count(*) FILTER (WHERE {later}) AS rows_later",
        ]
        inner = (
            self._grouped(selected, order="")
            if query.groups
            else f"SELECT {', '.join(selected)} FROM {TABLE}{self.where(query.conditions)}"  # noqa: S608
        )
        inner = re.sub(r" ORDER BY [\d, ]+$", "", inner)
        order = " ORDER BY change DESC NULLS LAST, 1" if query.groups else ""
        return (
            "SELECT *, later - earlier AS change, 100.0 * (later - earlier)"  # noqa: S608
            f" / CASE WHEN earlier > 0 THEN earlier END AS percent FROM ({inner}){order}"
        )
