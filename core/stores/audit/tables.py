"""The tables of the audit trail."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from perdure.stores.database.columns import PlainText, UtcDateTime, tenant_column
from perdure.stores.database.schema import metadata

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

# The database itself refuses to change a fact, and to delete one that no cut covers. The number is
# no part of what is hashed: it is known only once the fact is stored, and is bound to it by a seal.
facts = Table(
    "audit_facts",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", PlainText, nullable=False),
    # The digest that stands for a person; empty where nobody is known.
    Column("who", String(64), nullable=False),
    # Canonical JSON of all there is to it, the columns beside it too, and its SHA-256 digest.
    Column("fact", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    tenant_column(),
    Index(None, "tenant", "number"),
    Index(None, "subject", "number"),
    # Numbers are never given twice, not even that of the last one after a cut.
    sqlite_autoincrement=True,
)

seals = Table(
    "audit_seals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("last", BigInteger, nullable=False),
    # The seal with its signature, as it stands in an export.
    Column("line", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("anchored_at", UtcDateTime),
    Index(None, "anchored_at", "number"),
    Index(None, "at", "number"),
)

# Numbers within seals that had no fact when those were made: one may still come, for a while.
gaps = Table(
    "audit_gaps",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("found_at", UtcDateTime, nullable=False),
)

# What people's names and addresses are digested with. Without its row nobody can tell who it was.
people = Table(
    "audit_people",
    metadata,
    tenant_column(primary_key=True),
    Column("name", PlainText, primary_key=True),
    Column("salt", String(32), nullable=False),
)

# Up to which seal, and which of its facts, retention has deleted.
cuts = Table(
    "audit_cuts",
    metadata,
    Column("seal", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# Who was erased, by what stands for them since: while one has not ended, the database lets names in
# the audit table of that tenant be replaced.
erasures = Table(
    "audit_erasures",
    metadata,
    Column("pseudonym", String(32), primary_key=True),
    tenant_column(),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
