"""Fills the stores with goals, past all else: without their indexes, which are made at the end."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.growth.rows import all_rows
from benchmarks.verdict import report

# Written once, not twice: what a crash spoils is filled anew.
_SQLITE_QUICK: Final = (
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA cache_size = -200000",
)
_SQLITE_SHAPES: Final = (
    "SELECT name, type, sql FROM sqlite_master"
    " WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL"
)
_SQLITE_WORDS: Final = "INSERT INTO goal_words_index (goal_words_index) VALUES ('rebuild')"
_POSTGRESQL_INDEXES: Final = (
    "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE schemaname = current_schema() AND tablename = $1 AND indexname LIKE 'ix%'"
)


def _text_of(time: datetime) -> str:
    """Return a time as SQLAlchemy keeps it on SQLite."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def fill_sqlite(file: Path, goals: int) -> int:
    """Load so many goals into stores that nobody has open; return the file's bytes."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        execute = connection.execute
        for statement in _SQLITE_QUICK:
            execute(statement)
        for table, rows in all_rows(_text_of).items():
            shapes = execute(_SQLITE_SHAPES, (table,)).fetchall()
            for name, kind, _ in shapes:
                execute(f"DROP {kind} {name}")
            names, values = ", ".join(rows.columns), ", ".join("?" * len(rows.columns))
            execute("BEGIN")
            connection.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({values})", rows.of(goals)
            )
            execute("COMMIT")
            if table == "goal_words":
                execute(_SQLITE_WORDS)
            for _, _, sql in shapes:
                execute(sql)
            report(f"{table} is filled")
        execute("PRAGMA journal_mode = WAL")
    return file.stat().st_size


async def fill_postgresql(url: str, goals: int) -> int:
    """Load so many goals into stores that nobody has open; return the database's bytes."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for table, rows in all_rows(lambda time: time).items():
            indexes: Iterable[Any] = await connection.fetch(_POSTGRESQL_INDEXES, table)
            for index in indexes:
                await connection.execute(f"DROP INDEX {index['indexname']}")
            await connection.copy_records_to_table(
                table, columns=rows.columns, records=rows.of(goals)
            )
            for index in indexes:
                await connection.execute(index["indexdef"])
            report(f"{table} is filled")
        await connection.execute("VACUUM ANALYZE")
        size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()
    return size
