"""The outcome of a batch as one table: JSON lines, CSV or Parquet, with a row for each item."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import JsonValue

from perdure.models.batches import ItemRecord
from perdure.stores.batches.batch_store import BatchStore
from perdure.stores.database.errors import InputRefused

_PAGE: Final = 500
# A column for each field of results, of the first that there are.
_MAX_RESULT_COLUMNS: Final = 200
_COLUMNS: Final = (
    *("key", "number", "status", "workflow_id", "attempts", "started_at", "ended_at", "cost"),
    *("error", "summary"),
)
_RESULT: Final = "result."
_TEXT: Final = "VARCHAR"
_INTEGER: Final = "BIGINT"
_FLOAT: Final = "DOUBLE"
_TYPES: Final = {
    **dict.fromkeys(_COLUMNS, _TEXT),
    **dict.fromkeys(("number", "attempts"), _INTEGER),
    **dict.fromkeys(("started_at", "ended_at"), "TIMESTAMPTZ"),
    "cost": _FLOAT,
}
_MAX_ROW_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024


class OutcomeFormat(StrEnum):
    """What a batch's outcome is written as."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """Its type, as the header Content-Type has it."""
        return {
            OutcomeFormat.CSV: "text/csv; charset=utf-8",
            OutcomeFormat.JSON_LINES: "application/x-ndjson",
            OutcomeFormat.PARQUET: "application/vnd.apache.parquet",
        }[self]


async def outcome(batches: BatchStore, batch_id: str, kind: OutcomeFormat) -> AsyncIterator[bytes]:
    """Yield the outcome of a batch, a page of items at a time.

    JSON lines have each item's result as an object; in tables each of its fields is a column of its
    own, ``result.total``, with JSON where the value is no text and no number.

    Raises:
        UnknownBatch: There is no such batch.
        InputRefused: Parquet is asked for and DuckDB is not installed.
    """
    if kind is OutcomeFormat.JSON_LINES:
        async for item in _items(batches, batch_id):
            yield (json.dumps(_document(item), ensure_ascii=False) + "\n").encode()
        return
    names = await _result_fields(batches, batch_id)
    if kind is OutcomeFormat.CSV:
        yield _csv_line([*_COLUMNS, *(f"{_RESULT}{name}" for name in names)])
        async for item in _items(batches, batch_id):
            row = _row(item, names)
            yield _csv_line([_safe_cell(row[name]) for name in row])
        return
    async for chunk in _parquet(batches, batch_id, names):
        yield chunk


async def _items(batches: BatchStore, batch_id: str) -> AsyncIterator[ItemRecord]:
    after = 0
    while page := await batches.items(batch_id, after=after, limit=_PAGE, with_results=True):
        for item in page:
            yield item
        after = page[-1].number


async def _result_fields(batches: BatchStore, batch_id: str) -> Sequence[str]:
    names: dict[str, None] = {}
    async for item in _items(batches, batch_id):
        names |= dict.fromkeys(item.result or ())
        if len(names) >= _MAX_RESULT_COLUMNS:
            break
    return list(names)[:_MAX_RESULT_COLUMNS]


def _document(item: ItemRecord) -> dict[str, JsonValue]:
    document: dict[str, JsonValue] = item.model_dump(mode="json", exclude={"error"})
    document["error"] = item.error.message if item.error else None
    return document


def _row(item: ItemRecord, names: Iterable[str]) -> Mapping[str, JsonValue]:
    document = _document(item)
    row: dict[str, JsonValue] = {name: document[name] for name in _COLUMNS}
    result = item.result or {}
    return row | {f"{_RESULT}{name}": _flat(result.get(name)) for name in names}


def _flat(value: JsonValue) -> JsonValue:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _csv_line(cells: Iterable[JsonValue]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _safe_cell(value: JsonValue) -> JsonValue:
    """Return a cell that no spreadsheet takes for a formula: what agents wrote is anybody's."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


async def _parquet(
    batches: BatchStore, batch_id: str, names: Sequence[str]
) -> AsyncIterator[bytes]:
    try:
        import duckdb
    except ImportError as error:
        raise InputRefused(
            "Parquet is written by DuckDB, which is not installed: pip install 'perdure[parquet]',"
            " or take csv or jsonl"
        ) from error
    types: dict[str, str] = dict(_TYPES)
    with TemporaryDirectory(prefix="perdure-outcome-") as folder:
        rows, table = Path(folder, "rows.jsonl"), Path(folder, "outcome.parquet")
        with rows.open("w", encoding="utf-8") as file:  # noqa: ASYNC230 -- a temporary file
            async for item in _items(batches, batch_id):
                row = _row(item, names)
                file.write(json.dumps(row) + "\n")
                for name in names:
                    column = f"{_RESULT}{name}"
                    types[column] = _common_type(types.get(column), row[column])
        columns = {name: kind or _TEXT for name, kind in types.items()}

        def write() -> None:
            with duckdb.connect() as connection:
                connection.execute(_copy(rows, table, columns))

        await asyncio.to_thread(write)
        with table.open("rb") as file_of_table:  # noqa: ASYNC230 -- likewise
            while chunk := file_of_table.read(_CHUNK_BYTES):
                yield chunk


def _common_type(known: str | None, value: JsonValue) -> str:
    """Return the type of a column that has values of a type, or none yet, and this one."""
    if value is None:
        return known or ""
    kind = _type_of(value)
    if not known or known == kind:
        return kind
    return _FLOAT if {known, kind} == {_INTEGER, _FLOAT} else _TEXT


def _type_of(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return _INTEGER if -(2**63) <= value < 2**63 else _FLOAT
    return _FLOAT if isinstance(value, float) else _TEXT


def _copy(rows: Path, table: Path, columns: Mapping[str, str]) -> str:
    types = ", ".join(f"{_literal(name)}: '{kind}'" for name, kind in columns.items())
    read = (
        f"read_json({_literal(str(rows))}, format='newline_delimited',"
        f" maximum_object_size={_MAX_ROW_BYTES}, columns={{{types}}})"
    )
    # Names of columns are what agents call their fields: each is a literal.
    return f"COPY (SELECT * FROM {read}) TO {_literal(str(table))} (FORMAT parquet)"  # noqa: S608


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
