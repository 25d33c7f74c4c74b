"""Listens on Redis for the runs whose events other processes have stored."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from perdure.redis.connection import RedisConnection
from perdure.stores.events.change_listener import ChangeListener, NotListening, Subscription
from perdure.stores.events.notifications import parse_notification, redis_channel
from perdure.telemetry.metrics import recording

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

PROBE_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 1.0


class RedisListener(ChangeListener):
    """Listens as long as Redis answers."""

    alive_seconds = 2.0
    failure = "events are notified by PostgreSQL until Redis does"

    def __init__(
        self,
        redis: RedisConnection,
        sender: str,
        receive: Callable[[Sequence[str]], None],
        switched: Callable[[], None],
        is_needed: Callable[[], bool],
    ) -> None:
        """Prepare to listen.

        Args:
            redis: Where.
            sender: Whose notifications are not listened to: this process's own.
            receive: Takes the digests of runs that have changed.
            switched: Called whenever an attribute has changed.
            is_needed: Returns whether any run is followed.
        """
        super().__init__(receive, switched, is_needed)
        self._redis = redis
        self._sender = sender

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[Subscription]:
        from redis.exceptions import RedisError

        messages = self._redis.subscriptions.pubsub()
        answered = asyncio.Event()

        async def probe() -> None:
            answered.clear()
            async with asyncio.timeout(PROBE_SECONDS):
                await messages.ping()
                await answered.wait()

        subscription = Subscription(probe)
        reading: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await messages.subscribe(redis_channel(self._redis))
                reading = asyncio.create_task(self._read(messages, subscription, answered))
                await answered.wait()
            yield subscription
        except (RedisError, OSError, TimeoutError) as error:
            recording.redis_fallback("events")
            reason = str(error) or "no answer"
            raise NotListening(
                f"{self._redis.where} cannot be listened to ({reason}): see that it is up, or"
                " correct PERDURE_REDIS_URL"
            ) from error
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await messages.aclose()  # type: ignore[no-untyped-call]

    async def _read(
        self, messages: "PubSub", subscription: Subscription, answered: asyncio.Event
    ) -> None:
        """Take what arrives, until the connection is lost."""
        try:
            while True:
                message = await messages.get_message(timeout=None)
                if message is None:
                    continue
                if message["type"] != "message":  # of the subscription, or of a probe
                    answered.set()
                    continue
                sender, runs = parse_notification(message["data"].decode(errors="replace"))
                if sender != self._sender:
                    self._receive(runs)
        finally:
            subscription.lost.set()
