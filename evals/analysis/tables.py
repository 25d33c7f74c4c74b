"""Tables read without any code of ours, into SQLite, where plain SQL says what is right."""

import csv
import gzip
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

Cell = str | int | float | None
_TABLE: Final = "t"


def open_table(
    path: Path, *, delimiter: str = ",", encoding: str = "utf-8", skip: int = 0, table: str = ""
) -> sqlite3.Connection:
    """Return an SQLite database whose table ``t`` holds a file's rows, text as it stands there.

    Args:
        path: A CSV file, a compressed one, a JSON file of records or an SQLite database.
        delimiter: What separates the values of a CSV file.
        encoding: Its encoding.
        skip: How many lines stand before its header.
        table: Which table of a database.
    """
    database = sqlite3.connect(":memory:")
    _fill(database, _TABLE, *_read(path, delimiter, encoding, skip, table))
    return database


def open_tables(paths: Iterable[Path], delimiters: Mapping[str, str]) -> sqlite3.Connection:
    """Return an SQLite database with a table for each file, called as the file is.

    Args:
        paths: CSV files, and SQLite databases with one table.
        delimiters: What separates the values of a CSV file, by its name, where it is no comma.
    """
    database = sqlite3.connect(":memory:")
    for path in paths:
        delimiter = delimiters.get(path.name, ",")
        _fill(database, path.stem, *_read(path, delimiter, "utf-8", 0, ""))
    return database


def _fill(
    database: sqlite3.Connection, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> None:
    columns = ", ".join(f'"{column}"' for column in header)
    database.execute(f'CREATE TABLE "{name}" ({columns})')
    places = ", ".join("?" * len(header))
    database.executemany(f'INSERT INTO "{name}" VALUES ({places})', rows)


def _read(
    path: Path, delimiter: str, encoding: str, skip: int, table: str
) -> tuple[Sequence[str], Iterable[Sequence[Cell]]]:
    if path.suffix in {".sqlite", ".db"}:
        with sqlite3.connect(path) as source:
            if not table:
                (table,) = source.execute("SELECT name FROM sqlite_master").fetchone()
            cursor = source.execute(f'SELECT * FROM "{table}"')
            return [name for name, *_ in cursor.description], cursor.fetchall()
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode(encoding)
    if ".json" in path.suffixes or ".jsonl" in path.suffixes:
        lines = ".jsonl" in path.suffixes
        records = list(map(json.loads, text.splitlines())) if lines else json.loads(text)
        header = list(dict.fromkeys(name for record in records for name in record))
        return header, [[record.get(name) for name in header] for record in records]
    header, *rows = csv.reader(text.splitlines(keepends=True)[skip:], delimiter=delimiter)
    return header, (row for row in rows if len(row) == len(header))
