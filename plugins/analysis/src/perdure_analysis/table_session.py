"""The table of a run: loaded when a step first needs it, kept until the agent ends."""

import threading

from perdure.agents import InputFile
from perdure_analysis.database.connection import Database
from perdure_analysis.facts import Loaded, Source
from perdure_analysis.several.combining import load_several


class TableSession:
    """Holds the one table of a run; its methods are called from the threads that steps run in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: tuple[Database, Loaded] | None = None
        self._closed = False

    def table(self, source: Source) -> tuple[Database, Loaded]:
        """Return the table and how it was read; loads it on the first call.

        Raises:
            InputError: The file cannot be read as a table, or is another than was recognised.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the run has ended: its table is gone")
            if self._opened is None:
                for part in source.parts or (source,):
                    InputFile.unchanged(part.path, part.size, part.modified)
                database = Database()
                try:
                    self._opened = database, load_several(database, source)
                except BaseException:
                    database.close()
                    raise
            return self._opened

    def close(self) -> None:
        """Let go of the table; a query under way is stopped."""
        opened = self._opened
        if opened is not None:
            opened[0].close()
        with self._lock:
            self._closed = True
            if self._opened is not None and self._opened is not opened:
                self._opened[0].close()
            self._opened = None
