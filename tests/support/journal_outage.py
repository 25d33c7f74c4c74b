"""Takes the journal of an installation away, and puts it back."""

import sqlite3
from contextlib import closing

from tests.support.installation import Installation


class Journal:
    """Takes the journal away, and puts it back, as a full disk or an operator might."""

    def __init__(self) -> None:
        self.here: Installation | None = None
        self.is_away = False

    def take_away(self) -> None:
        if not self.is_away:
            self._execute("ALTER TABLE steps RENAME TO steps_away")
        self.is_away = True

    def put_back(self) -> None:
        self._execute("ALTER TABLE steps_away RENAME TO steps")
        self.is_away = False

    def _execute(self, statement: str) -> None:
        assert self.here is not None
        path = self.here.settings.home / "perdure.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(statement)
