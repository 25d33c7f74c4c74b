"""The sealing of a worker: one of those that have the key seals the audit trail, and anchors it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import structlog

from perdure.audit.keys import SigningKey, load_signing_key
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.temporal.worker.sealing.anchors import Anchor, AnchorAway, anchor_at

LEASE: Final = "audit"
# Longer than a seal of ten thousand facts takes on a busy machine.
LEASE_TIME: Final = timedelta(seconds=90)
CUT_ROWS: Final = 500
_PAUSE_SECONDS: Final = 0.01

log = structlog.get_logger()


class SealingPass:
    """Seals what is not sealed yet, anchors seals, and deletes what is older than facts are kept.

    Args:
        stores: The stores, of all tenants.
        key: Signs the seals.
        kept: How long facts are kept.
        holder: Identifies this worker.
        anchor: Where seals go as well.
    """

    def __init__(
        self,
        stores: Stores,
        key: SigningKey,
        kept: timedelta,
        holder: str,
        anchor: Anchor | None = None,
    ) -> None:
        self._stores = stores
        self._key = key
        self._kept = kept
        self._holder = holder
        self._anchor = anchor

    @classmethod
    def of(cls, settings: Settings, stores: Stores, holder: str) -> Self | None:
        """Return what the settings ask for; ``None`` without a key.

        Raises:
            SecretUnreadable: The key cannot be read.
            AuditKeyUnreadable: It is none.
            AnchorUnusable: The anchor names no place.
        """
        if not settings.audit_key:
            return None
        key = load_signing_key(settings.audit_key)
        kept = timedelta(days=settings.audit_retention_days)
        anchor = anchor_at(settings.audit_anchor)
        return cls(stores, key, kept, holder, anchor)

    async def run(self) -> int:
        """Seal, anchor and delete what is due; return how many facts were sealed.

        Raises:
            StoreUnavailable: The database does not answer; it is done later.
        """
        if not await self._stores.leases.take(LEASE, self._holder, LEASE_TIME):
            log.debug("sealing is another worker's")
            return 0
        sealed = 0
        try:
            while (seal := await self._stores.seals.seal(self._key)) is not None and seal.count:
                sealed += seal.count
                await self._extend()
            await self._anchor_seals()
            await self._cut()
        finally:
            await self._stores.leases.release(LEASE, self._holder)
        return sealed

    async def _anchor_seals(self) -> None:
        if self._anchor is None:
            return
        while seals := await self._stores.seals.to_anchor():
            for number, line in seals:
                try:
                    await self._anchor.put(number, line)
                except AnchorAway as error:
                    log.warning("seal not anchored", seal=number, message=str(error))
                    return
                await self._stores.seals.anchored(number)
                await self._extend()

    async def _cut(self) -> None:
        if await self._stores.seals.begin_cut(datetime.now(UTC) - self._kept) is None:
            return
        while await self._stores.seals.cut(CUT_ROWS):
            await self._extend()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _extend(self) -> None:
        await self._stores.leases.take(LEASE, self._holder, LEASE_TIME)
