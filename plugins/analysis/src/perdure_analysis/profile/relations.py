"""What the columns of a table have to do with each other."""

from itertools import combinations
from typing import Final

from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.exactness import addable, finite, settled, significant
from perdure_analysis.facts import (
    Breakdown,
    Column,
    Columns,
    Correlation,
    Group,
    Measure,
    Relations,
    Source,
)
from perdure_analysis.language.measure import choose_measure
from perdure_analysis.profile.columns import present, shown
from perdure_analysis.table_session import TableSession

_COMPARED: Final = 12
_BREAKDOWNS: Final = 6
_GROUPS: Final = 15
_ENOUGH_ROWS: Final = 10


def relate(session: TableSession, source: Source, columns: Columns, description: str) -> Relations:
    """Find duplicates, correlations, and the measure by category.

    Args:
        session: Holds the table, or loads it.
        source: Which file it is.
        columns: Its columns, described.
        description: The goal, which may name the measure.
    """
    database, _ = session.table(source)
    measure = choose_measure(columns, description)
    return Relations(
        duplicates=_duplicates(database, columns),
        measure=measure,
        correlations=_correlations(database, columns),
        breakdowns=_breakdowns(database, columns, measure),
    )


def _duplicates(database: Database, columns: Columns) -> int:
    if any(not column.missing and column.distinct == column.count for column in columns.columns):
        return 0
    names = ", ".join(quoted(name) for name in database.columns())
    # Few rows have the hash of another one: only these are compared value by value.
    return database.whole(
        f"WITH hashed AS (SELECT hash({names}) AS h, count(*) AS c FROM {TABLE} GROUP BY 1),"  # noqa: S608
        " shared AS (SELECT h FROM hashed WHERE c > 1)"
        f" SELECT sum(c - 1) FROM (SELECT count(*) AS c FROM {TABLE}"
        f" WHERE hash({names}) IN (FROM shared) GROUP BY {names} HAVING count(*) > 1)"
    )


def _correlations(database: Database, columns: Columns) -> tuple[Correlation, ...]:
    names = [column.name for column in columns.of("number") if column.distinct > 1]
    found = [
        correlation
        for first, second in combinations(names[:_COMPARED], 2)
        if (correlation := _correlate(database, first, second)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.pearson), one.first, one.second)))


def _correlate(database: Database, first: str, second: str) -> Correlation | None:
    # Equal values share the middle of the ranks they would take.
    ranks = (
        "{0}s AS MATERIALIZED (SELECT {0}, sum(c) OVER (ORDER BY {0}) - c / 2.0 AS r"
        " FROM (SELECT {0}, count(*) AS c FROM pairs GROUP BY 1))"
    )
    pearson, spearman, rows = database.row(
        f"WITH pairs AS MATERIALIZED (SELECT * FROM (SELECT {finite(first)} AS x,"  # noqa: S608
        f" {finite(second)} AS y FROM {TABLE}) WHERE x IS NOT NULL AND y IS NOT NULL),"
        f" {ranks.format('x')}, {ranks.format('y')}"
        " SELECT corr(x, y), corr(xs.r, ys.r), count(*)"
        " FROM pairs JOIN xs USING (x) JOIN ys USING (y)"
    )
    if pearson is None or spearman is None or int(str(rows)) < _ENOUGH_ROWS:
        return None
    if pearson != pearson or spearman != spearman:  # noqa: PLR0124 -- NaN: one column is constant here
        return None
    return Correlation(
        first=first,
        second=second,
        pearson=round(float(str(pearson)), 6),
        spearman=round(float(str(spearman)), 6),
        rows=int(str(rows)),
    )


def _breakdowns(
    database: Database, columns: Columns, measure: Measure | None
) -> tuple[Breakdown, ...]:
    if measure is None:
        return ()
    categories = [
        column
        for column in columns.of("category", "boolean")
        if 1 < column.distinct <= column.count
    ]
    followed = next(one for one in columns.columns if one.name == measure.column)
    return tuple(
        _break_down(database, column, followed, measure) for column in categories[:_BREAKDOWNS]
    )


def _break_down(
    database: Database, column: Column, followed: Column, measure: Measure
) -> Breakdown:
    category = present(column.name, column.type)
    aggregate = "sum" if measure.additive else "avg"
    grouped = (
        f"SELECT {category} AS g, count(*) AS c, {aggregate}(v) AS m"  # noqa: S608
        f" FROM (SELECT *, {addable(followed)} AS v FROM {TABLE})"
        f" WHERE {category} IS NOT NULL GROUP BY 1 HAVING count(v) > 0"
    )
    found = database.rows(
        f"SELECT {shown('g')}, c, m FROM ({grouped}) ORDER BY m DESC, CAST(g AS VARCHAR)"  # noqa: S608
        f" LIMIT {_GROUPS}"
    )
    groups, lowest, total = database.row(
        f"SELECT count(*), min(m), sum(m) FROM ({grouped})"  # noqa: S608
    )
    # A share of a total says nothing where parts of it are negative.
    whole = float(str(total)) if measure.additive and float(str(lowest or 0)) >= 0 else 0.0
    return Breakdown(
        category=column.name,
        groups=tuple(
            Group(
                value=str(value),
                rows=int(str(count)),
                measure=settled(amount),
                share=significant(float(str(amount)) / whole) if whole else None,
            )
            for value, count, amount in found
        ),
        others=max(0, int(str(groups)) - len(found)),
    )
