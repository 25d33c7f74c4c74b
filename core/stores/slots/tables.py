"""The table of slots: goals that have one, where only so many may run at once, and that wait."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from perdure.stores.database.columns import UtcDateTime, run_column, tenant_column
from perdure.stores.database.schema import metadata

goal_slots = Table(
    "goal_slots",
    metadata,
    run_column(),
    tenant_column(),
    Column("agent_type", String(64), nullable=False),
    Column("pool", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    # The limit that is reached, such as tenant:acme, and how many it allows; none with a slot.
    Column("blocked_by", String(140)),
    Column("most", Integer, nullable=False),
    # Its turn among those of its priority; see stores/slots/queue.py.
    Column("turn", BigInteger, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    # Which execution has it since when, in which process; see stores/slots/holders.py.
    Column("held_at", UtcDateTime),
    Column("worker", String(96)),
    Column("fence", String(200)),
    # When to wake its run again, should it not have taken the slot by then.
    Column("wake_at", UtcDateTime),
    Column("wakes", Integer, nullable=False, server_default="0"),
    Index(None, "blocked_by", "priority", "turn", "asked_at"),
    Index(None, "blocked_by", "priority", "tenant", "turn"),
    Index(None, "blocked_by", "tenant"),
    Index(None, "blocked_by", "agent_type"),
    Index(None, "blocked_by", "pool"),
)
