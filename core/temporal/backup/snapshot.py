"""One moment of both databases: that of the stores, and the embedded server's."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

# A transaction of the stores is short; on a busy machine many wait.
_BUSY_SECONDS: Final = 60.0


class Snapshot:
    """A moment of both databases, for as long as the block runs.

    The stores may lack nothing that the server counts on: a result that the server has seen stored
    would be lost, and a step between the two moments paid for again. Nor may they hold a goal that
    the server has never heard of. So the stores are kept from writing, for milliseconds, while both
    moments are taken: the server's is then one of the stores too. Both are in WAL mode, where a
    reader sees its moment for as long as it reads, and delays nobody.

    To goals, what is restored is a machine that lost its power at this moment.

    Args:
        stores: The stores' database.
        server: The embedded server's; it may be missing.
    """

    def __init__(self, stores: Path, server: Path) -> None:
        self._stores = stores
        self._server = server
        self._stack = ExitStack()
        self._opened: dict[Path, sqlite3.Connection] = {}

    def __enter__(self) -> Self:
        """Take the moment.

        Raises:
            sqlite3.Error: A database cannot be read.
        """
        with ExitStack() as stack:
            with closing(_connect(self._stores)) as writer:
                writer.execute("BEGIN IMMEDIATE")
                for path in (self._server, self._stores):
                    if path.exists():
                        self._opened[path] = stack.enter_context(closing(_connect(path)))
                        self._opened[path].execute("BEGIN")
                        self._opened[path].execute("SELECT count(*) FROM sqlite_master").fetchone()
                writer.execute("ROLLBACK")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def databases(self) -> tuple[Path, ...]:
        """The databases that are there."""
        return tuple(self._opened)

    def copy(self, database: Path, target: Path) -> None:
        """Write one of the databases, as it was at the moment, into a file of its own.

        Raises:
            sqlite3.Error: It cannot be read, or the file cannot be written.
        """
        with closing(sqlite3.connect(target)) as copied:
            self._opened[database].backup(copied)


def _connect(path: Path) -> sqlite3.Connection:
    # Never a new file where there is none.
    address = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
