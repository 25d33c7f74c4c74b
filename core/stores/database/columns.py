"""The kinds of columns that tables share."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    String,
    Text,
)
from sqlalchemy.types import TypeDecorator

from perdure.models.tenants import DEFAULT_TENANT
from perdure.stores.sealing.columns import SealedText

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def in_utc(time: datetime) -> datetime:
    """Return an aware time in UTC; the first or the last there is for one that is beyond it."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return _FIRST if time.year == 1 else _LAST


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC; SQLite keeps no time zones, so UTC is set again when a value is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any aware time into UTC."""
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Set UTC on a value that was read."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text from outside; PostgreSQL refuses NUL characters, so they are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Replace each NUL by U+FFFD."""
        return None if value is None else value.replace("\0", "\ufffd")


def run_column(*, primary_key: bool = True) -> Column[str]:
    """Return the column of the run that a row belongs to, and goes with."""
    return Column(
        "workflow_id",
        String(200),
        ForeignKey("goals.workflow_id", ondelete="CASCADE"),
        primary_key=primary_key,
    )


def content_columns() -> list[Column[Any]]:
    """Return the columns that refer to a content in object storage: its digest and its bytes."""
    return [Column("content", String(71)), Column("content_size", BigInteger)]


# A table has the column if its rows are listed, reused or limited over several runs; what is only
# read by its run has the run's.
def tenant_column(*, primary_key: bool = False) -> Column[str]:
    """Return the column that says whose a row is."""
    return Column(
        "tenant",
        String(64),
        nullable=False,
        primary_key=primary_key,
        default=DEFAULT_TENANT,
        server_default=DEFAULT_TENANT,
    )


def schedule_columns() -> tuple[Column[Any], ...]:
    """Return the columns of a goal that a schedule has started."""
    return (
        Column("schedule", String(64)),
        # For which time it was started, and what is started when it has completed.
        Column("scheduled_at", UtcDateTime),
        Column("following", SealedText("goals.following")),
    )


def daily_key_columns() -> tuple[Column[str], ...]:
    """Return the columns by which daily sums are kept."""
    return (
        Column("day", String(10), primary_key=True),
        tenant_column(primary_key=True),
        Column("agent_type", String(64), primary_key=True),
        Column("started_by", PlainText, primary_key=True),
    )


def count_columns(*names: str) -> tuple[Column[int], ...]:
    """Return columns of counts that are added up."""
    return tuple(Column(name, BigInteger, nullable=False) for name in names)


def sum_columns(*names: str) -> tuple[Column[float], ...]:
    """Return columns of amounts that are added up."""
    return tuple(Column(name, Float, nullable=False) for name in names)
