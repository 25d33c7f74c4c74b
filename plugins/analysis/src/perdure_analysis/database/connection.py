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
        self._confined = False
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

    def table(
        self, sql: str, *, most: int, seconds: float | None = None
    ) -> tuple[list[str], list[Row]]:
        """Return the names of a query's columns and the first rows that it yields.

        Args:
            sql: The query.
            most: How many rows.
            seconds: After this time the query is stopped.

        Raises:
            RuntimeError: The database is closed.
            TimeoutError: The query was stopped.
        """
        with self._busy:
            if self._closing:
                raise RuntimeError("the run has ended: its table is gone")
            late = threading.Event()
            timer = threading.Timer(seconds or 0, self._interrupt, (late,))
            timer.daemon = True
            if seconds is not None:
                timer.start()
            try:
                cursor = self._connection.execute(sql)
                names = [str(column[0]) for column in cursor.description or ()]
                return names, cursor.fetchmany(most)
            except self.error as error:
                if late.is_set():
                    raise TimeoutError(f"the query took longer than {seconds:g} s") from error
                raise
            finally:
                timer.cancel()

    def _interrupt(self, late: threading.Event) -> None:
        late.set()
        self._connection.interrupt()

    def confine(self) -> None:
        """Let no later query reach a file outside :attr:`folder`, the network, or a setting."""
        with self._busy:
            if self._confined:
                return
            for setting in (
                f"allowed_directories = ['{self.folder}']",
                "enable_external_access = false",
                "python_enable_replacements = false",
                "lock_configuration = true",
            ):
                self._connection.execute(f"SET {setting}")
            self._confined = True

    def parquet(self, sql: str, *, most: int, largest: int) -> bytes:
        """Return the first rows that a query yields as a Parquet file.

        Args:
            sql: The query.
            most: How many rows.
            largest: Of a file of more bytes fewer rows are taken.
        """
        file = self.folder / "answer.parquet"
        while True:
            self.rows(f"COPY (FROM ({sql}) LIMIT {most}) TO '{file}' (FORMAT parquet)")
            if file.stat().st_size <= largest or most <= 1:
                break
            most //= 4
        content = file.read_bytes()
        file.unlink()
        return content

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
