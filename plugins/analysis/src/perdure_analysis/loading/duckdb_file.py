"""Reading a table of a DuckDB database file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.reading import Reading
from perdure_analysis.loading.table_choice import chosen_table

_ATTACHED: Final = "source"


def choose_table(file: Path, table: str | None) -> str:
    """Return the table to profile: the one asked for, or the only one there is.

    Views are left out: one that somebody else defined may read any file of the worker's.

    Raises:
        InputError: No such table, none at all, several and none asked for, or a file that this
            version of DuckDB cannot read.
    """
    with Database() as database, _attached(database, file):
        names = list(_tables(database))
    return chosen_table(file, names, table)


def read_duckdb(reading: Reading) -> None:
    """Copy the table, its rows in their order.

    Raises:
        InputError: The file cannot be read.
    """
    with _attached(reading.database, reading.content):
        schema, table = _tables(reading.database)[reading.source.table or ""]
        reading.create(f"FROM {_ATTACHED}.{quoted(schema)}.{quoted(table)}")
        for name, kind in reading.database.columns().items():
            if kind.startswith("ENUM"):  # a type of the file's, gone with it
                reading.database.rows(f"ALTER TABLE {TABLE} ALTER {quoted(name)} TYPE VARCHAR")


def _tables(database: Database) -> dict[str, tuple[str, str]]:
    """Return schema and name of each table by what it is called in the parameter ``table``."""
    found = database.rows(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?"
        " AND NOT internal ORDER BY schema_name <> 'main', schema_name, table_name",
        (_ATTACHED,),
    )
    return {
        str(table) if schema == "main" else f"{schema}.{table}": (str(schema), str(table))
        for schema, table in found
    }


@contextlib.contextmanager
def _attached(database: Database, file: Path) -> Iterator[None]:
    try:
        name = str(file).replace("'", "''")
        database.rows(f"ATTACH '{name}' AS {_ATTACHED} (READ_ONLY, TYPE duckdb)")
    except database.error as error:
        first = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{file} cannot be read as a DuckDB database ({first}): export the table as Parquet"
        ) from error
    try:
        yield
    finally:
        database.rows(f"DETACH {_ATTACHED}")
