"""The tables. JSON is kept as the text that Pydantic wrote, the same on SQLite and PostgreSQL."""

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
    """A time in UTC; SQLite keeps no time zones, so UTC is set again when a value is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any aware time into UTC."""
        return None if value is None else value.astimezone(UTC)

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
    # The number of the last event: here, so that one UPDATE both takes the next number and locks
    # the run.
    Column("last_event", Integer, nullable=False, server_default="0"),
    Column("budget", Text),
    # The run that delegated it, and the one at the top of the tree, whose budget all share.
    Column("parent", String(200)),
    Column("root", String(200)),
    Column("depth", Integer, nullable=False, server_default="0"),
    # The execution that has the claim, and when Temporal scheduled it; see fencing.py.
    Column("fence", String(200)),
    Column("fence_time", UtcDateTime),
    # What the worker that executes the run is requested to do: pause or cancel.
    Column("request", String(16)),
    Index(None, "started_at"),
    Index(None, "status", "started_at"),
    Index(None, "goal_id"),
    Index(None, "parent"),
    Index(None, "root"),
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
    Column("usage", Text),
    Column("recorded_at", UtcDateTime, nullable=False),
)

# Steps marked `once` that have started; one that is not in `steps` has an unknown outcome.
intents = Table(
    "intents",
    metadata,
    _run_column(),
    Column("name", String(200), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("occurrence", Integer, primary_key=True),
    Column("begun_at", UtcDateTime, nullable=False),
)

waits = Table(
    "waits",
    metadata,
    Column("wait_id", String(32), primary_key=True),
    _run_column(primary_key=False),
    Column("kind", String(16), nullable=False),
    # What it is about, for people: the question, the agent, the signal's name.
    Column("about", PlainText, nullable=False),
    # The step that waits: name, digest and occurrence, joined.
    Column("step", Text, nullable=False),
    # When it expires, and, for a delegate, the run that is awaited.
    Column("until", UtcDateTime),
    Column("child", String(200)),
    Column("opened_at", UtcDateTime, nullable=False),
    # Over: the wait has an outcome. Taken: the outcome is in the journal.
    Column("over_at", UtcDateTime),
    Column("taken_at", UtcDateTime),
    Index(None, "workflow_id"),
    Index(None, "child"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", String(32), primary_key=True),  # the wait's
    _run_column(primary_key=False),
    Column("question", PlainText, nullable=False),
    Column("data", Text, nullable=False),
    Column("of", Text, nullable=False),
    Column("needed", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("decision", Text),
    Index(None, "workflow_id"),
    Index(None, "asked_at"),
)

votes = Table(
    "votes",
    metadata,
    Column(
        "approval_id",
        String(32),
        ForeignKey("approvals.approval_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("by", String(200), primary_key=True),
    Column("approved", Boolean, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

signals = Table(
    "signals",
    metadata,
    _run_column(),
    Column("name", String(200), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", Text, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
)

# Idempotency keys of goals that were handed in; written before the run exists.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("workflow_id", String(200), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
)

# The ledger: one row for each request of a paid model.
spending = Table(
    "spending",
    metadata,
    _run_column(),
    Column("entry", Integer, primary_key=True),
    Column("root", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("model", String(200), nullable=False),
    # open (the row has what it may use at most, reserved from the budget), kept or thrown.
    Column("state", String(8), nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "root"),
)

# The sums of what a run has done and saved.
totals = Table(
    "totals",
    metadata,
    _run_column(),
    Column("root", String(200), nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("saved_input_tokens", BigInteger, nullable=False),
    Column("saved_output_tokens", BigInteger, nullable=False),
    Column("saved_cost", Float, nullable=False),
    Index(None, "root"),
)

# Texts that are being streamed: one that is here when another execution takes over is incomplete.
streams = Table("streams", metadata, _run_column(), Column("stream", String(300), primary_key=True))

responses = Table(
    "responses",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("response", Text, nullable=False),
    Column("usage", Text, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
)

# One row: which stores these are.
installation = Table("installation", metadata, Column("stores_id", String(36), primary_key=True))

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
