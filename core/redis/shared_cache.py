"""Texts that processes keep for each other in Redis."""

from contextlib import suppress
from typing import Final

from perdure.redis.connection import RedisAway, RedisConnection, Use

# Of the form of a value: another one is of another version, and is not read.
_VERSION: Final = "1"
_MOST_CHARACTERS: Final = 1_000_000


class SharedCache:
    """Texts by key, each for some seconds; one that is gone, or cannot be read, is none.

    A value names what it is the value of, so that nothing else is ever taken for it.
    """

    def __init__(self, redis: RedisConnection, use: Use, kept_seconds: int) -> None:
        """Bind it to a part of the keys.

        Args:
            redis: The connection.
            use: What it is for; its part of the keys too.
            kept_seconds: How long a value is kept.
        """
        self._redis = redis
        self._use: Use = use
        self._kept_seconds = kept_seconds

    async def get(self, tenant: str, key: str) -> str | None:
        """Return a tenant's value of a key; ``None`` when there is none, or Redis is away."""
        name = self._redis.key(self._use, tenant, key)
        try:
            value = await self._redis.ask(self._use, lambda client: client.get(name))
        except RedisAway:
            return None
        if not isinstance(value, bytes):
            return None
        beginning = _beginning(tenant, key)
        if not value.startswith(beginning):
            return None
        with suppress(UnicodeDecodeError):
            return value[len(beginning) :].decode()
        return None

    async def put(self, tenant: str, key: str, text: str) -> None:
        """Keep a tenant's value of a key, unless it is very long or Redis is away."""
        if len(text) > _MOST_CHARACTERS:
            return
        name, value = self._redis.key(self._use, tenant, key), _beginning(tenant, key)
        with suppress(RedisAway):
            await self._redis.ask(
                self._use,
                lambda client: client.set(name, value + text.encode(), ex=self._kept_seconds),
            )


def _beginning(tenant: str, key: str) -> bytes:
    return f"{_VERSION}\n{tenant}\n{key}\n".encode()
