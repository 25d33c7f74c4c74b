"""Pages of a list by cursor, and ids by prefix."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, func, or_

from perdure.stores.database.errors import InputRefused

# Fewer characters would match too many ids.
MIN_PREFIX_LENGTH: Final = 6


@dataclass(frozen=True, slots=True)
class PageCursor:
    """The position of an item in a list that is ordered newest first.

    Attributes:
        at: When the item was created.
        id: Its id, which orders items of the same time; empty is before all of them.
        group: The group it is in, for a list that is ordered by groups first.
    """

    at: datetime
    id: str = ""
    group: int | None = None

    def __str__(self) -> str:
        time = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        parts = [] if self.group is None else [str(self.group)]
        return "~".join([*parts, time, self.id] if self.id else [*parts, time])

    @classmethod
    def parse(cls, text: str, *, grouped: bool = False) -> "PageCursor":
        """Parse the text of a cursor, or a plain ISO 8601 time.

        Raises:
            InputRefused: It is neither.
        """
        parts = text.split("~", 2 if grouped else 1)
        try:
            group = int(parts.pop(0)) if grouped else None
            at = datetime.fromisoformat(parts[0])
        except (ValueError, IndexError) as error:
            raise InputRefused(
                f"{text!r} is no place in a list: hand in what the page before gave"
            ) from error
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return cls(at, parts[1] if len(parts) > 1 else "", group)


def after_cursor(
    cursor: PageCursor,
    at: ColumnElement[datetime],
    id_: ColumnElement[str],
    group: ColumnElement[int] | None = None,
) -> ColumnElement[bool]:
    """Return the condition that items come after a cursor.

    Args:
        cursor: The last item of the page before.
        at: The column the list is ordered by, newest first.
        id_: The column that orders items of the same time, largest first.
        group: What orders the groups of the list, largest first.
    """
    condition: ColumnElement[Any] = or_(at < cursor.at, and_(at == cursor.at, id_ < cursor.id))
    if group is not None and cursor.group is not None:
        condition = or_(group < cursor.group, and_(group == cursor.group, condition))
    return condition


def starts_with(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Return the condition that a column starts with the statement's parameter of that name."""
    prefix: BindParameter[str] = bindparam(parameter)
    return func.substr(column, 1, func.length(prefix)) == prefix
