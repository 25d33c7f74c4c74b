"""Which values of the table a question names."""

from collections.abc import Iterable

from perdure_analysis.column_types.cells import literal
from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.facts import Columns
from perdure_analysis.language.words import comparable, comparable_sql

_MANY_VALUES = 200_000
_SPELLINGS = 8

Values = dict[str, list[tuple[str, str]]]


def find_values(database: Database, columns: Columns, said: Iterable[str]) -> Values:
    """Return for each text in comparable form the columns and spellings in which it occurs.

    Args:
        database: Holds the table.
        columns: Its columns.
        said: Texts of the question that may be values.
    """
    wanted = sorted({comparable(text) for text in said} - {""})
    found: Values = {}
    if not wanted:
        return found
    texts = ", ".join(map(literal, wanted))
    for column in columns.columns:
        if column.type != "VARCHAR" or column.kind in {"binary", "empty"}:
            continue
        value = quoted(column.name)
        form = comparable_sql("v") if column.distinct <= _MANY_VALUES else "lower(v)"
        rows = database.rows(
            f"SELECT v FROM (SELECT DISTINCT {value} AS v FROM {TABLE} WHERE {value} IS NOT NULL)"  # noqa: S608
            f" WHERE {form} IN ({texts}) ORDER BY v LIMIT {_SPELLINGS * len(wanted)}"
        )
        for (text,) in rows:
            found.setdefault(comparable(str(text)), []).append((column.name, str(text)))
    return found
