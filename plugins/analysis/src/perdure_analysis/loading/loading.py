"""Reading a file into the table ``data`` of a DuckDB database."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.archives.contents import Layer, unpacked
from perdure_analysis.column_types.columns import refine
from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.reading import Reading
from perdure_analysis.facts import Format, Loaded, Source
from perdure_analysis.loading.delimited import read_delimited
from perdure_analysis.loading.duckdb_file import read_duckdb
from perdure_analysis.loading.sqlite import write_csv
from perdure_analysis.workbooks.workbook import read_workbook

_SHOWN: Final = 5
_OBJECT_BYTES: Final = 1 << 24
_NO_DATE: Final = "'no date %Y'"


def load(database: Database, source: Source) -> Loaded:
    """Read a file into the table ``data``.

    Raises:
        InputError: The content is damaged, or there are no rows.
    """
    reading = read(database, source)
    rows = reading.count()
    if rows == 0:
        names = ", ".join(list(database.columns())[:_SHOWN])
        raise InputError(
            f"{source.path} has columns ({names}) but no row: give a file with rows in it"
        )
    reading.notes += refine(reading)
    return Loaded(
        rows=rows,
        columns=database.columns(),
        left_out=reading.left_out,
        notes=(*source.notes, *reading.notes),
    )


def read(database: Database, source: Source) -> Reading:
    """Read a file into the table ``data``, text as it stands there.

    Raises:
        InputError: The content is damaged.
    """
    with ExitStack() as unpacking:
        content = Path(source.path)
        for packed in source.packed:
            layer = Layer(packed.kind, packed.member)
            content = unpacking.enter_context(unpacked(content, layer, database.folder))
        reading = Reading(database, source, content)
        try:
            _READERS[source.format](reading)
        except database.error as error:
            if "out of memory" in str(error).lower():
                raise InputError(
                    f"{source.path} needs more memory than the 1 GB that reading it may take: give"
                    " a table with fewer columns or shorter values"
                ) from error
            raise InputError(
                f"{source.path} cannot be read as {source.format.upper()}"
                f" ({_first_line(error)}): repair the file"
            ) from error
    return reading


def _read_parquet(reading: Reading) -> None:
    reading.file.symlink_to(reading.content)
    reading.create("SELECT * FROM read_parquet(?)", str(reading.file))


def _read_json(reading: Reading) -> None:
    reading.provide_text()
    size = max(_OBJECT_BYTES, reading.file.stat().st_size + 1)
    # A format that no text has keeps DuckDB from guessing the order of day and month.
    options = (
        f"sample_size = -1, maximum_object_size = {size}, dateformat = {_NO_DATE},"
        f" timestampformat = {_NO_DATE}"
    )
    described = reading.database.rows(
        f"DESCRIBE FROM read_json_auto(?, {options})",
        (str(reading.file),),
    )
    columns = {str(row[0]): str(row[1]) for row in described}
    # A double would round a whole number of more than fifteen digits.
    written = {name: "VARCHAR" if kind == "DOUBLE" else kind for name, kind in columns.items()}
    if written == columns or list(columns) == ["json"]:
        reading.create(f"FROM read_json_auto(?, {options})", str(reading.file))
    else:
        reading.create(f"FROM read_json(?, {options}, columns = ?)", str(reading.file), written)
    _unpack_records(reading)
    _take_single_values(reading)


def _take_single_values(reading: Reading) -> None:
    """Make text of columns in which numbers and text, but no lists or objects, stand together."""
    database = reading.database
    for name, kind in database.columns().items():
        column = quoted(name)
        if kind != "JSON":
            continue
        present, numbers, nested = database.row(
            f"SELECT count(t), count(*) FILTER (t IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')),"  # noqa: S608
            f" count(*) FILTER (t IN ('ARRAY', 'OBJECT')) FROM (SELECT json_type({column}) AS t"
            f" FROM {TABLE}) WHERE t <> 'NULL'"
        )
        if not present or nested:
            continue
        database.rows(f"ALTER TABLE {TABLE} ALTER {column} TYPE VARCHAR USING {column} ->> '$'")
        if 2 * int(str(numbers)) > int(str(present)):
            reading.mostly_numbers.add(name)


def _unpack_records(reading: Reading) -> None:
    """Take the records out of a document that wraps them, such as ``{"data": [{…}, {…}]}``."""
    columns = reading.database.columns()
    lists = [name for name, kind in columns.items() if kind.startswith("STRUCT(") and "[]" in kind]
    lists = [name for name in lists if columns[name].endswith(")[]")]
    if len(lists) != 1 or reading.count() != 1:
        return
    reading.create(
        f"SELECT unnest(record) FROM (SELECT unnest({quoted(lists[0])}) AS record FROM {TABLE})"  # noqa: S608
    )
    reading.notes.append(f"The rows are the records listed under `{lists[0]}` of one document.")


def _read_sqlite(reading: Reading) -> None:
    table = reading.source.table or ""
    extract = write_csv(reading.content, table, reading.file)
    reading.create_from_csv(extract.columns)
    reading.as_text.update(extract.binary)
    reading.mostly_numbers.update(extract.mostly_numbers)
    if extract.binary:
        names = ", ".join(f"`{name}`" for name in extract.binary)
        reading.notes.append(f"Binary values in {names} are shown as hexadecimal digits.")


_READERS: Final[dict[Format, Callable[[Reading], None]]] = {
    "parquet": _read_parquet,
    "csv": read_delimited,
    "json": _read_json,
    "sqlite": _read_sqlite,
    "duckdb": read_duckdb,
    "excel": read_workbook,
    "ods": read_workbook,
}


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return line.partition('in file "')[0].rstrip(" .,:") or type(error).__name__
