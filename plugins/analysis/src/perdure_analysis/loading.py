"""Reading a file into the table ``data`` of a DuckDB database."""

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.column_types import refine
from perdure_analysis.database import TABLE, Database, quoted
from perdure_analysis.facts import Format, Loaded, Source
from perdure_analysis.sqlite import NULL, write_csv

_SHOWN: Final = 5
_OBJECT_BYTES: Final = 1 << 24
_COPY_CHARACTERS: Final = 1 << 20
_ENCODINGS: Final = {
    "cp1252": "Windows-1252 (Latin)",
    "latin-1": "Latin-1",
    "utf-16": "UTF-16",
}


class Reading:
    """What is gathered while a file is read.

    Attributes:
        file: A path without special characters that leads to the file.
        left_out: Lines that are no rows.
        notes: Decisions to report.
    """

    def __init__(self, database: Database, source: Source) -> None:
        self.database = database
        self.source = source
        # DuckDB takes * ? [ in a name for a pattern and cannot be told otherwise.
        self.file = database.folder / f"source.{source.format}"
        self.left_out = 0
        self.notes: list[str] = []

    def create(self, query: str, *parameters: object) -> None:
        """Make the table from a query."""
        self.database.rows(f"CREATE OR REPLACE TABLE {TABLE} AS {query}", parameters)


def load(database: Database, source: Source) -> Loaded:
    """Read a file into the table ``data``.

    Raises:
        InputError: The content is damaged, or there are no rows.
    """
    reading = Reading(database, source)
    try:
        _READERS[source.format](reading)
    except database.error as error:
        raise InputError(
            f"{source.path} cannot be read as {source.format.upper()}"
            f" ({_first_line(error)}): repair the file"
        ) from error
    rows = database.whole(f"SELECT count(*) FROM {TABLE}")  # noqa: S608
    if rows == 0:
        names = ", ".join(list(database.columns())[:_SHOWN])
        raise InputError(
            f"{source.path} has columns ({names}) but no row: give a file with rows in it"
        )
    reading.notes += refine(database)
    return Loaded(
        rows=rows,
        columns=database.columns(),
        left_out=reading.left_out,
        notes=tuple(reading.notes),
    )


def _read_parquet(reading: Reading) -> None:
    reading.file.symlink_to(reading.source.path)
    reading.create("SELECT * FROM read_parquet(?)", str(reading.file))


def _read_csv(reading: Reading) -> None:
    _provide_utf8(reading)
    reading.create(
        "SELECT * FROM read_csv(?, sample_size = -1, ignore_errors = true, store_rejects = true,"
        " rejects_limit = 0, max_line_size = 16777216)",
        str(reading.file),
    )
    database, rows = reading.database, _count(reading)
    rejected = database.rows(
        "SELECT DISTINCT line, error_type FROM reject_errors ORDER BY line, error_type"
    )
    reading.left_out = len({line for line, _ in rejected})
    if reading.left_out > rows:
        raise InputError(
            f"{reading.source.path} is no regular CSV ({reading.left_out:,} of its"
            f" {reading.left_out + rows:,} lines do not have the same number of values): repair it"
        )
    if rejected:
        where = ", ".join(f"{line} ({str(what).lower()})" for line, what in rejected[:_SHOWN])
        more = " …" if len(rejected) > _SHOWN else ""
        were = "line was" if reading.left_out == 1 else "lines were"
        reading.notes.append(f"{reading.left_out:,} {were} left out as irregular: {where}{more}.")
    _note_missing_header(reading)


def _note_missing_header(reading: Reading) -> None:
    names = list(reading.database.columns())
    if names == [f"column{number:0{len(str(len(names) - 1))}}" for number in range(len(names))]:
        reading.notes.append("No header was found: columns are numbered from 0.")


def _read_json(reading: Reading) -> None:
    _provide_utf8(reading)
    size = max(_OBJECT_BYTES, reading.file.stat().st_size + 1)
    reading.create(
        "SELECT * FROM read_json_auto(?, sample_size = -1, maximum_object_size = ?)",
        str(reading.file),
        size,
    )
    _unpack_records(reading)


def _unpack_records(reading: Reading) -> None:
    """Take the records out of a document that wraps them, such as ``{"data": [{…}, {…}]}``."""
    columns = reading.database.columns()
    lists = [name for name, kind in columns.items() if kind.startswith("STRUCT(") and "[]" in kind]
    lists = [name for name in lists if columns[name].endswith(")[]")]
    if len(lists) != 1 or _count(reading) != 1:
        return
    reading.create(
        f"SELECT unnest(record) FROM (SELECT unnest({quoted(lists[0])}) AS record FROM {TABLE})"  # noqa: S608
    )
    reading.notes.append(f"The rows are the records listed under `{lists[0]}` of one document.")


def _read_sqlite(reading: Reading) -> None:
    table = reading.source.table or ""
    extract = write_csv(Path(reading.source.path), table, reading.file)
    # The types are known, and a guess would take text such as '007' for a number.
    reading.create(
        "SELECT * FROM read_csv(?, auto_detect = false, header = true, delim = ',', quote = '\"',"
        " escape = '\"', nullstr = ?, columns = ?, max_line_size = 16777216)",
        str(reading.file),
        NULL,
        extract.columns,
    )
    reading.file.unlink()
    if extract.binary:
        names = ", ".join(f"`{name}`" for name in extract.binary)
        reading.notes.append(f"Binary values in {names} are shown as hexadecimal digits.")


_READERS: Final[dict[Format, Callable[[Reading], None]]] = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "json": _read_json,
    "sqlite": _read_sqlite,
}


def _provide_utf8(reading: Reading) -> None:
    source = reading.source
    if source.encoding in {"utf-8", "utf-8-sig"}:
        reading.file.symlink_to(source.path)
        return
    try:
        with (
            codecs.open(source.path, encoding=source.encoding) as stream,
            reading.file.open("w", encoding="utf-8", newline="") as copy,
        ):
            while text := stream.read(_COPY_CHARACTERS):
                copy.write(text)
    except UnicodeError as error:
        raise InputError(
            f"{source.path} is not the {source.encoding.upper()} text it begins as ({error}):"
            " save it as UTF-8"
        ) from error
    name = _ENCODINGS.get(source.encoding, source.encoding)
    reading.notes.append(f"The text is not UTF-8; it was read as {name}.")


def _count(reading: Reading) -> int:
    return reading.database.whole(f"SELECT count(*) FROM {TABLE}")  # noqa: S608


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return line.partition('in file "')[0].rstrip(" .,:") or type(error).__name__
