"""Which items of a list are meant: those after a place in it, those whose id begins so."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, func, or_

from perdure.stores.database.refusals import InputRefused

# Fewer characters would fit whatever there is.
SHORTEST_BEGINNING: Final = 6


@dataclass(frozen=True, slots=True)
class Place:
    """An item's place in a list that is ordered newest first.

    Attributes:
        at: When the item came about.
        id: Its id, which orders items of the same moment; empty places it before all of them.
        group: The part of the list it stands in, where the list has parts.
    """

    at: datetime
    id: str = ""
    group: int | None = None

    def __str__(self) -> str:
        time = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        parts = [] if self.group is None else [str(self.group)]
        return "~".join([*parts, time, self.id] if self.id else [*parts, time])

    @classmethod
    def parse(cls, text: str, *, grouped: bool = False) -> "Place":
        """Read what ``str`` made, or a plain ISO 8601 time.

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


def comes_after(
    place: Place,
    at: ColumnElement[datetime],
    id_: ColumnElement[str],
    group: ColumnElement[int] | None = None,
) -> ColumnElement[bool]:
    """Return what is true of the items that come after a place in the list.

    Args:
        place: The last item of the page before.
        at: The column the list is ordered by, newest first.
        id_: The column that orders items of the same moment, largest first.
        group: What orders the parts of the list, largest first.
    """
    condition: ColumnElement[Any] = or_(at < place.at, and_(at == place.at, id_ < place.id))
    if group is not None and place.group is not None:
        condition = or_(group < place.group, and_(group == place.group, condition))
    return condition


def begins(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Return what is true where a column begins with the statement's parameter of that name."""
    beginning: BindParameter[str] = bindparam(parameter)
    return func.substr(column, 1, func.length(beginning)) == beginning
