"""Whether object storage can be written and read: tried with an object of its own."""

import asyncio
import uuid
from typing import Final

from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.objects.object_store import ObjectMissing, ObjectStore, digest_of

# Whoever asks for readiness asks every few seconds, and requests to a bucket are paid for.
_UP_SECONDS: Final = 30.0
_AWAY_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 10.0


class Probe:
    """Writes, reads and deletes a small object.

    Attributes:
        was_up: Whether that has worked since this process was started.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lock = asyncio.Lock()
        self._is_up = False
        self._tried_until = 0.0
        self.was_up = False

    async def check(self) -> None:
        """Check it now.

        Raises:
            StoreUnavailable: It cannot be written and read; the message says what to do.
        """
        key = f"probe/{uuid.uuid4().hex}"
        content = key.encode()
        digest, _ = digest_of(content)
        await self._objects.put(key, content, digest)
        try:
            read = b"".join([chunk async for chunk in self._objects.read(key)])
        except ObjectMissing:
            read = b""
        await self._objects.delete(key)
        if read != content:
            raise StoreUnavailable(
                f"{self._objects.where} does not return what was written there: see that it is"
                " object storage, and PERDURE_ARTIFACTS_URL its address"
            )

    async def is_up(self) -> bool:
        """Return whether it can be used, as of the last half minute, or five seconds if not."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if clock() >= self._tried_until:
                try:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await self.check()
                    self._is_up = True
                except (StoreUnavailable, TimeoutError):
                    self._is_up = False
                self.was_up = self.was_up or self._is_up
                self._tried_until = clock() + (_UP_SECONDS if self._is_up else _AWAY_SECONDS)
            return self._is_up
