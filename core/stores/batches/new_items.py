"""Items that are handed in, beside those that a batch has."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, insert, null, select, update

from perdure.models.batches import AddedItems, ItemStatus, NewItem
from perdure.stores.batches.rows import counts_of, item_digest, item_row
from perdure.stores.batches.tables import batch_items

_SHOWN_CONFLICTS: Final = 20
_ITEMS: Final = batch_items.c
_KNOWN: Final = select(_ITEMS.digest, _ITEMS.content_digest, _ITEMS.status, _ITEMS.number).where(
    _ITEMS.batch_id == bindparam("batch"), _ITEMS.digest.in_(bindparam("digests", expanding=True))
)
_INSERT_ITEMS: Final = insert(batch_items)
_CORRECT: Final = (
    update(batch_items)
    .where(_ITEMS.batch_id == bindparam("batch"), _ITEMS.number == bindparam("nth"))
    .values(
        content=bindparam("content"),
        content_digest=bindparam("content_digest"),
        status=ItemStatus.WAITING.value,
        error=null(),
        ended_at=null(),
    )
)


class NewRows:
    """The rows of items that are handed in, and what became of the others."""

    def __init__(
        self, connection: Connection, batch: RowMapping, items: Sequence[NewItem], now: datetime
    ) -> None:
        self.rows: list[dict[str, object]] = []
        self.corrected: list[dict[str, object]] = []
        self._batch_id: str = batch["batch_id"]
        self._number = counts_of(batch).total
        self._now = now
        self._duplicates = 0
        self._conflicts: list[str] = []
        digests = [item_digest(self._batch_id, item.key) for item in items]
        found = connection.execute(_KNOWN, {"batch": self._batch_id, "digests": digests})
        self._known = {row.digest: _Known(*row[1:]) for row in found}
        for item in items:
            self._take(item)

    def _take(self, item: NewItem) -> None:
        row = item_row(self._batch_id, self._number + 1, item, self._now)
        digest, content = str(row["digest"]), str(row["content_digest"])
        known = self._known.get(digest)
        if known is None:
            self._number += 1
            self._known[digest] = _Known(content, str(row["status"]), self._number)
            self.rows.append(row)
        elif known.content == content:
            self._duplicates += 1
        elif known.status == ItemStatus.INVALID.value and not item.problem:
            self._known[digest] = _Known(content, ItemStatus.WAITING.value, known.number)
            self._correct(known.number, row)
        else:
            self._conflicts.append(item.key)

    def _correct(self, number: int, row: dict[str, object]) -> None:
        for new in self.rows:  # invalid, and valid further down in what is handed in
            if new["number"] == number:
                new.update(row, number=number)
                return
        stored = {name: row[name] for name in ("content", "content_digest")}
        self.corrected.append({"batch": self._batch_id, "nth": number, **stored})

    def store(self, connection: Connection) -> None:
        """Insert the rows, and correct those that were invalid."""
        if self.rows:
            connection.execute(_INSERT_ITEMS, self.rows)
        if self.corrected:
            connection.execute(_CORRECT, self.corrected)

    def added(self) -> AddedItems:
        """Return what became of all of them."""
        return AddedItems(
            added=len(self.rows) + len(self.corrected),
            invalid=sum(row["status"] == ItemStatus.INVALID.value for row in self.rows),
            duplicates=self._duplicates,
            conflicts=tuple(self._conflicts[:_SHOWN_CONFLICTS]),
            conflicting=len(self._conflicts),
        )


def valid_keys(connection: Connection, batch_id: str, keys: Sequence[str]) -> set[str]:
    """Return which of some keys a batch has, with something of which a goal can be made."""
    by_digest = {item_digest(batch_id, key): key for key in keys}
    found = connection.execute(_KNOWN, {"batch": batch_id, "digests": list(by_digest)})
    return {by_digest[row.digest] for row in found if row.status != ItemStatus.INVALID.value}


class _Known(NamedTuple):
    """What the batch has under a key."""

    content: str
    status: str
    number: int
