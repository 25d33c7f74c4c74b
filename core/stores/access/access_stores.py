"""The stores of who may do what, together."""

from dataclasses import dataclass

from perdure.stores.access.audit import AuditLog
from perdure.stores.access.keys import KeyStore
from perdure.stores.access.sessions import SessionStore
from perdure.stores.database.engine import Database


@dataclass(frozen=True, slots=True)
class AccessStores:
    """Who may use the API.

    Attributes:
        keys: The API's keys.
        sessions: Who is signed in to the pages.
        audit: What they did.
    """

    keys: KeyStore
    sessions: SessionStore
    audit: AuditLog

    @classmethod
    def over(cls, database: Database) -> "AccessStores":
        """Return those of a database."""
        return cls(KeyStore(database), SessionStore(database), AuditLog(database))
