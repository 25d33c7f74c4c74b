"""Reading SQLite with the standard library: DuckDB's own reader would have to be downloaded."""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from perdure.agents import InputError
from perdure_analysis.database.reading import NULL
from perdure_analysis.loading.table_choice import chosen_table

_TYPES: Final = {
    frozenset({"integer"}): "BIGINT",
    frozenset({"real"}): "DOUBLE",
}


@dataclass(frozen=True, slots=True)
class Extract:
    """A table written out as CSV.

    Attributes:
        columns: DuckDB type by name.
        binary: Columns that hold binary values, which are written as hexadecimal digits.
        mostly_numbers: Columns of text in which more than half of the values are numbers.
    """

    columns: dict[str, str]
    binary: tuple[str, ...]
    mostly_numbers: tuple[str, ...]


def choose_table(file: Path, table: str | None) -> str:
    """Return the table to profile: the one asked for, or the only one there is.

    Raises:
        InputError: No such table, none at all, several and none asked for, or a damaged file.
    """
    with _opened(file) as database:
        names = [
            str(name)
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            )
        ]
    return chosen_table(file, names, table)


def write_csv(file: Path, table: str, target: Path) -> Extract:
    """Write a table as CSV in UTF-8: a header first, missing values as ``NULL`` of :mod:`.reading`.

    Raises:
        InputError: The file is damaged.
    """
    with _opened(file) as database:
        source = _quoted(table)
        header = [
            str(entry[0])
            for entry in database.execute(f"SELECT * FROM {source} LIMIT 0").description  # noqa: S608
        ]
        stored = [_storage_classes(database, source, _quoted(name)) for name in header]
        with target.open("w", encoding="utf-8", newline="", errors="replace") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            for row in database.execute(f"SELECT * FROM {source}"):  # noqa: S608
                writer.writerow([_plain(value) for value in row])
    held = dict(zip(header, stored, strict=True))
    return Extract(
        columns={name: _TYPES.get(frozenset(kinds), "VARCHAR") for name, kinds in held.items()},
        binary=tuple(name for name, kinds in held.items() if "blob" in kinds),
        mostly_numbers=tuple(
            name
            for name, kinds in held.items()
            if 2 * (kinds.get("integer", 0) + kinds.get("real", 0)) > sum(kinds.values())
        ),
    )


def _storage_classes(database: sqlite3.Connection, source: str, column: str) -> dict[str, int]:
    """Return how many values a column stores in each of SQLite's classes, NULL left out."""
    return {
        str(kind): int(count)
        for kind, count in database.execute(
            f"SELECT typeof({column}), count(*) FROM {source} WHERE {column} IS NOT NULL GROUP BY 1"  # noqa: S608
        )
    }


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    address = f"file:{quote(str(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
            yield database
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise
        raise InputError(f"{file} cannot be read as SQLite ({error}): repair the file") from error
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"{file} is a damaged or encrypted SQLite database ({error}): repair or decrypt it"
        ) from error


def _plain(value: object) -> object:
    if value is None:
        return NULL
    return value.hex() if isinstance(value, bytes) else value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
