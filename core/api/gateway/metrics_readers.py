"""Who may read the metrics, remembered for when the stores are slow or away.

Keys lie in the stores. To ask them every time would take the metrics away with the stores, just
when somebody wants to know that they do not answer.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import Headers

from perdure.api.access.errors import Unauthenticated
from perdure.api.access.principals import Principal
from perdure.stores import StoreUnavailable

METRICS: Final = "/metrics"
# How long whoever is remembered waits for the stores.
PATIENCE_SECONDS: Final = 0.5
# And how long the stores are asked, whoever waits: a silent connection is noticed after minutes.
CHECK_SECONDS: Final = 30.0
# A key that is revoked while this process cannot see it reads metrics for so long.
REMEMBERED_SECONDS: Final = 3_600.0
_MAX_READERS: Final = 100


class MetricsReaders:
    """Lets those in who were known when the stores last answered."""

    def __init__(self, find: Callable[[Headers], Awaitable[Principal]]) -> None:
        """Bind it to what knows them.

        Args:
            find: Returns who sends a request with these headers.
        """
        self._find = find
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._checks: dict[bytes, asyncio.Task[Principal]] = {}

    async def principal(self, headers: Headers) -> Principal:
        """Return who asks for the metrics.

        Raises:
            Unauthenticated: Nobody is known.
            StoreUnavailable: The stores do not answer, and nobody is remembered.
            ProviderUnavailable: The identity provider does not.
        """
        sent = "\0".join(headers.get(name, "") for name in ("authorization", "cookie"))
        sender = hashlib.sha256(sent.encode()).digest()
        checking = self._checks.get(sender)
        if checking is None:
            # It goes on when nobody waits for it: a check that takes long is not begun anew.
            checking = self._checks[sender] = asyncio.create_task(self._check(sender, headers))
            checking.add_done_callback(lambda done: self._end(sender, done))
        before = self._remembered(sender)
        if before is None:
            return await asyncio.shield(checking)
        await asyncio.wait({checking}, timeout=PATIENCE_SECONDS)
        if not checking.done():
            return before
        try:
            return checking.result()
        except StoreUnavailable:
            return before

    async def _check(self, sender: bytes, headers: Headers) -> Principal:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                principal = await self._find(headers)
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the stores did not say within {CHECK_SECONDS:.0f} s who may read the metrics: see"
                " whether the database answers"
            ) from error
        except Unauthenticated:
            self._known.pop(sender, None)
            raise
        self._known.pop(sender, None)
        while len(self._known) >= _MAX_READERS:
            del self._known[next(iter(self._known))]
        self._known[sender] = principal, time.monotonic()
        return principal

    def _remembered(self, sender: bytes) -> Principal | None:
        principal, at = self._known.get(sender, (None, 0.0))
        return principal if time.monotonic() - at < REMEMBERED_SECONDS else None

    def _end(self, sender: bytes, done: asyncio.Task[Principal]) -> None:
        self._checks.pop(sender, None)
        if not done.cancelled():
            done.exception()  # or asyncio says that nobody has looked at it
