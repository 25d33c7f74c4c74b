"""Which file of an archive is meant, and getting at the file that is packed in another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from perdure.agents import InputError
from perdure_analysis.archives.unpacking import members, unpack

DEEPEST: Final = 3
_LISTED: Final = 20
_PACKED_SUFFIXES: Final = {".gz", ".bz2", ".xz", ".zst"}
_TABLE_SUFFIXES: Final = {
    *(".csv", ".tsv", ".tab", ".psv", ".txt", ".json", ".jsonl", ".ndjson", ".geojson"),
    *(".parquet", ".sqlite", ".sqlite3", ".db", ".duckdb"),
    *(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One way in which a file is packed.

    Attributes:
        kind: ``gzip``, ``bzip2``, ``xz``, ``zstandard``, ``zip`` or ``tar``.
        member: The file of an archive that is meant; empty for what is no archive.
        others: The archive's other files.
    """

    kind: str
    member: str = ""
    others: tuple[str, ...] = ()


def layer(file: Path, kind: str, table: str | None) -> tuple[Layer, str | None]:
    """Return what is to be unpacked, and the table that is meant in there.

    Args:
        file: The packed file.
        kind: How it is packed.
        table: A member of the archive, ``member/table``, or the only member's table.

    Raises:
        InputError: The archive is empty, has no such file, or several tables of which none is
            named.
    """
    if kind not in {"zip", "tar"}:
        return Layer(kind), table
    names = members(file, kind)
    if not names:
        raise InputError(f"{file} is an empty archive: give one with a table in it")
    for name in sorted(names, key=len, reverse=True):
        if table is not None and (table == name or table.startswith(f"{name}/")):
            rest = table[len(name) + 1 :] or None
            return Layer(kind, name, tuple(other for other in names if other != name)), rest
    tables = [name for name in names if _suffix(name) in _TABLE_SUFFIXES] or names
    if len(tables) == 1:
        return Layer(kind, tables[0], tuple(one for one in names if one != tables[0])), table
    listed = ", ".join(tables[:_LISTED]) + (" …" if len(tables) > _LISTED else "")
    if table is not None:
        raise InputError(
            f"{file} has no file {table!r}: name one of {listed} in the parameter 'table'"
        )
    raise InputError(
        f"{file} holds {len(tables)} files ({listed}): name one in the parameter 'table'"
    )


@contextmanager
def unpacked(file: Path, packed: Layer, folder: Path) -> Iterator[Path]:
    """Unpack a file into a folder; errors about it then name the file that it came from.

    Raises:
        InputError: It cannot be unpacked.
    """
    target = folder / f"unpacked-{len(list(folder.iterdir()))}{_suffix(packed.member or file.name)}"
    unpack(file, packed.kind, packed.member, target)
    try:
        yield target
    except InputError as error:
        shown = f"{packed.member} in {file}" if packed.member else str(file)
        raise InputError(str(error).replace(str(target), shown)) from error
    finally:
        target.unlink(missing_ok=True)


def _suffix(name: str) -> str:
    """Return the suffix that says what a file holds: ``.csv`` of ``sales.csv.gz``."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in _PACKED_SUFFIXES else path.suffix
