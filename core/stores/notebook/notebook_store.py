"""The notebook store: what the runs of a tree write down for one another."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Connection, Row, bindparam, func, select
from sqlalchemy.sql.dml import Insert

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import NotebookEntry, NotebookPages
from perdure.schemas.notebook.records import NotebookRecord
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.notebook.tables import notebook_entries

MAX_ENTRIES: Final = 10_000
"""How many versions the notebook of a tree may have, of all its keys together."""

_ENTRIES: Final = notebook_entries.c
_OF_ROOT: Final = _ENTRIES.workflow_id == bindparam("root")
_OF_KEY: Final = _ENTRIES.key == bindparam("name")
_NEWEST: Final = (
    select(_ENTRIES.key, _ENTRIES.version, _ENTRIES.value)
    .where(_OF_ROOT, _OF_KEY)
    .order_by(_ENTRIES.version.desc())
    .limit(1)
)
_FOLLOWING: Final = select(_ENTRIES.token).where(
    _OF_ROOT, _OF_KEY, _ENTRIES.version == bindparam("following")
)
_COUNT: Final = select(func.count()).select_from(notebook_entries).where(_OF_ROOT)
_LATEST: Final = (
    select(_ENTRIES.key, func.max(_ENTRIES.version).label("version"))
    .where(_OF_ROOT, _ENTRIES.key > bindparam("after"))
    .group_by(_ENTRIES.key)
    .subquery()
)
_PAGE: Final = (
    select(
        *(_ENTRIES.key, _ENTRIES.version, _ENTRIES.value),
        *(_ENTRIES.writer, _ENTRIES.written_at),
    )
    .join(_LATEST, (_ENTRIES.key == _LATEST.c.key) & (_ENTRIES.version == _LATEST.c.version))
    .where(_OF_ROOT)
    .order_by(_ENTRIES.key)
    .limit(bindparam("most"))
)
_ROOT: Final = select(schema.goals.c.root).where(schema.goals.c.workflow_id == bindparam("run"))


class NotebookStore(TenantStore):
    """The notebooks of trees of runs; each goes with the run at the top."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._insert = database.insert(notebook_entries).on_conflict_do_nothing()

    async def of(
        self, workflow_id: str, *, after: str = "", limit: int = 500
    ) -> list[NotebookRecord]:
        """Return what stands in the notebook of a run's tree now, by key.

        Args:
            workflow_id: Any run of the tree.
            after: Only what comes behind this key.
            limit: How many at most.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> list[NotebookRecord]:
            self._tenancy.check_run(connection, workflow_id)
            root = connection.execute(_ROOT, {"run": workflow_id}).scalar() or workflow_id
            page = {"root": root, "after": after, "most": limit}
            return [_record(row) for row in connection.execute(_PAGE, page)]

        return await self._database.read(fetch)

    def for_execution(self, claim: Claim) -> NotebookPages:
        """Return the notebook of a run for one execution.

        Args:
            claim: The execution's claim; each write is refused once a later one has the claim.
        """
        return _StoredPages(self._database, self._insert, claim)


class _StoredPages:
    """The notebook of a run's tree; a :class:`~perdure.agents.steps.journal.NotebookPages`."""

    def __init__(self, database: Database, insert: Insert, claim: Claim) -> None:
        self._database = database
        self._insert = insert
        self._claim = claim
        self._root = claim.root or claim.workflow_id

    async def read(self, key: str) -> NotebookEntry:
        parameters = {"root": self._root, "name": key}

        def fetch(connection: Connection) -> NotebookEntry:
            row = connection.execute(_NEWEST, parameters).first()
            return NotebookEntry(key=key) if row is None else _entry(row)

        return await with_retries(lambda: self._database.read(fetch))

    async def write(
        self, key: str, value: JsonValue, version: int, token: str
    ) -> NotebookEntry | None:
        following = version + 1
        row = {
            "workflow_id": self._root,
            "key": key,
            "version": following,
            "value": json.dumps(value),
            "token": token,
            "writer": self._claim.workflow_id,
            "written_at": datetime.now(UTC),
            "tenant": self._claim.tenant,
        }

        def write(transaction: Transaction) -> bool:
            self._claim.check(transaction)
            return self._write(transaction, row, following)

        if not await with_retries(lambda: self._database.write(write)):
            return None
        return NotebookEntry(key=key, value=value, version=following)

    def _write(self, transaction: Transaction, row: Mapping[str, object], following: int) -> bool:
        """Insert a version; return whether it is this writing's, now or since an earlier one."""
        execute = transaction.connection.execute
        place = {"root": self._root, "name": row["key"]}
        newest = execute(_NEWEST, place).first()
        replaced = 0 if newest is None else newest.version
        if replaced == following - 1:
            if execute(_COUNT, place).scalar_one() >= MAX_ENTRIES:
                raise PermanentError(
                    f"the notebook of {self._root} has {MAX_ENTRIES:,} versions, and takes no more:"
                    " write less often, or make an artifact of what there is"
                )
            execute(self._insert, row)
        found = execute(_FOLLOWING, place | {"following": following}).scalar()
        return bool(found == row["token"])


def _record(row: Row[str, int, str, str, datetime]) -> NotebookRecord:
    return NotebookRecord(
        key=row.key,
        value=json.loads(row.value),
        version=row.version,
        writer=row.writer,
        written_at=row.written_at,
    )


def _entry(row: Row[str, int, str]) -> NotebookEntry:
    return NotebookEntry(key=row.key, value=json.loads(row.value), version=row.version)
