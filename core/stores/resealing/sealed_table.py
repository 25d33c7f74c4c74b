"""A table with sealed columns: its rows as they lie there, neither opened nor sealed."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Table,
    Text,
    and_,
    bindparam,
    column,
    func,
    select,
    table,
    tuple_,
    update,
)

from perdure.stores.database import schema
from perdure.stores.sealing.columns import SealedText

# The values of a row's primary key.
RowKey = tuple[Any, ...]


class Change(NamedTuple):
    """A value that is to take the place of another, if that one is still there."""

    row: RowKey
    column: str
    old: str
    new: str


class SealedTable:
    """The rows of a table, by its primary key.

    Attributes:
        name: The table's.
        columns: Its sealed columns by their names.
    """

    def __init__(self, table_: Table) -> None:
        self.name: Final = table_.name
        self.columns = {
            each.name: each.type for each in table_.columns if isinstance(each.type, SealedText)
        }
        keys = [column(each.name, each.type) for each in table_.primary_key.columns]
        texts = {name: column(name, Text()) for name in self.columns}
        raw = table(table_.name, *keys, *texts.values())
        beginnings = [type_.beginning(texts[name]) for name, type_ in self.columns.items()]
        self._width = len(keys)
        self._count = select(func.count()).select_from(raw)
        self._first = (
            select(*keys, *(each.label(None) for each in beginnings))
            .select_from(raw)
            .order_by(*keys)
            .limit(bindparam("most"))
        )
        after = [bindparam(f"after_{n}", type_=key.type) for n, key in enumerate(keys)]
        self._next = self._first.where(tuple_(*keys) > tuple_(*after))
        this_row = and_(
            *(key == bindparam(f"row_{n}", type_=key.type) for n, key in enumerate(keys))
        )
        self._values = select(*texts.values()).where(this_row)
        self._change = {
            name: update(raw)
            .where(this_row, text == bindparam("old", type_=Text()))
            .values({name: bindparam("new", type_=Text())})
            for name, text in texts.items()
        }

    def count(self, connection: Connection) -> int:
        """Return how many rows there are."""
        rows: int = connection.execute(self._count).scalar_one()
        return rows

    def page(
        self, connection: Connection, after: RowKey | None, most: int
    ) -> list[tuple[RowKey, dict[str, str | None]]]:
        """Return the rows that follow one, each with the beginnings of its sealed columns.

        Args:
            connection: Reads them.
            after: The row that they follow; the first ones for ``None``.
            most: How many at most.
        """
        query = self._first if after is None else self._next
        parameters = {"most": most, **_numbered("after", after or ())}
        return [
            (tuple(row[: self._width]), dict(zip(self.columns, row[self._width :], strict=True)))
            for row in connection.execute(query, parameters)
        ]

    def values(self, connection: Connection, row: RowKey) -> dict[str, str | None]:
        """Return the sealed columns of a row, whole; nothing when it is gone."""
        found = connection.execute(self._values, _numbered("row", row)).first()
        return {} if found is None else dict(zip(self.columns, found, strict=True))

    def change(self, connection: Connection, change: Change) -> bool:
        """Make a change; return whether the old value was still there."""
        parameters = {"old": change.old, "new": change.new, **_numbered("row", change.row)}
        return connection.execute(self._change[change.column], parameters).rowcount > 0


def sealed_tables() -> Iterator[SealedTable]:
    """Yield every table that has sealed columns."""
    for name in sorted(schema.metadata.tables):
        found = SealedTable(schema.metadata.tables[name])
        if found.columns:
            yield found


def _numbered(name: str, values: Sequence[Any]) -> dict[str, Any]:
    return {f"{name}_{number}": value for number, value in enumerate(values)}
