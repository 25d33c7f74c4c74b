"""The audit table: who did what, from where, and whether it was allowed. Rows are only added."""

import asyncio
import json
from datetime import UTC
from functools import partial
from typing import Final, cast

from sqlalchemy import RowMapping, bindparam, insert, or_, select, update

from perdure.redaction import data_without_secrets
from perdure.schemas.access import AuditEntry, StoredAuditEntry
from perdure.stores.audit.request_facts import add_action_facts
from perdure.stores.database import access_schema, schema
from perdure.stores.database.engine import Database, Transaction

MAX_SUBJECT_CHARACTERS: Final = 300

_AUDIT: Final = access_schema.audit.c
_INSERT: Final = insert(access_schema.audit)
_START: Final = "goal.start"
_REFUSED: Final = 400  # the status of a response with which nothing was started, or a higher one
# The first who did it: a request that is sent again starts nothing.
_SET_STARTED_BY: Final = (
    update(schema.goals)
    .where(
        or_(
            schema.goals.c.workflow_id == bindparam("run"), schema.goals.c.root == bindparam("run")
        ),
        schema.goals.c.started_by.is_(None),
    )
    .values(started_by=bindparam("who"))
)


class PendingEntry:
    """An entry that is committed together with what it is about, in one transaction."""

    def __init__(self, entry: AuditEntry) -> None:
        self._entry = entry
        self._is_stored = False

    def add(self, transaction: Transaction, subject: str) -> None:
        """Add the entry to a transaction.

        Args:
            transaction: The transaction.
            subject: To what the action was done, which was not known before.
        """
        self._entry = self._entry.model_copy(update={"subject": subject})
        _add(transaction, [_row(self._entry)])

    def mark_stored(self) -> None:
        """Take note that the transaction is committed."""
        self._is_stored = True

    def is_stored_as(self, status: int) -> bool:
        """Return whether the entry is on record, with this HTTP status."""
        return self._is_stored and self._entry.status == status


class AuditLog:
    """The audit entries of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: list[tuple[dict[str, object], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def append(self, entry: AuditEntry) -> None:
        """Store an entry; return once it is committed.

        What several requests append at once is committed together.

        Raises:
            StoreUnavailable: The database does not answer; nothing was stored.
        """
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((_row(entry), committed))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_pending())
        await committed

    async def list(
        self,
        tenant: str | None,
        *,
        limit: int = 50,
        before: int | None = None,
        action: str | None = None,
        who: str | None = None,
        subject: str | None = None,
    ) -> list[StoredAuditEntry]:
        """Return entries, newest first.

        Args:
            tenant: Whose; everybody's for ``None``.
            limit: How many at most.
            before: The number of the last one of the page before.
            action: Only this action.
            who: Only this name's.
            subject: Only what was done to this id.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        query = select(access_schema.audit).order_by(_AUDIT.number.desc()).limit(limit)
        if before is not None:
            query = query.where(_AUDIT.number < before)
        for column, value in (
            (_AUDIT.tenant, tenant),
            (_AUDIT.action, action),
            (_AUDIT.who, who),
            (_AUDIT.subject, subject),
        ):
            if value is not None:
                query = query.where(column == value)
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_entry(row) for row in rows]

    async def _write_pending(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                rows = [row for row, _ in batch]
                error: Exception | None = None
                try:
                    await self._database.write(partial(_add, rows=rows))
                except Exception as failure:  # noqa: BLE001 -- each that waits gets it
                    error = failure
                for _, committed in batch:
                    if committed.done():
                        continue
                    if error is None:
                        committed.set_result(None)
                    else:
                        committed.set_exception(error)
        finally:
            self._writer = None


def _add(transaction: Transaction, rows: list[dict[str, object]]) -> None:
    transaction.connection.execute(_INSERT, rows)
    add_action_facts(transaction, rows)
    # Who starts a goal is in its record too, where lists and sums of many goals find it.
    started = [
        {"run": row["subject"], "who": row["who"]}
        for row in rows
        if row["action"] == _START and cast("int", row["status"]) < _REFUSED
    ]
    if started:
        transaction.connection.execute(_SET_STARTED_BY, started)


def _row(entry: AuditEntry) -> dict[str, object]:
    clean = data_without_secrets(
        {"subject": entry.subject, "details": entry.details, "client": entry.client}
    )
    return entry.model_dump() | {
        "subject": str(clean["subject"])[:MAX_SUBJECT_CHARACTERS],
        "client": clean["client"],
        "details": json.dumps(clean["details"], ensure_ascii=False),
        "at": entry.at.astimezone(UTC),
    }


def _entry(row: RowMapping) -> StoredAuditEntry:
    return StoredAuditEntry(**{**row, "details": json.loads(row["details"])})
