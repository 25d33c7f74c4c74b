"""Idempotency keys: a goal that is handed in twice with the same key starts one run."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, select

from perdure.models import Goal
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import InputRefused, KeyConflict
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.sealing.text import keyed_digest

MAX_KEY_CHARACTERS: Final = 255

_KEYS: Final = schema.idempotency_keys.c
_SELECT_KEY: Final = select(_KEYS.digest, _KEYS.workflow_id).where(
    _KEYS.tenant == bindparam("owner"), _KEYS.key == bindparam("key")
)


class IdempotencyKeyStore(TenantStore):
    """The idempotency keys that callers sent with their goals."""

    def __init__(self, database: Database, secret: bytes | None = None) -> None:
        """Bind it to the database.

        Args:
            database: The database.
            secret: What digests are keyed with; ``None`` where nothing is encrypted.
        """
        super().__init__(database)
        self._secret = secret
        self._insert = database.insert(schema.idempotency_keys).on_conflict_do_nothing()

    async def claim(self, key: str, digest: str, workflow_id: str) -> str:
        """Claim a key for a run that is about to be started.

        Args:
            key: 1 to 255 visible ASCII characters.
            digest: The goal's :func:`digest_of`.
            workflow_id: The run to start, if the key is new.

        Returns:
            The run that claimed the key first, which is the one to start.

        Raises:
            InputRefused: The key is not valid.
            KeyConflict: It was used with another goal.
        """
        check_key(key)
        owner = self._tenancy.name
        keyed = keyed_digest(self._secret, digest)
        row = {
            "tenant": owner,
            "key": key,
            "digest": keyed,
            "workflow_id": workflow_id,
            "given_at": datetime.now(UTC),
        }

        def claim(transaction: Transaction) -> str:
            # On PostgreSQL the insert waits for a concurrent one with the same key.
            transaction.connection.execute(self._insert, row)
            first = transaction.connection.execute(_SELECT_KEY, {"owner": owner, "key": key}).one()
            # As it is: that of a goal that was handed in before the stores were encrypted.
            if first.digest not in {keyed, digest}:
                raise KeyConflict(key, first.workflow_id)
            return str(first.workflow_id)

        return await self._database.write(claim)


def check_key(key: str) -> None:
    """Check an idempotency key.

    Raises:
        InputRefused: It is empty, too long, or has characters that are not visible ASCII.
    """
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS or not all(
        "!" <= character <= "~" for character in key
    ):
        raise InputRefused(
            f"an idempotency key has 1 to {MAX_KEY_CHARACTERS} visible ASCII characters and no"
            " blanks: take a UUID, for example"
        )


def digest_of(goal: Goal, **more: str | None) -> str:
    """Return the SHA-256 of a goal's canonical JSON, the same for any order of its fields.

    Args:
        goal: The goal.
        more: What else tells one request from another.
    """
    # Whose it is is in the key already, and another request has another trace.
    document = goal.model_dump(mode="json", exclude={"tenant", "trace"}) | more
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
