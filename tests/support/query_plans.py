"""The statements that the stores execute, and how the database would find their rows."""

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Engine, event

# Of these there are as many rows as goals, steps and events were ever made.
LARGE: Final = ("goals", "events", "steps")
_WHOLE_TABLE: Final = re.compile(r"\bSCAN (\w+)\b(?! USING)")

Statements = dict[str, Sequence[Any]]


@contextmanager
def recorded_statements() -> Iterator[Statements]:
    """Record what is executed in this process meanwhile, each with the parameters it had first."""
    recorded: Statements = {}

    def record(
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: Any,
        _context: object,
        executemany: bool,
    ) -> None:
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement):
            recorded.setdefault(statement, parameters[0] if executemany else parameters)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield recorded
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def whole_tables_sqlite(
    file: Path, statements: Statements, large: Collection[str] = LARGE
) -> Iterator[tuple[str, str]]:
    """Yield each large table that a statement reads from end to end, and the statement."""
    with closing(sqlite3.connect(file)) as connection:
        for statement, parameters in statements.items():
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            for *_, detail in plan:
                for table in _WHOLE_TABLE.findall(detail):
                    if table in large:
                        yield table, statement


async def whole_tables_postgresql(
    url: str, statements: Statements, large: Collection[str] = LARGE
) -> list[tuple[str, str]]:
    """Return the same of PostgreSQL, whose plans depend on what the tables hold."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        found: list[tuple[str, str]] = []
        for statement, parameters in statements.items():
            text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *parameters)
            plan = json.loads(text)[0]["Plan"]
            found += [(table, statement) for table in _sequential(plan, large)]
        return found
    finally:
        await connection.close()


def _sequential(node: dict[str, Any], large: Collection[str]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in large:
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        yield from _sequential(below, large)
