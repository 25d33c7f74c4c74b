"""Counting what each key has sealed, and bringing all of it under the newest one.

Rows go in small batches, each value put in place of the very one that was read; an object is whole
under its old key until it is whole under the new one. So it may be ended, also killed, at any time:
the next one goes over everything again, which costs a look at what is done.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Final, NamedTuple

from perdure.encryption.cipher import Cipher, Tampered
from perdure.encryption.keyring import KeyMissing
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import AlteredArtifact, StateConflict, UnknownArtifact
from perdure.stores.objects.content_records import ContentBeingDeleted
from perdure.stores.objects.content_store import ContentStore
from perdure.stores.resealing.key_counts import KeyCounts
from perdure.stores.resealing.sealed_table import Change, RowKey, SealedTable, sealed_tables
from perdure.stores.retention.leases import LeaseStore

LEASE: Final = "resealing"
# So long after it was killed another may begin.
LEASE_TIME: Final = timedelta(seconds=30)
OBJECTS: Final = "artifacts"
_EXTEND_SECONDS: Final = 5.0
_PAGE_ROWS: Final = 500
# A row may hold several values of 256 KiB.
_BATCH_ROWS: Final = 50
_BATCH_OBJECTS: Final = 8
# Of a row that others change at the same time.
_TRIES: Final = 5


class Progress(NamedTuple):
    """How far it is.

    Attributes:
        part: Which table, or the artifacts.
        done: How many rows or objects were looked at.
        total: How many there were when it began with the part.
        changed: How many of them were sealed anew.
    """

    part: str
    done: int
    total: int
    changed: int


class ResealingStore:
    """What the stores hold under which key.

    Attributes:
        cipher: The keys; the first one seals.
    """

    def __init__(
        self, database: Database, contents: ContentStore, leases: LeaseStore, cipher: Cipher
    ) -> None:
        self.cipher = cipher
        self._database = database
        self._contents = contents
        self._leases = leases

    async def count(self, seconds: float | None = None) -> KeyCounts:
        """Return how much each key has sealed.

        Args:
            seconds: When to stop at the latest; the counts are those of what was seen by then.

        Raises:
            StoreUnavailable: The database, or the place of the objects, does not answer.
        """
        counts = KeyCounts()
        until = time.monotonic() + seconds if seconds is not None else None
        async for _ in self._pass(counts, changes=False):
            if until is not None and time.monotonic() > until:
                counts.complete = False
                break
        return counts

    async def reseal(self, holder: str, report: Callable[[Progress], None]) -> KeyCounts:
        """Seal with the first key whatever another one has sealed; return what is left under which.

        What was stored before there were keys stays as it is.

        Args:
            holder: Identifies this process.
            report: Is told how far it is, after each batch.

        Raises:
            StateConflict: Another process does it.
            StoreUnavailable: The database, or the place of the objects, does not answer.
        """
        counts = KeyCounts()
        extended = await self._extend(holder)
        try:
            async for progress in self._pass(counts, changes=True):
                report(progress)
                if time.monotonic() - extended > _EXTEND_SECONDS:
                    extended = await self._extend(holder)
        finally:
            await self._leases.release(LEASE, holder)
        return counts

    async def _extend(self, holder: str) -> float:
        if not await self._leases.take(LEASE, holder, LEASE_TIME):
            raise StateConflict(
                "another process is sealing the stores anew: let it end; if it was killed, begin"
                f" again in {LEASE_TIME.total_seconds():.0f} seconds"
            )
        return time.monotonic()

    async def _pass(self, counts: KeyCounts, *, changes: bool) -> AsyncIterator[Progress]:
        for table in sealed_tables():
            async for progress in self._pass_rows(table, counts, changes=changes):
                yield progress
        async for progress in self._pass_objects(counts, changes=changes):
            yield progress

    async def _pass_rows(
        self, table: SealedTable, counts: KeyCounts, *, changes: bool
    ) -> AsyncIterator[Progress]:
        total = await self._database.read(table.count)
        done, before = 0, counts.changed
        after: RowKey | None = None
        while page := await self._read_page(table, after):
            old: list[RowKey] = []
            for row, beginnings in page:
                keys = self._keys_of(table, row, beginnings, counts)
                if changes and keys - {self.cipher.key_id, None}:
                    old.append(row)
                else:
                    counts.rows.update(keys)
            for start in range(0, len(old), _BATCH_ROWS):
                await self._reseal_rows(table, old[start : start + _BATCH_ROWS], counts)
                yield Progress(table.name, done + start, total, counts.changed - before)
            done, after = done + len(page), page[-1][0]
            yield Progress(table.name, done, max(total, done), counts.changed - before)

    async def _read_page(
        self, table: SealedTable, after: RowKey | None
    ) -> list[tuple[RowKey, dict[str, str | None]]]:
        return await self._database.read(
            lambda connection: table.page(connection, after, _PAGE_ROWS)
        )

    def _keys_of(
        self,
        table: SealedTable,
        row: RowKey,
        values: dict[str, str | None],
        counts: KeyCounts,
    ) -> set[str | None]:
        """Return the ids of the keys that sealed a row, and ``None`` if a part of it is not."""
        keys: set[str | None] = set()
        for name, value in values.items():
            if value:
                try:
                    keys.add(table.columns[name].key_of(value))
                except Tampered:
                    counts.add_damaged(_named(table, row, name))
        return keys

    async def _reseal_rows(self, table: SealedTable, rows: list[RowKey], counts: KeyCounts) -> None:
        left, changed = rows, set[RowKey]()
        for _ in range(_TRIES):
            found = await self._read_values(table, left)
            changes = await asyncio.to_thread(self._sealed_anew, table, found, counts)
            left = await self._change(table, changes) if changes else []
            changed |= {change.row for change in changes} - {*left}
            if not left:
                break
        for row, values in await self._read_values(table, rows):
            counts.rows.update(self._keys_of(table, row, values, counts))
        counts.changed += len(changed)

    async def _read_values(
        self, table: SealedTable, rows: list[RowKey]
    ) -> list[tuple[RowKey, dict[str, str | None]]]:
        return await self._database.read(
            lambda connection: [(row, table.values(connection, row)) for row in rows]
        )

    def _sealed_anew(
        self,
        table: SealedTable,
        found: list[tuple[RowKey, dict[str, str | None]]],
        counts: KeyCounts,
    ) -> list[Change]:
        """Return how rows are to be changed; what cannot be opened stays as it is."""
        changes = []
        for row, values in found:
            for name, value in values.items():
                type_ = table.columns[name]
                try:
                    if value and type_.key_of(value) not in {None, self.cipher.key_id}:
                        changes.append(Change(row, name, value, type_.resealed(value, self.cipher)))
                except KeyMissing:
                    continue  # it is counted under its key
                except Tampered:
                    counts.add_damaged(_named(table, row, name))
        return changes

    async def _change(self, table: SealedTable, changes: list[Change]) -> list[RowKey]:
        """Make changes; return the rows of which others have changed something meanwhile."""

        def change(transaction: Transaction) -> list[RowKey]:
            lost = [each.row for each in changes if not table.change(transaction.connection, each)]
            return list(dict.fromkeys(lost))

        return await self._database.write(change)

    async def _pass_objects(self, counts: KeyCounts, *, changes: bool) -> AsyncIterator[Progress]:
        records = self._contents.records
        total = await records.count()
        done, before, after = 0, counts.changed, ""
        while page := await records.after(after, _BATCH_OBJECTS):
            found = await asyncio.gather(
                *(self._pass_object(*each, counts, changes=changes) for each in page),
                return_exceptions=True,
            )
            for result in found:
                if isinstance(result, BaseException):
                    raise result
            done, after = done + len(page), page[-1][0]
            yield Progress(OBJECTS, done, max(total, done), counts.changed - before)

    async def _pass_object(
        self, digest: str, size: int, counts: KeyCounts, *, changes: bool
    ) -> None:
        try:
            key_id = await self._contents.key_of(digest)
            # With a key that is not there nothing can be read.
            if changes and key_id != self.cipher.key_id and key_id in self.cipher.key_ids:
                await self._contents.reseal(digest, size)
                counts.changed += 1
                key_id = self.cipher.key_id
        except AlteredArtifact:
            counts.add_damaged(f"{OBJECTS}: {digest}")
        except (UnknownArtifact, ContentBeingDeleted):
            return
        else:
            counts.objects[key_id] += 1


def _named(table: SealedTable, row: RowKey, column: str) -> str:
    return f"{table.name}.{column} of {' '.join(map(str, row))}"
