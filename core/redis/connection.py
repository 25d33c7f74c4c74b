"""The connection to Redis: every use of it ends soon, with an answer or without."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from urllib.parse import urlsplit

import structlog

from perdure.telemetry.metrics import recording

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

# What is done without when Redis is gone.
Use = Literal["breakers", "events", "rate-limits", "responses"]

ANSWER_SECONDS: Final = 0.5
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
# Requests beyond that wait their turn, which is short: an answer takes less than a millisecond.
MAX_CONNECTIONS: Final = 50

log = structlog.get_logger()


class RedisUnusable(Exception):
    """Redis can never be used as it is set up; the message says what to do."""


class RedisAway(Exception):
    """Redis did not do what was asked of it: go on without."""


class RedisConnection:
    """Asks Redis, and gives up after half a second.

    Whoever asks has a way without Redis, and takes it on :class:`RedisAway`. After the first answer
    that does not come, nobody waits for another one: every request is refused at once, until Redis
    has answered a request of this object's own, which it makes again and again.

    Attributes:
        where: Its address without the password, for messages.
    """

    def __init__(self, url: str, installation: str) -> None:
        """Prepare to connect, which is done when something is asked.

        Args:
            url: What ``PERDURE_REDIS_URL`` says.
            installation: Tells the keys of installations that share a Redis apart.

        Raises:
            RedisUnusable: The driver is not installed, or takes no such address.
        """
        self.where = _without_password(url)
        self._prefix = f"perdure:{installation}:"
        # A server that was started again has closed the connections that are kept here.
        self._client = _open(url, self.where, tries=2)
        # Whoever subscribes has to know that there was a gap.
        self._subscriptions = _open(url, self.where, tries=1)
        self._reconnecting: asyncio.Task[None] | None = None
        self._refusals: set[str] = set()
        self._is_closed = False

    def key(self, *parts: str) -> str:
        """Return the key of something of this installation's."""
        return self._prefix + ":".join(parts)

    @property
    def prefix(self) -> str:
        """What all keys of this installation begin with."""
        return self._prefix

    @property
    def client(self) -> "Redis":
        """The client, for what has Redis do things by itself: in a request of :meth:`ask` only."""
        return self._client

    @property
    def subscriptions(self) -> "Redis":
        """A client for subscriptions, which wait longer than half a second."""
        return self._subscriptions

    async def ask(self, use: Use, request: Callable[["Redis"], Awaitable[T]]) -> T:
        """Make a request and return its answer.

        Args:
            use: What it is for; its requests that are not answered are counted.
            request: Makes it with the client.

        Raises:
            RedisAway: Redis is not there, does not answer in time, or refuses.
        """
        try:
            return await self._ask(request)
        except RedisAway:
            recording.redis_fallback(use)
            raise

    async def check(self) -> None:
        """Check that Redis answers.

        Raises:
            RedisAway: It does not.
        """
        await self._ask(_ping)

    async def is_up(self) -> bool:
        """Return whether Redis answers."""
        try:
            await self.check()
        except RedisAway:
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        self._is_closed = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        for client in (self._client, self._subscriptions):
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.aclose(close_connection_pool=True)

    async def _ask(self, request: Callable[["Redis"], Awaitable[T]]) -> T:
        from redis import exceptions

        if self._is_away:
            raise RedisAway(f"{self.where} does not answer")
        lost = exceptions.ConnectionError, exceptions.TimeoutError
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await request(self._client)
        except (*lost, OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {ANSWER_SECONDS} s"
            self._go_away(reason)
            raise RedisAway(f"{self.where} does not answer ({reason})") from error
        except exceptions.RedisError as error:
            # It answers: the next request may be one that it does not refuse.
            self._warn_of_refusal(str(error))
            raise RedisAway(f"{self.where} refuses: {error}") from error

    @property
    def _is_away(self) -> bool:
        return self._reconnecting is not None and not self._reconnecting.done()

    def _go_away(self, reason: str) -> None:
        if self._is_away or self._is_closed:
            return
        log.warning(
            f"Redis does not answer ({reason}), so this process goes on by itself, more slowly,"
            " and tries again: see that it is up, or correct PERDURE_REDIS_URL",
            redis=self.where,
        )
        self._reconnecting = asyncio.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        from redis import exceptions

        pause = FIRST_PAUSE_SECONDS
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            with suppress(exceptions.RedisError, OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await _ping(self._client)
                    break
        log.warning("Redis answers again, and is used", redis=self.where)

    def _warn_of_refusal(self, reason: str) -> None:
        kind = reason.partition(" ")[0]
        if kind not in self._refusals:
            self._refusals.add(kind)
            log.warning(f"Redis refuses, so this process goes on by itself: {reason}")


def _open(url: str, where: str, tries: int) -> "Redis":
    try:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as ConnectionLost
    except ModuleNotFoundError as error:
        raise RedisUnusable(
            f"PERDURE_REDIS_URL={where} needs redis-py: pip install 'perdure[redis]'"
        ) from error
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            client_name="perdure",
            retry=Retry(NoBackoff(), tries - 1, supported_errors=(ConnectionLost,)),
        )
    except (ValueError, TypeError) as error:
        raise RedisUnusable(
            f"PERDURE_REDIS_URL={where} is no address of Redis: write it as"
            " redis://:password@host:6379/0, or rediss:// for TLS"
        ) from error
    return Redis.from_pool(pool)


async def _ping(client: "Redis") -> None:
    await client.execute_command("PING")  # type: ignore[no-untyped-call]


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
