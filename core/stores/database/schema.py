"""The tables. JSON is kept as the text that Pydantic wrote, the same on SQLite and PostgreSQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from perdure.stores.database.columns import (
    PlainText,
    UtcDateTime,
    content_columns,
    count_columns,
    daily_key_columns,
    run_column,
    schedule_columns,
    sum_columns,
    tenant_column,
)
from perdure.stores.sealing.columns import SealedJson, SealedText

# Literal, as in the index: a statement with other values for them does not use it.
REQUESTED = "request IS NOT NULL AND status = 'running'"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

goals = Table(
    "goals",
    metadata,
    Column("workflow_id", String(200), primary_key=True),
    Column("goal_id", String(100), nullable=False),
    Column("description", SealedText("goals.description"), nullable=False),
    Column("agent_type", String(64), nullable=False),
    Column("parameters", SealedText("goals.parameters"), nullable=False),
    Column("agent_version", String(200)),
    Column("status", String(16), nullable=False),
    Column("success", Boolean),
    Column("error", SealedText("goals.error")),
    Column("execution_time", Float),
    Column("progress", SealedText("goals.progress")),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    # The number of the last event: one UPDATE takes the next one, and locks the run with it.
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
    # The run that it was made from, the step from which it goes on, and who had it run again.
    Column("made_from", String(200)),
    Column("made_from_step", PlainText),
    Column("made_by", PlainText),
    # Who handed it in over HTTP, or the run at the top of its tree: as in the audit table.
    Column("started_by", PlainText),
    # The pool of workers that runs it, unless it is the default one.
    Column("pool", String(64)),
    # Before which others it goes, unless it is the default priority.
    Column("priority", Integer),
    # Where it stands in its trace; see core/telemetry/traces/goal_trace.py.
    Column("trace", String(640)),
    *schedule_columns(),
    # What its words are digested with in the audit trail: gone with it, nobody can try words.
    Column("audit_salt", String(32)),
    tenant_column(),
    Index(None, "started_at"),
    Index(None, "tenant", "started_at"),
    Index(None, "tenant", "ended_at"),
    # The status first: housekeeping looks for statuses of all tenants.
    Index(None, "status", "tenant", "started_at"),
    Index(None, "goal_id", "tenant", "started_at"),
    Index(None, "agent_type", "tenant", "started_at"),
    Index(None, "parent"),
    Index(None, "root"),
    Index(None, "made_from"),
    Index(None, "started_by", "tenant", "started_at"),
    Index(None, "schedule", "tenant", "started_at"),
    Index(None, "request", sqlite_where=text(REQUESTED), postgresql_where=text(REQUESTED)),
)

# What a run is found by; on SQLite triggers keep the full-text index goal_words_index of it.
goal_words = Table(
    "goal_words",
    metadata,
    Column("id", Integer, primary_key=True),
    run_column(primary_key=False),
    Column("words", Text, nullable=False),
    Index(None, "workflow_id", unique=True),
)

results = Table(
    "results",
    metadata,
    run_column(),
    Column("result", SealedText("results.result"), nullable=False),
    Column("summary", SealedText("results.summary"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("metadata", SealedText("results.metadata"), nullable=False),
)

steps = Table(
    "steps",
    metadata,
    run_column(),
    Column("name", String(200), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("occurrence", Integer, primary_key=True),
    Column("value", SealedText("steps.value"), nullable=False),
    Column("failure", SealedText("steps.failure")),
    Column("seconds", Float, nullable=False),
    Column("usage", Text),
    Column("recorded_at", UtcDateTime, nullable=False),
    *content_columns(),
)

# Steps marked `once` that began; the outcome of one not in `steps` is unknown until it is settled.
intents = Table(
    "intents",
    metadata,
    run_column(),
    Column("name", String(200), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("occurrence", Integer, primary_key=True),
    Column("begun_at", UtcDateTime, nullable=False),
    # Which step of that name it was when it began, for people; 0 when it is not known.
    Column("number", Integer, nullable=False, server_default="0"),
    # Who settled it: its row in `steps` is what they said it returned.
    Column("settled_by", PlainText),
)

waits = Table(
    "waits",
    metadata,
    Column("wait_id", String(32), primary_key=True),
    run_column(primary_key=False),
    Column("kind", String(16), nullable=False),
    # What it is about, for people: the question, the agent, the signal's name.
    Column("about", SealedText("waits.about"), nullable=False),
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
    run_column(primary_key=False),
    Column("question", SealedText("approvals.question"), nullable=False),
    Column("data", SealedText("approvals.data"), nullable=False),
    Column("of", SealedText("approvals.of"), nullable=False),
    Column("needed", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    # Which of them were approved, and which have expired, is asked for.
    Column("decision", SealedJson("approvals.decision", "approved", "expired")),
    tenant_column(),
    Index(None, "workflow_id"),
    Index(None, "tenant", "asked_at"),
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
    Column("reason", SealedText("votes.reason"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

signals = Table(
    "signals",
    metadata,
    run_column(),
    Column("name", String(200), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", SealedText("signals.data"), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
)

# Idempotency keys of goals that were handed in; written before the run exists.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    tenant_column(primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("workflow_id", String(200), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
)

# The ledger: one row for each request of a paid model.
spending = Table(
    "spending",
    metadata,
    run_column(),
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
    tenant_column(),
    Index(None, "root"),
    Index(None, "tenant", "at"),
)

# The sums of what a run has done and saved.
totals = Table(
    "totals",
    metadata,
    run_column(),
    Column("root", String(200), nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("saved_input_tokens", BigInteger, nullable=False),
    Column("saved_output_tokens", BigInteger, nullable=False),
    Column("saved_cost", Float, nullable=False),
    tenant_column(),
    Index(None, "root"),
)

# Texts that are being streamed: one that is here when another execution takes over is incomplete.
streams = Table("streams", metadata, run_column(), Column("stream", String(300), primary_key=True))

responses = Table(
    "responses",
    metadata,
    tenant_column(primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("response", SealedText("responses.response"), nullable=False),
    Column("usage", Text, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
)

# The agents that workers have, or had.
agents = Table(
    "agents",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("agent_version", String(200), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    # The pool of workers that runs its goals, unless it is the default one or they say which.
    Column("pool", String(64)),
    # What it is for and takes, as JSON; none of one that only an older version has brought.
    Column("description", Text),
)

# The worker processes that run, and those that were lost of late.
workers = Table(
    "workers",
    metadata,
    Column("worker_id", String(32), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(64), nullable=False),
    Column("build_id", String(255), nullable=False),
    Column("pool", String(64), nullable=False, server_default="default"),
    Column("agents", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

# The files that were handed in to the API; they lie in its home.
uploads = Table(
    "uploads",
    metadata,
    Column("upload_id", String(32), primary_key=True),
    Column("name", SealedText("uploads.name"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", String(71), nullable=False),
    # What the tokens are signed with that workers elsewhere fetch it by.
    Column("secret", String(64), nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
    tenant_column(),
    Index(None, "tenant", "stored_at"),
)

# To which URL a run's events are posted. The row is there before the run is, so that none is lost.
callbacks = Table(
    "callbacks",
    metadata,
    Column("workflow_id", String(200), primary_key=True),
    Column("url", SealedText("callbacks.url"), nullable=False),
    # The number of the last event that was posted, and how often the next one could not be.
    Column("number", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When to look for events; while a worker posts some, when another one may.
    Column("due_at", UtcDateTime, nullable=False),
    # Nothing more is to come, unless the run is retried.
    Column("over_at", UtcDateTime),
    Index(None, "over_at", "due_at"),
)

# One row: which stores these are, and the Temporal namespace that they belong to.
installation = Table(
    "installation",
    metadata,
    Column("stores_id", String(36), primary_key=True),
    Column("namespace", Text),
    Column("namespace_id", String(64)),
    Column("server", Text),
    # The oldest schema whose version still works with these tables; set by whoever migrates them.
    Column("works_with", String(8)),
    # What digests of words are keyed with, sealed; none before keys were set. Whoever cannot open
    # it has not the keys.
    Column("secret", Text),
)

events = Table(
    "events",
    metadata,
    run_column(),
    Column("number", Integer, primary_key=True),
    Column("type", String(32), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("data", SealedText("events.data"), nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    run_column(),
    Column("name", String(64), primary_key=True),
    Column("agent_type", String(64), nullable=False),
    Column("value", Float, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    tenant_column(),
    Index(None, "tenant", "name", "agent_type"),
)

artifacts = Table(
    "artifacts",
    metadata,
    run_column(),
    Column("name", String(500), primary_key=True),
    Column("media_type", String(200), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
    tenant_column(),
    Index(None, "digest"),
)

# How good runs are. Of a whole run the step is empty; a boolean is a number and a label.
scores = Table(
    "scores",
    metadata,
    run_column(),
    Column("name", String(64), primary_key=True),
    Column("step", PlainText, primary_key=True),
    Column("by", PlainText, primary_key=True),
    Column("by_agent", Boolean, primary_key=True),
    Column("number", Float),
    Column("label", SealedText("scores.label")),
    Column("comment", SealedText("scores.comment"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    tenant_column(),
    Index(None, "tenant", "at"),
)

# What runs that were deleted had used, by who handed them in: see stores/spending/usage_sums.py.
daily_sums = Table(
    "daily_sums",
    metadata,
    *daily_key_columns(),
    *count_columns("goals", "completed", "failed", "cancelled", "terminated"),
    *count_columns("requests", "unpriced", "spent_input", "spent_output"),
    *count_columns("thrown_input", "thrown_output", "saved_input", "saved_output"),
    *sum_columns("seconds", "spent_cost", "thrown_cost", "saved_cost"),
)

# The same of their scores. The sum is of those that are numbers.
daily_scores = Table(
    "daily_scores",
    metadata,
    *daily_key_columns(),
    Column("name", String(64), primary_key=True),
    *count_columns("count", "numbers"),
    *sum_columns("total"),
)
