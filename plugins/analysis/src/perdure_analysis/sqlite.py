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

NULL: Final = "\\N"
_LISTED: Final = 20
_TYPES: Final = {
    frozenset({"integer"}): "BIGINT",
    frozenset({"real"}): "DOUBLE",
    frozenset({"integer", "real"}): "DOUBLE",
}


@dataclass(frozen=True, slots=True)
class Extract:
    """A table written out as CSV.

    Attributes:
        columns: DuckDB type by name.
        binary: Columns that hold binary values, which are written as hexadecimal digits.
    """

    columns: dict[str, str]
    binary: tuple[str, ...]


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
    if not names:
        raise InputError(f"{file} holds no table: give a database with a table in it")
    listed = ", ".join(names[:_LISTED]) + (" …" if len(names) > _LISTED else "")
    if table is None:
        if len(names) > 1:
            raise InputError(
                f"{file} holds {len(names)} tables ({listed}): name one in the parameter 'table'"
            )
        return names[0]
    if table not in names:
        raise InputError(
            f"{file} has no table {table!r}: name one of {listed} in the parameter 'table'"
        )
    return table


def write_csv(file: Path, table: str, target: Path) -> Extract:
    """Write a table as CSV in UTF-8: a header first, missing values as :data:`NULL`.

    Raises:
        InputError: The file is damaged.
    """
    with _opened(file) as database:
        source = _quoted(table)
        header = [
            str(entry[0])
            for entry in database.execute(f"SELECT * FROM {source} LIMIT 0").description  # noqa: S608
        ]
        stored = [
            frozenset(
                str(kind)
                for (kind,) in database.execute(
                    f"SELECT DISTINCT typeof({_quoted(name)}) FROM {source}"  # noqa: S608
                )
            )
            for name in header
        ]
        with target.open("w", encoding="utf-8", newline="", errors="replace") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            for row in database.execute(f"SELECT * FROM {source}"):  # noqa: S608
                writer.writerow([_plain(value) for value in row])
    return Extract(
        columns={
            name: _TYPES.get(kinds - {"null"}, "VARCHAR")
            for name, kinds in zip(header, stored, strict=True)
        },
        binary=tuple(name for name, kinds in zip(header, stored, strict=True) if "blob" in kinds),
    )


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
