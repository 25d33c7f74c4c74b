"""The tables of who may use the installation, and of what they did."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from perdure.stores.database.columns import PlainText, UtcDateTime, tenant_column
from perdure.stores.database.schema import metadata
from perdure.stores.sealing.columns import SealedText

# The API's keys: of each its digest, never the key. A revoked one stays, so that what it did can be
# traced; while there was never any, an API that listens on this machine alone asks for none.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    tenant_column(),
    Index(None, "tenant", "created_at"),
)

# Who is signed in to the pages. The digest is that of the cookie's value.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("scopes", String(64), nullable=False),
    # The key that they signed in with: without it the session ends.
    Column("key_id", String(80)),
    Column("started_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    tenant_column(),
    Index(None, "expires_at"),
)

# Who did what; the database itself refuses to change or delete a row, but for the names in those of
# a tenant in which somebody is being erased; see stores/retention/erasure.py.
audit = Table(
    "audit",
    metadata,
    Column(
        "number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("at", UtcDateTime, nullable=False),
    Column("who", PlainText, nullable=False),
    Column("key_id", String(80)),
    Column("address", String(64), nullable=False),
    Column("client", PlainText, nullable=False, server_default=""),
    Column("action", String(32), nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", String(128), nullable=False),
    Column("details", SealedText("audit.details"), nullable=False),
    tenant_column(),
    Index(None, "tenant", "number"),
    Index(None, "subject", "number"),
)
