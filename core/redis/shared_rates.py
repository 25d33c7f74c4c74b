"""Uses of rates that the API's processes count together."""

from typing import Final

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.util import WindowStats

from perdure.redis.connection import RedisAway, RedisConnection

# Of the form of the counters: those of another version have other keys.
_VERSION: Final = "1"


class SharedRates:
    """Counts uses in Redis, in windows that slide; each counter lasts two windows."""

    def __init__(self, redis: RedisConnection) -> None:
        """Bind it to a Redis."""
        self._redis = redis
        storage = RedisStorage(
            "redis://",
            implementation="redispy",
            key_prefix=redis.key("rates", _VERSION),
            # The options are typed as those of a URL.
            connection_pool=redis.client.connection_pool,  # type: ignore[arg-type]
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, rate: RateLimitItem, *whose: str, uses: int = 1) -> bool | None:
        """Count uses and return whether the rate allows them; ``None`` when Redis is away."""
        try:
            return await self._redis.ask(
                "rate-limits", lambda _client: self._limiter.hit(rate, *whose, cost=uses)
            )
        except RedisAway:
            return None

    async def stats(self, rate: RateLimitItem, *whose: str) -> WindowStats | None:
        """Return how many uses are left, and until when; ``None`` when Redis is away."""
        try:
            return await self._redis.ask(
                "rate-limits", lambda _client: self._limiter.get_window_stats(rate, *whose)
            )
        except RedisAway:
            return None
