"""Reading several files into the one table: below each other, or joined."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.column_types.columns import refine
from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.reading import Reading
from perdure_analysis.facts import FilePart, Loaded, Source
from perdure_analysis.formatting import listed
from perdure_analysis.loading.loading import load, read
from perdure_analysis.several.joining import Join
from perdure_analysis.several.keys import Table

_NUMBERS: Final = frozenset({"BIGINT", "DOUBLE"})
_FILE_COLUMNS: Final = ("file", "source_file", "file_name", "name of the file")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A table in the database that has yet to be refined: a file, or several below each other."""

    name: str
    table: str
    reading: Reading
    rows: int
    stacked: bool = False


def load_several(database: Database, source: Source) -> Loaded:
    """Read several files into the table ``data``.

    Files with the same columns are put below each other. What has other columns is joined, where
    keys are given or one stands out; else the first is the table. What was done is noted.

    Raises:
        InputError: A file cannot be read, or cannot be joined as it was asked for.
    """
    if not source.parts:
        return load(database, source)
    files = []
    for place, (name, part) in enumerate(zip(names(source.parts), source.parts, strict=True)):
        reading = _read_part(database, part, _raw(place))
        files.append(_Piece(name, _raw(place), reading, _rows(database, _raw(place))))
    notes: list[str] = []
    groups = _alike(database, files)
    if len(groups) == 1 and source.keys:
        groups = [[file] for file in files]
    pieces = [
        group[0] if len(group) == 1 else _stack(database, source, group, notes) for group in groups
    ]
    loaded = _join(database, source, pieces)
    notes += loaded.notes
    for file in files:
        notes += [
            f"{file.name}: {note}" for note in (*file.reading.source.notes, *file.reading.notes)
        ]
    left_out = sum(file.reading.left_out for file in files)
    parts = [
        FilePart(name=file.name, rows=file.rows, left_out=file.reading.left_out) for file in files
    ]
    update = {"notes": tuple(notes), "left_out": left_out, "parts": tuple(parts)}
    return loaded.model_copy(update=update)


def _alike(database: Database, files: Sequence[_Piece]) -> list[list[_Piece]]:
    """Return the files in groups that have the same columns, in whatever order."""
    groups: dict[frozenset[str], list[_Piece]] = {}
    for file in files:
        columns = frozenset(_folded(database.columns(file.table)))
        groups.setdefault(columns, []).append(file)
    return list(groups.values())


def names(parts: Sequence[Source]) -> list[str]:
    """Return what files are called: their names, with folders where two have the same one."""
    found = [part.name for part in parts]
    if len(set(found)) == len(found):
        return found
    folder = os.path.commonpath([part.path for part in parts])
    found = [os.path.relpath(part.path, folder) for part in parts]
    if len(set(found)) < len(found):
        raise InputError(f"{found[0]} was given twice, or two of its tables: give each file once")
    return found


def _raw(place: int) -> str:
    return f"part_{place}"


def _rows(database: Database, table: str) -> int:
    return database.whole(f"SELECT count(*) FROM {table}")  # noqa: S608


def _folded(columns: dict[str, str]) -> set[str]:
    return {_fold(name) for name in columns}


def _fold(name: str) -> str:
    return name.strip().lower()


def _read_part(database: Database, part: Source, table: str) -> Reading:
    reading = read(database, part)
    reading.file.unlink(missing_ok=True)
    _rename(database, TABLE, table)
    return reading


def _rename(database: Database, table: str, name: str) -> None:
    database.rows(f"ALTER TABLE {table} RENAME TO {name}")


def _stack(database: Database, source: Source, files: Sequence[_Piece], notes: list[str]) -> _Piece:
    """Put files below each other; a column says which file a row is from."""
    settled = _settle(database, files)
    columns = [database.columns(file.table) for file in files]
    together = Reading(database, files[0].reading.source, Path(source.path))
    if not settled:
        together.comma_decimals = any(file.reading.comma_decimals for file in files)
    file_column = next(name for name in _FILE_COLUMNS if name not in _folded(columns[0]))
    together.as_text.add(file_column)
    selects = []
    for place, file in enumerate(files):
        called = file.name.replace("'", "''")
        values = _aligned(together, file.reading, columns, place)
        selects.append(
            f"SELECT {', '.join(values)}, '{called}' AS {quoted(file_column)} FROM {file.table}"  # noqa: S608
        )
    together.create(" UNION ALL ".join(selects))
    for file in files:
        database.rows(f"DROP TABLE {file.table}")
    _rename(database, TABLE, files[0].table)
    named = listed([file.name for file in files])
    notes.append(
        f"{len(files)} files with the same columns were put below each other ({named});"
        f" `{file_column}` says which file a row is from."
    )
    if empty := [file.name for file in files if not file.rows]:
        notes.append(f"No row is in {listed(empty)}.")
    rows = sum(file.rows for file in files)
    return _Piece(named, files[0].table, together, rows, stacked=True)


def _settle(database: Database, files: Sequence[_Piece]) -> bool:
    """Recognise each file's values by themselves, where the files write decimals each its own way.

    Returns:
        Whether that was needed.
    """
    if len({file.reading.comma_decimals for file in files}) == 1:
        return False
    for file in files:
        if file.rows:
            _rename(database, file.table, TABLE)
            file.reading.notes += refine(file.reading)
            _rename(database, TABLE, file.table)
    return True


def _aligned(
    together: Reading, reading: Reading, columns: list[dict[str, str]], place: int
) -> list[str]:
    """Return SQL for a file's columns in the order and with the names of the first one's.

    Where the files have different types, all become text, which the whole column decides about.
    """
    types = [{_fold(name): kind for name, kind in one.items()} for one in columns]
    own = {_fold(name): name for name in columns[place]}
    values = []
    for name in columns[0]:
        mine = own[_fold(name)]
        kinds = {one[_fold(name)] for one in types}
        alike = len(kinds) == 1 or kinds <= _NUMBERS
        value = quoted(mine) if alike else f"CAST({quoted(mine)} AS VARCHAR)"
        values.append(f"{value} AS {quoted(name)}")
        if mine in reading.as_text:
            together.as_text.add(name)
        if mine in reading.mostly_numbers or not alike:
            together.mostly_numbers.add(name)
    return values


def _join(database: Database, source: Source, pieces: Sequence[_Piece]) -> Loaded:
    tables = []
    for piece in pieces:
        if not piece.rows:
            raise InputError(
                f"{piece.name} in {source.path} has no row: give files with rows in them"
            )
        _rename(database, piece.table, TABLE)
        piece.reading.notes += refine(piece.reading)
        _rename(database, TABLE, piece.table)
        columns = database.columns(piece.table)
        tables.append(Table(piece.name, piece.table, columns, piece.rows))
    join = Join(database, source.keys)
    result = join.all(tables)
    for table in tables:
        if table.table != result.table:
            database.rows(f"DROP TABLE IF EXISTS {table.table}")
    _rename(database, result.table, TABLE)
    together = [note for piece in pieces for note in piece.reading.notes if piece.stacked]
    return Loaded(
        rows=_rows(database, TABLE),
        columns=database.columns(),
        notes=(*join.notes, *together),
        keys=tuple(join.keys),
    )
