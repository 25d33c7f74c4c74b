"""DuckDB in a folder of its own, with nothing fetched from the network."""

import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[object, ...]

TABLE: Final = "data"
_LOOK_AGAIN_SECONDS: Final = 0.02
_CONFIGURATION: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 2,
    "memory_limit": "1GB",
    # Nothing is ever fetched from the network: what the wheel holds is all there is.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def quoted(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


class Database:
    """A DuckDB database in a folder of its own, so that large tables spill to the disk.

    Attributes:
        folder: For files needed while loading; gone once the database is closed.
        error: The base of what DuckDB raises, for an ``except`` clause.
    """

    def __init__(self) -> None:
        import duckdb

        self.folder = Path(tempfile.mkdtemp(prefix="perdure-analysis-"))
        self.error: type[Exception] = duckdb.Error
        self._busy = threading.Lock()
        self._closing = False
        try:
            self._connection: DuckDBPyConnection = duckdb.connect(
                str(self.folder / "table.duckdb"),
                config=_CONFIGURATION | {"temp_directory": str(self.folder / "spill")},
            )
            self._connection.execute("SET TimeZone = 'UTC'")
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return what a query yields.

        Raises:
            RuntimeError: The database is closed.
        """
        with self._busy:
            if self._closing:
                raise RuntimeError("the run has ended: its table is gone")
            return self._connection.execute(sql, list(parameters)).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row:
        """Return the first row that a query yields."""
        return self.rows(sql, parameters)[0]

    def whole(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Return the whole number that a query yields; NULL is 0."""
        value = self.row(sql, parameters)[0]
        return int(str(value)) if value is not None else 0

    def columns(self, table: str = TABLE) -> dict[str, str]:
        """Return name and type of a table's columns, in its order."""
        described = self.rows(f"DESCRIBE {quoted(table)}")
        return {str(row[0]): str(row[1]) for row in described}

    def close(self) -> None:
        """Stop a query that still runs, and remove everything."""
        self._closing = True
        # A connection that is busy refuses to be closed; one that begins only now is stopped too.
        while not self._busy.acquire(timeout=_LOOK_AGAIN_SECONDS):
            self._connection.interrupt()
        try:
            self._connection.close()
        finally:
            self._busy.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
