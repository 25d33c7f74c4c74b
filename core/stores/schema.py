"""The tables. Every JSON value is text that a model wrote, so that SQLite and PostgreSQL agree."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets time zones, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any aware time into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Mark what comes back as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text as somebody wrote it; PostgreSQL refuses NUL characters, so they are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Put the sign for an unknown character in place of each NUL."""
        return None if value is None else value.replace("\0", "\ufffd")


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _run_column(*, primary_key: bool = True) -> Column[str]:
    return Column(
        "workflow_id",
        String(200),
        ForeignKey("goals.workflow_id", ondelete="CASCADE"),
        primary_key=primary_key,
    )


goals = Table(
    "goals",
    metadata,
    Column("workflow_id", String(200), primary_key=True),
    Column("goal_id", String(100), nullable=False),
    Column("description", PlainText, nullable=False),
    Column("agent_type", String(64), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("agent_version", String(200)),
    Column("status", String(16), nullable=False),
    Column("success", Boolean),
    Column("error", Text),
    Column("execution_time", Float),
    Column("progress", Text),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    # The number of the last event, and the ordinal of the last thing an agent told: kept here so
    # that one UPDATE both draws the next number and locks the run.
    Column("last_event", Integer, nullable=False, server_default="0"),
    Column("last_told", Integer, nullable=False, server_default="0"),
    Index(None, "started_at"),
    Index(None, "status", "started_at"),
    Index(None, "goal_id"),
)

results = Table(
    "results",
    metadata,
    _run_column(),
    Column("result", Text, nullable=False),
    Column("summary", PlainText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("metadata", Text, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    _run_column(),
    Column("name", String(200), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("occurrence", Integer, primary_key=True),
    Column("value", Text, nullable=False),
    Column("failure", Text),
    Column("seconds", Float, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    _run_column(),
    Column("number", Integer, primary_key=True),
    Column("type", String(32), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("data", Text, nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    _run_column(),
    Column("name", String(64), primary_key=True),
    Column("agent_type", String(64), nullable=False),
    Column("value", Float, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Index(None, "name", "agent_type"),
)

artifacts = Table(
    "artifacts",
    metadata,
    _run_column(),
    Column("name", String(500), primary_key=True),
    Column("media_type", String(200), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
    Index(None, "digest"),
)
