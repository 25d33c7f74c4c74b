"""The state that a development server keeps in a folder: its database, and who made it."""

import sqlite3
from contextlib import closing
from pathlib import Path


class ServerState:
    """The database file of a server, whether its tables were ever complete, and who made them.

    Attributes:
        folder: Where it is.
        database: The file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "temporal.db"
        self._unfinished = folder / "temporal.db.unfinished"
        self._version = folder / "temporal.version"

    def prepare(self) -> None:
        """Remove a database whose server was killed before it had created its tables.

        The server creates them only when there is no file, and would fail for ever on such a one.
        """
        if self._unfinished.exists():
            for suffix in ("", "-wal", "-shm", "-journal"):
                self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        elif not self.database.exists():
            self._unfinished.touch()

    def mark_complete(self, version: str) -> None:
        """Note that the database is complete: a server of this version has served from it."""
        if version:
            self._version.write_text(f"{version}\n", encoding="utf-8")
        self._unfinished.unlink(missing_ok=True)

    def made_by(self) -> str | None:
        """Return the version that served from the database last; ``None`` where that is unknown."""
        if self._unfinished.exists() or not self.database.exists():
            return None
        try:
            return self._version.read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def has_unfair_backlog(self) -> bool:
        """Return whether tasks wait where a server with fairness would not look for them.

        It keeps them in tables of its own, and what an earlier one has left waits until a server
        without fairness has dispatched it.
        """
        return _has_rows(self.database, "tasks") and not _has_rows(self.database, "tasks_v2")


def _has_rows(database: Path, table: str) -> bool:
    try:
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        ) as opened:
            return opened.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None  # noqa: S608 -- a constant
    except sqlite3.Error:
        return False


def read_schema(database: Path) -> list[tuple[str, ...]]:
    """Return the statements that made the tables and indexes of a database, in order of names.

    A file that is no database has none.
    """
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"
    try:
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        ) as opened:
            return [tuple(row) for row in opened.execute(query)]
    except sqlite3.Error:
        return []
